//! What is remembered, for how long, and what brings it back.

use segue_core::{Event, EventKind, limits, policies};

use crate::kept;
use crate::vectors::{Book, Bytes, Step, Story};
use crate::world::{self, SUBJECT};

fn ready(story: &mut Story<'_>) {
    story.ready("radio", policies::RADIO, &world::items(16));
}

fn listen(story: &mut Story<'_>) {
    story.event_with(EventKind::Skip, 0, |event| event.played_ms = Some(2_000));
    story.event(EventKind::Like, 5);
    story.event_with(EventKind::Rating, 9, |event| event.value = Some(1.0));
    story.event(EventKind::Impression, 2);
}

pub(super) fn tell(book: &mut Book) {
    ends(book);
    arrivals(book);
    taken_back(book);
    bounds(book);
    packs(book);
    damaged(book);
}

/// What an app's end, a forgotten session and the next session leave.
fn ends(book: &mut Book) {
    book.tell(
        "session-restart",
        "The app is killed between any two events; the list is the same.",
        |story| {
            ready(story);
            listen(story);
            story.rank("radio", 8);
            story.step(Step::SaveSession);
            ready(story);
            story.step(Step::RestoreSession { bytes: None });
            story.rank("radio", 8);
            story.event(EventKind::Complete, 7);
            story.rank("radio", 8);
        },
    );
    book.tell("session-reset", "A session that is forgotten leaves the list of a new one.", |story| {
        ready(story);
        story.rank("radio", 8);
        listen(story);
        story.step(Step::ResetSession);
        story.rank("radio", 8);
    });
    book.tell("session-next", "The next session begins with what was decided, and without taste.", |story| {
        ready(story);
        listen(story);
        story.event(EventKind::Dislike, 7);
        story.step(Step::NextSession);
        story.rank("radio", 8);
        story.event(EventKind::Restore, 7);
        story.rank("radio", 8);
    });
}

/// Events that come twice, late and out of order.
fn arrivals(book: &mut Book) {
    book.tell("session-duplicate-event", "An event that comes twice counts once.", |story| {
        ready(story);
        story.event(EventKind::Like, 5);
        story.event_with(EventKind::Like, 5, |event| event.event_id = "event-1".into());
        story.rank("radio", 8);
    });
    book.tell("session-out-of-order", "An event that comes late counts where its time puts it.", |story| {
        ready(story);
        listen(story);
        story.event_with(EventKind::Complete, 3, |event| event.time_ms -= 60_000);
        story.event_with(EventKind::Like, 8, |event| event.time_ms += 86_400_000);
        story.rank("radio", 8);
    });
}

/// Opinions that are changed.
fn taken_back(book: &mut Book) {
    book.tell("session-corrections", "What is taken back or shown to be wrong leaves no trace.", |story| {
        ready(story);
        story.event(EventKind::Like, 5);
        story.event(EventKind::Unlike, 5);
        story.event_with(EventKind::Skip, 6, |event| event.played_ms = Some(1_000));
        story.event_with(EventKind::Complete, 6, |event| event.time_ms -= 500);
        story.event(EventKind::Impression, 6);
        story.event(EventKind::Dislike, 0);
        story.event(EventKind::Restore, 0);
        story.rank("radio", 8);
    });
    book.tell(
        "session-creator-and-category",
        "A creator and a category can be sent away and brought back.",
        |story| {
            let about = |scope: &'static str, name: &'static str| {
                move |event: &mut Event| {
                    event.item.clear();
                    let context = [("scope", scope), (scope, name)];
                    event.context = context.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
                }
            };
            ready(story);
            story.event_with(EventKind::NotInterested, 0, about("creator", "creator-01"));
            story.event_with(EventKind::NotInterested, 0, about("category", "jazz"));
            story.rank("radio", 16);
            story.event_with(EventKind::Restore, 0, about("category", "jazz"));
            story.rank("radio", 16);
        },
    );
}

/// More than is remembered.
fn bounds(book: &mut Book) {
    book.tell("session-long", "After more events than are remembered the newest still count.", |story| {
        ready(story);
        let kinds =
            [EventKind::Play, EventKind::Progress, EventKind::Like, EventKind::Complete, EventKind::Skip];
        for at in 0..120 {
            story.event_with(kinds[at % 5].clone(), (at * 7) % 16, |event| {
                event.played_ms = Some(1_000 * at as u64)
            });
        }
        story.rank("radio", 8);
    });
}

/// Other packs, and packs with items that are not for everywhere.
fn packs(book: &mut Book) {
    book.tell("session-new-pack", "A new pack keeps the session.", |story| {
        ready(story);
        listen(story);
        story.manifest(world::sealed_manifest(2, &[("radio", policies::RADIO)], None));
        story.policy("radio", policies::RADIO);
        story.pack(world::pack(&world::items(20), 2));
        story.rank("radio", 8);
    });
    book.tell("session-region", "What may not be shown in the person's region is not.", |story| {
        let mut items = world::items(8);
        items[0].regions.push("norway".to_owned());
        items[3].regions.push("kenya".to_owned());
        story.ready("radio", policies::RADIO, &items);
        for region in ["norway", "kenya", "peru"] {
            let context = [("region".to_owned(), region.to_owned())];
            story.rank_with("radio", 8, |request| request.context = context.into());
        }
    });
}

/// A saved session whose format is one that does not exist yet.
fn newer_session() -> Vec<u8> {
    let mut bytes = world::engine(16).save_session().expect("a session can be saved");
    bytes[4] = 9;
    kept::seal(&mut bytes);
    bytes
}

fn damaged(book: &mut Book) {
    book.tell(
        "session-damaged",
        "Bytes that are no saved session are refused and change nothing.",
        |story| {
            ready(story);
            listen(story);
            let bytes = story.file(*b"not a session", "session");
            story.step(Step::RestoreSession { bytes: Some(bytes) });
            let newer = story.file(newer_session(), "session");
            story.step(Step::RestoreSession { bytes: Some(newer) });
            let zeros = limits::SESSION_BYTES + 1;
            story.step(Step::RestoreSession { bytes: Some(Bytes::Zeros { zeros }) });
            story.rank("radio", 6);
        },
    );
    book.tell("event-invalid", "An event without an id is refused and changes nothing.", |story| {
        ready(story);
        story.event_with(EventKind::Like, 3, |event| event.event_id.clear());
        story.rank("radio", 6);
    });
    book.tell("request-invalid", "A request out of its ranges is refused.", |story| {
        ready(story);
        story.rank("radio", 0);
        story.rank("radio", 501);
        story.rank_with("radio", 3, |request| {
            request.context = [("region".to_owned(), "x".repeat(200))].into();
        });
    });
    book.tell("nothing-accepted", "Calls that need a manifest or a pack say so.", |story| {
        story.step(Step::NewEngine { root: "no key".into() });
        story.engine();
        story.rank("radio", 3);
        story.policy("radio", policies::RADIO);
        let bytes = story.file(world::pack(&world::items(16), 1), "pack");
        story.step(Step::AcceptPack { bytes, subject: SUBJECT.into(), now_ms: world::NOW_MS });
    });
}
