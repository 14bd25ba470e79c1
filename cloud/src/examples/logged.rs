//! What the session ranker learns from where hosts keep feature logs: the very numbers that were served, labelled by
//! what people did with the slate.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use segue_core::features::{FeatureLog, Schema};
use segue_core::limits;
use segue_core::session::Event;
use serde::{Deserialize, Serialize};

use super::arrays::{Arrays, Labels};
use super::sample::{self, Outcome};
use crate::catalog::{Catalogue, jsonl};
use crate::evaluate::LabelRules;

/// One line of a log file: a slate's `features` with whose slate it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedSlate {
    /// Who saw it.
    pub user: String,
    /// The slate's id, which events about it carry.
    pub slate: String,
    /// What the model saw.
    pub features: FeatureLog,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Slates written.
    pub steps: usize,
    /// Slates left out because nothing is known of what became of their places.
    pub without_outcome: usize,
}

/// Writes the arrays of the slates in `logs` (JSON lines) into `out`, with the training events as outcomes.
///
/// # Errors
/// When a file cannot be read or written, a log is of another schema, or no slate has an outcome.
pub fn write(catalogue: &Catalogue, schema: &Schema, logs: &Path, out: &Path) -> anyhow::Result<Summary> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let slates: Vec<LoggedSlate> = jsonl::read(logs)?;
    let events = by_slate(catalogue);
    let rules = LabelRules::of(&catalogue.dataset.surface)?;
    let mut arrays = Arrays::new(schema, limits::LOGGED_PLACES);
    for slate in &slates {
        let about = events.get(&(slate.user.as_str(), slate.slate.as_str())).map_or(&[][..], Vec::as_slice);
        push(&mut arrays, catalogue, &rules, slate, about)?;
    }
    ensure!(arrays.steps() > 0, "no slate of {} has an outcome among the training events", logs.display());
    arrays.write(out)?;
    Ok(Summary { steps: arrays.steps(), without_outcome: slates.len() - arrays.steps() })
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
    rules: &LabelRules,
    slate: &LoggedSlate,
    events: &[&Event],
) -> anyhow::Result<()> {
    let inputs = slate.features.inputs(arrays.schema()).with_context(|| format!("slate {}", slate.slate))?;
    let about = || events.iter().map(|event| (event.item.as_str(), *event));
    let (outcomes, seconds) = (sample::outcomes(about()), sample::seconds(about()));
    let next = events.iter().find(|event| rules.is_positive(event)).map(|event| event.item.as_str());
    let label = |item: &str| {
        let unknown: Outcome = [f32::NAN; 3];
        let [complete, skip, like] = *outcomes.get(item).unwrap_or(&unknown);
        let chosen = next.map_or(f32::NAN, |next| f32::from(u8::from(item == next)));
        [complete, skip, like, chosen, seconds.get(item).copied().unwrap_or(f32::NAN)]
    };
    let places = slate.features.places.iter().enumerate();
    let places: Vec<(usize, Labels)> = places.map(|(at, place)| (at, label(&place.item))).collect();
    if places.iter().any(|(_, labels)| labels.iter().any(|label| !label.is_nan())) {
        // People the catalogue does not know are one group: they stay on one side when some are held back.
        let group = catalogue.user_index(&slate.user).unwrap_or(catalogue.users.len());
        arrays.push(&inputs, &places, group as u32);
    }
    Ok(())
}
