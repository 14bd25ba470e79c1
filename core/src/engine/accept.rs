//! What comes in from outside: checked, then put to use; whatever is refused leaves the last good one working.

#[cfg(any(feature = "ranker", test))]
use super::Appointed;
use super::{Engine, Surface};
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::pack::VerifiedPack;
use crate::policy::Policy;
use crate::trust::{self, Manifest};

impl Engine {
    /// Follows key rotations from the key trusted now; returns how many were followed.
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signature_invalid`, `format_unknown`, `payload_damaged`, `key_invalid`,
    /// `key_is_for_tests`.
    pub fn accept_rotations(&mut self, bytes: &[u8]) -> Result<usize> {
        self.trust.accept_rotations(bytes)
    }

    /// What the engine trusts, as bytes to be kept by the host: save them whenever rotations or a manifest were
    /// accepted.
    ///
    /// # Errors
    /// `trust_damaged` when it cannot be written.
    pub fn save_trust(&self) -> Result<Vec<u8>> {
        self.trust.save()
    }

    /// Takes up what [`Engine::save_trust`] kept, before anything else is accepted: older generations and keys that were
    /// given up are then refused as if the app had not been restarted.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `trust_damaged`; what is trusted then stays as it was.
    pub fn restore_trust(&mut self, bytes: &[u8]) -> Result<()> {
        self.trust.restore(bytes)
    }

    /// Puts a generation's manifest in force; then its policies, ranker and the subject's pack can be accepted.
    ///
    /// Until its pack is accepted, the pack and the ranker of the generation before go on together; a policy goes on
    /// until another is accepted for its surface.
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signer_unknown`, `signature_invalid`, `format_unknown`,
    /// `payload_damaged`, `generation_older`, `manifest_expired`.
    pub fn accept_manifest(&mut self, bytes: &[u8], now_ms: i64) -> Result<&Manifest> {
        self.trust.accept_manifest(bytes, now_ms)?;
        Ok(self.trust.manifest()?)
    }

    /// Puts to use the policy that the manifest names for `surface`.
    ///
    /// # Errors
    /// `manifest_missing`, `surface_unknown`, `hash_mismatch`, `too_large`, `format_unknown`, `policy_invalid`.
    pub fn accept_policy(&mut self, surface: &str, bytes: &[u8]) -> Result<()> {
        let manifest = self.trust.manifest()?;
        let artefact = manifest.policies.get(surface).ok_or_else(|| manifest.unknown_surface(surface))?;
        trust::check(bytes, artefact, "policy")?;
        let policy = Policy::from_json(bytes)?;
        if policy.surface != surface {
            let detail = format!("surface is {:?}, the manifest has it under {surface:?}.", policy.surface);
            return Err(Error::new(Code::PolicyInvalid, detail));
        }
        let hash = Some(artefact.hash.clone());
        self.surfaces.insert(surface.to_owned(), Surface { hash, ..Surface::new(policy)? });
        Ok(())
    }

    /// Puts to use the ranker that the manifest names. Building its plan takes some tens of milliseconds.
    ///
    /// After an error the pack's own order is ranked with `fallback_model_refused`, until a ranker is accepted.
    ///
    /// # Errors
    /// `manifest_missing`, `hash_mismatch`, `too_large`, `format_unknown`, `schema_invalid`, `model_wrong_towers`,
    /// `model_damaged`, `model_operator_unknown`, `model_inputs_mismatch`.
    #[cfg(feature = "ranker")]
    pub fn accept_ranker(&mut self, model: &[u8], schema: &[u8]) -> Result<()> {
        let opened = self.open_ranker(model, schema);
        self.faults.ranker = opened.is_err();
        self.appoint(opened?)
    }

    /// Puts to use the ranker that the manifest names.
    #[cfg(any(feature = "ranker", test))]
    pub(super) fn appoint(&mut self, ranker: super::Ranker) -> Result<()> {
        self.ranker = Some(ranker);
        let manifest = self.trust.manifest()?;
        let before = self.appointed.take().filter(|before| manifest.ranker.as_ref() == Some(&before.named));
        let now = || Some(Appointed { named: manifest.ranker.clone()?, since: manifest.generation });
        self.appointed = before.or_else(now);
        Ok(())
    }

    #[cfg(feature = "ranker")]
    fn open_ranker(&self, model: &[u8], schema: &[u8]) -> Result<super::Ranker> {
        use crate::features::Schema;
        use crate::score::RankerScorer;

        let none = || Error::new(Code::HashMismatch, "the manifest names no ranker.");
        let manifest = self.trust.manifest()?;
        let named = manifest.ranker.as_ref().ok_or_else(none)?;
        trust::check(model, &named.model, "ranker")?;
        trust::check(schema, &named.schema, "schema")?;
        let schema = Schema::from_json(schema)?;
        schema.check_towers(manifest)?;
        let scorer = Box::new(RankerScorer::new(model, &schema)?);
        Ok(super::Ranker::new(schema, scorer))
    }

    /// Puts to use the pack of `subject` (`user:ID` or `region:NAME`); the session goes on: what was seen, barred,
    /// liked and followed stays, and so does the direction of its interest where the new vectors come from the same
    /// towers. Where they do not, that is taken anew from the remembered events whose items the new pack holds.
    ///
    /// A ranker that the manifest no longer names leaves with the pack before: its own order is ranked with
    /// `fallback_no_model` until the one that it names is accepted.
    ///
    /// After an error the pack before stays in use, in its own order with `fallback_pack_refused`, until a pack
    /// is accepted.
    ///
    /// # Errors
    /// `request_invalid` for a subject that is too long; `manifest_missing`, `too_large`, `envelope_damaged`,
    /// `signer_unknown`, `signature_invalid`, `format_unknown`, `payload_damaged`, `pack_wrong_subject`,
    /// `pack_wrong_generation`, `pack_wrong_towers`, `pack_expired`.
    pub fn accept_pack(&mut self, bytes: &[u8], subject: &str, now_ms: i64) -> Result<&VerifiedPack> {
        if subject.len() > limits::SUBJECT_BYTES {
            return Err(Error::new(Code::RequestInvalid, format!("a subject of {} bytes.", subject.len())));
        }
        let manifest = self.trust.manifest()?;
        let opened = VerifiedPack::open(bytes, self.trust.key(), manifest, subject, now_ms);
        self.faults.pack = opened.is_err();
        self.replace_pack(opened?.into());
        self.dismiss_ranker()?;
        self.pack()
    }

    /// The signed pack that a signed delta makes of `base`, the pack that the host keeps: to be kept and accepted like any
    /// other. Nothing changes by this; after an error the pack is fetched whole.
    ///
    /// # Errors
    /// As [`patch`](crate::pack::patch()).
    pub fn patch_pack(&self, base: &[u8], delta: &[u8]) -> Result<Vec<u8>> {
        crate::pack::patch(base, delta, self.trust.key())
    }

    /// Drops a ranker that was not made for the pack just accepted.
    fn dismiss_ranker(&mut self) -> Result<()> {
        let named = self.trust.manifest()?.ranker.as_ref();
        self.ranker_wanted = named.is_some();
        if self.appointed.as_ref().map(|appointed| &appointed.named) != named {
            self.ranker = None;
            self.appointed = None;
        }
        self.faults.ranker &= self.ranker_wanted;
        Ok(())
    }
}
