//! When a new pack is wanted.

use serde::{Deserialize, Serialize};

/// A pack is asked for before the person notices that the one in use runs thin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RefillRules {
    /// When fewer candidates are left that may be shown and were not played in this session.
    pub min_left: u32,
    /// When what the session is after is further than this from the candidates nearest to it, as 1 less the cosine;
    /// 0 to 2, where 2 turns it off.
    pub drift: f32,
    /// When the pack expires in this many milliseconds or less; up to a year.
    pub before_expiry_ms: u64,
}

impl Default for RefillRules {
    /// Fewer than 50 left, nothing nearer than a cosine of 0.4, five minutes before the end.
    fn default() -> Self {
        Self { min_left: 50, drift: 0.6, before_expiry_ms: 5 * 60_000 }
    }
}
