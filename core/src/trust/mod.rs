//! Who is believed: the trusted key, the manifest in force, and what may be accepted next.
//!
//! The rules are those of [TUF](https://theupdateframework.github.io/specification/latest/)'s client workflow,
//! reduced to one role: an older generation is refused, expiry governs accepting, the length is checked before
//! the hash, and a new key is believed only when the old one signed it too.

pub mod envelope;
mod key;
mod manifest;
mod rotation;

#[cfg(feature = "encode")]
pub use key::PrivateKey;
pub use key::PublicKey;
pub(crate) use manifest::FormatOnly;
pub use manifest::{Artefact, Manifest, Ranker};
#[cfg(feature = "encode")]
pub use rotation::{rotate, write_rotations};

use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};

/// The trusted key and the manifest in force.
#[derive(Debug, Clone)]
pub struct Trust {
    key: PublicKey,
    manifest: Option<Manifest>,
}

impl Trust {
    /// Trusts `root` and nothing else.
    #[must_use]
    pub fn new(root: PublicKey) -> Self {
        Self { key: root, manifest: None }
    }

    /// The key packs and manifests must be signed with now.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The manifest in force.
    ///
    /// # Errors
    /// `manifest_missing` before the first one was accepted.
    pub fn manifest(&self) -> Result<&Manifest> {
        self.manifest
            .as_ref()
            .ok_or_else(|| Error::new(Code::ManifestMissing, "no manifest has been accepted."))
    }

    /// Follows a list of key rotations (see `docs/PACK.md`) from the key trusted now; returns how many were followed.
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signature_invalid`, `payload_damaged`; the trusted key then stays as it was.
    pub fn accept_rotations(&mut self, bytes: &[u8]) -> Result<usize> {
        let (key, followed) = rotation::follow(&self.key, bytes)?;
        self.key = key;
        Ok(followed)
    }

    /// Puts a signed manifest in force.
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signer_unknown`, `signature_invalid`, `format_unknown`,
    /// `payload_damaged`, `generation_older`, `manifest_expired`; the manifest in force then stays.
    pub fn accept_manifest(&mut self, bytes: &[u8], now_ms: i64) -> Result<&Manifest> {
        let manifest = Manifest::verify(bytes, &self.key)?;
        let oldest = self.manifest.as_ref().map_or(0, |manifest| manifest.generation);
        if manifest.generation < oldest {
            let detail = format!("generation {} after {oldest}.", manifest.generation);
            return Err(Error::new(Code::GenerationOlder, detail));
        }
        if now_ms >= manifest.expires_ms {
            let detail = format!("generation {} expired at {} ms.", manifest.generation, manifest.expires_ms);
            return Err(Error::new(Code::ManifestExpired, detail));
        }
        Ok(self.manifest.insert(manifest))
    }
}

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

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    fn manifest(generation: u64) -> Manifest {
        Manifest {
            format: Manifest::FORMAT,
            generation,
            created_ms: 0,
            expires_ms: 1_000,
            towers: "none".into(),
            ranker: None,
            policies: [].into(),
        }
    }

    #[test]
    fn an_older_generation_and_an_expired_one_are_refused() {
        let key = PrivateKey::from_seed([7; 32]);
        let mut trust = Trust::new(key.public());
        trust.accept_manifest(&manifest(5).seal(&key).unwrap(), 0).unwrap();
        let older = trust.accept_manifest(&manifest(4).seal(&key).unwrap(), 0).unwrap_err();
        assert_eq!(older.code(), Code::GenerationOlder);
        let expired = trust.accept_manifest(&manifest(6).seal(&key).unwrap(), 1_000).unwrap_err();
        assert_eq!(expired.code(), Code::ManifestExpired);
        assert_eq!(trust.manifest().unwrap().generation, 5);
    }

    #[test]
    fn a_rotation_signed_by_old_and_new_is_followed_and_then_the_old_key_is_refused() {
        let (old, new) = (PrivateKey::from_seed([1; 32]), PrivateKey::from_seed([2; 32]));
        let record = rotate(&old, &new, 1).unwrap();
        let mut trust = Trust::new(old.public());
        assert_eq!(trust.accept_rotations(&write_rotations(&[record]).unwrap()).unwrap(), 1);
        assert_eq!(trust.key(), &new.public());
        let refused = trust.accept_manifest(&manifest(1).seal(&old).unwrap(), 0).unwrap_err();
        assert_eq!(refused.code(), Code::SignerUnknown);
    }

    #[test]
    fn a_rotation_nobody_trusted_signed_changes_nothing() {
        let (stranger, new) = (PrivateKey::from_seed([3; 32]), PrivateKey::from_seed([2; 32]));
        let record = rotate(&stranger, &new, 1).unwrap();
        let mut trust = Trust::new(PrivateKey::from_seed([1; 32]).public());
        assert_eq!(trust.accept_rotations(&write_rotations(&[record]).unwrap()).unwrap(), 0);
    }
}
