//! What people get about whom nothing is known: trending first, and of what is new, little known or chosen by editors
//! the first few.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::sources::{Place, Source, keep};
use super::subjects::Subject;
use super::{KEPT, KEPT_OF_REGION, Prepared, Viewer};
use crate::catalog::Item;
use crate::consumers::Segment;

/// How long the list is that a segment's people share: as long as two of theirs, as each of them refused something else.
const SHARED: usize = 2 * KEPT;

/// What is popular in the subject's segment, of its category where it is one's: the first `count`.
fn popular(prepared: &Prepared<'_>, subject: &Subject, count: usize) -> Vec<Place> {
    let wanted = |item: &Item| is_of(subject, item);
    let (catalogue, barred) = (prepared.catalogue, &prepared.barred);
    let list = prepared.popular.list(catalogue, barred, (&subject.viewer, &subject.segment), &wanted, count);
    let place = |(item, score)| Place::new(item, score, Source::Trending);
    list.into_iter().map(place).collect()
}

/// What is popular for people, put in order once for all of a segment: a run that is late has no time to do so for each.
#[derive(Debug, Default)]
pub(super) struct PopularLists(Mutex<HashMap<Segment, Arc<OnceLock<Vec<Place>>>>>);

impl PopularLists {
    /// What is popular in the person's segment, less what they may not get.
    pub(super) fn of(&self, prepared: &Prepared<'_>, person: &Subject) -> Vec<Place> {
        let shared = {
            let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lists.entry(person.segment.clone()).or_default())
        };
        let anybody = || Subject { viewer: Viewer::of_segment(&person.segment), ..person.clone() };
        let shared = shared.get_or_init(|| popular(prepared, &anybody(), SHARED));
        let may = |place: &&Place| {
            let row = &prepared.catalogue.items[place.item];
            !prepared.barred.bars(&person.viewer, place.item, row)
        };
        let own: Vec<Place> = shared.iter().filter(may).take(KEPT).copied().collect();
        // Somebody who refused very much.
        if own.len() < KEPT && shared.len() == SHARED { popular(prepared, person, KEPT) } else { own }
    }
}

/// The list of a region.
pub(super) fn regional(prepared: &Prepared<'_>, subject: &Subject) -> Vec<Place> {
    let mut places = popular(prepared, subject, KEPT);
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
                places.push(Place::new(item, 0.0, source));
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

#[cfg(test)]
mod tests {
    use segue_core::policies::RADIO;
    use segue_core::policy::Policy;

    use super::super::subjects::subjects;
    use super::super::tests::{catalogue, event};
    use super::super::{Moment, Ranking};
    use super::*;
    use crate::catalog::EventKind;
    use crate::index::Kind;

    #[test]
    fn the_shared_list_gives_each_person_their_own() {
        let mut catalogue = catalogue(SHARED + 100, 3);
        catalogue.users[2].country = Some("de".into());
        let refused = (0..700).map(|item| {
            event(&format!("r{item:03}"), usize::from(item >= 5), item, EventKind::NotInterested, 2)
        });
        let played = (0..40).map(|item| event(&format!("p{item}"), 2, 7 * item, EventKind::Complete, 1));
        catalogue.add_events(played.chain(refused).collect());
        let ranking = Ranking::new(Policy::from_json(RADIO).unwrap(), None).unwrap();
        let moment = Moment { until_ms: None, now_ms: 10 };
        let prepared = Prepared::new(&catalogue, None, ranking, Kind::Exact, moment, &|_| ()).unwrap();
        let lists = PopularLists::default();
        let subjects = subjects(&catalogue);
        let people: Vec<&Subject> = subjects.iter().filter(|one| one.viewer.user.is_some()).collect();
        for person in &people {
            assert_eq!(lists.of(&prepared, person), popular(&prepared, person, KEPT), "{}", person.name);
        }
        assert_eq!((people.len(), lists.0.lock().unwrap().len()), (3, 2));
    }
}
