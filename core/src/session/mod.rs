//! The live session: what happened and what the engine remembers of it.

pub mod event;

pub use event::{Event, EventKind};
