//! Answers of somebody new as items that stand for them: the starting point of a profile.

use std::collections::HashSet;

use super::{Prepared, Viewer};
use crate::catalog::Item;
use crate::consumers::Segment;

/// Items that stand for a category or a creator.
const EACH: usize = 3;

/// What somebody new answered to a survey.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// Categories they like.
    pub categories: Vec<String>,
    /// Creators they like.
    pub creators: Vec<String>,
    /// Items they like.
    pub items: Vec<String>,
    /// Where they are, and of which age.
    pub segment: Segment,
}

/// An item that stands for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// The item.
    pub item: String,
    /// The item, category or creator that was answered.
    pub of: String,
}

/// The items that were chosen, and of each category and creator what is taken up most lately in the segment: each item
/// once, none for what is unknown.
pub(super) fn starters(prepared: &Prepared<'_>, answers: &Answers) -> Vec<Starter> {
    let catalogue = prepared.catalogue;
    let viewer = Viewer::of_segment(&answers.segment);
    let best = |wanted: &dyn Fn(&Item) -> bool| {
        prepared.popular.list(catalogue, &prepared.barred, (&viewer, &answers.segment), wanted, EACH)
    };
    let chosen = answers.items.iter().filter_map(|item| Some((catalogue.item_index(item)?, item)));
    let mut found: Vec<(usize, &String)> = chosen.collect();
    for category in &answers.categories {
        let of_it = best(&|item| item.categories.iter().any(|other| other == category));
        found.extend(of_it.into_iter().map(|(item, _)| (item, category)));
    }
    for creator in &answers.creators {
        let of_it = best(&|item| item.creator == *creator);
        found.extend(of_it.into_iter().map(|(item, _)| (item, creator)));
    }
    let mut known = HashSet::new();
    found.retain(|(item, _)| known.insert(*item));
    let starter =
        |(item, of): (usize, &String)| Starter { item: catalogue.items[item].item.clone(), of: of.clone() };
    found.into_iter().map(starter).collect()
}
