//! What people did, reduced to weighted signals about items: the history that vectors are made from.

use std::collections::HashMap;

use segue_core::session::event::{Event, EventKind};

use crate::catalog::Catalogue;

/// One signal of one person about one item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// Index of the item in the catalogue.
    pub item: usize,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// How much it says for the item; below zero against it.
    pub weight: f32,
}

/// How much an event says for its item; zero when it says nothing.
#[must_use]
pub fn feedback_weight(event: &Event) -> f32 {
    match &event.kind {
        EventKind::Save | EventKind::Purchase | EventKind::AddToCollection => 5.0,
        EventKind::AddToCart => 3.0,
        EventKind::Like | EventKind::Share | EventKind::Follow => 2.0,
        EventKind::Complete | EventKind::Click | EventKind::Replay => 1.0,
        EventKind::Rating => rating_weight(event.value),
        EventKind::Skip => skip_weight(event.played_ms),
        EventKind::Unlike | EventKind::Unfollow => -0.5,
        EventKind::Dislike | EventKind::NotInterested => -2.0,
        _ => 0.0,
    }
}

/// The kind of event that an answer of a survey becomes: about an item that was chosen, or that stands for what was.
pub const ONBOARDING: &str = "onboarding";

/// Whether the event is an answer of a survey.
#[must_use]
pub fn is_onboarding(event: &Event) -> bool {
    matches!(&event.kind, EventKind::Custom(kind) if kind == ONBOARDING)
}

/// How much an event says about its person's profile: an answer of a survey as much as a completion. About the item it
/// says nothing, as nobody took it up: popularity, co-occurrence and training go by [`feedback_weight`].
#[must_use]
pub fn profile_weight(event: &Event) -> f32 {
    if is_onboarding(event) { 1.0 } else { feedback_weight(event) }
}

fn rating_weight(value: Option<f64>) -> f32 {
    match value {
        Some(value) if value >= 4.0 => 2.0,
        Some(value) if value >= 3.0 => 0.5,
        Some(_) => -1.0,
        None => 0.0,
    }
}

/// A skip within five seconds is a clear refusal, one after two minutes none at all.
fn skip_weight(played_ms: Option<u64>) -> f32 {
    match played_ms {
        Some(played) if played >= 120_000 => 0.0,
        Some(played) if played >= 30_000 => -0.25,
        _ => -0.5,
    }
}

/// Of so many events one may be a straggler.
const STRAGGLERS: usize = 1_000;

/// When a log ends: the time by which all but a thousandth of its events had happened; the last one's for less than a
/// thousand. `times` are those of events about known items, in order.
///
/// A few events long after the others (a visit to a demonstration, a client whose clock is wrong) thereby do not make
/// everything else old; on a service in use a thousandth of the log is an hour or two.
#[must_use]
pub fn end_of_log(times: &[i64]) -> Option<i64> {
    end_of_longer_log(times, 0)
}

/// As [`end_of_log`], where so many events more happened before the latest thousandth of all.
#[must_use]
pub fn end_of_longer_log(times: &[i64], before: usize) -> Option<i64> {
    times.iter().rev().nth((times.len() + before) / STRAGGLERS).or(times.first()).copied()
}

/// Everyone's signals before a moment, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Histories {
    /// Signals of each user, in catalogue order.
    pub users: Vec<Vec<Signal>>,
    /// Positive signals of each session, by order of its first event; people without an id count here too.
    pub sessions: Vec<Vec<Signal>>,
    /// Whose each of these sessions is, where the catalogue knows the person.
    pub session_users: Vec<Option<usize>>,
    /// How often each item was taken up, in catalogue order.
    pub counts: Vec<f32>,
    /// The moment that ages are counted to, as [`end_of_log`] has it; 0 without events.
    pub reference_ms: i64,
}

impl Histories {
    /// Reads the catalogue's events before `until_ms`, or all of them.
    ///
    /// With a moment given, events held out by a split that is not by time are left out too.
    #[must_use]
    pub fn before(catalogue: &Catalogue, until_ms: Option<i64>) -> Self {
        let by_time = catalogue.split.rule.boundary_ms().is_some();
        let known = |&index: &usize| {
            let hidden = !by_time && catalogue.held_out[index];
            until_ms.is_none_or(|until| catalogue.events[index].time_ms < until && !hidden)
        };
        Self::of(catalogue, (0..catalogue.events.len()).filter(known))
    }

    /// Reads the events at these indices of the catalogue, which must be in time order.
    #[must_use]
    pub fn of(catalogue: &Catalogue, events: impl Iterator<Item = usize>) -> Self {
        let mut histories = Self {
            users: vec![Vec::new(); catalogue.users.len()],
            counts: vec![0.0; catalogue.items.len()],
            ..Self::default()
        };
        let mut times = Vec::new();
        let mut session_of: HashMap<(&str, &str), usize> = HashMap::new();
        for index in events {
            let event = &catalogue.events[index];
            let Some(item) = catalogue.event_items[index] else { continue };
            times.push(event.time_ms);
            let weight = profile_weight(event);
            if weight == 0.0 {
                continue;
            }
            let signal = Signal { item: item as usize, time_ms: event.time_ms, weight };
            if let Some(user) = catalogue.event_users[index] {
                histories.users[user as usize].push(signal);
            }
            if feedback_weight(event) > 0.0 {
                histories.counts[signal.item] += 1.0;
                let next = session_of.len();
                let session = *session_of.entry((&event.user, &event.session)).or_insert(next);
                if session == histories.sessions.len() {
                    histories.sessions.push(Vec::new());
                    histories.session_users.push(catalogue.event_users[index].map(|user| user as usize));
                }
                histories.sessions[session].push(signal);
            }
        }
        for (item, _, taken_up) in catalogue.folded.items() {
            if let Some(item) = catalogue.item_index(item) {
                histories.counts[item] += taken_up as f32;
            }
        }
        let end = end_of_longer_log(&times, catalogue.folded.about_items());
        histories.reference_ms = end.unwrap_or_default();
        histories
    }

    /// Log popularity of each item, scaled so that the most popular has 1.
    #[must_use]
    pub fn popularity(&self) -> Vec<f32> {
        let largest = self.counts.iter().copied().fold(0.0_f32, f32::max);
        let scale = libm::log1pf(largest);
        let scaled = |&count: &f32| if scale > 0.0 { libm::log1pf(count) / scale } else { 0.0 };
        self.counts.iter().map(scaled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> Event {
        Event::new("e", "i", kind, 0)
    }

    #[test]
    fn a_save_weighs_five_completions_and_an_impression_nothing() {
        assert_eq!(
            feedback_weight(&event(EventKind::Save)),
            5.0 * feedback_weight(&event(EventKind::Complete))
        );
        assert_eq!(feedback_weight(&event(EventKind::Impression)), 0.0);
    }

    #[test]
    fn a_log_ends_where_its_stragglers_begin() {
        assert_eq!(end_of_log(&[]), None);
        assert_eq!(end_of_log(&[1, 2, 900]), Some(900));
        let mut times: Vec<i64> = (0..2_000).collect();
        times.extend([1_000_000, 1_000_001]);
        assert_eq!(end_of_log(&times), Some(1_999));
        assert_eq!(end_of_longer_log(&times[1_000..], 1_000), Some(1_999));
        assert_eq!(end_of_longer_log(&[7, 8], 9_000), Some(7));
    }

    #[test]
    fn an_event_about_an_unknown_item_moves_no_clock() {
        let mut catalogue = crate::towers::samples::catalogue();
        let before = Histories::before(&catalogue, None).reference_ms;
        catalogue.add_events(vec![Event::new("late", "no-such-item", EventKind::Skip, before + 1_000_000)]);
        assert_eq!(Histories::before(&catalogue, None).reference_ms, before);
    }

    #[test]
    fn an_answer_of_a_survey_counts_for_its_person_and_makes_nothing_popular() {
        let mut catalogue = crate::towers::samples::catalogue();
        let before = Histories::before(&catalogue, None);
        let mut answer =
            Event::new("answer", &catalogue.items[0].item, EventKind::Custom(ONBOARDING.into()), 1);
        answer.user = catalogue.users[0].user.clone();
        catalogue.add_events(vec![answer]);
        let after = Histories::before(&catalogue, None);
        assert_eq!(after.users[0].len(), before.users[0].len() + 1);
        assert_eq!((after.counts, after.sessions), (before.counts, before.sessions));
    }

    #[test]
    fn a_late_skip_is_no_refusal_and_an_early_one_is() {
        let skip = |played| feedback_weight(&Event { played_ms: Some(played), ..event(EventKind::Skip) });
        assert!(skip(2_000) < skip(60_000));
        assert_eq!(skip(130_000), 0.0);
    }
}
