//! Refreshes and rollbacks that the service starts: from time to time (`serve.refresh_every`), or because somebody asked.
//!
//! One runs at a time, as a process of its own: one that fails, runs out of memory or is killed never takes the service with
//! it. [`Jobs`] knows what was asked for and what became of it, over a restart too; [`Runner`] is the thread that hands them to a
//! [`TaskRunner`](crate::stores::TaskRunner) and waits for them.

mod job;
mod list;
mod runner;

pub use job::{Job, Kind, Stage};
pub use list::Jobs;
pub use runner::{Runner, Timer};
