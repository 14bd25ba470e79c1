//! The refresh: a catalogue and its events in, one published generation of signed packs out.
//!
//! A run has a [`Plan`] that all its processes agree on. Each shard is then made by itself: [`Prepared`] embeds items
//! and users and builds a checked index; a [`PackMaker`] retrieves, bars, ranks with an empty session and writes one
//! pack at a time. [`publish`] checks what came of it, passes it through the gates and moves the pointer. [`run`] does
//! all of it in one process; [`rollback`] goes back. Nothing is handed out before the pointer moves, so a failing or
//! killed run changes nothing.

mod alike;
mod barred;
mod earlier;
mod every;
mod gates;
mod gather;
mod inventory;
mod job;
mod latest;
mod maker;
mod moment;
mod on_demand;
mod people;
mod plan;
mod policies;
mod pools;
mod popular;
mod prepare;
mod publish;
mod regional;
mod report;
mod rollback;
mod run;
mod says;
mod shard;
mod sources;
mod subjects;
mod survey;
mod tallies;
mod together;
mod trending;

pub(crate) use barred::Refused;
pub use barred::{Barred, Viewer};
pub use every::{parse_duration, repeat};
pub use gates::{Gate, Measures};
pub use gather::Person;
pub use inventory::Inventories;
pub(crate) use latest::log_begins_ms;
pub use maker::{PackMaker, SealedPack, Stamp};
pub use moment::Moment;
pub use on_demand::{Basis, OnDemand, Parts, Scored, TakenIn};
pub use people::People;
pub use plan::{Plan, settled_changes};
pub use policies::Policies;
pub use pools::Pools;
pub use popular::Popular;
pub use prepare::{Made, Prepared, Ranking};
pub use publish::{Terms, publish};
pub use report::{How, Report, ShardReport};
pub use rollback::{Back, generation_before, going_back, rollback};
pub(crate) use run::{HISTORY, NOBODYS_HISTORY};
pub use run::{Options, is_running, run};
pub(crate) use says::Says;
pub use shard::run_shard;
pub(crate) use shard::taste;
pub use sources::{Place, Source, Sources};
pub use subjects::{Subject, Whose};
pub use survey::{Answers, Starter};
pub use together::Together;

/// Candidates retrieved for each user, from all sources.
pub const RETRIEVED: usize = 3_000;
/// Candidates kept in a pack.
pub const KEPT: usize = 500;
/// Candidates kept in the pack of a region: an edge worker ranks it within a request.
pub const KEPT_OF_REGION: usize = 300;

#[cfg(test)]
mod card_tests;
#[cfg(test)]
mod expiry_tests;
#[cfg(test)]
mod exposure_tests;
#[cfg(test)]
mod gather_tests;
#[cfg(test)]
mod power_cut_tests;
#[cfg(test)]
mod run_tests;
#[cfg(test)]
pub(crate) mod tests;
