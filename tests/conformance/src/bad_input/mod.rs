//! Bytes from outside, as somebody who means harm would write them.
//!
//! Each function takes what the fuzzer made. What is signed comes in two forms, told apart by the first byte: an odd
//! one hands the rest over as it is; after an even one the rest is sealed with the trusted key first, so that the
//! fuzzer gets past the door and at the decoder behind it. Whatever is accepted is then used, and what is promised of
//! every list is checked.

mod documents;
#[cfg(feature = "ranker")]
mod model;
mod outbox;
mod seeds;
mod session;
mod slate;
mod trust;

pub use documents::policy;
#[cfg(feature = "ranker")]
pub use model::model;
pub use outbox::outbox;
pub use seeds::seeds;
pub use session::{events, session};
pub use slate::check as check_slate;
pub use trust::{manifest, pack, pack_delta, rotations, trust};

/// One kind of bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of the fuzz target and of the folder with its crashers.
    pub name: &'static str,
    /// Feeds it; a panic is a finding.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "events", run: events },
    Target { name: "manifest", run: manifest },
    #[cfg(feature = "ranker")]
    Target { name: "model", run: model },
    Target { name: "outbox", run: outbox },
    Target { name: "pack", run: pack },
    Target { name: "pack_delta", run: pack_delta },
    Target { name: "policy", run: policy },
    Target { name: "rotations", run: rotations },
    Target { name: "session", run: session },
    Target { name: "trust", run: trust },
];

/// The rest of the bytes, sealed for `purpose` when the first byte is even.
fn through_the_door(purpose: segue_core::trust::envelope::Purpose, data: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = data.split_first()?;
    match first % 2 {
        0 => segue_core::trust::envelope::seal(purpose, rest.to_vec(), &crate::world::key()).ok(),
        _ => Some(rest.to_vec()),
    }
}
