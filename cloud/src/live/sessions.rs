//! What everybody did lately, in memory.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::catalog::Event;
use crate::erasure::Erased;
use crate::events::{StoreError, Tail};

/// Events kept of one person. What is older is in the pack, or faded.
const EVENTS: usize = 200;
/// People kept; those who did nothing for the longest time go first.
const PEOPLE: usize = 100_000;
/// Events read from the end of the log at a start.
const TAIL: u64 = 200_000;

/// The latest events of everybody seen lately, each person's in the order of arrival.
#[derive(Debug, Default)]
pub struct Sessions {
    people: Mutex<HashMap<String, Person>>,
    /// Keyed anew by each process, so that nobody can make two ids that meet.
    ids: RandomState,
}

#[derive(Debug, Default)]
struct Person {
    /// Each with the time when it came, in milliseconds since 1970.
    events: VecDeque<(i64, Event)>,
    /// Hashes of their ids, side by side: all of them are looked at for each event that comes.
    ids: VecDeque<u64>,
    newest_ms: i64,
}

impl Sessions {
    /// Those that the end of the log of data folder `data` tells of; `stored` events are in it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(data: &Path, stored: u64) -> anyhow::Result<Self> {
        let sessions = Self::default();
        let erased = Erased::read(data)?;
        let mut tail = Tail::new(data, stored.saturating_sub(TAIL));
        loop {
            let read = tail.read(stored, |arrival| {
                if !erased.contains(&arrival.event.user) {
                    sessions.take_in([arrival.event], arrival.received_ms);
                }
            });
            match read {
                // Whoever counts events keeps it apart; a service that does not start keeps nothing.
                Err(StoreError::Unreadable { number, .. }) => tail.pass_over([number]),
                read => return Ok(read.map(|()| sessions)?),
            }
        }
    }

    /// Adds events that were stored at `received_ms`; one that is known already is left out. Events of nobody are nobody's
    /// session.
    pub fn take_in(&self, events: impl IntoIterator<Item = Event>, received_ms: i64) {
        let mut people = self.people();
        for event in events.into_iter().filter(|event| !event.user.is_empty()) {
            if !people.contains_key(&event.user) && people.len() >= PEOPLE {
                make_room(&mut people);
            }
            let id = self.ids.hash_one(&event.event_id);
            match people.get_mut(&event.user) {
                Some(person) => person.add(id, event, received_ms),
                None => people.entry(event.user.clone()).or_default().add(id, event, received_ms),
            }
        }
        metrics::gauge!("segue_live_people").set(people.len() as f64);
    }

    /// Whether something is known that the person did.
    #[must_use]
    pub fn has(&self, user: &str) -> bool {
        self.people().contains_key(user)
    }

    /// The person's events, oldest arrival first.
    #[must_use]
    pub fn of(&self, user: &str) -> Vec<Event> {
        self.split(user, i64::MAX).0
    }

    /// The person's events that came until `until_ms`, and those that came later; the oldest arrival first. What counts is
    /// the service's clock: theirs may be wrong, or the event have waited for a network.
    #[must_use]
    pub fn split(&self, user: &str, until_ms: i64) -> (Vec<Event>, Vec<Event>) {
        let people = self.people();
        let events = people.get(user).map(|person| person.events.iter().cloned()).into_iter().flatten();
        let (until, later): (Vec<_>, Vec<_>) = events.partition(|(received_ms, _)| *received_ms <= until_ms);
        let events = |arrived: Vec<(i64, Event)>| arrived.into_iter().map(|(_, event)| event).collect();
        (events(until), events(later))
    }

    /// Of everybody who did something after `since_ms` of them: when the first of it was, as far as it is in memory.
    #[must_use]
    pub fn first_after(&self, since_ms: impl Fn(&str) -> i64) -> Vec<i64> {
        let people = self.people();
        let first = |(user, person): (&String, &Person)| person.first_after(since_ms(user));
        people.iter().filter_map(first).collect()
    }

    /// Lets go of what is known of a person.
    pub fn forget(&self, user: &str) {
        self.people().remove(user);
    }

    fn people(&self) -> MutexGuard<'_, HashMap<String, Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Person {
    fn add(&mut self, id: u64, event: Event, received_ms: i64) {
        if self.ids.contains(&id) {
            return;
        }
        if self.events.len() >= EVENTS {
            self.events.pop_front();
            self.ids.pop_front();
        }
        self.ids.push_back(id);
        self.newest_ms = self.newest_ms.max(event.time_ms);
        self.events.push_back((received_ms, event));
    }

    fn first_after(&self, since_ms: i64) -> Option<i64> {
        // Most have done nothing since.
        (self.newest_ms > since_ms).then_some(())?;
        self.events.iter().map(|(_, event)| event.time_ms).filter(|time_ms| *time_ms > since_ms).min()
    }
}

/// Lets go of the tenth who did nothing for the longest time, so that not every newcomer looks through all.
fn make_room(people: &mut HashMap<String, Person>) {
    let mut newest: Vec<i64> = people.values().map(|person| person.newest_ms).collect();
    let place = newest.len() / 10;
    let (_, limit, _) = newest.select_nth_unstable(place);
    let limit = *limit;
    people.retain(|_, person| person.newest_ms > limit);
}

#[cfg(test)]
mod tests {
    use segue_core::session::EventKind;

    use super::*;

    fn event(user: &str, id: usize) -> Event {
        let mut event = Event::new(format!("e{id}"), "t1", EventKind::Play, id as i64);
        event.user = user.to_owned();
        event
    }

    #[test]
    fn of_each_person_the_latest_events_are_kept_and_each_once() {
        let sessions = Sessions::default();
        sessions.take_in((0..EVENTS + 5).map(|id| event("u1", id)), 1);
        sessions.take_in([event("u1", EVENTS), event("", 1), event("u2", 1)], 2);
        let kept = sessions.of("u1");
        assert_eq!((kept.len(), kept[0].event_id.as_str()), (EVENTS, "e5"));
        assert_eq!(sessions.of("u2").len(), 1);
        assert!(sessions.of("").is_empty());
    }

    #[test]
    fn what_came_until_a_moment_is_told_apart_by_the_services_clock() {
        let sessions = Sessions::default();
        sessions.take_in([event("u1", 9_000)], 10);
        sessions.take_in([event("u1", 5)], 20);
        let times = |events: Vec<Event>| events.iter().map(|event| event.time_ms).collect::<Vec<_>>();
        let (until, later) = sessions.split("u1", 10);
        assert_eq!((times(until), times(later)), (vec![9_000], vec![5]));
        assert_eq!(times(sessions.of("u1")), [9_000, 5]);
    }

    #[test]
    fn what_came_after_a_moment_is_told_by_its_first_event() {
        let sessions = Sessions::default();
        sessions.take_in([event("u1", 30), event("u1", 10), event("u1", 20), event("u2", 5)], 40);
        assert_eq!(sessions.first_after(|_| 10), [20]);
        assert_eq!(sessions.first_after(|user| if user == "u1" { 30 } else { 4 }), [5]);
    }

    #[test]
    fn who_did_nothing_for_the_longest_time_goes_first() {
        let mut people = HashMap::new();
        for id in 0..100 {
            people.entry(format!("u{id}")).or_insert_with(Person::default).add(id as u64, event("u", id), 1);
        }
        make_room(&mut people);
        assert_eq!(people.len(), 89);
        assert!(!people.contains_key("u0") && people.contains_key("u99"));
    }
}
