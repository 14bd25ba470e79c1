//! The judge: replays held-out sessions through the shipped engine, event by event.
//!
//! At each step the engine knows the events before it and nothing else; the target is the next item that did well.
//! A target outside of the candidates counts as not found.

mod metrics;
mod replay;
mod report;
mod steps;

pub use metrics::{Row, Sums};
pub use replay::{Replay, ScorerKind};
pub use report::{Head, Report};
pub use steps::{Step, is_positive, steps};
