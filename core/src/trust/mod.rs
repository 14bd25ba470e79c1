//! Who is believed: the trusted key, the manifest in force, and what may be accepted next.
//!
//! The rules are those of [TUF](https://theupdateframework.github.io/specification/latest/)'s client workflow,
//! reduced to one role: an older generation is refused, also after a restart ([`Trust::save`]), expiry governs
//! accepting, the length is checked before the hash, and a new key is believed only when the old one signed it too.
//! What was checked is of another type than what was not: [`VerifiedManifest`],
//! [`VerifiedPack`](crate::pack::VerifiedPack).

pub mod envelope;
mod key;
mod manifest;
mod rotation;
mod test_key;
mod trusted;

#[cfg(feature = "encode")]
pub use key::PrivateKey;
pub use key::PublicKey;
pub(crate) use manifest::FormatOnly;
pub use manifest::{Artefact, Manifest, Ranker, VerifiedManifest};
#[cfg(feature = "encode")]
pub use rotation::{rotate, write_rotations};
#[cfg(feature = "encode")]
pub use test_key::TEST_PRIVATE_KEY;
pub use test_key::TEST_PUBLIC_KEY;
pub use trusted::Trust;

use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};

/// SHA-256 of `bytes` as 64 hexadecimal digits: the name of a content-addressed artefact.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

/// Checks length, then hash.
///
/// # Errors
/// `hash_mismatch`.
pub(crate) fn check(bytes: &[u8], artefact: &Artefact, what: &str) -> Result<()> {
    if bytes.len() as u64 != artefact.bytes {
        let detail = format!("the {what} has {} bytes, the manifest says {}.", bytes.len(), artefact.bytes);
        return Err(Error::new(Code::HashMismatch, detail));
    }
    let found = hash(bytes);
    if found == artefact.hash {
        return Ok(());
    }
    let detail = format!("the {what} has hash {found}, the manifest says {}.", artefact.hash);
    Err(Error::new(Code::HashMismatch, detail))
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
