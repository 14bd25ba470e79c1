//! What the session ranker learns from where hosts keep feature logs: the very numbers that were served, labelled by
//! what people did with the slate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, ensure};
use segue_core::features::{FeatureLog, Inputs, Schema};
use segue_core::limits;
use segue_core::session::Event;
use serde::{Deserialize, Serialize};

use super::arrays::{Arrays, Labels};
use super::circumstances::Told;
use super::sample::{self, Outcome};
use super::window::{Waited, Window, seen};
use crate::catalog::{Catalogue, jsonl};
use crate::evaluate::LabelRules;

/// One line of a log file: a slate's `features` with whose slate it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedSlate {
    /// Who saw it.
    pub user: String,
    /// The slate's id, which events about it carry.
    pub slate: String,
    /// Its places, as far as the log tells how likely their items were.
    #[serde(default)]
    pub places: Vec<ServedPlace>,
    /// What the model saw.
    pub features: FeatureLog,
    /// Whether a device told of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_device: bool,
}

/// A place of a slate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedPlace {
    /// The item.
    pub item: String,
    /// Probability of this item at this place given the places above, in millionths, as the service keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<u32>,
}

impl LoggedSlate {
    /// What is told of it: by the events about it, and by the list itself.
    fn told<'a>(&'a self, events: &[&'a Event], rules: &LabelRules) -> Told<'a> {
        let places = self.places.iter();
        let likely = places.filter_map(|place| Some((place.item.as_str(), place.propensity?)));
        Told::of(Some(self.slate.as_str()), events.iter().copied(), rules).served(likely)
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Slates written.
    pub steps: usize,
    /// Lines left out because another tells of the same slate.
    pub repeated: usize,
    /// Slates left out because their log is of another schema.
    pub other_schema: usize,
    /// Slates left out because their log is not as its schema says.
    pub unfit: usize,
    /// Slates left out because nothing is known of what became of their places.
    pub without_outcome: usize,
    /// Places seen and not taken up within the label window: they are refused.
    pub refused: usize,
    /// Places taken up later than their list: they are no negatives.
    pub taken_up_late: usize,
    /// Places left out because their label window is not over.
    pub too_young: usize,
}

/// Writes the arrays of the slates in `logs` (JSON lines) into `out`, with the training events as outcomes, which `rules` judge.
///
/// # Errors
/// When a file cannot be read or written, a log is damaged, or no slate of this schema has an outcome.
pub fn write(
    catalogue: &Catalogue,
    schema: &Schema,
    rules: &LabelRules,
    logs: &Path,
    out: &Path,
) -> anyhow::Result<Summary> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let slates: Vec<LoggedSlate> = jsonl::read(logs)?;
    let (told, hash) = (told_first(&slates), schema.hash());
    // Devices tell of lists by models of several generations.
    let of_schema: Vec<&LoggedSlate> =
        told.iter().map(|at| &slates[*at]).filter(|slate| slate.features.schema == hash).collect();
    let events = by_slate(catalogue);
    let window = Window::of(catalogue, rules);
    let (mut arrays, mut unfit) = (Arrays::new(schema, limits::LOGGED_PLACES), 0);
    for slate in of_schema.iter().copied() {
        // What a device told of before its schema was known is kept as it is.
        let Ok(inputs) = slate.features.inputs(schema) else {
            unfit += 1;
            continue;
        };
        let about = events.get(&(slate.user.as_str(), slate.slate.as_str())).map_or(&[][..], Vec::as_slice);
        push(&mut arrays, catalogue, (rules, window.as_ref()), (slate, &inputs), about);
    }
    ensure!(
        arrays.steps() > 0,
        "no slate of {} is of this schema and has an outcome among the training events",
        logs.display()
    );
    arrays.write(out)?;
    let Waited { refused, late: taken_up_late, young: too_young } = arrays.waited;
    let (repeated, other_schema) = (slates.len() - told.len(), told.len() - of_schema.len());
    let (steps, without_outcome) = (arrays.steps(), of_schema.len() - unfit - arrays.steps());
    Ok(Summary { steps, repeated, other_schema, unfit, without_outcome, refused, taken_up_late, too_young })
}

/// Where each slate is told of: first, or first by the service, which knows what it made itself.
fn told_first(slates: &[LoggedSlate]) -> BTreeSet<usize> {
    let mut first: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (at, slate) in slates.iter().enumerate() {
        let known = first.entry((&slate.user, &slate.slate)).or_insert(at);
        if slates[*known].from_device && !slate.from_device {
            *known = at;
        }
    }
    first.into_values().collect()
}

/// The training events about each slate, by user and slate.
fn by_slate(catalogue: &Catalogue) -> BTreeMap<(&str, &str), Vec<&Event>> {
    let mut slates: BTreeMap<(&str, &str), Vec<&Event>> = BTreeMap::new();
    for event in catalogue.training_events().map(|index| &catalogue.events[index]) {
        if let Some(slate) = &event.slate {
            slates.entry((&event.user, slate)).or_default().push(event);
        }
    }
    slates
}

fn push(
    arrays: &mut Arrays,
    catalogue: &Catalogue,
    (rules, window): (&LabelRules, Option<&Window<'_>>),
    (slate, inputs): (&LoggedSlate, &Inputs),
    events: &[&Event],
) {
    let about = || events.iter().map(|event| (event.item.as_str(), *event));
    let (outcomes, seconds) = (sample::outcomes(about(), rules), sample::seconds(about()));
    let next = events.iter().find(|event| rules.is_positive(event)).map(|event| event.item.as_str());
    let label = |item: &str| {
        let unknown: Outcome = [f32::NAN; 3];
        let [complete, skip, like] = *outcomes.get(item).unwrap_or(&unknown);
        let chosen = next.map_or(f32::NAN, |next| f32::from(u8::from(item == next)));
        [complete, skip, like, chosen, seconds.get(item).copied().unwrap_or(f32::NAN)]
    };
    let places = slate.features.places.iter().enumerate();
    let mut places: Vec<(usize, Labels)> = places.map(|(at, place)| (at, label(&place.item))).collect();
    let item = |at: usize| slate.features.places[at].item.as_str();
    if let Some(window) = window {
        arrays.waited.add(wait(window, &mut places, item, events));
    }
    if places.iter().any(|(_, labels)| labels.iter().any(|label| !label.is_nan())) {
        // People the catalogue does not know are one group: they stay on one side when some are held back.
        let group = catalogue.user_index(&slate.user).unwrap_or(catalogue.users.len());
        arrays.push(inputs, &places, group as u32);
        arrays.tell(&slate.told(events, rules), (0..places.len()).map(item), next.as_slice());
    }
}

/// Waits for what was seen of a slate, as its impressions tell, and not acted on.
fn wait<'a>(
    window: &Window<'_>,
    places: &mut [(usize, Labels)],
    item: impl Fn(usize) -> &'a str,
    events: &[&Event],
) -> Waited {
    let seen = seen(events.iter().copied());
    window.wait(places, |at| seen.get(item(*at)).copied())
}

#[cfg(test)]
mod tests {
    use segue_core::features::LoggedPlace;
    use segue_core::session::EventKind;

    use super::*;
    use crate::catalog::Rule;
    use crate::examples::circumstances::Circumstances;
    use crate::towers::samples;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn a_slate_is_learned_from_once_as_the_service_tells_it_and_bad_ones_cost_no_other() {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let liked = |slate: &str, time_ms: i64| {
            let mut event = samples::event(slate, 0, 0, time_ms);
            event.slate = Some(slate.into());
            event
        };
        catalogue.add_events(vec![liked("twice", 1), liked("longer", 2), liked("other", 3)]);
        catalogue.divide(Rule::Time { boundary_ms: 2 * DAY_MS });
        let schema = samples::schema();
        let list = |slate: &str, candidate: &[f32], from_device: bool| {
            let (candidate, item) = (candidate.to_vec(), "i0".to_owned());
            let places = vec![LoggedPlace { item, candidate, live: vec![1.0], heads: vec![0.5] }];
            let (context, events, schema) = (vec![1.0], Vec::new(), schema.hash());
            let features = FeatureLog { format: 1, schema, context, events, used: 0, places };
            let (user, slate) = ("u0".to_owned(), slate.to_owned());
            LoggedSlate { user, slate, places: Vec::new(), features, from_device }
        };
        let mut other = list("other", &[0.5], true);
        other.features.schema = "another".into();
        let told = [
            list("twice", &[0.125], true),
            list("longer", &[0.5, 0.5], true),
            list("twice", &[0.25], false),
            list("twice", &[0.5], true),
            other,
        ];
        let folder = tempfile::tempdir().unwrap();
        let (logs, out) = (folder.path().join("logs.jsonl"), folder.path().join("out"));
        let lines: Vec<String> = told.iter().map(|slate| serde_json::to_string(slate).unwrap()).collect();
        std::fs::write(&logs, lines.join("\n")).unwrap();
        let written = write(&catalogue, &schema, &LabelRules::of("radio").unwrap(), &logs, &out).unwrap();
        let Summary { steps, repeated, other_schema, unfit, without_outcome, .. } = written;
        assert_eq!((steps, repeated, other_schema, unfit, without_outcome), (1, 2, 1, 1, 0));
        let bytes = std::fs::read(out.join("candidates.npy")).unwrap();
        let first = &bytes[bytes.len() - limits::LOGGED_PLACES * size_of::<f32>()..];
        assert_eq!(first[..4], 0.25_f32.to_le_bytes(), "as the service tells it");
    }

    #[test]
    fn a_list_as_the_service_keeps_it_tells_how_likely_its_items_were() {
        let text = r#"{"user":"u0","slate":"list","surface":"radio","time_ms":1,"generation":1,"policy":null,"ranker":null,
            "context":{},"places":[{"item":"i0","position":0,"score":0.5,"propensity":250000}],
            "features":{"format":1,"schema":"","context":[],"events":[],"used":0,"places":[]}}"#;
        let kept: crate::training_log::Kept = serde_json::from_str(text).unwrap();
        let slate: LoggedSlate = serde_json::from_slice(&serde_json::to_vec(&kept).unwrap()).unwrap();
        let mut circumstances = Circumstances::default();
        circumstances.begin(1);
        let told = slate.told(&[], &LabelRules::of("radio").unwrap());
        circumstances.tell(1, &told, ["i0"].into_iter(), &["i0"]);
        let folder = tempfile::tempdir().unwrap();
        circumstances.write(folder.path(), 1).unwrap();
        let bytes = std::fs::read(folder.path().join("propensities.npy")).unwrap();
        assert_eq!(bytes[bytes.len() - 4..], 0.25_f32.to_le_bytes());
    }

    #[test]
    fn what_was_seen_of_a_slate_is_waited_for_and_what_nobody_scrolled_to_is_not() {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let seen = |item: usize| {
            let mut event = samples::event(&format!("seen-{item}"), 0, item, item as i64);
            (event.kind, event.slate) = (EventKind::Impression, Some("list".into()));
            event
        };
        catalogue.add_events(vec![seen(0), seen(1), samples::event("late", 0, 1, DAY_MS / 2)]);
        let rules = LabelRules::of("radio").unwrap();
        let mut known_until = |boundary_ms| {
            catalogue.divide(Rule::Time { boundary_ms });
            let about: Vec<&Event> = catalogue.events.iter().filter(|event| event.slate.is_some()).collect();
            let mut places: Vec<(usize, Labels)> = (0..3).map(|at| (at, [f32::NAN; 5])).collect();
            let window = Window::of(&catalogue, &rules).unwrap();
            (wait(&window, &mut places, |at| ["i0", "i1", "i2"][at], &about), places)
        };
        let (waited, places) = known_until(2 * DAY_MS);
        assert_eq!(waited, Waited { refused: 1, late: 1, young: 0 });
        assert_eq!((places[0].1[0], places[1].1[0]), (0.0, 1.0));
        assert!(places[1].1[3].is_nan() && places[2].1.iter().all(|label| label.is_nan()));
        assert_eq!(known_until(DAY_MS / 4).0, Waited { refused: 0, late: 0, young: 2 });
    }
}
