//! What each kind of event does.

use super::*;

#[test]
fn a_like_draws_near_and_an_early_skip_pushes_away() {
    let mut player = Player::new();
    player.does(EventKind::Like, "ap");
    player.does(EventKind::Skip, "bx");
    let state = &player.state;
    assert_eq!(state.interest(), candidate("ap").unwrap().vector);
    assert!(state.aversion()[1] > 0.0);
    assert!(state.is_liked("ap") && state.is_played("bx") && !state.is_played("ap"));
    assert!(state.creator_affinity("ada") > 0.0 && state.creator_affinity("bob") < 0.0);
    assert!(!state.is_empty());
}

#[test]
fn every_kind_says_about_taste_what_the_policy_gives_it() {
    for kind in EventKind::KNOWN {
        let mut player = Player::new();
        let mut event = player.event(kind.clone(), "ap");
        event.value = Some(5.0);
        player.apply(&event);
        let expected = player.feedback.strength(&kind, None);
        let expected = if kind == EventKind::Impression { 0.0 } else { expected };
        assert_eq!(player.state.creator_affinity("ada"), expected, "{kind:?}");
    }
}

#[test]
fn older_feedback_weighs_less() {
    let mut player = Player::new();
    (0..3).for_each(|_| assert_eq!(player.does(EventKind::Like, "ap"), Applied::Yes));
    assert!((player.state.creator_affinity("ada") - (1.0 + 0.9 + 0.81)).abs() < 1e-5);
}

#[test]
fn playing_stopping_seeking_and_searching_say_nothing_and_make_nothing_seen() {
    for kind in [EventKind::Play, EventKind::Progress, EventKind::Stop, EventKind::Seek, EventKind::Search] {
        let mut player = Player::new();
        let mut event = player.event(kind.clone(), "ap");
        event.played_ms = Some(2_000);
        assert_eq!(player.apply(&event), Applied::Yes);
        assert!(player.state.is_empty() && !player.state.is_played("ap"), "{kind:?}");
        assert_eq!(player.state.remembered().count(), 1);
    }
}

#[test]
fn of_progress_only_the_newest_is_remembered() {
    let mut player = Player::new();
    let progress: Vec<Event> = (0..3).map(|_| player.event(EventKind::Progress, "ap")).collect();
    for at in [1, 2, 0] {
        player.apply(&progress[at]);
    }
    assert_eq!(player.taste().3, ["e3"]);
    player.does(EventKind::Progress, "bp");
    assert_eq!(player.taste().3, ["e3", "e4"]);
}

#[test]
fn a_rating_speaks_for_its_item_from_four_on_and_against_it_up_to_two() {
    for (value, sign) in [(0.0, -1.0), (2.0, -1.0), (2.5, 0.0), (3.5, 0.0), (4.0, 1.0), (5.0, 1.0)] {
        let mut player = Player::new();
        player.feedback.strengths.insert("rating".into(), 1.0);
        let mut event = player.event(EventKind::Rating, "ap");
        event.value = Some(value);
        player.apply(&event);
        assert_eq!(player.state.creator_affinity("ada"), sign, "{value}");
    }
}

#[test]
fn playing_through_skipping_playing_again_and_buying_make_an_item_seen() {
    for kind in [EventKind::Complete, EventKind::Skip, EventKind::Replay, EventKind::Purchase] {
        let mut player = Player::new();
        let mut event = player.event(kind, "ap");
        event.value = Some(12.5);
        player.apply(&event);
        let facts = player.state.item("ap").unwrap();
        assert_eq!((facts.plays(), facts.last_seen_ms()), (1, Some(event.time_ms)));
    }
}

#[test]
fn taking_a_like_back_leaves_the_taste_as_if_it_had_not_been() {
    let (mut undone, mut never) = (Player::new(), Player::new());
    for item in ["ap", "bs"] {
        undone.does(EventKind::Complete, item);
        never.does(EventKind::Complete, item);
    }
    let like = undone.event(EventKind::Like, "aq");
    undone.apply(&like);
    never.next += 1;
    undone.does(EventKind::Skip, "bt");
    never.does(EventKind::Skip, "bt");
    assert_ne!(undone.taste(), never.taste());
    assert_eq!(undone.does(EventKind::Unlike, "aq"), Applied::TookBack);
    assert_eq!(undone.taste(), never.taste());
    assert!(!undone.state.is_liked("aq"));
    assert_eq!(undone.does(EventKind::Like, "aq"), Applied::Yes, "it can be liked again");
    assert!(undone.state.is_liked("aq") && undone.state.creator_affinity("ada") > 0.0);
}

#[test]
fn an_unlike_of_an_earlier_session_says_what_the_policy_gives_it() {
    let mut player = Player::new();
    assert_eq!(player.does(EventKind::Unlike, "ap"), Applied::Yes);
    assert_eq!(player.state.creator_affinity("ada"), -0.5);
}

#[test]
fn a_dislike_bars_its_item_until_it_is_restored() {
    let mut player = Player::new();
    let before = player.taste();
    player.does(EventKind::Dislike, "ap");
    assert!(player.state.is_barred("ap"));
    assert_eq!(player.does(EventKind::Restore, "ap"), Applied::TookBack);
    assert!(!player.state.is_barred("ap"));
    assert_eq!(player.taste().2, before.2);
    assert!(player.state.aversion().iter().all(|value| *value == 0.0));
}

#[test]
fn not_interested_refuses_what_is_near_until_the_item_is_restored_liked_or_bought() {
    for kind in [EventKind::Restore, EventKind::Like, EventKind::Purchase, EventKind::Save] {
        let mut player = Player::new();
        player.does(EventKind::NotInterested, "ap");
        assert!(player.state.is_barred("ap"));
        assert_eq!(player.state.refused.len(), 1);
        player.does(kind, "ap");
        assert!(!player.state.is_barred("ap"));
        assert_eq!(player.state.refused.len(), 0);
    }
}

#[test]
fn not_interested_in_a_creator_or_a_category_bars_all_of_it_until_it_is_restored() {
    let mut player = Player::new();
    let creator = player.says(EventKind::NotInterested, "creator", "ap");
    player.apply(&creator);
    let category = player.says(EventKind::NotInterested, "category", "bp");
    player.apply(&category);
    let state = &player.state;
    assert!(state.is_creator_barred("ada") && !state.is_creator_barred("bob"));
    assert!(state.is_category_barred("pop") && !state.is_category_barred("jazz"));
    assert!(!state.is_barred("ap"), "the item goes with its creator");
    assert_eq!(state.barred_creators().chain(state.barred_categories()).collect::<Vec<_>>(), ["ada", "pop"]);
    for scope in ["creator", "category"] {
        let item = if scope == "creator" { "aq" } else { "bq" };
        let mut restore = player.says(EventKind::Restore, scope, item);
        restore.event_id = format!("restore {scope}");
        assert_eq!(player.apply(&restore), Applied::TookBack);
    }
    assert_eq!(player.state.barred_creators().chain(player.state.barred_categories()).count(), 0);
    assert_eq!(player.state.creator_affinity("ada"), 0.0);
}

#[test]
fn a_creator_can_be_named_where_the_pack_does_not_hold_the_item() {
    let mut player = Player::new();
    let mut event = player.says(EventKind::NotInterested, "creator", "");
    event.context.insert("creator".into(), "cy".into());
    player.apply(&event);
    assert!(player.state.is_creator_barred("cy"));
    let unnamed = Event { event_id: "2".into(), ..player.says(EventKind::NotInterested, "creator", "zz") };
    player.apply(&unnamed);
    assert!(player.state.is_barred("zz"), "without a name at least the item goes");
}

#[test]
fn following_is_about_the_creator_and_unfollowing_takes_it_back() {
    let mut player = Player::new();
    player.does(EventKind::Follow, "ap");
    assert!(player.state.is_followed("ada"));
    assert!(player.state.creator_affinity("ada") > 0.0 && player.state.interest().is_empty());
    assert_eq!(player.does(EventKind::Unfollow, "aq"), Applied::TookBack);
    assert!(!player.state.is_followed("ada"));
    assert_eq!(player.state.creator_affinity("ada"), 0.0);
}

#[test]
fn an_impression_is_none_when_something_followed_from_it() {
    let mut player = Player::new();
    let mut shown = player.event(EventKind::Impression, "ap");
    shown.slate = Some("s1".into());
    let mut played = Event { event_id: "p".into(), kind: EventKind::Play, ..shown.clone() };
    assert_eq!(player.apply(&shown), Applied::Yes);
    assert_eq!(player.state.impressions("ap"), 1);
    assert_eq!(player.apply(&played), Applied::Corrected);
    assert_eq!(player.state.impressions("ap"), 0);
    shown.event_id = "again".into();
    assert_eq!(player.apply(&shown), Applied::ActedUpon);
    (played.event_id, played.slate) = ("q".into(), Some("s2".into()));
    shown.event_id = "other".into();
    shown.slate = Some("s3".into());
    player.apply(&shown);
    assert_eq!(player.apply(&played), Applied::Yes, "on another slate");
    assert_eq!(player.state.impressions("ap"), 1);
}

#[test]
fn an_unknown_kind_and_a_duplicate_change_nothing() {
    let mut player = Player::new();
    let custom = player.event(EventKind::Custom("x_cheer".into()), "ap");
    assert_eq!(player.apply(&custom), Applied::UnknownKind);
    assert!(player.state.is_empty() && player.state.applied() == 0 && player.state.item("ap").is_none());
    let like = player.event(EventKind::Like, "ap");
    player.apply(&like);
    let before = player.state.clone();
    assert_eq!(player.apply(&like), Applied::Duplicate);
    assert_eq!(player.state, before);
}

#[test]
fn a_refused_event_changes_nothing() {
    let mut player = Player::new();
    let before = player.state.clone();
    let event = Event::new("", "ap", EventKind::Like, 1);
    player.state.apply(&event, None, &player.feedback).unwrap_err();
    assert_eq!(player.state, before);
}

#[test]
fn in_the_lasting_interest_each_like_counts_the_same_and_in_the_decayed_one_the_newest_more() {
    let angle = |vector: &[f32]| libm::atan2f(vector[1], vector[0]);
    let mut player = Player::new();
    assert!(player.state.lasting_interest().is_empty());
    player.does(EventKind::Like, "ap");
    player.does(EventKind::Like, "ao");
    player.does(EventKind::Dislike, "bm");
    let (lasting, decayed) = (player.state.lasting_interest(), player.state.interest());
    assert!((angle(&lasting) - 0.75).abs() < 1e-5, "{lasting:?}");
    assert!(angle(&decayed) > 0.76, "{decayed:?}");
    player.does(EventKind::Unlike, "ao");
    assert!(angle(&player.state.lasting_interest()).abs() < 1e-5);
}
