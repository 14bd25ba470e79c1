//! What is trusted now, and how it outlives the app.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::rotation::{self, Chain, Rotation};
use super::{Manifest, PublicKey, VerifiedManifest, test_key};
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::saved::{self, Kind};

const KEPT: Kind =
    Kind { mark: *b"sgtr", format: 1, limit: limits::TRUST_BYTES, damaged: Code::TrustDamaged };

/// The trusted key, the manifest in force, and the oldest generation that may still come.
#[derive(Debug, Clone)]
pub struct Trust {
    root: PublicKey,
    chain: Chain,
    /// No older one is accepted from the key trusted now.
    generation: u64,
    manifest: Option<VerifiedManifest>,
}

/// What is kept: enough to check again that the root leads to the key.
#[derive(Serialize, Deserialize)]
struct Kept {
    root: ByteBuf,
    rotations: Vec<Rotation>,
    generation: u64,
}

impl Trust {
    /// Trusts `root` and nothing else.
    ///
    /// # Errors
    /// `key_is_for_tests` when it is [`TEST_PUBLIC_KEY`](super::TEST_PUBLIC_KEY) and this is a release build.
    pub fn new(root: PublicKey) -> Result<Self> {
        test_key::refuse(&root)?;
        Ok(Self { chain: Chain::new(root.clone()), root, generation: 0, manifest: None })
    }

    /// The key packs and manifests must be signed with now.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.chain.key
    }

    /// The newest generation accepted from the key trusted now, also before a restart; no older one is accepted.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The manifest in force.
    ///
    /// # Errors
    /// `manifest_missing` before the first one was accepted.
    pub fn manifest(&self) -> Result<&VerifiedManifest> {
        self.manifest
            .as_ref()
            .ok_or_else(|| Error::new(Code::ManifestMissing, "no manifest has been accepted."))
    }

    /// Follows a list of key rotations (see `docs/PACK.md`) from the key trusted now; returns how many were followed.
    ///
    /// A new key begins anew with its generations: whoever stole the old one could have signed the highest number
    /// there is, after which no client would accept another manifest. The manifest in force stays.
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signature_invalid`, `format_unknown`, `payload_damaged`, `key_invalid`,
    /// `key_is_for_tests`; the trusted key then stays as it was.
    pub fn accept_rotations(&mut self, bytes: &[u8]) -> Result<usize> {
        let chain = self.chain.follow(&rotation::read(bytes)?)?;
        let followed = chain.followed.len() - self.chain.followed.len();
        self.chain = chain;
        if followed > 0 {
            self.generation = 0;
        }
        Ok(followed)
    }

    /// Puts a signed manifest in force. Keep [`Trust::save`] afterwards, so that a restart does not forget it.
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signer_unknown`, `signature_invalid`, `format_unknown`,
    /// `payload_damaged`, `generation_older`, `manifest_expired`; the manifest in force then stays.
    pub fn accept_manifest(&mut self, bytes: &[u8], now_ms: i64) -> Result<&VerifiedManifest> {
        let manifest = Manifest::verify(bytes, self.key())?;
        if manifest.generation < self.generation {
            let detail = format!("generation {} after {}.", manifest.generation, self.generation);
            return Err(Error::new(Code::GenerationOlder, detail));
        }
        if now_ms >= manifest.expires_ms {
            let detail = format!("generation {} expired at {} ms.", manifest.generation, manifest.expires_ms);
            return Err(Error::new(Code::ManifestExpired, detail));
        }
        self.generation = manifest.generation;
        Ok(self.manifest.insert(manifest))
    }

    /// What has to outlive the app, as bytes to be kept by the host: how the root led to the key trusted now, and the
    /// newest generation.
    ///
    /// # Errors
    /// `trust_damaged` when it cannot be written.
    pub fn save(&self) -> Result<Vec<u8>> {
        let kept = Kept {
            root: ByteBuf::from(self.root.to_bytes()),
            rotations: self.chain.followed.clone(),
            generation: self.generation,
        };
        saved::write(&KEPT, &kept)
    }

    /// Takes up what [`Trust::save`] kept. Every rotation is checked again, so storage that somebody else can write
    /// to cannot make another key trusted. What is trusted already is never given up: of two generations of the same key
    /// the newer one counts.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `trust_damaged`; what is trusted then stays as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let kept: Kept = saved::read(&KEPT, bytes)?;
        if kept.root.as_slice() != self.root.to_bytes() {
            return Err(KEPT.damaged("it was kept under another root key."));
        }
        let chain = Chain::new(self.root.clone()).follow(&kept.rotations);
        let chain = chain.map_err(|error| KEPT.damaged(error.to_string()))?;
        if chain.followed.len() != kept.rotations.len() {
            return Err(KEPT.damaged("a rotation does not go on from the one before."));
        }
        if chain.sequence > self.chain.sequence {
            (self.chain, self.generation) = (chain, kept.generation);
        } else if chain.key == self.chain.key {
            self.generation = self.generation.max(kept.generation);
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests;
