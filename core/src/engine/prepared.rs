//! A ranker whose plans are built before a manifest names it: a host that starts cold builds them once, at a time of its
//! choosing, for all its engines.

use super::{Engine, Ranker};
use crate::error::{Code, Error, Result};
use crate::features::Schema;
use crate::score::RankerScorer;
use crate::trust::{self, Artefact};

/// A ranker with its plans; nothing says yet that it may be used.
pub struct PreparedRanker {
    named: trust::Ranker,
    schema: Schema,
    scorer: RankerScorer,
}

impl PreparedRanker {
    /// Reads a ranker (ONNX) and its feature schema and builds the plans, which takes some tens of milliseconds.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `schema_invalid`, `model_damaged`, `model_operator_unknown`,
    /// `model_inputs_mismatch`.
    pub fn new(model: &[u8], schema: &[u8]) -> Result<Self> {
        let named = trust::Ranker { model: Artefact::of(model), schema: Artefact::of(schema) };
        let schema = Schema::from_json(schema)?;
        let scorer = RankerScorer::new(model, &schema)?;
        Ok(Self { named, schema, scorer })
    }

    /// Hashes and lengths of its two files, as manifests name them.
    #[must_use]
    pub fn named(&self) -> &trust::Ranker {
        &self.named
    }
}

impl Engine {
    /// [`Engine::accept_ranker`] with plans that exist already; they are shared, not built again.
    ///
    /// # Errors
    /// `manifest_missing`; `hash_mismatch` when the manifest names another ranker, or none: what is in use then stays.
    /// `model_wrong_towers` as from [`Engine::accept_ranker`]: the pack's own order is then ranked.
    pub fn accept_prepared(&mut self, prepared: &PreparedRanker) -> Result<()> {
        let manifest = self.trust.manifest()?;
        if manifest.ranker.as_ref() != Some(&prepared.named) {
            let detail = format!("the manifest does not name the ranker {}.", prepared.named.model.hash);
            return Err(Error::new(Code::HashMismatch, detail));
        }
        let fits = prepared.schema.check_towers(manifest);
        self.faults.ranker = fits.is_err();
        fits?;
        let ranker = Ranker::new(prepared.schema.clone(), Box::new(prepared.scorer.share()));
        self.appoint(ranker)
    }
}

impl std::fmt::Debug for PreparedRanker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PreparedRanker").field("named", &self.named).finish_non_exhaustive()
    }
}
