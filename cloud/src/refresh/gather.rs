//! One person's candidates from all sources, each within its quota.

use std::collections::HashMap;

use rayon::prelude::*;

use super::sources::{Place, Source, TURNS};
use super::{Prepared, Viewer};
use crate::consumers::Segment;
use crate::index::{Found, Query};

/// Items taken up last whose neighbours are looked for.
const SEEDS: usize = 8;
/// Items that a graph looks at for each of them; that of a table beside towers is checked with as many.
pub(super) const BREADTH: usize = 128;

/// Popular items for somebody who took up nothing yet, beside those that trend: the room of what would be near to that.
pub(super) const FOR_UNKNOWN: usize = Source::Similar.brings() + Source::Together.brings();

/// Somebody for whom candidates are gathered.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// Whom the pack is for.
    pub viewer: &'a Viewer,
    /// Index of the user.
    pub user: usize,
}

/// The candidates of each person, at most [`super::RETRIEVED`]. Items seen too lately come back only where nothing else
/// is left.
#[must_use]
pub(super) fn gather(prepared: &Prepared<'_>, people: &[Person<'_>]) -> Vec<Vec<Place>> {
    let mut gathered = gather_where(prepared, people, &|viewer, item| !prepared.barred.is_seen(viewer, item));
    let nothing_new: Vec<usize> = (0..people.len()).filter(|person| gathered[*person].is_empty()).collect();
    let again: Vec<Person<'_>> = nothing_new.iter().map(|person| people[*person]).collect();
    for (person, seen) in nothing_new.into_iter().zip(gather_where(prepared, &again, &|_, _| true)) {
        gathered[person] = seen;
    }
    gathered
}

/// Says whether a viewer may be offered an item.
type Wanted<'a> = dyn Fn(&Viewer, usize) -> bool + Sync + 'a;

fn gather_where(prepared: &Prepared<'_>, people: &[Person<'_>], wanted: &Wanted<'_>) -> Vec<Vec<Place>> {
    let allowed = |viewer: &Viewer, item: usize| {
        wanted(viewer, item) && !prepared.barred.bars(viewer, item, &prepared.catalogue.items[item])
    };
    let taste = nearest(prepared, people, &allowed);
    let similar = similar(prepared, people, &allowed);
    let all = (people, taste, similar).into_par_iter();
    all.map(|(person, taste, similar)| {
        let mut candidates = Candidates::new(prepared, *person, &allowed);
        candidates.take(Source::Taste, taste.into_iter().map(|(item, _)| item));
        candidates.take(Source::Similar, similar.into_iter());
        candidates.take_from_the_rest();
        candidates.places
    })
    .collect()
}

/// The items nearest to each person's vector.
fn nearest(prepared: &Prepared<'_>, people: &[Person<'_>], allowed: &Wanted<'_>) -> Vec<Vec<Found>> {
    let filters: Vec<_> =
        people.iter().map(|person| move |item: usize| allowed(person.viewer, item)).collect();
    let queries: Vec<(&Viewer, Query<'_>)> = people
        .iter()
        .zip(&filters)
        .map(|(person, filter)| {
            (person.viewer, Query { vector: prepared.embeddings.user(person.user), filter })
        })
        .collect();
    prepared.inventories.search(&queries, Source::Taste.brings(), None)
}

/// The items nearest to what each person took up last, taking turns among these: by the table beside the towers where there
/// is one, else by the vectors of taste.
fn similar(prepared: &Prepared<'_>, people: &[Person<'_>], allowed: &Wanted<'_>) -> Vec<Vec<usize>> {
    let alike = prepared.alike.as_ref();
    let inventories = alike.map_or(&prepared.inventories, |alike| &alike.inventories);
    let vector = |item: usize| alike.map_or_else(|| prepared.embeddings.item(item), |alike| alike.item(item));
    let seeds: Vec<(&Person<'_>, usize)> = people
        .iter()
        .flat_map(|person| {
            let recent = prepared.people.recent(person.user).iter().take(SEEDS);
            recent.map(move |item| (person, *item as usize))
        })
        .collect();
    let filters: Vec<_> =
        seeds.iter().map(|(person, _)| move |item: usize| allowed(person.viewer, item)).collect();
    let queries: Vec<(&Viewer, Query<'_>)> = seeds
        .iter()
        .zip(&filters)
        .map(|((person, seed), filter)| (person.viewer, Query { vector: vector(*seed), filter }))
        .collect();
    // A table's own index was made for these questions, and knows how broadly to search.
    let breadth = alike.is_none().then_some(BREADTH);
    let mut found = inventories.search(&queries, Source::Similar.brings() / SEEDS, breadth).into_iter();
    people
        .iter()
        .map(|person| {
            let seeds = prepared.people.recent(person.user).len().min(SEEDS);
            let lists: Vec<Vec<Found>> = found.by_ref().take(seeds).collect();
            let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
            let turn = |place: usize| lists.iter().filter_map(move |list| Some(list.get(place)?.0));
            (0..longest).flat_map(turn).collect()
        })
        .collect()
}

/// The next [`TURNS`] items of a pool that goes round among people, beginning elsewhere each time packs are made: each item
/// comes to the same number of people, give or take one.
fn turns(pool: &[usize], person: usize, made_ms: i64) -> impl Iterator<Item = usize> {
    let count = TURNS.min(pool.len());
    let length = pool.len().max(1);
    let begin = usize::try_from(made_ms).unwrap_or_default() % length + person % length * count;
    (begin..begin + count).map(move |place| pool[place % length])
}

/// The candidates of one person so far.
struct Candidates<'a> {
    prepared: &'a Prepared<'a>,
    person: Person<'a>,
    allowed: &'a Wanted<'a>,
    places: Vec<Place>,
    at: HashMap<usize, usize>,
}

impl<'a> Candidates<'a> {
    fn new(prepared: &'a Prepared<'a>, person: Person<'a>, allowed: &'a Wanted<'a>) -> Self {
        Self { prepared, person, allowed, places: Vec::new(), at: HashMap::new() }
    }

    /// Takes the source's first candidates that may be shown, as many as its quota allows.
    fn take(&mut self, source: Source, items: impl Iterator<Item = usize>) {
        self.take_up_to(source.brings(), source, items);
    }

    /// Takes the first `most` candidates that may be shown.
    fn take_up_to(&mut self, most: usize, source: Source, items: impl Iterator<Item = usize>) {
        let mut taken = 0;
        for item in items {
            if taken == most {
                return;
            }
            if let Some(place) = self.at.get(&item) {
                let sources = &mut self.places[*place].sources;
                if !sources.contains(source) {
                    sources.add(source);
                    taken += 1;
                }
            } else if (self.allowed)(self.person.viewer, item) {
                self.at.insert(item, self.places.len());
                self.places.push(Place::new(item, self.closeness(item), source));
                taken += 1;
            }
        }
    }

    /// All sources but the two that search an index.
    fn take_from_the_rest(&mut self) {
        let (prepared, user) = (self.prepared, self.person.user);
        let recent = prepared.people.recent(user);
        let together = recent.iter().flat_map(|item| prepared.together.of(*item as usize));
        self.take(Source::Together, together.map(|item| *item as usize));
        let followed = prepared.people.followed(user).flat_map(|creator| prepared.pools.of_creator(creator));
        self.take(Source::Followed, followed.copied());
        let segment = Segment::of_user(&prepared.catalogue.users[user]);
        self.take(Source::Trending, prepared.popular.first(&segment).iter().copied());
        if recent.is_empty() {
            self.take_up_to(FOR_UNKNOWN, Source::Trending, prepared.favourites.iter().copied());
        }
        self.take(Source::Editorial, prepared.pools.editorial.iter().copied());
        self.take_new();
        self.take(Source::Exploration, self.nearest_first(&prepared.pools.explored).into_iter());
    }

    /// New items: some because it is their turn, whoever the person is, then those that fit them.
    fn take_new(&mut self) {
        let pool = &self.prepared.pools.new;
        let allowed = |item: &usize| (self.allowed)(self.person.viewer, *item);
        let turns = turns(pool, self.person.user, self.prepared.made_ms).filter(allowed);
        let turns: Vec<usize> = turns.collect();
        self.take(Source::New, turns.iter().copied().chain(self.nearest_first(pool)));
        for item in turns {
            if let Some(place) = self.at.get(&item) {
                self.places[*place].is_sure = true;
            }
        }
    }

    /// The items of a pool, those nearest to the person that are expected to do well first.
    fn nearest_first(&self, pool: &[usize]) -> Vec<usize> {
        let worth = |item: usize| (1.0 + self.closeness(item)) * (0.5 + self.prepared.expected(item));
        let mut items: Vec<(usize, f32)> = pool.iter().map(|item| (*item, worth(*item))).collect();
        items.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        items.into_iter().map(|(item, _)| item).collect()
    }

    /// The cosine of the person's vector and the item's.
    fn closeness(&self, item: usize) -> f32 {
        let (user, item) =
            (self.prepared.embeddings.user(self.person.user), self.prepared.embeddings.item(item));
        user.iter().zip(item).map(|(one, other)| one * other).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_of_a_pool_comes_to_the_same_number_of_people() {
        for length in [1, 5, 12, 13, 30, 500] {
            let pool: Vec<usize> = (100..100 + length).collect();
            for (people, made_ms) in [(0, 5), (7, 1_700_000_000_000), (400, 0)] {
                let mut packs = vec![0; length];
                for person in 0..people {
                    let its: Vec<usize> = turns(&pool, person, made_ms).collect();
                    assert_eq!(its.len(), TURNS.min(length));
                    its.into_iter().for_each(|item| packs[item - 100] += 1);
                }
                let least = people * TURNS.min(length) / length;
                assert!(packs.iter().all(|count| (least..=least + 1).contains(count)), "{packs:?}");
            }
        }
        assert_ne!(turns(&[1, 2, 3], 0, 0).next(), turns(&[1, 2, 3], 0, 1).next());
        assert_eq!(turns(&[], 3, 9).count(), 0);
    }
}
