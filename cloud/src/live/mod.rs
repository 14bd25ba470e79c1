//! Lists made by the service itself, for clients that cannot run the core: the same engine, on the person's pack and
//! the events that came since.
//!
//! What a person did lately is kept in memory ([`Sessions`]) and read from the log again after a restart. An engine is
//! borrowed from a pool ([`Engines`]), given the pack, which is checked and decoded once ([`OpenedPacks`]), and those events,
//! and asked for a list; [`recommend`] is the ladder that it goes down when something of this is missing.

mod engines;
mod items;
mod ladder;
mod opened;
mod own;
mod ranking;
mod recommend;
mod sessions;

pub use engines::Engines;
pub use items::{Items, Version};
pub use opened::OpenedPacks;
pub use recommend::{Recommendations, Step, Wanted, recommend};
pub use sessions::Sessions;

#[cfg(test)]
mod delta_tests;
#[cfg(test)]
mod editorial_tests;
#[cfg(test)]
mod item_tests;
#[cfg(test)]
mod kept_tests;
#[cfg(test)]
mod ladder_tests;
#[cfg(test)]
mod on_demand_tests;
#[cfg(test)]
mod tests;
