//! The judge: replays held-out sessions through the shipped engine, event by event, with simple methods beside it.
//!
//! [`tasks`] says what is asked, [`Judge`] plays the sessions and asks every method of [`methods`], [`metrics`] says what
//! each answer is worth, and a [`Report`] draws people again for intervals. At each question the engine knows the events
//! before it and nothing else, and packs are those of a refresh before the session.

pub mod bandit;
pub mod bootstrap;
mod chart;
mod document;
pub mod gate;
mod head_rules;
pub mod heads;
mod labels;
pub mod methods;
pub mod metrics;
mod model;
mod outcomes;
pub mod own;
mod replay;
mod report;
mod stage;
mod steps;
mod table;
mod tally;
pub mod tasks;

pub use labels::LabelRules;
pub use methods::Rows;
pub use model::Choice;
pub use replay::{Judge, ScorerKind};
pub use report::{Head, Report};
pub use stage::{Pack, Sitting, Stage};
pub use steps::{Step, steps};
pub use tally::Tally;
pub use tasks::Source;
