//! Who acts as no person does, by rules that everybody applies alike who makes something of the log.
//!
//! What breaks a [`Rule`] stays in the log and in its person's export; counters, what is trending, posteriors, vectors and
//! training do without it. A verdict follows from the events of one hour of the service's clock in the order of the log,
//! so a stream that was stopped, a replay, a refresh and the training log come to the same. Filtering by the activity of
//! one sender, by thresholds that are stated, is what the Media Rating Council asks of every measurement (Invalid Traffic
//! Detection and Filtration Standards Addendum, 2020, "general invalid traffic"); the thresholds are ours.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use serde::{Deserialize, Serialize};

use super::Arrival;
use crate::catalog::Event;
use crate::consumers::Tally;

const HOUR_MS: i64 = 3_600_000;
/// Items of a person that are watched in an hour.
const WATCHED: usize = 4;

/// What no person does; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Plays, skips, clicks, likes and other deeds of one person in one hour.
    pub actions_per_hour: u32,
    /// Places that one person saw in one hour.
    pub impressions_per_hour: u32,
    /// Deeds of one person about the same item in one hour.
    pub item_per_hour: u32,
    /// Latest deeds among which the same one under another id is noticed.
    pub deeds: u32,
}

impl Default for Filter {
    /// A deed every two seconds of a whole hour, thirty lists of twenty a minute, an item a minute.
    fn default() -> Self {
        Self { actions_per_hour: 1_800, impressions_per_hour: 36_000, item_per_hour: 60, deeds: 1 << 18 }
    }
}

/// Why an event is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// More in an hour than a person does.
    Rate,
    /// The same item more often than a person takes it up.
    Item,
    /// The same deed again, under another id.
    Repeat,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rate, Self::Item, Self::Repeat];

    /// The stable word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Item => "item",
            Self::Repeat => "repeat",
        }
    }
}

/// How many events were left out, by rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// By [`Rule::Rate`].
    pub rate: u64,
    /// By [`Rule::Item`].
    pub item: u64,
    /// By [`Rule::Repeat`].
    pub repeat: u64,
}

impl LeftOut {
    /// Counts one more.
    pub fn add(&mut self, rule: Rule) {
        *match rule {
            Rule::Rate => &mut self.rate,
            Rule::Item => &mut self.item,
            Rule::Repeat => &mut self.repeat,
        } += 1;
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.rate + self.item + self.repeat
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, item, repeat } = self;
        write!(
            formatter,
            "{} events count for nothing, as no person acts so: {rate} by their rate, {item} about the same item, \
             {repeat} told again under another id (filter.*)",
            self.all()
        )
    }
}

/// Judges the events of the log one after the other.
///
/// It remembers of each person with something in the current hour what a hundred bytes hold, and a fixed number of deeds.
#[derive(Debug)]
pub struct Conduct {
    filter: Filter,
    /// The hour of the service's clock that the latest event came in.
    hour: i64,
    /// The number of the first event of that hour.
    begun: u64,
    /// By person and by the hour in which things happened: who was offline for days tells of many hours at once.
    people: HashMap<u64, Person>,
    deeds: Deeds,
}

impl Conduct {
    /// Knows of nothing yet.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self { filter, hour: i64::MIN, begun: 0, people: HashMap::new(), deeds: Deeds::default() }
    }

    /// The number of the first event of the hour that is being judged: who begins there comes to the same verdicts.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// The rule that an event breaks. Opinions against something and what counts for nothing are let through, and so is
    /// what nobody in particular did.
    pub fn judge(&mut self, arrival: &Arrival) -> Option<Rule> {
        let hour = arrival.received_ms.div_euclid(HOUR_MS);
        if hour != self.hour {
            (self.hour, self.begun) = (hour, arrival.number);
            self.people.clear();
            self.deeds = Deeds::default();
        }
        let event = &arrival.event;
        let who = (&event.user, event.user.is_empty().then_some(&event.session));
        let (tally, is_nobody) = (Tally::of(event), event.user.is_empty() && event.session.is_empty());
        if tally.is_empty() || is_nobody {
            return None;
        }
        if self.deeds.is_repeated(deed(event), self.filter.deeds) {
            return Some(Rule::Repeat);
        }
        let person = self.people.entry(digest((who, event.time_ms.div_euclid(HOUR_MS)))).or_default();
        let exceeds = |count: u32, limit: u32| limit > 0 && count > limit;
        if tally.shown > 0 {
            person.impressions = person.impressions.saturating_add(1);
            return exceeds(person.impressions, self.filter.impressions_per_hour).then_some(Rule::Rate);
        }
        person.actions = person.actions.saturating_add(1);
        let of_item = person.meet(digest(&event.item) as u32);
        if exceeds(person.actions, self.filter.actions_per_hour) {
            return Some(Rule::Rate);
        }
        exceeds(of_item, self.filter.item_per_hour).then_some(Rule::Item)
    }
}

/// What one person did in one hour.
#[derive(Debug, Default)]
struct Person {
    actions: u32,
    impressions: u32,
    /// The items met most, each with a count that is never too high (Misra and Gries, 1982).
    items: [(u32, u32); WATCHED],
}

impl Person {
    /// Meets an item; how often at least it was met.
    fn meet(&mut self, item: u32) -> u32 {
        if let Some((_, count)) = self.items.iter_mut().find(|(known, count)| *known == item && *count > 0) {
            *count += 1;
            return *count;
        }
        if let Some(free) = self.items.iter_mut().find(|(_, count)| *count == 0) {
            *free = (item, 1);
            return 1;
        }
        self.items.iter_mut().for_each(|(_, count)| *count -= 1);
        0
    }
}

/// The latest deeds.
#[derive(Debug, Default)]
struct Deeds {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Deeds {
    fn is_repeated(&mut self, deed: u64, kept: u32) -> bool {
        if kept == 0 {
            return false;
        }
        if !self.known.insert(deed) {
            return true;
        }
        self.order.push_back(deed);
        if self.order.len() > kept as usize
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}

/// The same for the same deed: nobody does a thing twice in one millisecond at the same place of the same list.
fn deed(event: &Event) -> u64 {
    let place = (&event.slate, event.position, event.played_ms, event.value.map(f64::to_bits));
    digest((&event.user, &event.session, event.kind.name(), &event.item, event.time_ms, place))
}

fn digest(value: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::EventKind;

    const NOON: i64 = 1_767_225_600_000;
    const FILTER: Filter =
        Filter { actions_per_hour: 10, impressions_per_hour: 20, item_per_hour: 4, deeds: 50 };

    /// Somebody's deeds, each a second after the one before, as they come in at noon.
    fn deeds(kind: &EventKind, items: impl Iterator<Item = usize>) -> Vec<Arrival> {
        let numbered = (1..).zip(items);
        let arrival = |(number, item): (u64, usize)| {
            let time_ms = NOON + number as i64 * 1_000;
            let event = Event::new(format!("e{number}"), format!("i{item}"), kind.clone(), time_ms);
            Arrival { number, received_ms: NOON, event: Event { user: "u".into(), ..event } }
        };
        numbered.map(arrival).collect()
    }

    fn verdicts(arrivals: &[Arrival]) -> Vec<Option<Rule>> {
        let mut conduct = Conduct::new(FILTER);
        arrivals.iter().map(|arrival| conduct.judge(arrival)).collect()
    }

    fn left_out(arrivals: &[Arrival]) -> LeftOut {
        let mut left_out = LeftOut::default();
        verdicts(arrivals).into_iter().flatten().for_each(|rule| left_out.add(rule));
        left_out
    }

    #[test]
    fn what_is_more_than_a_person_does_in_an_hour_is_left_out_until_the_next() {
        let mut skips = deeds(&EventKind::Skip, 0..15);
        let found = verdicts(&skips);
        assert!(found[..10].iter().all(Option::is_none) && found[10..] == [Some(Rule::Rate); 5], "{found:?}");
        let shown = left_out(&deeds(&EventKind::Impression, 0..30));
        assert_eq!(shown, LeftOut { rate: 10, ..LeftOut::default() });
        // Somebody comes back after days: the times say that nothing is too much.
        skips.iter_mut().zip(0..).for_each(|(skip, day)| skip.event.time_ms -= day * 24 * HOUR_MS);
        assert_eq!(left_out(&skips), LeftOut::default());
        // One account each hour may do as much again.
        let mut days = deeds(&EventKind::Skip, 0..15);
        for (arrival, at) in days.iter_mut().zip(0..) {
            arrival.received_ms = NOON + at * HOUR_MS / 5;
            arrival.event.time_ms = arrival.received_ms;
        }
        assert_eq!(left_out(&days), LeftOut::default());
    }

    #[test]
    fn an_item_on_a_loop_counts_as_often_as_a_person_would_take_it_up() {
        let looped = deeds(&EventKind::Complete, std::iter::repeat_n(7, 10));
        assert_eq!(left_out(&looped), LeftOut { item: 6, ..LeftOut::default() });
        assert_eq!(left_out(&deeds(&EventKind::Complete, 0..10)), LeftOut::default());
    }

    #[test]
    fn a_deed_that_is_told_again_under_another_id_counts_once() {
        let mut twice = deeds(&EventKind::Complete, 0..4);
        let again = |arrival: &Arrival| {
            let event_id = format!("{}-again", arrival.event.event_id);
            Arrival { number: 9, event: Event { event_id, ..arrival.event.clone() }, ..arrival.clone() }
        };
        twice.extend(twice.iter().map(again).collect::<Vec<_>>());
        assert_eq!(left_out(&twice), LeftOut { repeat: 4, ..LeftOut::default() });
        // The same second in another list is another deed.
        twice[5].event.slate = Some("other".into());
        assert_eq!(left_out(&twice), LeftOut { repeat: 3, ..LeftOut::default() });
    }

    #[test]
    fn what_somebody_refuses_always_counts_and_nobody_in_particular_is_judged() {
        for kind in [EventKind::Dislike, EventKind::NotInterested, EventKind::Unlike] {
            assert_eq!(left_out(&deeds(&kind, std::iter::repeat_n(7, 40))), LeftOut::default());
        }
        let mut strangers = deeds(&EventKind::Skip, 0..40);
        strangers.iter_mut().for_each(|arrival| arrival.event.user.clear());
        assert_eq!(left_out(&strangers), LeftOut::default());
        strangers.iter_mut().for_each(|arrival| arrival.event.session = "s".into());
        assert_eq!(left_out(&strangers).rate, 30);
    }

    #[test]
    fn who_begins_at_an_hours_first_event_comes_to_the_same_verdicts() {
        let mut arrivals = deeds(&EventKind::Complete, (0..200).map(|at| at % 3));
        for (arrival, at) in arrivals.iter_mut().zip(0..) {
            arrival.received_ms = NOON + at * 90_000;
            arrival.event.time_ms = arrival.received_ms - (at % 5) * 1_000_000;
        }
        let mut whole = Conduct::new(FILTER);
        for at in 0..arrivals.len() {
            let verdict = whole.judge(&arrivals[at]);
            let mut restarted = Conduct::new(FILTER);
            let since = arrivals[..=at].iter().filter(|arrival| arrival.number >= whole.begun());
            assert_eq!(since.map(|arrival| restarted.judge(arrival)).last(), Some(verdict), "event {at}");
        }
    }

    #[test]
    fn a_limit_of_nought_is_none() {
        let none = Filter { actions_per_hour: 0, impressions_per_hour: 0, item_per_hour: 0, deeds: 0 };
        let mut conduct = Conduct::new(none);
        let looped = deeds(&EventKind::Complete, std::iter::repeat_n(7, 100));
        assert!(looped.iter().chain(&looped).all(|arrival| conduct.judge(arrival).is_none()));
    }
}
