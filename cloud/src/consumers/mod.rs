//! What is made of received events: counters that follow the log as it grows.
//!
//! [`Counters`] is the fold: one event in, a [`Tally`] added to the cells of its item, its people's [`Segment`] and its
//! time. Cells hold whole numbers, so neither the order of arrival nor a restart changes a sum; what is asked of them
//! (a [`Window`], by item, creator, category or region) is computed when it is asked. The refresh folds its catalogue,
//! [`Consumer`] the log: at every start from where its state was written, together with the place in the log, and from the
//! beginning where somebody was forgotten or the people's table is another one. [`Counting`] is the consumer of a running
//! service. [`keep_measuring`] says how long what people did waits for a pack.

mod admitted;
mod buckets;
mod consumer;
mod counters;
mod counting;
mod freshness;
mod names;
mod saved;
mod segment;
mod sum;
mod tally;
mod window;

pub use consumer::Consumer;
pub(crate) use counters::Ages;
pub use counters::Counters;
pub use counting::{Counting, keep_counting};
pub use freshness::keep_measuring;
#[cfg(test)]
pub(crate) use freshness::waits_ms;
pub(crate) use saved::{counted, path as state_file};
pub use segment::Segment;
pub use sum::Sum;
pub use tally::Tally;
pub use window::{By, Window};

#[cfg(test)]
mod tests;
