//! The judge: replays held-out sessions through the shipped engine, event by event.
//!
//! At each step the engine knows the events before it and nothing else; the target is the next item that did well.
//! A target outside of the candidates counts as not found.

mod labels;
mod metrics;
mod model;
mod replay;
mod report;
mod steps;

pub use labels::LabelRules;
pub use metrics::{Row, Sums};
pub use model::Choice;
pub use replay::{Replay, ScorerKind};
pub use report::{Head, Report};
pub use steps::{Step, steps};
