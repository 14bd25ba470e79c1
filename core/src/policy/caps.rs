//! How often one creator and one category may come: asked by the search for the next place, by placement for any.

use super::list::{Caps, ListRules};
use super::traits::{NOBODY, Traits};

/// Which caps hold, strictest first: they give way in the order share, in a row, spacing, so that a list is never
/// shorter than it could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strictness {
    Nothing,
    Spacing,
    InARow,
    Shares,
}

impl Strictness {
    pub(crate) const FALLING: [Self; 4] = [Self::Shares, Self::InARow, Self::Spacing, Self::Nothing];
}

/// The places of a list as the caps see them: who stands where, and how often each came.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    creators: Line,
    categories: Line,
}

#[derive(Debug, Clone)]
struct Line {
    caps: Caps,
    /// The name above the list's first place and at each place; nobody where a place is empty or its item has none.
    places: Vec<u32>,
    /// Where the list's first place is among them.
    first: usize,
    /// How many places each name has; empty where there is no share to keep.
    taken: Vec<u32>,
    most: u32,
}

/// What stands above the first place of a list that is a queue: the numbers of its creator and first category.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Above {
    pub(crate) creator: u32,
    pub(crate) category: u32,
}

impl Standing {
    /// A list of `count` empty places below `above`, of which the nearest comes last.
    pub(crate) fn below(above: &[Above], traits: &Traits, rules: &ListRules, count: usize) -> Self {
        let creators = above.iter().map(|one| one.creator).collect();
        let categories = above.iter().map(|one| one.category).collect();
        Self {
            creators: Line::below(creators, rules.creator, traits.creators.count, count),
            categories: Line::below(categories, rules.category, traits.categories.count, count),
        }
    }

    /// Whether candidate `index` may stand at `place`.
    pub(crate) fn allows(&self, traits: &Traits, index: usize, place: usize, strictness: Strictness) -> bool {
        self.creators.allows(traits.creators.of[index], place, strictness)
            && self.categories.allows(traits.categories.of[index], place, strictness)
    }

    /// Puts candidate `index` at `place`.
    pub(crate) fn put(&mut self, traits: &Traits, index: usize, place: usize) {
        self.creators.put(traits.creators.of[index], place);
        self.categories.put(traits.categories.of[index], place);
    }
}

impl Line {
    fn below(mut places: Vec<u32>, caps: Caps, names: usize, count: usize) -> Self {
        // The margin keeps 0.3 of 10 at 3, although 0.3 has no exact binary form.
        let most = libm::floorf(caps.share * count as f32 + 1e-3).max(1.0) as u32;
        let names = if (most as usize) < count { names } else { 0 };
        let first = places.len();
        places.resize(first + count, NOBODY);
        Self { caps, places, first, taken: vec![0; names], most }
    }

    fn put(&mut self, name: u32, place: usize) {
        if let Some(at) = self.places.get_mut(self.first + place) {
            *at = name;
        }
        if let Some(taken) = self.taken.get_mut(name as usize) {
            *taken += 1;
        }
    }

    fn allows(&self, name: u32, place: usize, strictness: Strictness) -> bool {
        if name == NOBODY {
            return true;
        }
        (strictness < Strictness::Spacing || self.is_spaced(name, place))
            && (strictness < Strictness::InARow || self.may_follow(name, place))
            && (strictness < Strictness::Shares || self.has_room(name))
    }

    /// Looks both ways: a pin may already stand further down.
    fn is_spaced(&self, name: u32, place: usize) -> bool {
        let spacing = self.caps.spacing as usize;
        let (above, below) = self.around(place);
        spacing == 0
            || !(above.iter().rev().take(spacing).any(|&other| other == name)
                || below.iter().take(spacing).any(|&other| other == name))
    }

    fn may_follow(&self, name: u32, place: usize) -> bool {
        let most = self.caps.in_a_row as usize;
        let (above, below) = self.around(place);
        let run = || {
            let same = |other: &&u32| **other == name;
            above.iter().rev().take_while(same).count() + below.iter().take_while(same).count()
        };
        most == 0 || run() < most
    }

    fn has_room(&self, name: u32) -> bool {
        self.taken.get(name as usize).is_none_or(|&taken| taken < self.most)
    }

    fn around(&self, place: usize) -> (&[u32], &[u32]) {
        let at = self.first + place;
        let above = self.places.get(..at).unwrap_or(&self.places);
        (above, self.places.get(at + 1..).unwrap_or_default())
    }
}
