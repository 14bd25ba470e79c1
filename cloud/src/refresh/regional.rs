//! What people get about whom nothing is known: trending first, and of what is new, little known or chosen by editors
//! the first few.

use std::collections::HashMap;

use super::sources::{Place, Source, keep};
use super::subjects::Subject;
use super::{KEPT, KEPT_OF_REGION, Prepared};
use crate::catalog::Item;

/// What is popular in the subject's segment, of its category where it is one's.
pub(super) fn popular(prepared: &Prepared<'_>, subject: &Subject) -> Vec<Place> {
    let Prepared { catalogue, barred, popular, .. } = prepared;
    let wanted = |item: &Item| is_of(subject, item);
    let list = popular.list(catalogue, barred, (&subject.viewer, &subject.segment), &wanted, KEPT);
    let place = |(item, score)| Place { item, score, sources: Source::Trending.into() };
    list.into_iter().map(place).collect()
}

/// The list of a region.
pub(super) fn regional(prepared: &Prepared<'_>, subject: &Subject) -> Vec<Place> {
    let mut places = popular(prepared, subject);
    let mut at: HashMap<usize, usize> =
        places.iter().enumerate().map(|(at, place)| (place.item, at)).collect();
    let pools = &prepared.pools;
    for (source, pool) in [
        (Source::Editorial, &pools.editorial),
        (Source::New, &pools.new),
        (Source::Exploration, &pools.explored),
    ] {
        let offered = |item: &&usize| {
            let row = &prepared.catalogue.items[**item];
            is_of(subject, row) && !prepared.barred.bars(&subject.viewer, **item, row)
        };
        for &item in pool.iter().filter(offered).take(source.keeps()) {
            let place = *at.entry(item).or_insert_with(|| {
                places.push(Place { item, score: 0.0, sources: source.into() });
                places.len() - 1
            });
            places[place].sources.add(source);
        }
    }
    keep(&places, KEPT_OF_REGION)
}

fn is_of(subject: &Subject, item: &Item) -> bool {
    subject.category.as_ref().is_none_or(|category| item.categories.contains(category))
}
