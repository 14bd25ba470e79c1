//! Which steps of a session are learned from, and which candidates stand beside the right one.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use segue_core::session::{Event, EventKind};

use crate::catalog::{Catalogue, SessionLog};
use crate::evaluate::LabelRules;

/// What became of an item that was played: labels of the heads `complete`, `skip`, `like`.
pub(crate) type Outcome = [f32; 3];

/// A choice that depends only on the seed and the session.
pub(super) fn generator(session: &SessionLog) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(u64::from(session.events.first().copied().unwrap_or_default()))
}

/// At most `most` of the steps: the first, where nothing is known yet, and others drawn evenly.
pub(super) fn steps<T>(mut steps: Vec<T>, most: usize, random: &mut ChaCha8Rng) -> Vec<T> {
    while steps.len() > most.max(1) {
        let drop = 1 + below(steps.len() - 1, random);
        steps.remove(drop);
    }
    steps
}

/// The most that each of these counts may give so that all of them together give no more than `aim`: the long ones are cut
/// first.
pub(super) fn share(counts: &[usize], aim: usize) -> usize {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let (mut left, mut sharing) = (aim, sorted.len());
    for count in sorted {
        if count * sharing > left {
            return left / sharing;
        }
        (left, sharing) = (left - count, sharing - 1);
    }
    usize::MAX
}

/// Distinct entries of `pool`, in the order drawn.
pub(super) fn draw(pool: &[u32], count: usize, random: &mut ChaCha8Rng) -> Vec<u32> {
    let mut pool = pool.to_vec();
    let count = count.min(pool.len());
    for at in 0..count {
        let other = at + below(pool.len() - at, random);
        pool.swap(at, other);
    }
    pool.truncate(count);
    pool
}

fn below(count: usize, random: &mut ChaCha8Rng) -> usize {
    (random.next_u64() % count.max(1) as u64) as usize
}

/// What became of each item that these events are about. A like says by itself that the item did well.
pub(crate) fn outcomes<'a, I: Ord + Copy>(
    events: impl Iterator<Item = (I, &'a Event)>,
    rules: &LabelRules,
) -> BTreeMap<I, Outcome> {
    let mut outcomes = BTreeMap::new();
    let mut liked = BTreeSet::new();
    for (item, event) in events {
        if rules.is_liked(event) {
            liked.insert(item);
        }
        if let Some(completed) = rules.completed(event) {
            outcomes.entry(item).or_insert([completed, 1.0 - completed, 0.0]);
        }
    }
    for item in liked {
        outcomes.entry(item).or_insert([1.0, 0.0, 0.0])[2] = 1.0;
    }
    outcomes
}

/// How much of a skip it was that broke off each item's play: of the event that says how it ended, as in [`outcomes`]; nothing
/// for items whose play ended otherwise.
pub(super) fn skips<'a, I: Ord + Copy>(
    events: impl Iterator<Item = (I, &'a Event)>,
    rules: &LabelRules,
) -> BTreeMap<I, f32> {
    let mut ended = BTreeMap::new();
    for (item, event) in events {
        let Some(completed) = rules.completed(event) else { continue };
        // A skip that the rules take for a good end is none.
        let skip = (event.kind == EventKind::Skip && completed < 0.5).then(|| rules.skip(event));
        ended.entry(item).or_insert(skip);
    }
    ended.into_iter().filter_map(|(item, skip)| Some((item, skip?))).collect()
}

/// Seconds that each item was played in these events, at the most; only where they tell.
pub(super) fn seconds<'a, I: Ord + Copy>(events: impl Iterator<Item = (I, &'a Event)>) -> BTreeMap<I, f32> {
    let mut longest = BTreeMap::new();
    for (item, event) in events {
        if let Some(played_ms) = event.played_ms {
            let seconds: &mut f32 = longest.entry(item).or_default();
            *seconds = seconds.max(played_ms as f32 / 1_000.0);
        }
    }
    longest
}

/// The session's events that are about an item of the catalogue.
pub(super) fn about_items<'a>(
    catalogue: &'a Catalogue,
    session: &'a SessionLog,
) -> impl Iterator<Item = (u32, &'a Event)> {
    let item =
        |&index: &u32| Some((catalogue.event_items[index as usize]?, &catalogue.events[index as usize]));
    session.events.iter().filter_map(item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn the_first_step_is_always_kept() {
        let kept = steps((0..20).collect(), 4, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!((kept.len(), kept[0]), (4, 0));
    }

    #[test]
    fn what_short_sessions_leave_the_long_ones_share() {
        assert_eq!(share(&[1, 100, 3, 40], 24), 10);
        assert_eq!(share(&[5, 5], 4), 2);
        assert_eq!(share(&[5, 5], 10), usize::MAX);
        assert_eq!(share(&[], 10), usize::MAX);
    }

    #[test]
    fn a_draw_repeats_nothing() {
        let pool: Vec<u32> = (0..50).collect();
        let drawn = draw(&pool, 30, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 30);
        assert_eq!(draw(&pool[..3], 30, &mut ChaCha8Rng::seed_from_u64(1)).len(), 3);
    }

    #[test]
    fn the_longest_play_of_an_item_counts_and_one_that_tells_no_time_says_nothing() {
        let play = |played_ms| {
            let mut play = samples::event("play", 0, 0, 0);
            play.played_ms = played_ms;
            play
        };
        let events = [play(Some(2_000)), play(Some(500)), play(None)];
        let found = seconds([1, 1, 2].into_iter().zip(&events));
        assert_eq!(found, [(1, 2.0)].into());
    }

    #[test]
    fn the_first_end_of_a_play_says_how_much_of_a_skip_it_was() {
        let play = |kind, played_ms| {
            let mut play = samples::event("play", 0, 0, 0);
            (play.kind, play.played_ms, play.total_ms) = (kind, Some(played_ms), Some(100_000));
            play
        };
        let events = [
            play(EventKind::Skip, 70_000),
            play(EventKind::Skip, 1_000),
            play(EventKind::Complete, 100_000),
            play(EventKind::Dislike, 0),
        ];
        let found = skips([1, 1, 2, 3].into_iter().zip(&events), &LabelRules::of("radio").unwrap());
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [1]);
        assert!(found[&1] < 0.5);
    }

    #[test]
    fn a_like_after_a_completion_is_one_outcome() {
        let mut catalogue = samples::catalogue();
        let mut like = samples::event("like", 0, 0, 500);
        like.kind = EventKind::Like;
        catalogue.add_events(vec![like]);
        let session = catalogue.sessions().into_iter().find(|session| session.user == Some(0)).unwrap();
        let rules = LabelRules::of("radio").unwrap();
        let found = outcomes(about_items(&catalogue, &session), &rules);
        assert_eq!(found.get(&0), Some(&[1.0, 0.0, 1.0]));
    }

    #[test]
    fn what_ends_a_play_and_what_is_a_like_are_as_the_rules_say() {
        let event = |kind| {
            let mut event = samples::event("event", 0, 0, 0);
            (event.kind, event.played_ms, event.total_ms) = (kind, Some(95_000), Some(100_000));
            event
        };
        let events = [event(EventKind::Skip), event(EventKind::Stop), event(EventKind::Share)];
        let about = || [1, 2, 3].into_iter().zip(&events);
        let shipped = LabelRules::of("radio").unwrap();
        assert_eq!(outcomes(about(), &shipped), [(1, [0.0, 1.0, 0.0])].into());
        assert_eq!(skips(about(), &shipped).len(), 1);
        let own = LabelRules::changed("radio", |file| {
            let heads = &mut file["heads"];
            heads["complete"]["by_played"] = true.into();
            heads["complete"]["badly"] = vec!["stop"].into();
            heads["like"]["kinds"] = vec!["share"].into();
        })
        .unwrap();
        let found = [(1, [1.0, 0.0, 0.0]), (2, [0.0, 1.0, 0.0]), (3, [1.0, 0.0, 1.0])];
        assert_eq!(outcomes(about(), &own), found.into());
        assert!(skips(about(), &own).is_empty(), "most of it was played");
    }
}
