//! What the log tells of a step beside its labels. Each file is written only where something is told; training is as without
//! it where there is none.
//!
//! | file | holds |
//! |---|---|
//! | `positions.npy` f32 `[B, C]` | the place of the step's own list at which each candidate was shown, from 0; NaN where nothing tells it |
//! | `skips.npy` f32 `[B, C]` | how much of a skip the skip of each candidate was, 1 to 0; NaN where it was not skipped |
//! | `propensities.npy` f32 `[B]` | how likely it was that what is right was shown; NaN where nothing tells it |

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use segue_core::session::Event;

use super::{npy, sample};
use crate::evaluate::LabelRules;

/// The name in an event's `context` of how likely it was that its item was shown.
const PROPENSITY: &str = "propensity";
/// What is written.
const FILES: [&str; 3] = ["positions", "skips", "propensities"];

/// The circumstances of steps, each with the same number of candidate rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Circumstances {
    positions: Vec<f32>,
    skips: Vec<f32>,
    propensities: Vec<f32>,
}

impl Circumstances {
    /// Adds a step of which nothing is told.
    pub(super) fn begin(&mut self, rows: usize) {
        self.propensities.push(f32::NAN);
        let rows = self.propensities.len() * rows;
        self.positions.resize(rows, f32::NAN);
        self.skips.resize(rows, f32::NAN);
    }

    /// Notes what is told of the last step of `rows` candidates, `items` in their order, where `right` is among them.
    pub(super) fn tell<'a>(
        &mut self,
        rows: usize,
        told: &Told<'_>,
        items: impl Iterator<Item = &'a str>,
        right: &[&str],
    ) {
        let first = self.positions.len().saturating_sub(rows);
        for (at, item) in items.take(rows).enumerate() {
            self.positions[first + at] = told.positions.get(item).copied().unwrap_or(f32::NAN);
            self.skips[first + at] = told.skips.get(item).copied().unwrap_or(f32::NAN);
        }
        let known = right.iter().find_map(|item| told.propensities.get(*item).copied());
        if let (Some(last), Some(known)) = (self.propensities.last_mut(), known) {
            *last = known;
        }
    }

    pub(super) fn append(&mut self, other: &mut Self) {
        self.positions.append(&mut other.positions);
        self.skips.append(&mut other.skips);
        self.propensities.append(&mut other.propensities);
    }

    /// Writes what is told into `out` and takes away what an earlier run told.
    pub(super) fn write(&self, out: &Path, rows: usize) -> anyhow::Result<()> {
        let steps = self.propensities.len();
        let arrays = [&self.positions, &self.skips, &self.propensities];
        for ((name, values), shape) in
            FILES.into_iter().zip(arrays).zip([&[steps, rows][..], &[steps, rows], &[steps]])
        {
            if values.iter().any(|value| !value.is_nan()) {
                npy::write_floats(out, name, shape, values)?;
            } else {
                forget(&out.join(format!("{name}.npy")))?;
            }
        }
        Ok(())
    }
}

fn forget(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// What events tell of items, each by the first that tells it.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    positions: BTreeMap<&'a str, f32>,
    skips: BTreeMap<&'a str, f32>,
    propensities: BTreeMap<&'a str, f32>,
}

impl<'a> Told<'a> {
    /// Reads the events from a step on, at which `slate` was shown. Another list has other places, and without a list a position may
    /// be anything, as the place of a track in its session.
    pub(super) fn of(
        slate: Option<&str>,
        events: impl Iterator<Item = &'a Event> + Clone,
        rules: &LabelRules,
    ) -> Self {
        let mut told = Self { skips: sample::skips(named(events.clone()), rules), ..Self::default() };
        for (item, event) in named(events).filter(|(_, event)| event.slate.as_deref() == slate) {
            if let Some(position) = event.position.filter(|_| slate.is_some()) {
                told.positions.entry(item).or_insert(position as f32);
            }
            if let Some(propensity) = propensity(event) {
                told.propensities.entry(item).or_insert(propensity);
            }
        }
        told
    }

    /// The same with what whoever made the list says of how likely its items were, in millionths, which counts before what events
    /// say.
    pub(super) fn served(mut self, millionths: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let likely = millionths.map(|(item, millionths)| (item, (f64::from(millionths) / 1e6) as f32));
        self.propensities.extend(likely.filter(|(_, propensity)| is_probability(*propensity)));
        self
    }
}

fn named<'a>(events: impl Iterator<Item = &'a Event>) -> impl Iterator<Item = (&'a str, &'a Event)> {
    events.filter(|event| !event.item.is_empty()).map(|event| (event.item.as_str(), event))
}

fn propensity(event: &Event) -> Option<f32> {
    let number: f32 = event.context.get(PROPENSITY)?.parse().ok()?;
    is_probability(number).then_some(number)
}

fn is_probability(number: f32) -> bool {
    number > 0.0 && number <= 1.0
}

#[cfg(test)]
mod tests {
    use segue_core::session::EventKind;

    use super::*;

    fn event(item: &str, kind: EventKind, position: Option<u32>, propensity: Option<&str>) -> Event {
        let mut event = Event::new(item, item, kind, 0);
        event.position = position;
        event.slate = Some("list".into());
        event.context = propensity.map(|text| (PROPENSITY.to_owned(), text.to_owned())).into_iter().collect();
        event
    }

    #[test]
    fn a_step_tells_places_skips_and_how_likely_the_right_one_was() {
        let mut skip = event("b", EventKind::Skip, Some(4), Some("0.5"));
        (skip.played_ms, skip.total_ms) = (Some(60_000), Some(100_000));
        let events = [
            event("a", EventKind::Impression, Some(2), None),
            event("a", EventKind::Click, Some(7), Some("0.25")),
            skip,
            event("c", EventKind::Click, None, Some("2")),
        ];
        let rules = LabelRules::of("radio").unwrap();
        let told = Told::of(Some("list"), events.iter(), &rules);
        let mut all = Circumstances::default();
        for right in [&["a"][..], &["c"]] {
            all.begin(4);
            all.tell(4, &told, ["b", "a", "c"].into_iter(), right);
        }
        assert_eq!(all.positions[..2], [4.0, 2.0]);
        assert!(all.positions[2].is_nan() && all.positions[3].is_nan());
        assert!(all.skips[0] > 0.0 && all.skips[0] < 1.0 && all.skips[1].is_nan());
        assert_eq!(all.propensities[0], 0.25);
        assert!(all.propensities[1].is_nan(), "what is no probability is not told");
        assert_eq!((all.positions.len(), all.skips.len()), (8, 8));
    }

    #[test]
    fn only_places_of_the_steps_own_list_are_told() {
        let slates = [None, Some("another"), Some("list"), Some("list")];
        let mut events = [3, 5, 7, 9].map(|at| event("a", EventKind::Impression, Some(at), Some("0.5")));
        events.iter_mut().zip(slates).for_each(|(event, slate)| event.slate = slate.map(str::to_owned));
        let rules = LabelRules::of("radio").unwrap();
        let told = |slate, from: usize| Told::of(slate, events[from..].iter(), &rules);
        assert_eq!(told(Some("list"), 0).positions, [("a", 7.0)].into());
        let another = told(Some("another"), 2);
        assert!(another.positions.is_empty() && another.propensities.is_empty());
        let without = told(None, 0);
        assert!(without.positions.is_empty(), "what is in no list has no place in it");
        assert_eq!(without.propensities, [("a", 0.5)].into());
    }

    #[test]
    fn what_the_service_says_of_its_own_list_counts_first() {
        let events = [event("a", EventKind::Click, None, Some("0.5"))];
        let rules = LabelRules::of("radio").unwrap();
        let told = Told::of(Some("list"), events.iter(), &rules);
        let told = told.served([("a", 250_000), ("b", 1_000_000), ("c", 0)].into_iter());
        assert_eq!(told.propensities, [("a", 0.25), ("b", 1.0)].into());
    }

    #[test]
    fn where_nothing_is_told_there_is_no_file_and_an_earlier_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("positions.npy");
        let rules = LabelRules::of("radio").unwrap();
        let mut all = Circumstances::default();
        all.begin(2);
        let shown = [event("a", EventKind::Impression, Some(1), None)];
        all.tell(2, &Told::of(Some("list"), shown.iter(), &rules), ["a"].into_iter(), &[]);
        all.write(folder.path(), 2).unwrap();
        assert!(path.exists() && !folder.path().join("propensities.npy").exists());
        let mut silent = Circumstances::default();
        silent.begin(2);
        silent.write(folder.path(), 2).unwrap();
        assert!(!path.exists());
    }
}
