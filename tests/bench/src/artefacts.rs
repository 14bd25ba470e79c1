//! What a host would fetch, made here: the native bench opens it, and the page in Chromium reads the same bytes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use segue_core::Engine;
use segue_core::features::{Assembler, Schema};
use segue_core::score::names;
use segue_core::trust::{Artefact, Manifest, PrivateKey, Ranker};
use serde_json::json;

use crate::constant::with_constant;
use crate::pack::item;
use crate::{pack, peers, workload};

/// The refresh all of it belongs to.
pub(crate) const GENERATION: u64 = 1;
/// Whose pack it is.
pub(crate) const SUBJECT: &str = "user:bench";
/// When it was made, in milliseconds since 1970.
pub(crate) const CREATED_MS: i64 = 1_800_000_000_000;
/// Late enough for every event of a run.
pub(crate) const EXPIRES_MS: i64 = CREATED_MS + 365 * 24 * 60 * 60 * 1_000;

/// A generation of one pack.
pub(crate) struct Artefacts {
    pub(crate) key: PrivateKey,
    pub(crate) manifest: Vec<u8>,
    pub(crate) policy: Vec<u8>,
    pub(crate) plain_policy: Vec<u8>,
    pub(crate) ranker: Vec<u8>,
    pub(crate) schema: Vec<u8>,
    pub(crate) pack: Vec<u8>,
}

impl Artefacts {
    /// The ranker in `model` and a signed pack of `candidates`.
    pub(crate) fn new(model: &Path, candidates: usize) -> Result<Self> {
        let read = |name: &str| {
            let path = model.join(name);
            fs::read(&path)
                .with_context(|| format!("cannot read {}: run `cargo xtask train`", path.display()))
        };
        let (ranker, schema) = (read("ranker.onnx")?, read("schema.json")?);
        let (policy, plain_policy) = (segue_core::policies::RADIO.to_vec(), plain_policy()?);
        let key = PrivateKey::from_seed([0xB7; 32]);
        let manifest = Manifest {
            format: Manifest::FORMAT,
            generation: GENERATION,
            created_ms: CREATED_MS,
            expires_ms: EXPIRES_MS,
            towers: "none".into(),
            ranker: Some(Ranker { model: Artefact::of(&ranker), schema: Artefact::of(&schema) }),
            policies: [
                (workload::SURFACE.into(), Artefact::of(&policy)),
                (workload::PLAIN_SURFACE.into(), Artefact::of(&plain_policy)),
            ]
            .into(),
        };
        let pack = pack::sealed(candidates, Schema::from_json(&schema)?.dimension, &key)?;
        Ok(Self { manifest: manifest.seal(&key)?, key, policy, plain_policy, ranker, schema, pack })
    }

    /// An engine that took all of it, as a host's does.
    pub(crate) fn engine(&self) -> Result<Engine> {
        let mut engine = Engine::new(&self.key.public().to_hex())?;
        engine.accept_manifest(&self.manifest, CREATED_MS)?;
        engine.accept_policy(workload::SURFACE, &self.policy)?;
        engine.accept_ranker(&self.ranker, &self.schema)?;
        engine.accept_pack(&self.pack, SUBJECT, CREATED_MS)?;
        Ok(engine)
    }

    /// What the ranker computes per event, as a model of its own: the candidates of the pack are part of it.
    pub(crate) fn event_part(&self) -> Result<Vec<u8>> {
        let schema = Schema::from_json(&self.schema)?;
        let engine = self.engine()?;
        let assembler = Assembler::new(schema, engine.pack()?);
        let (inputs, width) = (assembler.inputs(), assembler.schema().candidate_width());
        with_constant(&self.ranker, names::CANDIDATES, &[inputs.count, width], &inputs.candidates)
    }

    /// Writes a folder laid out like `/api/v1`, with the workload and the peers' models beside it.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let root = json!({ "root": self.key.public().to_hex() }).to_string();
        let models = [&self.policy, &self.plain_policy, &self.ranker, &self.schema];
        let mut files = vec![
            ("keys/root".to_owned(), root.as_bytes()),
            ("manifest".to_owned(), &self.manifest),
            (format!("packs/{}", SUBJECT.trim_start_matches("user:")), &self.pack),
        ];
        files.extend(models.map(|bytes| (format!("models/{}", Artefact::of(bytes).hash), bytes.as_slice())));
        let paths: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
        let workload = workload::description(&paths).to_string();
        files.push(("workload.json".to_owned(), workload.as_bytes()));
        let event_part = self.event_part()?;
        files.push(("peers/reference.onnx".to_owned(), peers::REFERENCE));
        files.push(("peers/event_part.onnx".to_owned(), &event_part));
        for (name, bytes) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// The measured policy without anything that follows scoring: its one place is pinned, so that not even a reason is sought.
fn plain_policy() -> Result<Vec<u8>> {
    let mut policy: serde_json::Value = serde_json::from_slice(segue_core::policies::RADIO)?;
    policy["surface"] = workload::PLAIN_SURFACE.into();
    policy["list"] = json!({ "pins": [{ "place": 0, "item": item(0) }] });
    if let Some(fields) = policy.as_object_mut() {
        fields.remove("exploration");
    }
    Ok(policy.to_string().into_bytes())
}
