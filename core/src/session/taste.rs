//! What the events said about taste: a past that is folded up, and the remembered events on top of it.
//!
//! `now` is always `past` with the remembered events added in their order. An event at the end is simply added;
//! whenever one is taken back or arrives late, `now` is computed afresh, at a cost bounded by the number of
//! remembered events. So the order of arrival leaves no trace, and what is taken back leaves none either.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Remembered;
use super::facts::{Affinity, Standing};
use super::sums::{Age, Sums};
use super::table::Table;
use crate::limits;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Taste {
    past: Sums,
    pub(super) now: Sums,
    pub(super) creators: Table<Standing, { limits::SESSION_CREATORS }>,
    pub(super) categories: Table<Standing, { limits::SESSION_CATEGORIES }>,
}

impl Taste {
    /// What events said that are no longer remembered.
    pub(super) fn past(&self) -> &Sums {
        &self.past
    }

    /// Begins with what events said that are no longer remembered.
    pub(super) fn begin(&mut self, past: Sums) {
        (self.past, self.now) = (past.clone(), past);
    }

    /// Adds the newest event.
    pub(super) fn learn(&mut self, event: &mut Remembered) {
        if !event.counts() {
            return;
        }
        self.now.add(event);
        let age = self.now.age;
        let add = |standing: &mut Standing| standing.now.add(event.strength, age);
        if !event.creator.is_empty() {
            event.novel = !self.creators.touch(&event.creator, add);
        }
        for category in &event.categories {
            self.categories.touch(category, add);
        }
    }

    /// Folds up the oldest event, which is remembered no longer.
    pub(super) fn fold(&mut self, event: &Remembered) {
        if !event.counts() {
            return;
        }
        self.past.add(event);
        let age = self.past.age;
        self.standings(event, |standing| {
            standing.past.add(event.strength, age);
        });
    }

    /// Computes `now` afresh.
    pub(super) fn relearn(&mut self, events: &mut VecDeque<Remembered>) {
        self.now = self.past.clone();
        for event in events.iter() {
            self.standings(event, |standing| standing.now = standing.past);
        }
        events.iter_mut().for_each(|event| self.learn(event));
    }

    /// The remembered vectors come from another model now.
    pub(super) fn forget_vectors(&mut self) {
        self.past.forget_vectors();
    }

    /// What the next session begins with: whom the person follows or bars.
    pub(super) fn rest(&mut self) {
        (self.past, self.now) = (Sums::default(), Sums::default());
        let rest = |standing: &mut Standing| {
            standing.rest();
            standing.barred || standing.followed
        };
        self.creators.retain(rest);
        self.categories.retain(rest);
    }

    /// Those that have not been forgotten since.
    fn standings(&mut self, event: &Remembered, change: impl Fn(&mut Standing)) {
        self.creators.get_mut(&event.creator).into_iter().for_each(&change);
        for category in &event.categories {
            self.categories.get_mut(category).into_iter().for_each(&change);
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.past.check()?;
        self.now.check()?;
        let mut standings = self.creators.iter().chain(self.categories.iter()).map(|(_, standing)| standing);
        let sound = |standing: &Standing| {
            standing.past.sum.is_sound(self.past.age) && standing.now.sum.is_sound(self.now.age)
        };
        match standings.all(sound) {
            true => Ok(()),
            false => Err("a sum over a creator or category is too large or ahead of its time.".into()),
        }
    }
}

impl Affinity {
    /// Whether something was said before.
    fn add(&mut self, strength: f32, age: Age) -> bool {
        self.sum.add(strength, age);
        std::mem::replace(&mut self.met, true)
    }
}
