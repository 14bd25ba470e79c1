//! What an event says of its item: to the judge how good it was, or that it was refused, or nothing; to the ranker's heads
//! whether it ends a play well or badly, and whether it is a like.
//!
//! The rules are data (`labels.json` beside this file, or a file of one's own): which kinds are a positive of which
//! weight, from which rating on, and for each surface which share of an item has to be played for a completion and
//! which is still a skip. For training they say too how much of a skip a late one is. What the heads learn and are judged by
//! is their part `heads`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use segue_core::session::{Event, EventKind};
use segue_core::trust;
use serde::{Deserialize, Serialize};

use super::head_rules::{HeadRules, Heads};

/// The version of the rules that this program reads.
const FORMAT: u32 = 1;

const SHIPPED: &[u8] = include_bytes!("labels.json");

/// What a file of every version says.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: u32,
    kinds: BTreeMap<String, i8>,
    rating: Rating,
    played: BTreeMap<String, Vec<Played>>,
    #[serde(default)]
    skips: BTreeMap<String, Fading>,
    /// Those that ship, where there are none.
    heads: Option<Heads>,
}

/// Bounds of a rating, 0 to 5.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rating {
    liked_from: f64,
    positive_from: f64,
    negative_up_to: f64,
}

/// A label, and what has to hold for it; a fraction holds for nothing where the item's length is not known.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Played {
    label: i8,
    from_seconds: Option<f64>,
    from_fraction: Option<f64>,
    below_seconds: Option<f64>,
    below_fraction: Option<f64>,
}

/// How the label of a skip falls from 1 to 0 in a straight line while more is played; by seconds alone where the item's length is
/// not known.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fading {
    whole_up_to_seconds: f64,
    none_from_fraction: f64,
    none_from_seconds: f64,
}

/// The label rules of one surface.
#[derive(Debug, Clone, Serialize)]
pub struct LabelRules {
    kinds: BTreeMap<String, i8>,
    rating: Rating,
    played: Vec<Played>,
    skips: Option<Fading>,
    heads: HeadRules,
}

impl LabelRules {
    /// The name of a data folder's own rules.
    pub const FILE: &'static str = "labels.json";

    /// The rules that ship, for `surface`; a surface they do not name goes by kinds and ratings alone.
    ///
    /// # Errors
    /// Never for the file that ships: a test reads it.
    pub fn of(surface: &str) -> anyhow::Result<Self> {
        Self::parse(SHIPPED, surface)
    }

    /// The rules of a file of one's own.
    ///
    /// # Errors
    /// When it cannot be read or is of another version.
    pub fn read(path: &Path, surface: &str) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes, surface).with_context(|| format!("{} holds no label rules", path.display()))
    }

    /// The rules that hold for a data folder: those of the file `own`, else the folder's own, else those that ship.
    ///
    /// # Errors
    /// When a file cannot be read or is of another version.
    pub fn of_data(data: &Path, own: Option<&Path>, surface: &str) -> anyhow::Result<Self> {
        match own.map(Path::to_owned).or_else(|| Self::file_of(data)) {
            Some(path) => Self::read(&path, surface),
            None => Self::of(surface),
        }
    }

    /// The file with a data folder's own rules, where it has one.
    #[must_use]
    pub fn file_of(data: &Path) -> Option<PathBuf> {
        let path = data.join(Self::FILE);
        // A file that cannot be looked at, and a link to nowhere, are told of where they are read.
        let is_absent =
            std::fs::symlink_metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        (!is_absent).then_some(path)
    }

    /// The rules that ship with something changed.
    #[cfg(test)]
    pub(crate) fn changed(
        surface: &str,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> anyhow::Result<Self> {
        let mut file = serde_json::from_slice(SHIPPED)?;
        change(&mut file);
        Self::parse(&serde_json::to_vec(&file)?, surface)
    }

    fn parse(bytes: &[u8], surface: &str) -> anyhow::Result<Self> {
        // By itself first: a later version may say what this one does not know.
        let Version { format } = serde_json::from_slice(bytes)?;
        ensure!(
            format == FORMAT,
            "it has format {format}, this program reads {FORMAT}: start a segue that reads it, or write the rules as \
             docs/FEATURES.md says"
        );
        let mut file: File = serde_json::from_slice(bytes)?;
        let played = file.played.remove(surface).unwrap_or_default();
        let skips = file.skips.remove(surface);
        let heads = match file.heads {
            Some(heads) => heads,
            None => shipped_heads()?,
        };
        let heads = heads.of(surface)?;
        Ok(Self { kinds: file.kinds, rating: file.rating, played, skips, heads })
    }

    /// SHA-256 of what the rules say on their surface, however the file is written: models and the training log tell by it what
    /// they went by.
    ///
    /// # Errors
    /// Never for rules that were read.
    pub fn hash(&self) -> anyhow::Result<String> {
        Ok(trust::hash(&serde_json::to_vec(self)?))
    }

    /// Above 0: how good the item was (purchase 3, like 2, completion 1); below: it was refused; 0: nothing is said.
    #[must_use]
    pub fn grade(&self, event: &Event) -> i8 {
        match event.kind {
            EventKind::Rating => self.rated(event.value),
            EventKind::Complete => self.played(event).unwrap_or(1),
            EventKind::Skip => self.played(event).unwrap_or(-1),
            _ => self.kinds.get(event.kind.name()).copied().unwrap_or(0),
        }
    }

    /// Whether the event says that its item did well.
    #[must_use]
    pub fn is_positive(&self, event: &Event) -> bool {
        self.grade(event) > 0
    }

    /// What the head `complete` learns and is judged by: 1 when the event ends a play well, 0 when it breaks it off; none where
    /// it ends none.
    #[must_use]
    pub fn completed(&self, event: &Event) -> Option<f32> {
        self.heads.completed(event, || self.played(event))
    }

    /// What the head `like` learns and is judged by.
    #[must_use]
    pub fn is_liked(&self, event: &Event) -> bool {
        self.heads.is_liked(event)
    }

    /// How much of a skip this skip was, 1 to 0: what was left after most of it is hardly refused. Whole where nothing says how
    /// much was played. The head `skip` learns from it; the judge counts every skip.
    #[must_use]
    pub fn skip(&self, event: &Event) -> f32 {
        let (Some(fading), Some(played_ms)) = (self.skips, event.played_ms) else { return 1.0 };
        let seconds = |milliseconds: u64| milliseconds as f64 / 1_000.0;
        let total = event.total_ms.filter(|total| *total > 0).map(seconds);
        let end = total.map_or(fading.none_from_seconds, |total| total * fading.none_from_fraction);
        let fall = (end - fading.whole_up_to_seconds).max(f64::EPSILON);
        ((end - seconds(played_ms)) / fall).clamp(0.0, 1.0) as f32
    }

    fn rated(&self, value: Option<f64>) -> i8 {
        match value {
            Some(value) if value >= self.rating.liked_from => 2,
            Some(value) if value >= self.rating.positive_from => 1,
            Some(value) if value <= self.rating.negative_up_to => -1,
            _ => 0,
        }
    }

    /// The first rule that holds; nothing where the event does not say how much was played.
    fn played(&self, event: &Event) -> Option<i8> {
        let seconds = event.played_ms? as f64 / 1_000.0;
        let fraction =
            event.total_ms.filter(|total| *total > 0).map(|total| seconds * 1_000.0 / total as f64);
        self.played.iter().find(|rule| rule.holds(seconds, fraction)).map(|rule| rule.label)
    }
}

fn shipped_heads() -> anyhow::Result<Heads> {
    let file: File = serde_json::from_slice(SHIPPED)?;
    file.heads.context("the rules that ship lack heads")
}

impl Played {
    fn holds(&self, seconds: f64, fraction: Option<f64>) -> bool {
        let from = |bound: Option<f64>, value: Option<f64>| {
            bound.is_none_or(|bound| value.is_some_and(|value| value >= bound))
        };
        let below = |bound: Option<f64>, value: Option<f64>| {
            bound.is_none_or(|bound| value.is_some_and(|value| value < bound))
        };
        from(self.from_seconds, Some(seconds))
            && from(self.from_fraction, fraction)
            && below(self.below_seconds, Some(seconds))
            && below(self.below_fraction, fraction)
    }
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;
