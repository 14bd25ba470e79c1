//! What list rules ask of candidates, as numbers in arrays: made once per pack, so that no name is compared later.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::caps::Above;
use crate::features::{normalise, similarity};
use crate::pack::Candidate;

/// No creator, or no category.
pub(crate) const NOBODY: u32 = u32::MAX;
const DAY_MS: f32 = 86_400_000.0;
/// Candidates of a pack whose likenesses are kept: a megabyte at the most, and packs hold 500.
const LIKENESSES: usize = 512;

/// One entry per candidate, in the pack's order.
pub(crate) struct Traits {
    created_ms: i64,
    pub(crate) creators: Names,
    pub(crate) categories: Names,
    /// Days since release when the pack was made.
    ages: Vec<Option<f32>>,
    /// Days since the person last had it when the pack was made.
    seen: Vec<Option<f32>>,
    /// Share of the catalogue that is less popular.
    popularity: Vec<f32>,
    /// Candidates that may be shown in some regions only.
    limited: Vec<(usize, Arc<[String]>)>,
    /// The share of each first category in what the person took up last, drawn towards the pack's candidates.
    pub(crate) profile: Vec<f32>,
    dimension: usize,
    units: Vec<f32>,
    known: Likenesses,
}

/// So many items taken up say as much about somebody's categories as the pack's candidates do, which were retrieved for
/// them: it keeps the share of every category above 0, and a few items from being all there is.
const PRIOR: f32 = 10.0;

/// How alike candidates are, as far as it was asked: a list mostly compares the same ones as the list before it. One row
/// of numbers per candidate that others were compared with, which are few: those that were chosen.
#[derive(Default)]
struct Likenesses(OnceCell<Vec<OnceCell<Row>>>);

type Row = Box<[Cell<f32>]>;

/// Names replaced by numbers from 0.
pub(crate) struct Names {
    pub(crate) of: Vec<u32>,
    pub(crate) count: usize,
    numbers: BTreeMap<String, u32>,
}

impl Traits {
    /// Of the candidates of a pack made at `created_ms`.
    pub(crate) fn new(candidates: &[Candidate], created_ms: i64) -> Self {
        let dimension = candidates.first().map_or(0, |one| one.vector.len());
        let column = |name: &str| candidates.iter().map(|one| one.columns.get(name)).collect();
        let categories =
            Names::new(candidates.iter().map(|one| one.categories.first().map_or("", String::as_str)));
        let popularity: Vec<Option<f32>> = column("popularity_rank");
        Self {
            created_ms,
            creators: Names::new(candidates.iter().map(|one| one.creator.as_str())),
            profile: categories.shares(),
            categories,
            ages: column("age_days"),
            seen: column("last_seen_days"),
            popularity: popularity.into_iter().map(|rank| rank.unwrap_or(0.0)).collect(),
            limited: candidates.iter().enumerate().filter_map(limited).collect(),
            dimension,
            units: units(candidates, dimension),
            known: Likenesses::default(),
        }
    }

    /// With what the person took up last: categories with their counts.
    pub(crate) fn with_profile(mut self, profile: &[(String, u16)]) -> Self {
        let known = profile.iter().map(|(name, count)| (self.categories.number(name), f32::from(*count)));
        let known: Vec<(u32, f32)> = known.filter(|(category, _)| *category != NOBODY).collect();
        let all = PRIOR + known.iter().map(|(_, count)| count).sum::<f32>();
        self.profile.iter_mut().for_each(|share| *share *= PRIOR / all);
        for (category, count) in known {
            self.profile[category as usize] += count / all;
        }
        self
    }

    /// An item that stands above a list, which need not be in the pack.
    pub(crate) fn above(&self, creator: &str, category: Option<&String>) -> Above {
        let category = category.map_or(NOBODY, |category| self.categories.number(category));
        Above { creator: self.creators.number(creator), category }
    }

    /// Days since release, where the pack knows it.
    pub(crate) fn age_days(&self, index: usize, now_ms: i64) -> Option<f32> {
        let age = self.ages.get(index).copied().flatten()?;
        Some(age + self.days_since_made(now_ms))
    }

    /// Days since the person last had the item before this session, where the pack knows it.
    pub(crate) fn seen_days(&self, index: usize, now_ms: i64) -> Option<f32> {
        let seen = self.seen.get(index).copied().flatten()?;
        Some(seen + self.days_since_made(now_ms))
    }

    /// Share of the catalogue that is less popular, 0 where the pack does not know.
    pub(crate) fn popularity(&self, index: usize) -> f32 {
        self.popularity.get(index).copied().unwrap_or(0.0)
    }

    /// Candidates that may not be shown in `region`.
    pub(crate) fn outside<'a>(&'a self, region: Option<&'a String>) -> impl Iterator<Item = usize> + 'a {
        let limited = region.map(|region| (region, &self.limited));
        limited.into_iter().flat_map(|(region, limited)| {
            limited.iter().filter(move |(_, regions)| !regions.contains(region)).map(|(index, _)| *index)
        })
    }

    /// How alike two candidates are: their cosine, 0 at least.
    pub(crate) fn likeness(&self, one: usize, other: usize) -> f32 {
        let count = self.creators.of.len();
        if count > LIKENESSES {
            return self.compared(one, other);
        }
        let rows = self.known.0.get_or_init(|| vec![OnceCell::new(); count]);
        let Some(row) = rows.get(other) else { return 0.0 };
        let row = row.get_or_init(|| vec![Cell::new(f32::NAN); count].into());
        let Some(known) = row.get(one) else { return 0.0 };
        if known.get().is_nan() {
            known.set(self.compared(one, other));
        }
        known.get()
    }

    fn compared(&self, one: usize, other: usize) -> f32 {
        let row = |index: usize| self.units.get(index * self.dimension..(index + 1) * self.dimension);
        row(one).zip(row(other)).map_or(0.0, |(one, other)| similarity(one, other).clamp(0.0, 1.0))
    }

    fn days_since_made(&self, now_ms: i64) -> f32 {
        now_ms.saturating_sub(self.created_ms).max(0) as f32 / DAY_MS
    }
}

impl Names {
    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let number = |name: &'a str| match name {
            "" => NOBODY,
            name => {
                let next = numbers.len() as u32;
                *numbers.entry(name).or_insert(next)
            }
        };
        let of = names.map(number).collect();
        let numbers: BTreeMap<String, u32> =
            numbers.into_iter().map(|(name, number)| (name.to_owned(), number)).collect();
        Self { of, count: numbers.len(), numbers }
    }

    fn number(&self, name: &str) -> u32 {
        self.numbers.get(name).copied().unwrap_or(NOBODY)
    }

    fn shares(&self) -> Vec<f32> {
        let mut shares = vec![0.0; self.count];
        let named = self.of.iter().filter(|&&name| name != NOBODY);
        let one = 1.0 / named.clone().count().max(1) as f32;
        named.for_each(|&name| shares[name as usize] += one);
        shares
    }
}

fn limited((index, candidate): (usize, &Candidate)) -> Option<(usize, Arc<[String]>)> {
    (!candidate.regions.is_empty()).then(|| (index, Arc::clone(&candidate.regions)))
}

fn units(candidates: &[Candidate], dimension: usize) -> Vec<f32> {
    let mut units = Vec::with_capacity(candidates.len() * dimension);
    for candidate in candidates {
        let mut unit = candidate.vector.clone();
        normalise(&mut unit);
        unit.resize(dimension, 0.0);
        units.extend(unit);
    }
    units
}
