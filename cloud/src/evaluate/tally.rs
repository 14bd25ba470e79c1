//! What a replay adds up: the parts of every method by person, and what was left out.

use std::collections::BTreeMap;

use super::heads::Heads;
use super::metrics::{Metric, NOTHING, Parts};
use super::tasks::Skipped;

/// Sums of a replay.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Parts of each method, in the order of the methods, by person; strangers are a person for each session.
    pub people: BTreeMap<u64, Vec<Parts>>,
    /// Items that each method put into the first ten places at some time.
    pub shown: Vec<Vec<bool>>,
    /// Sessions with at least one question.
    pub sessions: usize,
    /// Questions asked.
    pub steps: usize,
    /// Questions with something right among the candidates.
    pub in_pack: usize,
    /// By person: items that were really played in a session, skipped or not, among the 100 retrieved before it, and all of them.
    pub retrieved: BTreeMap<u64, (f64, f64)>,
    /// What the ranker's heads answered, with what became of it.
    pub heads: Heads,
    /// What was left out, by reason.
    pub skipped: Skipped,
}

impl Tally {
    /// Adds the parts of one question, a row for each method.
    pub fn add(&mut self, person: u64, rows: &[Parts]) {
        let mine = self.people.entry(person).or_insert_with(|| vec![NOTHING; rows.len()]);
        for (mine, row) in mine.iter_mut().zip(rows) {
            add(mine, row);
        }
    }

    /// Notes that method `method` of `methods` showed these items, of `items` there are.
    pub fn show(&mut self, method: usize, methods: usize, items: usize, list: &[u32]) {
        if self.shown.is_empty() {
            self.shown = vec![vec![false; items]; methods];
        }
        list.iter().take(10).for_each(|item| self.shown[method][*item as usize] = true);
    }

    /// Adds another part's sums.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (person, rows) in other.people {
            self.add(person, &rows);
        }
        if self.shown.is_empty() {
            self.shown = other.shown;
        } else {
            for (mine, theirs) in self.shown.iter_mut().zip(other.shown) {
                mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
            }
        }
        self.sessions += other.sessions;
        self.steps += other.steps;
        self.in_pack += other.in_pack;
        for (person, (found, all)) in other.retrieved {
            let mine = self.retrieved.entry(person).or_default();
            *mine = (mine.0 + found, mine.1 + all);
        }
        self.heads.append(other.heads);
        for (reason, times) in other.skipped {
            super::tasks::count(&mut self.skipped, reason, times);
        }
        self
    }

    /// Each person's parts, with the metric that is a mean over people filled in.
    #[must_use]
    pub fn units(&self) -> Vec<Vec<Parts>> {
        let filled = |parts: &Parts| {
            let (right, pairs) = parts[Metric::Gauc.place()];
            let mut parts = *parts;
            if pairs > 0.0 {
                parts[Metric::Gauc.place()] = (right / pairs * pairs.sqrt(), pairs.sqrt());
            }
            parts
        };
        self.people.values().map(|rows| rows.iter().map(filled).collect()).collect()
    }
}

fn add(mine: &mut Parts, other: &Parts) {
    for (mine, other) in mine.iter_mut().zip(other) {
        mine.0 += other.0;
        mine.1 += other.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(right: f64, pairs: f64) -> Vec<Parts> {
        let mut parts = NOTHING;
        parts[Metric::Gauc.place()] = (right, pairs);
        vec![parts]
    }

    #[test]
    fn parts_of_one_person_add_up_wherever_they_were_counted() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        one.add(1, &pairs(1.0, 4.0));
        other.add(1, &pairs(3.0, 4.0));
        other.add(2, &pairs(0.0, 4.0));
        other.skipped.insert("no_positive", 2);
        let both = one.merge(other.clone()).merge(Tally { sessions: 3, ..Tally::default() });
        assert_eq!(both.people[&1][0][Metric::Gauc.place()], (4.0, 8.0));
        assert_eq!((both.people.len(), both.sessions, both.skipped["no_positive"]), (2, 3, 2));
        let units = both.units();
        let (sum, weight) = units[0][0][Metric::Gauc.place()];
        assert!((sum / weight - 0.5).abs() < 1e-12 && weight > units[1][0][Metric::Gauc.place()].1);
    }

    #[test]
    fn what_was_shown_anywhere_was_shown() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        one.show(0, 2, 4, &[1]);
        other.show(1, 2, 4, &[2, 3]);
        let both = one.merge(other);
        assert_eq!(both.shown, [vec![false, true, false, false], vec![false, false, true, true]]);
    }
}
