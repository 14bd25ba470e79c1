//! Events that come late, early, in another order or from another time.

use super::*;

fn permutations(of: &[Event]) -> Vec<Vec<Event>> {
    if of.len() < 2 {
        return vec![of.to_vec()];
    }
    let first = |at: usize| {
        let mut rest = of.to_vec();
        let first = rest.remove(at);
        permutations(&rest).into_iter().map(move |rest| [vec![first.clone()], rest].concat())
    };
    (0..of.len()).flat_map(first).collect()
}

#[test]
fn the_order_of_arrival_leaves_no_trace_in_what_is_known() {
    let mut player = Player::new();
    let story = [
        (EventKind::Complete, "ap"),
        (EventKind::Like, "aq"),
        (EventKind::Skip, "bs"),
        (EventKind::Unlike, "aq"),
        (EventKind::NotInterested, "bt"),
        (EventKind::Restore, "bt"),
    ]
    .map(|(kind, item)| player.event(kind, item));
    let told = |events: &[Event]| {
        let mut player = Player::new();
        events.iter().for_each(|event| {
            player.apply(event);
        });
        let flags = ["aq", "bt"].map(|item| (player.state.is_liked(item), player.state.is_barred(item)));
        (player.taste(), flags, player.state.last_seen_ms("bs"))
    };
    let expected = told(&story);
    assert_eq!(expected.1, [(false, false); 2]);
    let orders = permutations(&story);
    assert_eq!(orders.len(), 720);
    orders.iter().for_each(|order| assert_eq!(told(order), expected, "{order:?}"));
}

#[test]
fn a_late_event_says_so_and_does_not_undo_what_a_newer_one_decided() {
    let mut player = Player::new();
    let like = player.event(EventKind::Like, "ap");
    player.does(EventKind::Dislike, "ap");
    assert_eq!(player.apply(&like), Applied::Late);
    assert!(player.state.is_barred("ap") && !player.state.is_liked("ap"));
}

/// A skip after three seconds, then the watch it belonged to turns out to have gone on to the end.
fn watch(player: &mut Player, played_ms: u64) -> (Event, Event) {
    let mut skip = player.event(EventKind::Skip, "ap");
    skip.played_ms = Some(3_000);
    let mut complete = player.event(EventKind::Complete, "ap");
    complete.time_ms += 200_000;
    complete.played_ms = Some(played_ms);
    (skip, complete)
}

#[test]
fn a_watch_that_ends_after_its_skip_was_counted_corrects_it_in_either_order() {
    for in_order in [true, false] {
        let (mut player, mut never) = (Player::new(), Player::new());
        let (skip, complete) = watch(&mut player, 204_000);
        never.apply(&complete);
        match in_order {
            true => {
                player.apply(&skip);
                assert!(player.state.creator_affinity("ada") < 0.0);
                assert_eq!(player.apply(&complete), Applied::Corrected);
            }
            false => {
                player.apply(&complete);
                assert_eq!(player.apply(&skip), Applied::Late);
            }
        }
        assert_eq!(player.taste(), never.taste());
        assert_eq!(player.state.item("ap").unwrap().plays(), 1);
    }
}

#[test]
fn a_second_watch_does_not_correct_the_skip_of_the_first() {
    let mut player = Player::new();
    let (skip, complete) = watch(&mut player, 100_000);
    player.apply(&skip);
    assert_eq!(player.apply(&complete), Applied::Yes);
    assert_eq!(player.state.item("ap").unwrap().plays(), 2);
    assert_eq!(player.state.remembered().count(), 2);
}

#[test]
fn an_event_from_the_future_does_not_stand_in_the_way_of_those_after_it() {
    let mut player = Player::new();
    let mut future = player.event(EventKind::Complete, "bp");
    future.time_ms = crate::limits::LATEST_MS;
    player.apply(&future);
    assert_eq!(player.does(EventKind::Like, "ap"), Applied::Yes);
    assert_eq!(player.state.remembered().next_back().unwrap().item, "ap");
    player.does(EventKind::Complete, "bp");
    assert_eq!(player.state.last_seen_ms("bp"), Some(NOON + 3_000), "the next true time takes its place");
}

#[test]
fn when_the_clock_was_set_back_the_order_of_arrival_counts() {
    let mut player = Player::new();
    (0..crate::limits::SESSION_EVENTS)
        .for_each(|_| assert_eq!(player.does(EventKind::Skip, "bp"), Applied::Yes));
    for at in 0..3 {
        let like = Event::new(format!("back {at}"), "ap", EventKind::Like, NOON - LATE_MS + at);
        assert_eq!(player.apply(&like), Applied::Yes);
    }
    assert!(player.state.creator_affinity("ada") > 2.0);
    assert_eq!(player.state.remembered().next_back().unwrap().event_id, "back 2");
}

#[test]
fn an_event_older_than_all_that_is_remembered_is_noted_but_says_nothing_about_taste() {
    let mut player = Player::new();
    let (late, opinion) =
        (player.event(EventKind::Complete, "ap"), player.event(EventKind::NotInterested, "aq"));
    (0..crate::limits::SESSION_EVENTS)
        .for_each(|_| assert_eq!(player.does(EventKind::Skip, "bp"), Applied::Yes));
    let before = player.taste();
    assert_eq!(player.apply(&late), Applied::TooLate);
    assert_eq!(player.apply(&opinion), Applied::TooLate);
    assert_eq!(player.taste(), before);
    assert!(player.state.is_played("ap") && player.state.is_barred("aq"));
}

#[test]
fn what_was_folded_up_keeps_its_faded_weight_when_it_is_taken_back() {
    let mut player = Player::new();
    player.does(EventKind::Like, "ap");
    (0..crate::limits::SESSION_EVENTS)
        .for_each(|_| assert_eq!(player.does(EventKind::Skip, "bp"), Applied::Yes));
    player.feedback.strengths.remove("unlike");
    assert_eq!(player.does(EventKind::Unlike, "ap"), Applied::Yes);
    assert!(!player.state.is_liked("ap"));
    let left = player.state.creator_affinity("ada");
    assert!(left > 0.0 && left < 0.01, "{left}");
}
