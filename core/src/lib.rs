// The sample accepts a ranker, which only a build with `ranker` can.
#![cfg_attr(any(not(doctest), feature = "ranker"), doc = include_str!("../README.md"))]

pub mod budget;
mod digest;
pub mod engine;
pub mod error;
pub mod features;
pub mod limits;
pub mod outbox;
pub mod pack;
pub mod policies;
pub mod policy;
pub mod reason;
mod saved;
pub mod score;
mod scramble;
pub mod session;
pub mod trust;

pub use budget::Budget;
pub use engine::{Engine, Order, Place, Refill, RefillReason, Request, Slate};
pub use error::{Code, Error, Result};
pub use reason::{Reason, ReasonCode};
pub use session::{Applied, Event, EventKind};

/// The sample of the project's README is compiled too.
#[cfg(all(doctest, feature = "ranker"))]
#[doc = include_str!("../../README.md")]
struct ProjectReadme;
