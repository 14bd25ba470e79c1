//! What may not be put into a pack: unavailable, not for this region or age, refused, or seen too lately.

use std::collections::BTreeSet;

use segue_core::limits::ID_BYTES;
use segue_core::policy::Seen;
use segue_core::session::About;

use super::subjects::mine;
use super::{Moment, Whose};
use crate::catalog::{Catalogue, Event, EventKind, Item, User};
use crate::consumers::Segment;

const DAY_MS: i64 = 86_400_000;

/// Whom a pack is for, as far as it decides what may be in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Viewer {
    /// Index of the user; none for a region.
    pub user: Option<usize>,
    /// Country; items of named regions are barred where it is not known.
    pub country: Option<String>,
    /// Youngest age of the age group; items with an age rating are barred where it is not known.
    pub age: Option<u8>,
}

impl Viewer {
    /// The viewer that user `index` is.
    #[must_use]
    pub fn of_user(index: usize, user: &User) -> Self {
        Self { user: Some(index), ..Self::of_segment(&Segment::of_user(user)) }
    }

    /// Anybody in `country`, or anywhere, of any age.
    #[must_use]
    pub fn of_region(country: Option<&str>) -> Self {
        Self { user: None, country: country.map(str::to_owned), age: None }
    }

    /// Anybody of this country and age group.
    #[must_use]
    pub fn of_segment(segment: &Segment) -> Self {
        let digits = |group: &String| group.bytes().take_while(u8::is_ascii_digit).count();
        let age = segment.age_group.as_ref().and_then(|group| group[..digits(group)].parse().ok());
        Self { age, ..Self::of_region(segment.country.as_deref()) }
    }

    /// Whether `item` is for this country and age, and on offer at `now_ms`.
    #[must_use]
    pub fn may_get(&self, item: &Item, now_ms: i64) -> bool {
        self.is_for(item) && !is_closed(item, now_ms)
    }

    fn is_for(&self, item: &Item) -> bool {
        let here = item.regions.is_empty()
            || self.country.as_ref().is_some_and(|country| item.regions.contains(country));
        here && item.age_rating.is_none_or(|rating| rating <= self.age.unwrap_or(0))
    }
}

/// What one user refused and has not taken back: the core says which event decides what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused {
    items: BTreeSet<String>,
    creators: BTreeSet<String>,
    categories: BTreeSet<String>,
}

impl Refused {
    /// Notes what the person did after everything before, with the row of the event's item.
    pub(crate) fn note(&mut self, event: &Event, item: Option<&Item>) {
        let (creator, categories) =
            item.map_or(("", &[][..]), |item| (item.creator.as_str(), item.categories.as_slice()));
        let Some((about, barred)) = event.bars(creator, categories) else { return };
        let (names, name) = match about {
            About::Item => (&mut self.items, event.item.clone()),
            About::Creator(name) => (&mut self.creators, name),
            About::Category(name) => (&mut self.categories, name),
        };
        match barred {
            true => drop(names.insert(name)),
            false => drop(names.remove(&name)),
        }
    }

    /// Whether the item, its creator or one of its categories was refused.
    pub(crate) fn holds(&self, item: &Item) -> bool {
        self.items.contains(&item.item)
            || self.creators.contains(&item.creator)
            || item.categories.iter().any(|category| self.categories.contains(category))
    }
}

/// What may not be put into packs.
#[derive(Debug, Clone)]
pub struct Barred {
    /// Items nobody gets now.
    closed: Vec<bool>,
    /// What each user refused.
    refused: Vec<Refused>,
    /// Items of each user that were seen too lately.
    seen: Vec<BTreeSet<u32>>,
    /// What was seen from then on was seen too lately, in milliseconds since 1970.
    since_ms: i64,
}

impl Barred {
    /// Reads what is known at `moment`.
    #[must_use]
    pub fn new(catalogue: &Catalogue, seen: &Seen, moment: Moment) -> Self {
        Self::of(catalogue, seen, moment, &mine(catalogue, Whose::Everybody))
    }

    /// As [`Self::new`], of the users alone who are `mine`.
    #[must_use]
    pub fn of(catalogue: &Catalogue, seen: &Seen, moment: Moment, mine: &[bool]) -> Self {
        let users = catalogue.users.len();
        let since_ms = match seen {
            Seen::Never => i64::MIN,
            Seen::Window { days } => moment.as_of_ms(catalogue).saturating_sub(i64::from(*days) * DAY_MS),
            Seen::Session | Seen::Fatigue { .. } => i64::MAX,
        };
        let mut barred = Self {
            closed: catalogue.items.iter().map(|item| is_closed(item, moment.now_ms)).collect(),
            refused: vec![Refused::default(); users],
            seen: vec![BTreeSet::new(); users],
            since_ms,
        };
        for index in moment.known(catalogue) {
            if let Some(user) = catalogue.event_users[index].filter(|user| mine[*user as usize]) {
                barred.meet(catalogue, user as usize, &catalogue.events[index], catalogue.event_items[index]);
            }
        }
        barred
    }

    /// Takes in the item at `place`, which is new and the last one, or has another row now.
    pub(super) fn put(&mut self, place: usize, item: &Item, now_ms: i64) {
        let is_closed = is_closed(item, now_ms);
        match self.closed.get_mut(place) {
            Some(known) => *known = is_closed,
            None => self.closed.push(is_closed),
        }
    }

    /// Forgets what is known of `user`.
    pub(super) fn clear(&mut self, user: usize) {
        self.refused[user] = Refused::default();
        self.seen[user].clear();
    }

    /// Adds what `user` did after everything that is known of them.
    pub(super) fn meet(&mut self, catalogue: &Catalogue, user: usize, event: &Event, item: Option<u32>) {
        let known = item.and_then(|item| catalogue.items.get(item as usize));
        self.refused[user].note(event, known);
        if let Some(item) = item.filter(|_| event.time_ms >= self.since_ms && is_seen(&event.kind)) {
            self.seen[user].insert(item);
        }
    }

    /// Whether `viewer` may never get item `index` now: unavailable, not for the region or age, or refused.
    #[must_use]
    pub fn bars(&self, viewer: &Viewer, index: usize, item: &Item) -> bool {
        let refused = viewer.user.and_then(|user| self.refused.get(user));
        self.closed[index] || !viewer.is_for(item) || refused.is_some_and(|refused| refused.holds(item))
    }

    /// Whether `viewer` saw item `index` too lately for the policy.
    #[must_use]
    pub fn is_seen(&self, viewer: &Viewer, index: usize) -> bool {
        contains(&self.seen, viewer.user, index)
    }
}

fn contains(sets: &[BTreeSet<u32>], user: Option<usize>, item: usize) -> bool {
    let set = user.and_then(|user| sets.get(user));
    set.zip(u32::try_from(item).ok()).is_some_and(|(set, item)| set.contains(&item))
}

/// What counts as having seen an item, as in the core's session; a rating says so too.
pub(super) fn is_seen(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Complete | EventKind::Skip | EventKind::Replay | EventKind::Purchase | EventKind::Rating
    )
}

/// Not on offer at `now_ms`, or nothing a pack could carry.
fn is_closed(item: &Item, now_ms: i64) -> bool {
    item.available_from_ms.is_some_and(|from| now_ms < from)
        || item.available_until_ms.is_some_and(|until| now_ms >= until)
        || item.item.is_empty()
        || [&item.item, &item.creator].into_iter().chain(&item.categories).any(|text| text.len() > ID_BYTES)
}

/// Countries of users, when some item is only for some regions.
#[must_use]
pub(super) fn countries(catalogue: &Catalogue) -> BTreeSet<String> {
    if catalogue.items.iter().all(|item| item.regions.is_empty()) {
        return BTreeSet::new();
    }
    let countries = catalogue.users.iter().filter_map(|user| user.country.clone());
    countries.filter(|country| !country.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, event};
    use super::*;

    fn bars(barred: &Barred, viewer: &Viewer, catalogue: &Catalogue, item: usize) -> bool {
        barred.bars(viewer, item, &catalogue.items[item])
    }

    #[test]
    fn items_of_other_regions_other_times_and_older_ages_are_barred() {
        let mut catalogue = catalogue(7, 2);
        catalogue.items[0].regions = vec!["DE".into()];
        catalogue.items[1].available_from_ms = Some(2_000);
        catalogue.items[2].available_until_ms = Some(1_000);
        catalogue.items[3].age_rating = Some(18);
        catalogue.items[4].item = "x".repeat(200);
        catalogue.items[5].age_rating = Some(0);
        let barred = Barred::new(&catalogue, &Seen::Never, Moment { until_ms: None, now_ms: 1_000 });
        let german = Viewer { country: Some("DE".into()), age: Some(13), ..Viewer::default() };
        let unknown = Viewer::of_region(None);
        let grown = Viewer { age: Some(18), ..unknown.clone() };
        let of = |viewer| (0..7).map(|item| bars(&barred, viewer, &catalogue, item)).collect::<Vec<_>>();
        assert_eq!(of(&german), [false, true, true, true, true, false, false]);
        assert_eq!(
            of(&unknown),
            [true, true, true, true, true, false, false],
            "of unknown age, so the youngest"
        );
        assert_eq!(of(&grown), [true, true, true, false, true, false, false]);
    }

    #[test]
    fn what_was_refused_stays_away_until_it_is_liked() {
        let mut catalogue = catalogue(4, 2);
        catalogue.add_events(vec![
            event("1", 0, 1, EventKind::NotInterested, 10),
            event("2", 0, 2, EventKind::Dislike, 11),
            event("3", 0, 2, EventKind::Like, 12),
        ]);
        let barred = Barred::new(&catalogue, &Seen::Session, Moment { until_ms: None, now_ms: 20 });
        let viewer = Viewer::of_user(0, &catalogue.users[0]);
        assert!(bars(&barred, &viewer, &catalogue, 1) && !bars(&barred, &viewer, &catalogue, 2));
        assert!(!bars(&barred, &Viewer::of_user(1, &catalogue.users[1]), &catalogue, 1));
    }

    #[test]
    fn a_creator_or_category_is_refused_whole_and_given_back_whole() {
        let scoped = |id: &str, item, kind, scope: &str, name: &str, time_ms| {
            let mut told = event(id, 0, item, kind, time_ms);
            told.context.insert("scope".into(), scope.into());
            told.context.extend((!name.is_empty()).then(|| (scope.to_owned(), name.to_owned())));
            told
        };
        let mut catalogue = catalogue(6, 1);
        let [creator, category] =
            [catalogue.items[1].creator.clone(), catalogue.items[2].categories[0].clone()];
        let mut named = scoped("2", 0, EventKind::NotInterested, "category", &category, 2);
        named.item.clear();
        catalogue.add_events(vec![scoped("1", 1, EventKind::NotInterested, "creator", "", 1), named]);
        let barred_now = |catalogue: &Catalogue| {
            let barred = Barred::new(catalogue, &Seen::Session, Moment { until_ms: None, now_ms: 20 });
            let viewer = Viewer::of_user(0, &catalogue.users[0]);
            (0..6).map(|item| bars(&barred, &viewer, catalogue, item)).collect::<Vec<_>>()
        };
        let falls = |item: &Item| item.creator == creator || item.categories.contains(&category);
        assert_eq!(barred_now(&catalogue), catalogue.items.iter().map(falls).collect::<Vec<_>>());
        catalogue.add_events(vec![
            scoped("3", 1, EventKind::Restore, "creator", "", 3),
            scoped("4", 2, EventKind::Restore, "category", "", 4),
        ]);
        assert_eq!(barred_now(&catalogue), [false; 6]);
    }

    #[test]
    fn a_refresh_bars_and_gives_back_with_the_same_kinds_as_a_session() {
        let radio = segue_core::policies::RADIO;
        let feedback = segue_core::policy::Policy::from_json(radio).unwrap().feedback;
        for first in EventKind::KNOWN {
            for second in EventKind::KNOWN {
                let mut catalogue = catalogue(2, 1);
                catalogue.items.iter_mut().for_each(|item| item.creator.clear());
                let events = [event("1", 0, 1, first.clone(), 1), event("2", 0, 1, second.clone(), 2)];
                let mut session = segue_core::session::State::default();
                for told in &events {
                    // A rating without a value and the like: neither of them takes those.
                    let _refused = session.apply(told, None, &feedback);
                }
                catalogue.add_events(events.to_vec());
                let barred = Barred::new(&catalogue, &Seen::Session, Moment { until_ms: None, now_ms: 20 });
                let viewer = Viewer::of_user(0, &catalogue.users[0]);
                let item = &catalogue.items[1].item;
                assert_eq!(
                    bars(&barred, &viewer, &catalogue, 1),
                    session.is_barred(item),
                    "{first:?} {second:?}"
                );
            }
        }
    }

    #[test]
    fn the_policy_says_what_seen_means() {
        let mut catalogue = catalogue(4, 1);
        let day = DAY_MS;
        catalogue.add_events(vec![
            event("1", 0, 1, EventKind::Complete, day),
            event("2", 0, 2, EventKind::Skip, 60 * day),
            event("3", 0, 3, EventKind::Impression, 60 * day),
        ]);
        let viewer = Viewer::of_user(0, &catalogue.users[0]);
        let seen = |rule, until_ms| {
            let barred = Barred::new(&catalogue, &rule, Moment { until_ms, now_ms: 0 });
            (1..4).map(|item| barred.is_seen(&viewer, item)).collect::<Vec<_>>()
        };
        assert_eq!(seen(Seen::Never, None), [true, true, false]);
        assert_eq!(seen(Seen::Window { days: 30 }, None), [false, true, false]);
        assert_eq!(seen(Seen::Session, None), [false, false, false]);
        assert_eq!(seen(Seen::Never, Some(2 * day)), [true, false, false]);
    }

    #[test]
    fn an_age_group_begins_with_its_youngest_age() {
        let age =
            |group: &str| Viewer::of_user(0, &User { age_group: Some(group.into()), ..User::default() }).age;
        assert_eq!((age("18-24"), age("55+"), age("adult")), (Some(18), Some(55), None));
    }
}
