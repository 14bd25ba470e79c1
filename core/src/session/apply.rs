//! One event in, the next state out.

use std::collections::BTreeMap;

use super::state::{Decayed, ItemFacts};
use super::{Event, EventKind, Remembered, State};
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::pack::Candidate;
use crate::policy::Feedback;

/// Whether an event changed the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The session reflects it.
    Yes,
    /// An event with this id was applied before.
    Duplicate,
    /// Its kind is unknown to this version: it is to be forwarded, and has no effect here.
    UnknownKind,
}

impl State {
    /// Applies one event; `candidate` is the item as the pack describes it, if it does.
    ///
    /// # Errors
    /// `event_invalid` when the id is missing or a field exceeds its limit; the state then stays as it was.
    pub fn apply(
        &mut self,
        event: &Event,
        candidate: Option<&Candidate>,
        feedback: &Feedback,
    ) -> Result<Applied> {
        check(event)?;
        if self.event_ids.contains(&event.event_id) {
            return Ok(Applied::Duplicate);
        }
        push_bounded(&mut self.event_ids, event.event_id.clone(), limits::SESSION_EVENT_IDS);
        if matches!(event.kind, EventKind::Custom(_)) {
            return Ok(Applied::UnknownKind);
        }
        self.applied += 1;
        self.decay = feedback.decay;
        let strength = strength(event, feedback);
        self.note_item(event, candidate);
        if strength != 0.0 {
            self.learn(strength, candidate);
        }
        if event.kind != EventKind::Impression {
            self.remember(event, strength, candidate);
        }
        Ok(Applied::Yes)
    }

    fn note_item(&mut self, event: &Event, candidate: Option<&Candidate>) {
        if event.item.is_empty() {
            return;
        }
        let Some(facts) = entry(&mut self.items, &event.item) else { return };
        match event.kind {
            EventKind::Impression => facts.impressions = facts.impressions.saturating_add(1),
            EventKind::Complete | EventKind::Skip | EventKind::Replay | EventKind::Purchase => {
                facts.played = true
            }
            EventKind::Like => *facts = ItemFacts { liked: true, barred: false, ..*facts },
            EventKind::Unlike => facts.liked = false,
            EventKind::Dislike => *facts = ItemFacts { liked: false, barred: true, ..*facts },
            EventKind::NotInterested => {
                *facts = ItemFacts { liked: false, barred: true, ..*facts };
                if let Some(candidate) = candidate {
                    push_bounded(&mut self.refused, candidate.vector.clone(), limits::SESSION_EVENTS);
                }
            }
            _ => {}
        }
    }

    fn learn(&mut self, strength: f32, candidate: Option<&Candidate>) {
        self.ticks += 1;
        for sum in [&mut self.interest, &mut self.aversion] {
            sum.iter_mut().for_each(|value| *value *= self.decay);
        }
        let Some(candidate) = candidate else { return };
        let sum = if strength > 0.0 { &mut self.interest } else { &mut self.aversion };
        // Vectors of another dimension come from another model and cannot be added up.
        if sum.len() != candidate.vector.len() {
            *sum = vec![0.0; candidate.vector.len()];
        }
        sum.iter_mut().zip(&candidate.vector).for_each(|(sum, value)| *sum += strength.abs() * value);
        add(&mut self.creators, &candidate.creator, strength, self.ticks, self.decay);
        for category in &candidate.categories {
            add(&mut self.categories, category, strength, self.ticks, self.decay);
        }
    }

    fn remember(&mut self, event: &Event, strength: f32, candidate: Option<&Candidate>) {
        let remembered = Remembered {
            event_id: event.event_id.clone(),
            item: event.item.clone(),
            kind: event.kind.clone(),
            strength,
            time_ms: event.time_ms,
            played_ms: event.played_ms,
            total_ms: event.total_ms,
            position: event.position,
            vector: candidate.map_or_else(Vec::new, |candidate| candidate.vector.clone()),
        };
        push_bounded(&mut self.remembered, remembered, limits::SESSION_EVENTS);
    }
}

/// A rating speaks for its item from 4 on and against it up to 2.
fn strength(event: &Event, feedback: &Feedback) -> f32 {
    let strength = feedback.strength(&event.kind, event.played_ms);
    match (&event.kind, event.value) {
        (EventKind::Rating, Some(value)) if value <= 2.0 => -strength,
        (EventKind::Rating, Some(value)) if value < 4.0 => 0.0,
        _ => strength,
    }
}

fn check(event: &Event) -> Result<()> {
    let invalid = |detail: String| Err(Error::new(Code::EventInvalid, detail));
    if event.event_id.is_empty() {
        return invalid("event_id is empty.".into());
    }
    let ids = [&event.event_id, &event.item, &event.user, &event.session];
    if let Some(id) = ids.iter().find(|id| id.len() > limits::ID_BYTES) {
        return invalid(format!("an id of {} bytes, at most {}.", id.len(), limits::ID_BYTES));
    }
    if event.kind.name().len() > limits::ID_BYTES || event.context.len() > limits::CONTEXT_ENTRIES {
        return invalid(format!("kind {:?} or its context is too long.", event.kind.name()));
    }
    match event.value {
        Some(value) if !value.is_finite() => invalid(format!("value is {value}.")),
        _ => Ok(()),
    }
}

fn push_bounded<T>(queue: &mut std::collections::VecDeque<T>, value: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(value);
}

/// The facts under `key`; `None` when the table is full and the key is new.
fn entry<'a, T: Default>(table: &'a mut BTreeMap<String, T>, key: &str) -> Option<&'a mut T> {
    if !table.contains_key(key) && table.len() >= limits::SESSION_ENTRIES {
        return None;
    }
    Some(table.entry(key.to_owned()).or_default())
}

fn add(table: &mut BTreeMap<String, Decayed>, key: &str, strength: f32, tick: u64, decay: f32) {
    if let Some(sum) = entry(table, key) {
        *sum = Decayed { value: sum.at(tick, decay) + strength, tick };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn feedback() -> Feedback {
        Policy::from_json(crate::policies::RADIO).unwrap().feedback
    }

    fn candidate(vector: [f32; 2]) -> Candidate {
        Candidate {
            item: "a".into(),
            vector: vector.into(),
            score: 0.0,
            creator: "ada".into(),
            categories: vec!["jazz".into()],
            columns: [].into(),
            ends_ms: None,
            display: None,
        }
    }

    #[test]
    fn a_like_draws_near_and_an_early_skip_pushes_away() {
        let mut state = State::default();
        state
            .apply(&Event::new("1", "a", EventKind::Like, 0), Some(&candidate([1.0, 0.0])), &feedback())
            .unwrap();
        state
            .apply(&Event::new("2", "b", EventKind::Skip, 1), Some(&candidate([0.0, 1.0])), &feedback())
            .unwrap();
        assert_eq!(state.interest(), [1.0, 0.0]);
        assert_eq!(state.aversion(), [0.0, 1.0]);
        assert!(state.is_liked("a") && state.is_played("b") && !state.is_played("a"));
    }

    #[test]
    fn the_same_event_counts_once() {
        let (mut state, event) = (State::default(), Event::new("1", "a", EventKind::Like, 0));
        assert_eq!(state.apply(&event, None, &feedback()).unwrap(), Applied::Yes);
        let before = state.clone();
        assert_eq!(state.apply(&event, None, &feedback()).unwrap(), Applied::Duplicate);
        assert_eq!(state, before);
    }

    #[test]
    fn older_feedback_weighs_less() {
        let mut state = State::default();
        for at in 0..3 {
            let event = Event::new(at.to_string(), "a", EventKind::Like, at);
            state.apply(&event, Some(&candidate([1.0, 0.0])), &feedback()).unwrap();
        }
        let expected = 1.0 + 0.9 + 0.81;
        assert!((state.creator_affinity("ada") - expected).abs() < 1e-5);
    }

    #[test]
    fn memory_stays_bounded_over_ten_thousand_events() {
        let mut state = State::default();
        for at in 0..10_000 {
            let event = Event::new(at.to_string(), format!("item-{at}"), EventKind::Skip, at);
            state.apply(&event, Some(&candidate([1.0, 0.0])), &feedback()).unwrap();
        }
        assert_eq!(state.remembered().count(), limits::SESSION_EVENTS);
        assert_eq!(state.items.len(), limits::SESSION_ENTRIES);
        assert_eq!(state.event_ids.len(), limits::SESSION_EVENT_IDS);
    }

    #[test]
    fn an_event_without_id_is_refused_and_an_unknown_kind_changes_nothing() {
        let mut state = State::default();
        let error = state.apply(&Event::new("", "a", EventKind::Like, 0), None, &feedback()).unwrap_err();
        assert_eq!(error.code(), Code::EventInvalid);
        let custom = Event::new("1", "a", EventKind::Custom("x_cheer".into()), 0);
        assert_eq!(state.apply(&custom, None, &feedback()).unwrap(), Applied::UnknownKind);
        assert!(state.is_empty());
    }
}
