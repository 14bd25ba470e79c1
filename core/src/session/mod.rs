//! The live session: what happened and what the engine remembers of it.
//!
//! An [`Event`] goes in, the next [`State`] comes out. The state holds the newest events in the order in which they
//! happened (`remember`), what all events said about taste (`taste`), what is known of each item, creator and
//! category (`facts`, `opinion`, `refused`), how far a queue got (`plays`), and where the session is heading (`intent`). All of it is bounded, an event costs
//! the same however long the session is, and the whole survives as bytes (`save`).

mod apply;
mod brief;
mod check;
pub mod event;
mod facts;
mod intent;
mod next;
mod opinion;
mod plays;
mod refused;
mod remember;
pub mod row;
mod save;
mod seen;
mod space;
mod state;
mod subject;
mod sums;
mod table;
mod taste;
mod without;

pub use apply::Applied;
pub use check::{EventFault, check_id};
pub use event::{Event, EventKind};
pub use facts::ItemFacts;
pub use remember::{LATE_MS, Remembered};
pub use state::State;
pub use subject::About;

#[cfg(test)]
mod tests;
