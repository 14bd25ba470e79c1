//! Everything that an engine of one region needs, as one value: whoever reads it reads one generation.

use std::collections::BTreeMap;

use segue_core::engine::PreparedRanker;
use segue_core::trust::Manifest;
use segue_core::{Engine, Error};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// The version that this worker writes and reads.
const FORMAT: u16 = 1;

/// One region's bundle, of bytes that an engine accepted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// Version of the record.
    pub format: u16,
    /// Which generation it is of: tells which of two is newer before either is checked.
    pub generation: u64,
    /// When it was accepted: it is taken up again as of then, as expiry governs accepting.
    pub accepted_ms: i64,
    /// When the cloud was last asked for something newer.
    pub checked_ms: i64,
    /// Whose pack it is: the region's, or everyone's where the region has none.
    pub subject: String,
    /// What was trusted afterwards: nothing older is accepted.
    pub trust: ByteBuf,
    /// The key rotations.
    pub rotations: ByteBuf,
    /// The signed manifest.
    pub manifest: ByteBuf,
    /// The signed pack.
    pub pack: ByteBuf,
    /// Tags of rotations, manifest and pack.
    pub tags: [Option<String>; 3],
    /// Policies, and the ranker with its schema where its plans are to be built here, by hash.
    pub artefacts: BTreeMap<String, ByteBuf>,
}

impl Bundle {
    /// Under which key a region's bundle is kept.
    #[must_use]
    pub fn key(region: &str) -> String {
        format!("bundle/{region}")
    }

    /// As bytes.
    ///
    /// # Errors
    /// In words, when it cannot be written.
    pub fn write(&self) -> Result<Vec<u8>, String> {
        rmp_serde::to_vec_named(&Self { format: FORMAT, ..self.clone() }).map_err(|error| error.to_string())
    }

    /// From bytes; none when they are of another version or damaged: then it is fetched again.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        rmp_serde::from_slice(bytes).ok().filter(|bundle: &Self| bundle.format == FORMAT)
    }

    /// An engine that accepted all of it at [`Bundle::accepted_ms`], and what its manifest lists. `trust` is what is
    /// trusted already, empty for nothing: whatever is older is refused.
    ///
    /// # Errors
    /// What the engine refuses; nothing of a bundle is believed unchecked, wherever it was kept.
    pub fn engine(
        &self,
        root: &str,
        trust: &[u8],
        prepared: Option<&PreparedRanker>,
    ) -> Result<(Engine, Manifest), Error> {
        let mut engine = Engine::new(root)?;
        engine.rank_linearly_meanwhile();
        for known in [trust, &self.trust].into_iter().filter(|known| !known.is_empty()) {
            engine.restore_trust(known)?;
        }
        if !self.rotations.is_empty() {
            engine.accept_rotations(&self.rotations)?;
        }
        let manifest = engine.accept_manifest(&self.manifest, self.accepted_ms)?.clone();
        for (surface, artefact) in &manifest.policies {
            let bytes = self.artefacts.get(&artefact.hash).map_or(&[][..], |bytes| bytes.as_slice());
            engine.accept_policy(surface, bytes)?;
        }
        self.accept_ranker(&mut engine, &manifest, prepared)?;
        engine.accept_pack(&self.pack, &self.subject, self.accepted_ms)?;
        Ok((engine, manifest))
    }

    /// The bundled ranker where the manifest names it, else one that came along, else none.
    fn accept_ranker(
        &self,
        engine: &mut Engine,
        manifest: &Manifest,
        prepared: Option<&PreparedRanker>,
    ) -> Result<(), Error> {
        let Some(named) = &manifest.ranker else { return Ok(()) };
        if let Some(prepared) = prepared.filter(|prepared| prepared.named() == named) {
            return engine.accept_prepared(prepared);
        }
        let bytes = |hash: &str| self.artefacts.get(hash);
        match (bytes(&named.model.hash), bytes(&named.schema.hash)) {
            (Some(model), Some(schema)) => engine.accept_ranker(model, schema),
            _ => Ok(()),
        }
    }
}
