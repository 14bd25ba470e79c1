//! The judge over a generated log, with the ranker that ships: it knows nothing of what comes later, and takes sessions of
//! one's own.

use std::fmt::Write as _;
use std::path::Path;

use segue_cloud::catalog::{Catalogue, Event, EventKind, SessionLog, generate};
use segue_cloud::evaluate::tasks::Skipped;
use segue_cloud::evaluate::{Judge, LabelRules, Rows, ScorerKind, Source, Tally, own};
use segue_cloud::refresh::{Policies, Ranking};
use segue_cloud::towers::ModelDirectory;

/// Sessions that are judged.
const SESSIONS: usize = 6;

fn generated() -> (tempfile::TempDir, Catalogue) {
    let data = tempfile::tempdir().unwrap();
    let options = generate::Options { tracks: 400, users: 12, seed: 7, truth: None };
    generate::run(&options, data.path()).unwrap();
    let catalogue = Catalogue::load(data.path()).unwrap();
    (data, catalogue)
}

/// What a replay of these sessions with the demo's model adds up to.
fn judged(data: &Path, catalogue: &Catalogue, sessions: &[SessionLog], source: Source) -> Tally {
    let (model, surface) = (ModelDirectory::demo(), &catalogue.dataset.surface);
    let rules = LabelRules::of(surface).unwrap();
    let policy = Policies::read(data).unwrap().of(surface).unwrap();
    let rows = Rows::new(true, false, Some("trees are not asked about here"));
    let judge = Judge {
        catalogue,
        model: Some(&model),
        ranking: Ranking::new(policy, Some(&model)).unwrap(),
        rules: &rules,
        source,
        scorer: ScorerKind::shipped(),
        truth: None,
        rows: &rows,
    };
    judge.replay(&sessions.iter().collect::<Vec<_>>(), &|| ()).unwrap()
}

/// The first held-out sessions, and the time when the last of them is over.
fn first_sessions(catalogue: &Catalogue) -> (Vec<SessionLog>, i64) {
    let mut sessions = catalogue.sessions();
    sessions.retain(|session| session.held_out && session.events.len() > 3);
    sessions.truncate(SESSIONS);
    let times = sessions.iter().flat_map(|session| &session.events);
    let end_ms = times.map(|event| catalogue.events[*event as usize].time_ms).max().unwrap();
    (sessions, end_ms)
}

/// Purchases, likes and refusals of the first items by a person of the log and by a new one.
fn planted(catalogue: &Catalogue, from_ms: i64) -> Vec<Event> {
    let kinds = [EventKind::Purchase, EventKind::Like, EventKind::Save, EventKind::Dislike];
    let people = [catalogue.users[0].user.as_str(), "somebody new"];
    let event = |at: usize| {
        let (item, kind) = (&catalogue.items[at % 20].item, kinds[at % kinds.len()].clone());
        let mut event = Event::new(format!("planted-{at}"), item, kind, from_ms + at as i64);
        event.user = people[at % 2].to_owned();
        event.session = format!("planted of {}", event.user);
        event
    };
    (0..60).map(event).collect()
}

#[test]
fn a_planted_future_event_changes_nothing_that_the_ranker_or_any_row_said_before() {
    let (data, catalogue) = generated();
    let (sessions, end_ms) = first_sessions(&catalogue);
    let before = judged(data.path(), &catalogue, &sessions, Source::Pack);
    assert!(before.steps > 10 && before.sessions > 3, "{} steps", before.steps);
    let mut told = catalogue.clone();
    told.add_events(planted(&catalogue, end_ms + 1));
    let after = judged(data.path(), &told, &first_sessions(&told).0, Source::Pack);
    assert_eq!((after.steps, after.in_pack, &after.skipped), (before.steps, before.in_pack, &before.skipped));
    assert_eq!(after.people, before.people);
    assert!(after.heads == before.heads && after.retrieved == before.retrieved);
}

#[test]
fn what_was_planted_before_the_sessions_is_known_to_them() {
    let (data, catalogue) = generated();
    let (sessions, _) = first_sessions(&catalogue);
    let before = judged(data.path(), &catalogue, &sessions, Source::Pack);
    let first_ms = catalogue.events[sessions[0].events[0] as usize].time_ms;
    let mut told = catalogue.clone();
    told.add_events(planted(&catalogue, first_ms - 1_000));
    let mut same = told.sessions();
    let firsts =
        |session: &SessionLog, all: &Catalogue| all.events[session.events[0] as usize].event_id.clone();
    let wanted: Vec<String> = sessions.iter().map(|session| firsts(session, &catalogue)).collect();
    same.retain(|session| wanted.contains(&firsts(session, &told)));
    assert_ne!(judged(data.path(), &told, &same, Source::Pack).people, before.people);
}

#[test]
fn sessions_of_ones_own_are_judged_among_their_own_candidates() {
    let (data, mut catalogue) = generated();
    let (sessions, end_ms) = first_sessions(&catalogue);
    let items: Vec<String> = catalogue.items.iter().take(30).map(|item| item.item.clone()).collect();
    let mut lines = String::new();
    for (at, item) in items.iter().take(5).enumerate() {
        let mut event = Event::new(format!("mine-{at}"), item, EventKind::Complete, end_ms + 1 + at as i64);
        event.user = "somebody new".into();
        event.session = "mine".into();
        event.candidates.clone_from(&items);
        writeln!(lines, "{}", serde_json::to_string(&event).unwrap()).unwrap();
    }
    writeln!(lines, r#"{{"user":"looker","item":"{}","kind":"impression","time_ms":{end_ms}}}"#, items[0])
        .unwrap();
    let path = data.path().join("mine.jsonl");
    std::fs::write(&path, lines).unwrap();
    let mut skipped = Skipped::new();
    let own = own::read(&path, &mut catalogue, &mut skipped).unwrap();
    assert_eq!((own.sessions.len(), skipped, own.remarks), (2, Skipped::new(), Vec::new()));
    let found = judged(data.path(), &catalogue, &own.sessions, Source::Own);
    assert_eq!((found.sessions, found.steps, found.in_pack), (1, 5, 5));
    assert_eq!(found.skipped["session_without_question"], 1);
    assert!(sessions.len() == SESSIONS && found.retrieved.is_empty());
}
