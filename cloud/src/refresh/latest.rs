//! Reading tables and log without holding them: of each person the latest events, of all others what they count for.
//!
//! What packs are made from needs two kinds of knowledge. What was seen, refused and taken up last, and vectors of people,
//! follow from each person's own latest events. Popularity, what is known of items, and where the log ends follow from all
//! events; of those that are let go of they come from [`Folded`], which grows with days and items and not with events. What
//! is taken up in the same sessions, and vectors without a model, follow from the latest events of everybody, whichever
//! shard is made: a shard therefore reads the same as the others, but keeps of other people's events only what that needs.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::Whose;
use super::says::Says;
use crate::catalog::{Catalogue, Event, Folded, jsonl};
use crate::consumers::Segment;
use crate::dead_letters;
use crate::erasure::Erased;
use crate::events::{Filter, LeftOut, Tail, is_sign_in, read_likely};

/// How many people's events that say nothing are kept of those that are nobody's.
const SHOWN_TO_NOBODY: usize = 100;
/// Sign-ins after which it is looked through which of them are needed still.
const SIGN_INS: usize = 100_000;
const DAY_MS: i64 = 86_400_000;

/// How much is read, and for whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The last event received by the service that counts.
    pub(super) last: u64,
    /// Which of those count for nothing.
    pub(super) filter: Filter,
    /// How many of a person's latest events are held, of each that [`Says`] something else.
    pub(super) history: usize,
    /// How many of the latest deeds are held of those that are nobody's.
    pub(super) nobodys_history: usize,
    /// Whose are held whole.
    pub(super) whose: Whose,
    /// The clock, in milliseconds since 1970.
    pub(super) now_ms: i64,
}

/// What was read.
pub(super) struct Latest {
    /// Those of the tables.
    pub(super) tables: Vec<Event>,
    /// Those that the service received, in the order of arrival.
    pub(super) received: Vec<Event>,
    /// What the others count for.
    pub(super) folded: Folded,
    /// Received events that no person did.
    pub(super) left_out: LeftOut,
}

impl Latest {
    /// Reads the events of data folder `data` about the items and people of `catalogue`, which has none yet.
    ///
    /// # Errors
    /// When a table or the log cannot be read or is damaged.
    pub(super) fn read(data: &Path, catalogue: &Catalogue, reading: Reading) -> anyhow::Result<Self> {
        let erased = Erased::read(data)?;
        let mut held = Held::new(catalogue, reading);
        held.log_begins_ms = log_begins_ms(data)?.unwrap_or(i64::MAX);
        jsonl::each(&data.join("events.jsonl"), |event: Event| {
            if !erased.contains(&event.user) {
                held.add(event, false);
            }
        })?;
        let left_out = read_likely(data, reading.last, reading.filter, |event| held.add(event, true))?;
        Ok(held.finish(left_out))
    }
}

/// When the service took the first event in that is in its log; none without one. What was there before it may be gone, as it
/// was old or somebody was forgotten.
///
/// # Errors
/// When the log cannot be read or its first event is damaged.
pub(crate) fn log_begins_ms(data: &Path) -> anyhow::Result<Option<i64>> {
    let (mut tail, mut begins_ms, mut step) = (Tail::new(data, 0), None, 1_u64);
    tail.pass_over(dead_letters::passed_over(data)?);
    loop {
        let before = tail.seen();
        tail.read(before.saturating_add(step), |arrival| {
            begins_ms.get_or_insert(arrival.received_ms);
        })?;
        if begins_ms.is_some() || tail.seen() == before {
            return Ok(begins_ms);
        }
        // Each look reads the rest of a segment.
        step = step.saturating_mul(2);
    }
}

/// When an event happened and its id, then whether the service received it.
type Key = (i64, String, bool);

/// The latest events of one person, by what they say.
#[derive(Debug, Default)]
struct Person([Kind; 3]);

/// The latest events of one person that say the like.
#[derive(Debug, Default)]
struct Kind {
    /// With the number of their arrival.
    events: BTreeMap<Key, (u64, Event)>,
    /// The latest one that was let go of; of those that are nobody's, of the tables.
    gone: Option<Key>,
}

/// The latest events of everybody while reading.
struct Held<'a> {
    reading: Reading,
    catalogue: &'a Catalogue,
    /// Of each user of the table.
    segments: Vec<Segment>,
    /// By id; those that are nobody's under the empty one.
    people: HashMap<String, Person>,
    /// Who signed in in which session, and when.
    signed_in: HashMap<String, (String, i64)>,
    /// How many there are when it is looked through which of them are needed still.
    most_signed_in: usize,
    /// The time of the latest event that was received.
    latest_ms: i64,
    /// What happened from then on and is in the tables is taken to be in the log too, and counted there.
    log_begins_ms: i64,
    folded: Folded,
    arrived: u64,
}

impl<'a> Held<'a> {
    fn new(catalogue: &'a Catalogue, reading: Reading) -> Self {
        Self {
            reading,
            catalogue,
            segments: catalogue.users.iter().map(Segment::of_user).collect(),
            people: HashMap::new(),
            signed_in: HashMap::new(),
            most_signed_in: SIGN_INS,
            latest_ms: i64::MIN,
            log_begins_ms: i64::MAX,
            folded: Folded::default(),
            arrived: 0,
        }
    }

    /// Takes the next event in.
    fn add(&mut self, mut event: Event, is_received: bool) {
        self.arrived += 1;
        if is_received {
            self.latest_ms = self.latest_ms.max(event.time_ms);
        }
        if is_received && is_sign_in(&event) {
            let who = || (event.user.clone(), event.time_ms);
            self.signed_in.entry(event.session.clone()).or_insert_with(who);
            self.forget_sign_ins();
        }
        if is_received && event.user.is_empty() {
            // As `hand_over` does with all of them at hand.
            if let Some((user, _)) = self.signed_in.get(&event.session) {
                event.user.clone_from(user);
            }
        }
        self.hold(self.arrived, event, is_received);
    }

    /// Lets go of sessions that somebody signed in to before anything happened that is held and nobody's, and a day before
    /// the latest event: what is still to come is hardly theirs.
    fn forget_sign_ins(&mut self) {
        if self.signed_in.len() < self.most_signed_in {
            return;
        }
        let nobodys = self.people.get("").into_iter().flat_map(|nobody| &nobody.0);
        let oldest = nobodys.filter_map(|kind| kind.events.keys().find(|key| key.2)).map(|key| key.0).min();
        let recent_ms = self.latest_ms.saturating_sub(DAY_MS);
        let needed_ms = oldest.map_or(recent_ms, |oldest_ms| oldest_ms.min(recent_ms));
        self.signed_in.retain(|_, (_, time_ms)| *time_ms >= needed_ms);
        self.most_signed_in = (2 * self.signed_in.len()).max(SIGN_INS);
    }

    fn hold(&mut self, arrived: u64, mut event: Event, is_received: bool) {
        let key = (event.time_ms, event.event_id.clone(), is_received);
        let is_nobodys = event.user.is_empty();
        let says = Says::of(&event);
        let person = self.people.entry(event.user.clone()).or_default();
        let kind = &mut person.0[says as usize];
        // It was read before, or comes after a whole history that is later. What is nobody's and comes late counts, unless it
        // may be what was let go of of the tables.
        let is_gone = |gone: &Key| (key.0, &key.1) <= (gone.0, &gone.1);
        if (!is_nobodys || is_received) && kind.gone.as_ref().is_some_and(is_gone) {
            return;
        }
        if !is_nobodys && !self.reading.whose.has(&event.user) {
            // Counters ask for the region; nobody else asks about other shards' people.
            event.context.retain(|name, _| name == "region");
        }
        kind.events.entry(key).or_insert((arrived, event));
        let most = match says {
            _ if !is_nobodys => self.reading.history,
            Says::Nothing => self.reading.history.saturating_mul(SHOWN_TO_NOBODY),
            Says::Lasting | Says::Deed => self.reading.nobodys_history,
        };
        if kind.events.len() > most
            && let Some((key, (_, event))) = kind.events.pop_first()
        {
            // Of what is in the tables and in the log one counts.
            let again = kind.events.first_key_value().map(|(next, _)| (next.0, &next.1));
            let is_there_again = again == Some((key.0, &key.1));
            let is_received = key.2;
            if !is_nobodys || !is_received {
                kind.gone = kind.gone.take().max(Some(key));
            }
            if !is_there_again {
                self.fold(&event, is_received);
            }
        }
    }

    fn fold(&mut self, event: &Event, is_received: bool) {
        let nobody = Segment::default();
        let user = self.catalogue.user_index(&event.user);
        let segment = user.and_then(|user| self.segments.get(user)).unwrap_or(&nobody);
        let is_known = self.catalogue.item_index(&event.item).is_some();
        // Who counts the log besides counts it there.
        let is_received = is_received || event.time_ms >= self.log_begins_ms;
        self.folded.add(event, segment, (is_known, is_received), self.reading.now_ms);
    }

    /// How many events are held.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.people.values().flat_map(|person| &person.0).map(|kind| kind.events.len()).sum()
    }

    /// Gives what was nobody's before somebody signed in to them, and everything away.
    fn finish(mut self, left_out: LeftOut) -> Latest {
        let nobody = self.people.remove("").unwrap_or_default();
        let (mut tables, mut received) = (Vec::new(), Vec::new());
        for (key, (arrived, mut event)) in nobody.0.into_iter().flat_map(|kind| kind.events) {
            if let Some((user, _)) = self.signed_in.get(&event.session).filter(|_| key.2) {
                event.user.clone_from(user);
                self.hold(arrived, event, true);
            } else {
                let rest = if key.2 { &mut received } else { &mut tables };
                rest.push((arrived, event));
            }
        }
        for (key, row) in self.people.into_values().flat_map(|person| person.0).flat_map(|kind| kind.events) {
            let all = if key.2 { &mut received } else { &mut tables };
            all.push(row);
        }
        Latest { tables: in_order(tables), received: in_order(received), folded: self.folded, left_out }
    }
}

/// Events in the order of arrival.
fn in_order(mut rows: Vec<(u64, Event)>) -> Vec<Event> {
    rows.sort_unstable_by_key(|(arrived, _)| *arrived);
    rows.into_iter().map(|(_, event)| event).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, event};
    use super::super::{HISTORY, NOBODYS_HISTORY, together};
    use super::*;
    use crate::catalog::EventKind;
    use crate::consumers::Counters;
    use crate::events::hand_over;

    fn reading(history: usize) -> Reading {
        let filter = Filter::default();
        Reading {
            last: u64::MAX,
            filter,
            history,
            nobodys_history: NOBODYS_HISTORY,
            whose: Whose::Everybody,
            now_ms: i64::MAX / 2,
        }
    }

    fn finish(held: Held<'_>) -> Latest {
        held.finish(LeftOut::default())
    }

    #[test]
    fn what_is_held_does_not_grow_with_the_log_and_what_goes_is_counted() {
        let catalogue = catalogue(12, 3);
        for events in [100, 1_000, 10_000] {
            let mut held = Held::new(&catalogue, reading(10));
            let mut most = 0;
            for at in 0..events {
                held.add(event(&format!("{at:05}"), at % 3, at % 12, EventKind::Like, at as i64), true);
                most = most.max(held.len());
            }
            assert_eq!(most, 3 * 10, "{events}");
            let latest = finish(held);
            assert_eq!(latest.received.len() + latest.folded.events(), events);
            assert_eq!(latest.received[0].event_id, format!("{:05}", events - 30));
            let liked: u32 = latest.folded.items().map(|(_, tally, _)| tally.liked).sum();
            assert_eq!(liked as usize, events - 30);
            assert_eq!(latest.folded.about_items(), events - 30);
        }
    }

    #[test]
    fn what_was_refused_is_not_forgotten_for_what_was_shown_or_played_since() {
        let catalogue = catalogue(4, 1);
        let mut held = Held::new(&catalogue, reading(10));
        held.add(event("refused", 0, 1, EventKind::NotInterested, 0), true);
        held.add(event("skipped", 0, 2, EventKind::Skip, 1), true);
        for at in 2..1_000 {
            held.add(event(&format!("shown {at}"), 0, 3, EventKind::Impression, at), true);
        }
        let latest = finish(held);
        let ids: Vec<&str> = latest.received.iter().map(|event| event.event_id.as_str()).collect();
        assert_eq!((ids.len(), &ids[..3]), (12, ["refused", "skipped", "shown 990"].as_slice()));
        let shown: u32 = latest.folded.items().map(|(_, tally, _)| tally.shown).sum();
        assert_eq!(shown, 988);
    }

    #[test]
    fn late_ones_and_copies_of_the_tables_are_held_where_they_belong_and_none_counts_twice() {
        let catalogue = catalogue(4, 1);
        let mut held = Held::new(&catalogue, reading(4));
        let like = |at: i64| event(&format!("e{at}"), 0, 1, EventKind::Like, at);
        (0..6).for_each(|at| held.add(like(at), false));
        // All of them once more, and one that comes late.
        (0..6).for_each(|at| held.add(like(at), true));
        held.add(like(7), true);
        held.add(like(6), true);
        let latest = finish(held);
        let ids = |events: &[Event]| events.iter().map(|event| event.event_id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (ids(&latest.tables), ids(&latest.received)),
            (vec!["e5".into()], ["e5", "e7", "e6"].map(String::from).into())
        );
        let counted: u32 = latest.folded.items().map(|(_, tally, _)| tally.liked).sum();
        assert_eq!(counted, 5, "the five before");
    }

    fn nobodys(id: &str, session: &str, time_ms: i64) -> Event {
        let mut event = event(id, 0, 1, EventKind::Like, time_ms);
        (event.user, event.session) = (String::new(), session.to_owned());
        event
    }

    #[test]
    fn many_short_sessions_of_nobody_are_held_as_long_as_they_are_looked_at() {
        let catalogue = catalogue(4, 1);
        let mut held = Held::new(&catalogue, reading(HISTORY));
        for at in 0..165_000_i64 {
            held.add(nobodys(&format!("{at:06}"), &format!("s{}", at / 7), at), false);
        }
        let latest = finish(held);
        assert_eq!((latest.tables.len(), latest.folded.events()), (165_000, 0));
        const { assert!(NOBODYS_HISTORY >= 7 * together::SESSIONS) };
    }

    #[test]
    fn copies_of_what_is_nobodys_count_once_and_what_comes_late_counts() {
        let catalogue = catalogue(4, 1);
        let nobodys_history = 4_000;
        let mut held = Held::new(&catalogue, Reading { nobodys_history, ..reading(1) });
        let events = 2 * nobodys_history as i64;
        let like = |at: i64| nobodys(&format!("{at:06}"), "s", at);
        (0..events).for_each(|at| held.add(like(at), false));
        (0..events).for_each(|at| held.add(like(at), true));
        // All of the tables are gone, and half of what came by itself; then one comes that is older than those.
        (events..2 * events).for_each(|at| held.add(like(at), true));
        held.add(nobodys("late", "s", events), true);
        assert_eq!(held.len(), nobodys_history);
        let latest = finish(held);
        let counted: u32 = latest.folded.items().map(|(_, tally, _)| tally.liked).sum();
        assert_eq!(latest.received.len() as i64 + i64::from(counted), 2 * events + 1);
    }

    #[test]
    fn what_the_log_may_hold_too_is_counted_as_if_it_did() {
        let catalogue = catalogue(4, 1);
        let mut held = Held::new(&catalogue, reading(1));
        held.log_begins_ms = 2;
        let like = |at: i64| event(&format!("e{at}"), 0, 1, EventKind::Like, at);
        (0..5).for_each(|at| held.add(like(at), false));
        let folded = finish(held).folded;
        let counted = |counters: &Counters| {
            counters.days().flat_map(|(_, cells)| cells.values()).map(|tally| tally.liked).sum::<u32>()
        };
        assert_eq!((counted(&folded.tables), counted(&folded.received)), (2, 2));
    }

    #[test]
    fn sign_ins_are_forgotten_once_nothing_that_is_held_needs_them() {
        let catalogue = catalogue(4, 1);
        let mut held = Held::new(&catalogue, reading(10));
        held.add(nobodys("before", "s1", 1), true);
        let sign_in = |at: i64| {
            let mut event =
                event(&format!("{at:06}"), 0, 0, EventKind::Custom("sign_in".into()), at * DAY_MS / 100);
            event.session = format!("s{at}");
            event
        };
        let many = 2 * SIGN_INS as i64;
        (1..many).for_each(|at| held.add(sign_in(at), true));
        assert_eq!(held.signed_in.len() as i64, many - 1, "of what is held somebody may be the owner");
        held.people.remove("");
        (many..2 * many).for_each(|at| held.add(sign_in(at), true));
        assert!(held.signed_in.len() <= SIGN_INS, "{}", held.signed_in.len());
        held.add(nobodys("after", &format!("s{}", 2 * many - 1), i64::MAX / 4), true);
        assert_eq!(finish(held).received.last().map(|event| event.user.as_str()), Some("u0"));
    }

    #[test]
    fn a_session_is_handed_over_as_it_is_with_everything_at_hand() {
        let catalogue = catalogue(4, 2);
        let mut sign_in = event("3", 1, 0, EventKind::Custom("sign_in".into()), 3);
        sign_in.session = "a".into();
        let events = vec![nobodys("1", "a", 1), nobodys("2", "b", 2), sign_in, nobodys("4", "a", 4)];
        let mut held = Held::new(&catalogue, reading(100));
        events.iter().for_each(|event| held.add(event.clone(), true));
        let mut wanted = events;
        hand_over(&mut wanted);
        assert_eq!(finish(held).received, wanted);
    }

    #[test]
    fn of_other_shards_people_only_what_counters_ask_for_is_held() {
        let catalogue = catalogue(4, 2);
        let theirs =
            (0..2).map(|shard| Whose::Shard { shard, of: 2 }).find(|whose| !whose.has("u0")).unwrap();
        for (whose, context) in [(Whose::Everybody, 2), (theirs, 1)] {
            let mut held = Held::new(&catalogue, Reading { whose, ..reading(10) });
            let mut told = event("1", 0, 1, EventKind::Follow, 1);
            told.context = [("region", "DE"), ("creator", "c0")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
            held.add(told, true);
            assert_eq!(finish(held).received[0].context.len(), context);
        }
    }
}
