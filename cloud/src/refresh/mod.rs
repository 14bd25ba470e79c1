//! The refresh: a catalogue and its events in, one published generation of signed packs out.
//!
//! [`prepare`](Prepared::new) embeds items and users and builds a checked index; a [`PackMaker`] then retrieves,
//! bars, ranks with an empty session and writes one pack at a time; [`run`] does that for everybody and publishes.
//! Nothing is handed out before the pointer moves, so a failing or killed run changes nothing.

mod barred;
mod every;
mod everybody;
mod maker;
mod moment;
mod policies;
mod popular;
mod prepare;
mod report;
mod run;

pub use barred::{Barred, Viewer};
pub use every::{parse_duration, repeat};
pub use maker::{PackMaker, Ranked, SealedPack, Stamp};
pub use moment::Moment;
pub use policies::Policies;
pub use popular::Popular;
pub use prepare::{Prepared, Ranking};
pub use report::Report;
pub use run::{Options, run};

/// Candidates retrieved for each user.
pub const RETRIEVED: usize = 1_000;
/// Candidates kept in a pack.
pub const KEPT: usize = 500;

#[cfg(test)]
mod tests;
