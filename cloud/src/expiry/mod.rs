//! Letting go of received events that are old, so that the log does not grow for ever.
//!
//! What packs are still made from stays, however old: of each person the latest events that say something lasting, and the
//! latest deeds, as many as a refresh holds (`refresh/says.rs`). All others go once they were received longer ago than
//! `serve.keep_events`: what was shown, what nobody in particular did, deeds that were followed by many. Numbers stay, so
//! whoever keeps a place in the log goes on from it.
//!
//! It is done segment by segment beside a running service, by a process of its own (`segue expire-events`). Erasures wait for
//! it, and it does not begin while one is under way: who rewrites a segment that somebody else is rewriting brings back what that one took out.

mod run;
mod state;
mod stays;

pub use run::{HeldBack, LEAST, Options, Summary, UnderWay, expire};
pub(crate) use state::{FILE, expired_until_ms, last_run_ms, mark};

#[cfg(test)]
mod tests;
