//! The candidates of a step: those that the log names, else the right one among others as serving would offer them.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;

use super::arrays::Labels;
use super::sample::{self, Outcome};
use crate::catalog::{Catalogue, Item, SessionLog, User};
use crate::evaluate::tasks::{Source, Task};

/// Candidates of one step.
pub(super) const CANDIDATES: usize = 32;
/// Of what would have been retrieved, how many a session's steps draw from.
const POOL: usize = 160;

/// Item vectors, as the pack would carry them.
#[derive(Debug)]
pub(super) struct Vectors {
    /// Entries of one vector.
    pub(super) dimension: usize,
    /// One row per item.
    pub(super) items: Vec<f32>,
}

/// How many items would have been retrieved for a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Those nearest to the person.
    pub(super) nearest: usize,
    /// The most popular beside them.
    pub(super) popular: usize,
}

impl Reach {
    /// About what a pack holds: towers choose it for the most part.
    pub(super) const PACK: Self = Self { nearest: 500, popular: 200 };
    /// What a refresh gathers: with a table the ranker chooses what of it a pack holds.
    pub(super) const GATHERED: Self = Self { nearest: 1_900, popular: 800 };
}

/// Draws what a session's steps choose from.
pub(super) struct Chooser<'a> {
    /// The catalogue.
    pub(super) catalogue: &'a Catalogue,
    /// Where the candidates come from when the model is judged and served.
    pub(super) source: Source,
    /// What is near to whom.
    pub(super) vectors: &'a Vectors,
    /// How popular each item was.
    pub(super) popularity: &'a [f32],
    /// How many items would have been retrieved.
    pub(super) reach: Reach,
}

impl Chooser<'_> {
    /// What a session's steps draw their candidates from, and whether each target has to be among it.
    pub(super) fn pool(&self, session: &SessionLog, user: &[f32], random: &mut ChaCha8Rng) -> Pool {
        match self.source {
            Source::Slate => Pool::default(),
            Source::Catalogue | Source::Target => {
                let every: Vec<u32> = (0..self.catalogue.items.len() as u32).collect();
                Pool { drawn: sample::draw(&every, POOL, random), retrieved: None }
            }
            Source::Pack | Source::Own => {
                let mut retrieved = self.retrieve(session, user);
                retrieved.extend(self.popular(session));
                retrieved.sort_unstable();
                retrieved.dedup();
                let drawn = sample::draw(&retrieved, POOL, random);
                Pool { drawn, retrieved: Some(retrieved.into_iter().collect()) }
            }
        }
    }

    /// The items nearest to the user that he could get when the session began.
    fn retrieve(&self, session: &SessionLog, user: &[f32]) -> Vec<u32> {
        let vectors = self.vectors.items.chunks_exact(self.vectors.dimension);
        let near = |vector: &[f32]| vector.iter().zip(user).map(|(one, other)| one * other).sum();
        self.best(session, vectors.map(near), self.reach.nearest)
    }

    /// The most popular items that he could get then.
    fn popular(&self, session: &SessionLog) -> Vec<u32> {
        self.best(session, self.popularity.iter().copied(), self.reach.popular)
    }

    /// The items of the highest scores that the session's person could get when it began, in no order.
    fn best(&self, session: &SessionLog, scores: impl Iterator<Item = f32>, most: usize) -> Vec<u32> {
        let begins = self.catalogue.events[session.events[0] as usize].time_ms;
        let person = session.user.map(|user| &self.catalogue.users[user as usize]);
        let mut scored: Vec<(f32, u32)> = scores
            .zip(0u32..)
            .filter(|(_, item)| is_available(&self.catalogue.items[*item as usize], person, begins))
            .collect();
        if scored.len() > most {
            scored.select_nth_unstable_by(most - 1, |one, other| {
                other.0.total_cmp(&one.0).then(one.1.cmp(&other.1))
            });
            scored.truncate(most);
        }
        scored.into_iter().map(|(_, item)| item).collect()
    }

    /// The step's candidates with their labels: what is right, what was played, then others.
    pub(super) fn rows(
        &self,
        session: &SessionLog,
        task: &Task,
        pool: &Pool,
        came: &Came,
        random: &mut ChaCha8Rng,
    ) -> Vec<(u32, Labels)> {
        let item = |at: usize| self.catalogue.event_items[session.events[at] as usize];
        let before: BTreeSet<u32> = (0..task.known).filter_map(item).collect();
        let mut items: Vec<u32> = task.relevant.iter().map(|(item, _)| *item).collect();
        if task.candidates.is_none() {
            items.extend(
                item(task.known).filter(|played| !items.contains(played) && !before.contains(played)),
            );
        }
        // Of items that were only drawn nothing is known, even where they are played much later.
        let known = if task.candidates.is_some() { usize::MAX } else { items.len() };
        let others = task.candidates.as_deref().unwrap_or(&pool.drawn);
        let may_come = |other: &u32| task.candidates.is_some() || !before.contains(other);
        let others: Vec<u32> =
            others.iter().copied().filter(|other| may_come(other) && !items.contains(other)).collect();
        let room = CANDIDATES.saturating_sub(items.len());
        items.extend(sample::draw(&others, room, random));
        let label = |(at, item): (usize, u32)| {
            let outcome = came.outcomes.get(&item).filter(|_| at < known).copied();
            let [complete, skip, like] = outcome.unwrap_or([f32::NAN; 3]);
            let seconds = came.seconds.get(&item).filter(|_| at < known).copied().unwrap_or(f32::NAN);
            let is_right = task.relevant.iter().any(|(right, _)| *right == item);
            (item, [complete, skip, like, f32::from(u8::from(is_right)), seconds])
        };
        items.into_iter().take(CANDIDATES).enumerate().map(label).collect()
    }
}

/// What became of the items of a session.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// Labels of the heads `complete`, `skip`, `like`.
    pub(super) outcomes: BTreeMap<u32, Outcome>,
    /// Seconds played.
    pub(super) seconds: BTreeMap<u32, f32>,
}

/// What a session's steps draw from.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Items to draw.
    pub(super) drawn: Vec<u32>,
    /// Everything that would have been retrieved; none where candidates do not come from retrieval.
    retrieved: Option<BTreeSet<u32>>,
}

impl Pool {
    /// Whether what is right could have been offered.
    pub(super) fn offers(&self, task: &Task) -> bool {
        let retrieved = self.retrieved.as_ref().filter(|_| task.candidates.is_none());
        retrieved.is_none_or(|retrieved| task.relevant.iter().any(|(item, _)| retrieved.contains(item)))
    }
}

fn is_available(item: &Item, user: Option<&User>, time_ms: i64) -> bool {
    let here = item.regions.is_empty()
        || user.and_then(|user| user.country.as_ref()).is_some_and(|country| item.regions.contains(country));
    here && item.available_from_ms.is_none_or(|from| from <= time_ms)
        && item.available_until_ms.is_none_or(|until| time_ms < until)
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::towers::samples;

    fn vectors() -> Vectors {
        let items = (0..samples::ITEMS).flat_map(|item| [1.0, item as f32 / 100.0]).collect();
        Vectors { dimension: 2, items }
    }

    fn task(known: usize, candidates: Option<Vec<u32>>, right: &[u32]) -> Task {
        let relevant = right.iter().map(|item| (*item, 1)).collect();
        Task { known, candidates, relevant, labelled: Vec::new() }
    }

    #[test]
    fn an_item_that_is_not_available_is_not_retrieved() {
        let mut catalogue = samples::catalogue();
        catalogue.items[3].regions = vec!["FR".into()];
        catalogue.items[4].available_from_ms = Some(i64::MAX);
        let (vectors, session) = (vectors(), catalogue.sessions().remove(0));
        let chooser = Chooser {
            catalogue: &catalogue,
            source: Source::Pack,
            vectors: &vectors,
            popularity: &[],
            reach: Reach::PACK,
        };
        assert_eq!(chooser.retrieve(&session, &[1.0, 0.0]).len(), samples::ITEMS - 2);
    }

    #[test]
    fn candidates_that_were_logged_are_the_candidates_and_all_of_what_is_known_of_them_counts() {
        let (catalogue, vectors) = (samples::catalogue(), vectors());
        let chooser = Chooser {
            catalogue: &catalogue,
            source: Source::Slate,
            vectors: &vectors,
            popularity: &[],
            reach: Reach::PACK,
        };
        let session = catalogue.sessions().remove(0);
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let outcomes = [(1, [1.0, 0.0, 0.0]), (2, [0.0, 1.0, 0.0])].into();
        let came = Came { outcomes, seconds: [(2, 3.5)].into() };
        let task = task(1, Some(vec![1, 2, 5]), &[1, 5]);
        let rows = chooser.rows(&session, &task, &Pool::default(), &came, &mut random);
        let items: BTreeSet<u32> = rows.iter().map(|(item, _)| *item).collect();
        assert_eq!(items, [1, 2, 5].into());
        let label = |item: u32| rows.iter().find(|(other, _)| *other == item).unwrap().1;
        assert_eq!((label(1)[3], label(5)[3], label(2)), (1.0, 1.0, [0.0, 1.0, 0.0, 0.0, 3.5]));
        assert!(label(5)[0].is_nan() && label(1)[4].is_nan());
    }

    #[test]
    fn where_nothing_is_retrieved_any_item_may_stand_beside_the_right_one() {
        let (catalogue, vectors) = (samples::catalogue(), vectors());
        let chooser = Chooser {
            catalogue: &catalogue,
            source: Source::Target,
            vectors: &vectors,
            popularity: &[],
            reach: Reach::PACK,
        };
        let session = catalogue.sessions().remove(0);
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let pool = chooser.pool(&session, &[1.0, 0.0], &mut random);
        assert_eq!(pool.drawn.iter().collect::<BTreeSet<_>>().len(), samples::ITEMS);
        assert!(pool.offers(&task(0, None, &[3])));
    }
}
