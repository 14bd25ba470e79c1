//! The live session: what happened and what the engine remembers of it.

mod apply;
pub mod event;
mod save;
mod state;

pub use apply::Applied;
pub use event::{Event, EventKind};
pub use state::{Remembered, State};
