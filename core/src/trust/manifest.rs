//! What one generation consists of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(feature = "encode")]
use super::PrivateKey;
use super::envelope::{self, Purpose};
use super::{PublicKey, hash};
use crate::error::{Code, Error, Result};
use crate::limits;

/// A content-addressed file: its SHA-256 and length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// SHA-256 as 64 hexadecimal digits.
    pub hash: String,
    /// Length in bytes.
    pub bytes: u64,
}

impl Artefact {
    /// The artefact that `bytes` are.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { hash: hash(bytes), bytes: bytes.len() as u64 }
    }
}

/// The session ranker of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranker {
    /// The ONNX file.
    #[serde(flatten)]
    pub model: Artefact,
    /// Its feature schema.
    pub schema: Artefact,
}

/// What one generation consists of: the signed list that every client checks the rest against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this record, [`Manifest::FORMAT`].
    pub format: u16,
    /// Counts up with each refresh.
    pub generation: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Not to be accepted from this time on, in milliseconds since 1970.
    pub expires_ms: i64,
    /// Hash of the two-tower model that made the vectors, or `none`.
    pub towers: String,
    /// The session ranker; without one the policy's linear scorer ranks.
    pub ranker: Option<Ranker>,
    /// The policy of each surface.
    pub policies: BTreeMap<String, Artefact>,
}

#[derive(Deserialize)]
pub(crate) struct FormatOnly {
    pub(crate) format: u16,
}

/// A manifest whose signature was checked: the only kind that can be put in force or that packs are held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedManifest(Manifest);

impl std::ops::Deref for VerifiedManifest {
    type Target = Manifest;

    fn deref(&self) -> &Manifest {
        &self.0
    }
}

impl Manifest {
    /// The version this crate writes, and the newest it reads.
    pub const FORMAT: u16 = 1;

    /// The refusal of a surface that no policy of this generation is for.
    pub(crate) fn unknown_surface(&self, surface: &str) -> Error {
        let known: Vec<&str> = self.policies.keys().map(String::as_str).collect();
        let detail = format!("the manifest has no policy for {surface:?}, it has: {}.", known.join(", "));
        Error::new(Code::SurfaceUnknown, detail)
    }

    /// Checks the signature, then decodes.
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signer_unknown`, `signature_invalid`, `format_unknown`, `payload_damaged`.
    pub fn verify(bytes: &[u8], key: &PublicKey) -> Result<VerifiedManifest> {
        let payload = envelope::open(Purpose::Manifest, bytes, key, limits::MANIFEST_BYTES)?;
        let damaged = |error| Error::new(Code::PayloadDamaged, format!("manifest: {error}."));
        let FormatOnly { format } = rmp_serde::from_slice(&payload).map_err(damaged)?;
        if format != Self::FORMAT {
            let detail = format!("a manifest of format {format}, this version reads {}.", Self::FORMAT);
            return Err(Error::new(Code::FormatUnknown, detail));
        }
        rmp_serde::from_slice(&payload).map(VerifiedManifest).map_err(damaged)
    }

    /// Encodes and signs.
    ///
    /// # Errors
    /// `payload_damaged` when it cannot be written.
    #[cfg(feature = "encode")]
    pub fn seal(&self, key: &PrivateKey) -> Result<Vec<u8>> {
        let payload = rmp_serde::to_vec_named(self)
            .map_err(|error| Error::new(Code::PayloadDamaged, format!("manifest: {error}.")))?;
        envelope::seal(Purpose::Manifest, payload, key)
    }
}
