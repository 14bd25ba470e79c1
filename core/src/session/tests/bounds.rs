//! Memory, saving and restoring.

use super::*;
use crate::limits;

/// Numbers that look random and are the same each time (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn event(&mut self, at: i64) -> Event {
        let kind = EventKind::KNOWN[self.below(EventKind::KNOWN.len() as u64) as usize].clone();
        let letter = |number: u64| char::from(b'p' + number as u8);
        let item = format!("{}{}", ["a", "b", "z"][self.below(3) as usize], letter(self.below(8)));
        let late = self.below(8) as i64 * 900;
        let mut event = Event::new(format!("{at}"), item, kind, NOON + at * 1_000 - late);
        event.value = Some(self.below(6) as f64);
        event.played_ms = (self.below(2) == 0).then(|| self.below(200_000));
        event.slate = (self.below(2) == 0).then(|| format!("slate {}", self.below(4)));
        let scope = ["item", "creator", "category"][self.below(3) as usize];
        event.context.insert("scope".into(), scope.into());
        event
    }
}

#[test]
fn being_killed_and_restored_between_any_two_events_changes_nothing_in_what_follows() {
    for seed in 1..4 {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 >> seed);
        let (mut alive, mut killed) = (Player::new(), Player::new());
        for at in 0..300 {
            let event = numbers.event(at);
            assert_eq!(alive.apply(&event), killed.apply(&event));
            killed.state = State::restore(&killed.state.save().unwrap()).unwrap();
            assert_eq!(alive.state, killed.state, "after event {at}");
        }
        let intent = |state: &State| [state.focus(), state.discovery(), state.drift()];
        assert_eq!(intent(&alive.state), intent(&killed.state));
        assert!(intent(&alive.state).iter().all(|value| (0.0..=1.0).contains(value)));
    }
}

#[test]
fn no_changed_byte_of_a_saved_session_makes_a_state_that_fails_later() {
    let mut numbers = Numbers(11);
    let mut player = Player::new();
    (0..12).for_each(|at| {
        player.apply(&numbers.event(at));
    });
    let bytes = player.state.save().unwrap();
    let (mut refused, mut restored) = (0, 0);
    for index in crate::saved::PREFIX..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[index] ^= change;
            crate::saved::seal(&mut changed);
            let Ok(state) = State::restore(&changed) else {
                refused += 1;
                continue;
            };
            restored += 1;
            let mut player = Player { state, ..Player::new() };
            (20..23).for_each(|at| {
                player.apply(&numbers.event(at));
            });
            State::restore(&player.state.save().unwrap()).unwrap();
        }
    }
    assert!(refused > 100 && restored > 100, "{refused} refused, {restored} restored");
}

#[test]
fn taste_is_the_same_whether_it_was_summed_up_on_the_way_or_afresh() {
    let mut numbers = Numbers(7);
    let mut player = Player::new();
    for at in 0..300 {
        player.apply(&numbers.event(at));
        let mut afresh = player.state.clone();
        afresh.taste.relearn(&mut afresh.window);
        assert_eq!(
            (afresh.interest(), afresh.aversion()),
            (player.state.interest(), player.state.aversion())
        );
        assert_eq!(afresh.creator_affinity("ada"), player.state.creator_affinity("ada"));
    }
}

#[test]
fn nothing_grows_between_the_five_thousandth_and_the_ten_thousandth_event() {
    let mut player = Player::new();
    let (mut sizes, mut counts) = (Vec::new(), Vec::new());
    for at in 0..10_000 {
        let event = Event::new(format!("event {at:05}"), format!("item {at:05}"), EventKind::Skip, NOON + at);
        let mut described = candidate("ap").unwrap();
        (described.creator, described.categories) = (format!("by {at:05}"), vec![format!("of {at:05}")]);
        player.state.apply(&event, Some(&described), &player.feedback).unwrap();
        if at == 4_999 || at == 9_999 {
            sizes.push(player.state.save().unwrap().len());
            let taste = &player.state.taste;
            counts.push([player.state.items.len(), taste.creators.len(), taste.categories.len()]);
        }
    }
    assert_eq!(player.state.window.len(), limits::SESSION_EVENTS);
    assert_eq!(player.state.seen_ids.len(), limits::SESSION_EVENT_IDS);
    assert_eq!(counts[1], [limits::SESSION_ITEMS, limits::SESSION_CREATORS, limits::SESSION_CATEGORIES]);
    assert_eq!((sizes[0], counts[0]), (sizes[1], counts[1]));
}

#[test]
fn what_is_barred_is_remembered_however_full_the_tables_are() {
    let mut player = Player::new();
    player.does(EventKind::Dislike, "first");
    for at in 0..5_000 {
        player.does(EventKind::Complete, &format!("item {at}"));
    }
    player.does(EventKind::Dislike, "last");
    assert!(player.state.is_barred("first") && player.state.is_barred("last"));
    assert!(!player.state.is_played("item 0") && player.state.is_played("item 4999"));
}

#[test]
fn a_session_as_full_as_can_be_with_the_longest_ids_is_restored() {
    let long =
        |what: &str, at: usize| format!("{what} {at:0>width$}", width = limits::ID_BYTES - what.len() - 1);
    let mut player = Player::new();
    for at in 0..limits::SESSION_ITEMS {
        let kind = if at % 2 == 0 { EventKind::NotInterested } else { EventKind::Complete };
        let mut event = Event::new(long("event", at), long("item", at), kind, limits::LATEST_MS);
        event.played_ms = Some(u64::MAX);
        event.total_ms = Some(u64::MAX);
        let described = Candidate {
            vector: vec![1e8; limits::PACK_DIMENSION],
            creator: long("creator", at),
            categories: (0..limits::CATEGORIES_PER_CANDIDATE)
                .map(|of| long("category", 4 * at + of))
                .collect(),
            ..candidate("ap").unwrap()
        };
        player.state.apply(&event, Some(&described), &player.feedback).unwrap();
    }
    let bytes = player.state.save().unwrap();
    assert!(bytes.len() <= limits::SESSION_BYTES, "{}", bytes.len());
    assert_eq!(State::restore(&bytes).unwrap(), player.state);
}

#[test]
fn intent_follows_the_newest_events() {
    let mut player = Player::new();
    let intent = |player: &Player| [player.state.focus(), player.state.discovery(), player.state.drift()];
    assert_eq!(intent(&player), [0.0; 3]);
    player.does(EventKind::Like, "ap");
    assert_eq!(intent(&player), [0.0, 1.0, 0.0], "one creator, met for the first time");
    player.does(EventKind::Like, "ap");
    let [focus, discovery, _] = intent(&player);
    assert!((focus - 1.0).abs() < 1e-6 && discovery == 0.5);
    (0..4).for_each(|_| assert_eq!(player.does(EventKind::Like, "ap"), Applied::Yes));
    assert!(player.state.drift() < 1e-6);
    (0..3).for_each(|_| assert_eq!(player.does(EventKind::Complete, "bo"), Applied::Yes));
    let [focus, discovery, drift] = intent(&player);
    assert!(focus < 0.8 && drift > 0.8, "{focus} {drift}");
    assert_eq!(discovery, 1.0 / 8.0, "only the first from bob was new");
}
