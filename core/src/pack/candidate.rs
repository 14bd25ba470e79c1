//! One candidate as the engine sees it.

use std::sync::Arc;

use super::Columns;

/// One candidate of an opened pack.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The item's id.
    pub item: String,
    /// The item's vector, of the pack's dimension.
    pub vector: Vec<f32>,
    /// Utility given by the full ranker at refresh time, with an empty session.
    pub score: f32,
    /// Who made it.
    pub creator: String,
    /// Its categories, most important first.
    pub categories: Vec<String>,
    /// Named numbers: `popularity`, `age_days`, ...
    pub columns: Columns,
    /// When it stops being available, in milliseconds since 1970.
    pub ends_ms: Option<i64>,
    /// The regions it may be shown in; empty for everywhere.
    pub regions: Arc<[String]>,
    /// Title and creator's name, where the pack brings them.
    pub display: Option<(String, String)>,
}
