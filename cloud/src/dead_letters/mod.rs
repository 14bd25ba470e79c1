//! Events that were refused three times, kept with the reason until somebody mends the cause.
//!
//! The intake refuses what breaks a rule of events, a consumer what it cannot read out of the log. Either is tried again
//! by itself: rows by their senders, what lies in the log by its consumer. After the third try a row becomes a line of
//! `D/dead_letters/letters.jsonl`, an event of the log one of `unreadable.jsonl`, and the consumer goes on after it. `segue
//! dead-letters` lists them and takes them in again ([`replay()`]). Who is forgotten is taken out of them too ([`DeadLetters::erase`]).

mod letter;
mod lines;
mod replay;
mod store;
mod tries;

pub use letter::{Letter, Refuser};
pub(crate) use letter::{names, says};
pub use lines::list;
pub use replay::{Replayed, replay};
pub use store::DeadLetters;
pub(crate) use store::passed_over;
pub(crate) use tries::TRIES;

#[cfg(test)]
mod tests;
