//! What is asked of every method: at a moment of a session, which of these candidates?
//!
//! | data | candidates | asked |
//! |---|---|---|
//! | generated, movielens, any other | the pack that a refresh before the session would have made | before each play: the next item that does well |
//! | eshop | all products | likewise |
//! | lastfm | the held-out item and its 99 negatives | once, after the whole history |
//! | cpcd, segmm | the tracks rated in the turn; the videos served together | once per turn or batch: everything in it that did well |
//! | sessions of one's own | each event's `candidates`, else the pack | before each play: the next item that does well |

use std::collections::{BTreeMap, BTreeSet};

use segue_core::session::Event;

use super::LabelRules;
use super::steps::{is_step, steps};
use crate::catalog::{Catalogue, SessionLog};

/// Where the candidates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The pack that a refresh before the session would have made.
    Pack,
    /// Every item.
    Catalogue,
    /// The candidates logged with the held-out event.
    Target,
    /// What was shown together: the events of one slate.
    Slate,
    /// The candidates logged with each event, else the pack.
    Own,
}

impl Source {
    /// The one for an imported or generated data set.
    #[must_use]
    pub fn of(dataset: &str) -> Self {
        match dataset {
            "eshop" => Self::Catalogue,
            "lastfm" => Self::Target,
            "cpcd" | "segmm" => Self::Slate,
            _ => Self::Pack,
        }
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Events of the session before this place are known.
    pub known: usize,
    /// Indices of the candidates, in order; the session's pack where there are none.
    pub candidates: Option<Vec<u32>>,
    /// What is right, with how much it is worth.
    pub relevant: Vec<(u32, u8)>,
    /// What the person said of items from here on.
    pub labelled: Vec<Labelled>,
}

/// What a person said of an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    /// Index of the item.
    pub item: u32,
    /// It did well; it was refused otherwise.
    pub positive: bool,
    /// Seconds played, where the log says so.
    pub seconds: f32,
}

/// Questions left out, by reason.
pub type Skipped = BTreeMap<&'static str, usize>;

/// The questions that a session's log has answers to.
#[must_use]
pub fn tasks(
    catalogue: &Catalogue,
    session: &SessionLog,
    source: Source,
    labels: &LabelRules,
    skipped: &mut Skipped,
) -> Vec<Task> {
    let log = Log { catalogue, session, labels };
    match source {
        Source::Pack | Source::Catalogue | Source::Own => log.next_items(source, skipped),
        Source::Target => log.target(skipped),
        Source::Slate => log.slates(skipped),
    }
}

struct Log<'a> {
    catalogue: &'a Catalogue,
    session: &'a SessionLog,
    labels: &'a LabelRules,
}

impl<'a> Log<'a> {
    fn event(&self, at: usize) -> &'a Event {
        &self.catalogue.events[self.session.events[at] as usize]
    }

    fn item(&self, at: usize) -> Option<u32> {
        self.catalogue.event_items[self.session.events[at] as usize]
    }

    fn next_items(&self, source: Source, skipped: &mut Skipped) -> Vec<Task> {
        let steps = steps(self.catalogue, self.session, self.labels);
        let asked = (0..self.session.events.len()).filter(|at| is_step(self.catalogue, self.session, *at));
        count(skipped, "no_positive_follows", asked.count() - steps.len());
        let task = |step: super::Step| {
            let target = step.target as u32;
            let labelled = self.labelled(step.known..self.session.events.len());
            let worth = self.worth(target, step.known);
            let candidates = if source == Source::Own { self.logged(step.known) } else { None };
            Task { known: step.known, candidates, relevant: vec![(target, worth)], labelled }
        };
        steps.into_iter().map(task).collect()
    }

    fn target(&self, skipped: &mut Skipped) -> Vec<Task> {
        let known = self.session.events.len() - 1;
        let (Some(target), Some(candidates)) = (self.item(known), self.logged(known)) else {
            count(skipped, "no_candidates", 1);
            return Vec::new();
        };
        if known == 0 {
            count(skipped, "nothing_known_before", 1);
            return Vec::new();
        }
        if !self.labels.is_positive(self.event(known)) {
            count(skipped, "no_positive", 1);
            return Vec::new();
        }
        // The other candidates were drawn, not refused: nothing is known of them.
        let relevant = vec![(target, self.worth(target, known))];
        vec![Task { known, candidates: Some(candidates), relevant, labelled: Vec::new() }]
    }

    fn slates(&self, skipped: &mut Skipped) -> Vec<Task> {
        let mut tasks = Vec::new();
        let mut begin = 0;
        while begin < self.session.events.len() {
            let slate = &self.event(begin).slate;
            let rest = begin..self.session.events.len();
            let end = rest.clone().find(|at| self.event(*at).slate != *slate).unwrap_or(rest.end);
            match self.slate(begin, end) {
                Ok(task) => tasks.push(task),
                Err(reason) => count(skipped, reason, 1),
            }
            begin = end;
        }
        tasks
    }

    fn slate(&self, begin: usize, end: usize) -> Result<Task, &'static str> {
        let candidates = self.logged(begin).filter(|items| items.len() > 1).ok_or("one_candidate")?;
        let labelled = self.labelled(begin..end);
        let positive = labelled.iter().filter(|one| one.positive);
        let relevant: Vec<(u32, u8)> = positive.map(|one| (one.item, self.worth(one.item, begin))).collect();
        if relevant.is_empty() {
            return Err("no_positive");
        }
        if relevant.len() == candidates.len() {
            return Err("nothing_to_choose_between");
        }
        if begin == 0 && self.session.user.is_none() {
            return Err("nothing_known_before");
        }
        Ok(Task { known: begin, candidates: Some(candidates), relevant, labelled })
    }

    /// The candidates logged with an event, as far as the catalogue knows them; none where there are none.
    fn logged(&self, at: usize) -> Option<Vec<u32>> {
        let index = |item: &String| self.catalogue.item_index(item).map(|index| index as u32);
        let items: BTreeSet<u32> = self.event(at).candidates.iter().filter_map(index).collect();
        (!items.is_empty()).then(|| items.into_iter().collect())
    }

    /// What the events at these places say, by item in order of its first event; an item that did well once did well.
    fn labelled(&self, places: std::ops::Range<usize>) -> Vec<Labelled> {
        let before: BTreeSet<u32> = (0..places.start).filter_map(|at| self.item(at)).collect();
        let mut labelled: Vec<Labelled> = Vec::new();
        for at in places {
            let (event, grade) = (self.event(at), self.labels.grade(self.event(at)));
            let Some(item) = self.item(at).filter(|item| grade != 0 && !before.contains(item)) else {
                continue;
            };
            let seconds = event.played_ms.unwrap_or_default() as f32 / 1_000.0;
            match labelled.iter_mut().find(|one| one.item == item) {
                Some(one) => {
                    one.positive |= grade > 0;
                    one.seconds = one.seconds.max(seconds);
                }
                None => labelled.push(Labelled { item, positive: grade > 0, seconds }),
            }
        }
        labelled
    }

    /// The most that was said for an item from a place on.
    fn worth(&self, item: u32, from: usize) -> u8 {
        let about = (from..self.session.events.len()).filter(|at| self.item(*at) == Some(item));
        let best = about.map(|at| self.labels.grade(self.event(at))).max().unwrap_or(1);
        u8::try_from(best).unwrap_or(1).max(1)
    }
}

/// Counts what was left out, and names nothing that did not happen.
pub fn count(skipped: &mut Skipped, reason: &'static str, times: usize) {
    if times > 0 {
        *skipped.entry(reason).or_insert(0) += times;
    }
}

#[cfg(test)]
mod tests {
    use segue_core::session::EventKind;

    use super::*;
    use crate::towers::samples;

    /// One session of user 0 with these kinds about items 0, 1, 2 and so on, each with a slate of its own number.
    fn logged(kinds: &[(usize, EventKind, &str)]) -> Catalogue {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let events = kinds.iter().enumerate().map(|(at, (item, kind, slate))| {
            let mut event = samples::event(&at.to_string(), 0, *item, 1_000_000 + at as i64);
            event.kind = kind.clone();
            event.slate = Some((*slate).to_owned());
            event.candidates = vec!["i0".into(), "i1".into(), "i2".into(), "nowhere".into()];
            event.session = "one".into();
            event
        });
        let events = events.collect();
        catalogue.add_events(events);
        catalogue
    }

    fn ask(catalogue: &Catalogue, source: Source) -> (Vec<Task>, Skipped) {
        let mut skipped = Skipped::new();
        let labels = LabelRules::of("radio").unwrap();
        let tasks = tasks(catalogue, &catalogue.sessions()[0], source, &labels, &mut skipped);
        (tasks, skipped)
    }

    #[test]
    fn the_next_item_that_does_well_is_right_until_none_follows() {
        use EventKind::{Complete, Like, Skip};
        let catalogue =
            logged(&[(0, Complete, "a"), (1, Skip, "a"), (2, Complete, "a"), (2, Like, "a"), (3, Skip, "a")]);
        let (tasks, skipped) = ask(&catalogue, Source::Pack);
        let asked: Vec<_> = tasks.iter().map(|task| (task.known, task.relevant.clone())).collect();
        assert_eq!(asked, [(0, vec![(0, 1)]), (1, vec![(2, 2)]), (2, vec![(2, 2)])]);
        assert_eq!(skipped, Skipped::from([("no_positive_follows", 1)]));
        let said: Vec<_> = tasks[1].labelled.iter().map(|one| (one.item, one.positive)).collect();
        assert_eq!(said, [(1, false), (2, true), (3, false)]);
        assert!(tasks.iter().all(|task| task.candidates.is_none()));
    }

    #[test]
    fn a_slate_is_one_question_and_knows_nothing_of_itself() {
        use EventKind::{Dislike, Like};
        let catalogue =
            logged(&[(0, Like, "a"), (1, Dislike, "a"), (2, Dislike, "b"), (1, Like, "c"), (2, Like, "c")]);
        let (tasks, skipped) = ask(&catalogue, Source::Slate);
        assert_eq!(tasks.len(), 1);
        assert_eq!((tasks[0].known, &tasks[0].candidates), (0, &Some(vec![0, 1, 2])));
        assert_eq!(tasks[0].relevant, [(0, 2)]);
        assert_eq!(skipped, Skipped::from([("no_positive", 2)]));
    }

    #[test]
    fn a_held_out_event_is_asked_for_among_its_own_candidates() {
        let catalogue = logged(&[(0, EventKind::Complete, "a"), (1, EventKind::Complete, "a")]);
        let (tasks, _) = ask(&catalogue, Source::Target);
        assert_eq!((tasks[0].known, &tasks[0].relevant), (1, &vec![(1, 1)]));
        assert!(tasks[0].labelled.is_empty());
        let alone = logged(&[(0, EventKind::Complete, "a")]);
        assert_eq!(ask(&alone, Source::Target).1, Skipped::from([("nothing_known_before", 1)]));
    }

    #[test]
    fn every_data_set_has_its_candidates() {
        assert_eq!(Source::of("generated"), Source::Pack);
        assert_eq!(Source::of("eshop"), Source::Catalogue);
        assert_eq!([Source::of("cpcd"), Source::of("segmm")], [Source::Slate; 2]);
        assert_eq!(Source::of("lastfm"), Source::Target);
    }
}
