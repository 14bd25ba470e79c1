//! Short digests, for what has to be told apart or shown undamaged but not defended.

use sha2::{Digest, Sha256};

/// The first 8 bytes of the SHA-256 of the parts, one after the other.
pub(crate) fn short<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 8] {
    let digest = parts.into_iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize();
    std::array::from_fn(|index| digest[index])
}
