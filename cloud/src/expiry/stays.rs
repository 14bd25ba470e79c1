//! Which old events stay: those that packs are still made from.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::catalog::Event;
use crate::events::ledger::{Fingerprint, fingerprint};
use crate::events::{Arrival, Conduct, Filter, StoreError, is_sign_in};
use crate::refresh::Says;
use crate::stores::{Batch, LogReader};

/// What is looked at, and by which rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// What was received earlier is old.
    pub(super) before_ms: i64,
    /// Who keeps a place in the log has read as far as this event.
    pub(super) read: u64,
    /// How many of a person's latest events stay, of each kind that says something.
    pub(super) most: usize,
    /// Which events count for nothing.
    pub(super) filter: Filter,
    /// Whether the first sign-in of every session stays.
    pub(super) sign_ins_stay: bool,
    /// The clock.
    pub(super) now_ms: i64,
}

/// The old part of the log, and what stays of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stays {
    /// The number of the first event that is not old.
    pub(super) end: u64,
    /// Ascending.
    numbers: Vec<u64>,
}

impl Stays {
    /// Reads the log. Of what is not old it is only looked who signed in to which session, and what is to come of it: a
    /// session is its person's as long as anything of it is there.
    ///
    /// The old part ends where the first event lies that was received neither before [`Rules::before_ms`] nor in the future: the clock
    /// may have been wrong for a while. What came in the future stays until that has come.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn read(log: &mut dyn LogReader, rules: Rules) -> Result<Self, StoreError> {
        let (mut sorting, mut end) = (Sorting::new(rules), None);
        let _all = log.read(u64::MAX, &mut |batch| {
            let (Some(&(first, _)), Some(&(last, _))) = (batch.records.first(), batch.records.last()) else {
                return Ok(ControlFlow::Continue(()));
            };
            let is_lately = (rules.before_ms..=rules.now_ms).contains(&batch.appended_ms);
            if is_lately || last > rules.read {
                end.get_or_insert(first);
            }
            match end {
                Some(_) => sorting.meet(batch, false),
                None if batch.appended_ms < rules.before_ms => sorting.sort(batch),
                None => sorting.meet_of_future(batch),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Self { end: end.unwrap_or_else(|| log.seen() + 1), numbers: sorting.finish() })
    }

    /// Whether an old event stays.
    pub(super) fn has(&self, number: u64) -> bool {
        self.numbers.binary_search(&number).is_ok()
    }
}

/// An event, as little of it as says which are the latest: when it happened, a hash of its id, its number.
type Known = (i64, u64, u64);

/// The latest old events of one person, or of a session of nobody, that say something lasting, and the latest deeds.
#[derive(Debug, Default)]
struct Person([Vec<Known>; 2]);

impl Person {
    fn add(&mut self, event: &Event, number: u64, most: usize) {
        let of_kind = match Says::of_somebody(event) {
            Says::Lasting => &mut self.0[0],
            Says::Deed => &mut self.0[1],
            Says::Nothing => return,
        };
        of_kind.push((event.time_ms, fingerprint(&event.event_id) as u64, number));
        if of_kind.len() >= most.saturating_mul(2) {
            leave_latest(of_kind, most);
        }
    }

    fn extend(&mut self, other: &Self) {
        for (of_kind, more) in self.0.iter_mut().zip(&other.0) {
            of_kind.extend(more);
        }
    }

    fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flatten().map(|(_, _, number)| *number)
    }
}

/// Leaves the latest; of one that was stored twice, the first counts.
fn leave_latest(events: &mut Vec<Known>, most: usize) {
    events.sort_unstable();
    events.dedup_by_key(|(time_ms, id, _)| (*time_ms, *id));
    events.drain(..events.len().saturating_sub(most));
}

/// A session in which somebody may have signed in.
#[derive(Debug, Default)]
struct Session {
    /// What nobody did in it and is old.
    nobodys: Person,
    /// Whose it is by the first sign-in, and the number of that.
    owner: Option<(Fingerprint, u64)>,
    /// Whether the log holds something nobody did in it.
    is_asked_for: bool,
}

/// The events of the log by whose they are, the keys alone.
struct Sorting {
    rules: Rules,
    conduct: Conduct,
    people: HashMap<Fingerprint, Person>,
    sessions: HashMap<Fingerprint, Session>,
    /// Numbers that stay in any case.
    stay: Vec<u64>,
}

impl Sorting {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            conduct: Conduct::new(rules.filter),
            people: HashMap::new(),
            sessions: HashMap::new(),
            stay: Vec::new(),
        }
    }

    /// Takes old events in.
    fn sort(&mut self, batch: &Batch<'_>) {
        for (number, line) in &batch.records {
            let Ok(event) = serde_json::from_slice(line) else {
                // A newer version may read it.
                self.stay.push(*number);
                continue;
            };
            let arrival = Arrival { number: *number, received_ms: batch.appended_ms, event };
            self.ask_for(&arrival.event);
            // As a refresh does, which holds nothing of what counts for nothing.
            if self.conduct.judge(&arrival).is_none() {
                self.add(&arrival.event, *number);
            }
        }
    }

    /// Has the sign-in of a session stay in which nobody did something. An erasure finds that by the sign-in, which goes a run after it
    /// and not with it: a run may be killed between the two, and what is not settled stays.
    fn ask_for(&mut self, event: &Event) {
        if event.user.is_empty() && !event.session.is_empty() {
            self.sessions.entry(fingerprint(&event.session)).or_default().is_asked_for = true;
        }
    }

    fn add(&mut self, event: &Event, number: u64) {
        let most = self.rules.most;
        if is_sign_in(event) {
            let session = self.sessions.entry(fingerprint(&event.session)).or_default();
            session.owner.get_or_insert((fingerprint(&event.user), number));
        }
        if !event.user.is_empty() {
            self.people.entry(fingerprint(&event.user)).or_default().add(event, number, most);
        } else if !event.session.is_empty() && Says::of_somebody(event) != Says::Nothing {
            self.sessions.entry(fingerprint(&event.session)).or_default().nobodys.add(event, number, most);
        }
    }

    /// Takes events in that stay, as their time has not come, and has old ones behind them.
    fn meet_of_future(&mut self, batch: &Batch<'_>) {
        self.stay.extend(batch.records.iter().map(|(number, _)| *number));
        self.meet(batch, true);
    }

    /// Looks at events that stay: whose are the sessions. `is_before_old` says whether old ones may follow.
    fn meet(&mut self, batch: &Batch<'_>, is_before_old: bool) {
        for (number, line) in &batch.records {
            let Ok(event) = serde_json::from_slice::<Event>(line) else { continue };
            if event.session.is_empty() || !(event.user.is_empty() || is_sign_in(&event)) {
                continue;
            }
            let session = fingerprint(&event.session);
            let session = match is_before_old {
                true => self.sessions.entry(session).or_default(),
                // Of sessions that begin now nothing is old.
                false => match self.sessions.get_mut(&session) {
                    Some(session) => session,
                    None => continue,
                },
            };
            if event.user.is_empty() {
                session.is_asked_for = true;
            } else {
                session.owner.get_or_insert((fingerprint(&event.user), *number));
            }
        }
    }

    /// The numbers of what stays, ascending.
    fn finish(self) -> Vec<u64> {
        let Self { rules, mut people, sessions, stay: mut numbers, .. } = self;
        let owned: Vec<(&Session, Fingerprint, u64)> = sessions
            .values()
            .filter_map(|session| session.owner.map(|(who, number)| (session, who, number)))
            .collect();
        for (session, who, _) in &owned {
            if session.nobodys.numbers().next().is_some() {
                people.entry(*who).or_default().extend(&session.nobodys);
            }
        }
        for mut person in people.into_values() {
            person.0.iter_mut().for_each(|of_kind| leave_latest(of_kind, rules.most));
            numbers.extend(person.numbers());
        }
        let needed = owned.iter().filter(|(session, _, _)| rules.sign_ins_stay || session.is_asked_for);
        numbers.extend(needed.map(|(_, _, number)| *number));
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}
