//! Who gets a pack, and who first: those seen last.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::limits::SUBJECT_BYTES;
use sha2::{Digest, Sha256};

use super::{Plan, Viewer};
use crate::catalog::{Catalogue, User};
use crate::consumers::Segment;
use crate::hash::hex;
use crate::packs::shard_of;

/// Packs in one shard, about.
const SHARD: usize = 10_000;

/// Categories with fewer items have no list of their own.
const CATEGORY: usize = 20;
/// Categories that have a list of their own at most: the largest.
const CATEGORIES: usize = 64;

/// Somebody, a region, an age group in it, or a category, that gets a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `user:ID`, `region:NAME`, `region:NAME:age:GROUP` or `region:all:category:CATEGORY`.
    pub name: String,
    /// Whom the pack is for.
    pub viewer: Viewer,
    /// Whose popularity counts where nothing else is known.
    pub segment: Segment,
    /// The only category it holds.
    pub category: Option<String>,
}

/// Whose packs a process makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    Everybody,
    /// Those of one shard, from 0, of so many.
    Shard {
        /// Which one.
        shard: usize,
        /// How many there are.
        of: usize,
    },
}

impl Whose {
    /// Whether the pack of `user` is among them.
    #[must_use]
    pub fn has(self, user: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Shard { shard, of } => shard_of(&format!("user:{user}"), of) == shard,
        }
    }
}

/// For each user of the catalogue whether a process makes their pack.
pub(super) fn mine(catalogue: &Catalogue, whose: Whose) -> Vec<bool> {
    catalogue.users.iter().map(|user| whose.has(&user.user)).collect()
}

/// Everyone who gets a pack, in order of the subject's name.
pub(super) fn subjects(catalogue: &Catalogue) -> Vec<Subject> {
    let mut subjects = fallbacks(catalogue);
    let user = |(index, user): (usize, &User)| Subject {
        name: format!("user:{}", user.user),
        viewer: Viewer::of_user(index, user),
        segment: Segment::of_user(user),
        category: None,
    };
    subjects.extend(catalogue.users.iter().enumerate().map(user));
    subjects.retain(|subject| subject.name.len() <= SUBJECT_BYTES);
    subjects.sort_by(|one, other| one.name.cmp(&other.name));
    subjects.dedup_by(|one, other| one.name == other.name);
    subjects
}

/// What people get about whom nothing is known: each region's list, those of its age groups, and those of the large
/// categories, which hold what may be shown everywhere.
fn fallbacks(catalogue: &Catalogue) -> Vec<Subject> {
    let ages: BTreeSet<&String> = catalogue.users.iter().filter_map(|user| user.age_group.as_ref()).collect();
    let mut fallbacks = Vec::new();
    for country in [None].into_iter().chain(regions(catalogue).into_iter().map(Some)) {
        let region = of_region(country);
        fallbacks.extend(ages.iter().map(|group| of_age(&region, group)));
        fallbacks.push(region);
    }
    fallbacks.extend(categories(catalogue).into_iter().map(|category| Subject {
        name: format!("region:all:category:{category}"),
        category: Some(category.to_owned()),
        ..of_region(None)
    }));
    fallbacks
}

fn of_region(country: Option<String>) -> Subject {
    let name = format!("region:{}", country.as_deref().unwrap_or("all"));
    of_segment(name, Segment { country, age_group: None })
}

fn of_age(region: &Subject, group: &str) -> Subject {
    let segment = Segment { age_group: Some(group.to_owned()), ..region.segment.clone() };
    of_segment(format!("{}:age:{group}", region.name), segment)
}

fn of_segment(name: String, segment: Segment) -> Subject {
    Subject { name, viewer: Viewer::of_segment(&segment), segment, category: None }
}

/// Countries that have packs of their own: those of users.
fn regions(catalogue: &Catalogue) -> BTreeSet<String> {
    let countries = catalogue.users.iter().filter_map(|user| user.country.clone());
    countries.filter(|country| !country.is_empty()).collect()
}

/// The largest categories.
fn categories(catalogue: &Catalogue) -> Vec<&str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for category in catalogue.items.iter().flat_map(|item| &item.categories) {
        *counts.entry(category).or_default() += 1;
    }
    let mut large: Vec<(&str, usize)> = counts.into_iter().filter(|(_, count)| *count >= CATEGORY).collect();
    large.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    large.into_iter().take(CATEGORIES).map(|(name, _)| name).collect()
}

/// Into how many shards so many subjects go, unless told otherwise.
pub(super) fn shards_for(subjects: usize) -> usize {
    subjects.div_ceil(SHARD).max(1)
}

/// What is known of each user's activity.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    /// Of each user: how many events, those that are no longer held among them, the last one's index.
    users: Vec<(u64, Option<u32>)>,
}

impl Activity {
    /// Counts the catalogue's events.
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let read = |user: &User| (catalogue.folded.events_of(&user.user), None);
        let mut users: Vec<(u64, Option<u32>)> = catalogue.users.iter().map(read).collect();
        for (index, user) in catalogue.event_users.iter().enumerate() {
            let Some(user) = user else { continue };
            let (count, last) = &mut users[*user as usize];
            *count += 1;
            *last = u32::try_from(index).ok();
        }
        Self { users }
    }

    /// The subjects of one shard: those of regions first, since everybody falls back on them, then who was seen last.
    pub(super) fn first_to_last(&self, subjects: &[Subject], shard: usize, of: usize) -> Vec<Subject> {
        let mut here: Vec<Subject> =
            subjects.iter().filter(|subject| shard_of(&subject.name, of) == shard).cloned().collect();
        // Events are in time order, so a larger index is later.
        let seen = |subject: &Subject| subject.viewer.user.map(|user| self.users[user].1);
        here.sort_by(|one, other| {
            let order = match (seen(one), seen(other)) {
                (Some(one), Some(other)) => other.cmp(&one),
                (one, other) => one.is_some().cmp(&other.is_some()),
            };
            order.then_with(|| one.name.cmp(&other.name))
        });
        here
    }

    /// Hash of everything that a user's list follows from, given what is the same for all.
    pub(super) fn digest(&self, plan_shared: &str, catalogue: &Catalogue, user: usize) -> String {
        let (count, last) = self.users[user];
        let last = last.map_or("", |index| catalogue.events[index as usize].event_id.as_str());
        let row = &catalogue.users[user];
        let mut digest = Sha256::new();
        digest.update(format!("{plan_shared} {count} {last} {:?} {:?}", row.country, row.age_group));
        hex(&digest.finalize()[..16])
    }
}

/// Whether a list that was made at `made_ms` is still young enough.
pub(super) fn is_young(plan: &Plan, made_ms: i64) -> bool {
    let age = plan.created_ms.saturating_sub(made_ms);
    (0..plan.reuse_ms).contains(&age)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, event};
    use super::*;
    use crate::catalog::EventKind;

    #[test]
    fn regions_come_first_then_who_was_seen_last() {
        let mut catalogue = catalogue(4, 3);
        let listened = |id: &str, user, time| event(id, user, 0, EventKind::Complete, time);
        catalogue.add_events(vec![listened("a", 1, 10), listened("b", 2, 20), listened("c", 1, 5)]);
        let order = Activity::new(&catalogue).first_to_last(&subjects(&catalogue), 0, 1);
        let names: Vec<&str> = order.iter().map(|subject| subject.name.as_str()).collect();
        assert_eq!(names, ["region:all", "user:u2", "user:u1", "user:u0"]);
    }

    #[test]
    fn a_persons_digest_changes_with_events_and_profile_and_with_nobody_elses() {
        let mut catalogue = catalogue(4, 2);
        let digests = |catalogue: &Catalogue| {
            let activity = Activity::new(catalogue);
            [0, 1].map(|user| activity.digest("shared", catalogue, user))
        };
        let before = digests(&catalogue);
        catalogue.add_events(vec![event("a", 1, 0, EventKind::Play, 10)]);
        let after = digests(&catalogue);
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
        catalogue.users[0].country = Some("DE".into());
        assert_ne!(digests(&catalogue)[0], after[0]);
    }

    #[test]
    fn one_more_event_changes_a_digest_where_it_takes_the_place_of_another_that_was_held() {
        let mut catalogue = catalogue(4, 1);
        catalogue.add_events(vec![event("b", 0, 0, EventKind::Play, 10)]);
        let digest = |catalogue: &Catalogue| Activity::new(catalogue).digest("shared", catalogue, 0);
        let before = digest(&catalogue);
        let gone = event("a", 0, 0, EventKind::Play, 5);
        catalogue.folded.add(&gone, &Segment::default(), (true, true), 10);
        assert_ne!(digest(&catalogue), before);
    }
}
