//! What each kind of event does, and what happens to events that come at the wrong time.

use super::*;
use crate::error::Code;
use crate::limits;
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
    assert_eq!(state.items.len(), limits::SESSION_ITEMS);
    assert_eq!(state.seen_ids.len(), limits::SESSION_EVENT_IDS);
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
