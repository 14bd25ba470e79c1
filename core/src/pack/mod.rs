//! The candidate pack: what a user's device ranks from, for half an hour or as long as it is offline.
//!
//! `docs/PACK.md` is the specification. A [`Pack`] is what a writer fills in; [`VerifiedPack`] is what the engine
//! accepts, and the only way to get one is [`VerifiedPack::open`].

mod candidate;
mod columns;
mod delta;
mod format;
mod verify;

pub use candidate::Candidate;
pub use columns::Columns;
pub use delta::patch;
pub use format::{Column, Pack, Vectors};
pub use verify::VerifiedPack;

#[cfg(feature = "encode")]
mod encode;
#[cfg(feature = "encode")]
pub use delta::write_delta;
#[cfg(feature = "encode")]
pub use encode::{CandidateSource, PackSource};
