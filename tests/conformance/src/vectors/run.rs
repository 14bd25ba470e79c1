//! Makes a case's calls and notes what came of each.

use segue_core::{Budget, Code, Engine, Error, Result};
use serde_json::{Value, json};

use super::{Bytes, Case, Step};

/// What a slate holds beyond what is compared: texts follow from reasons, and the rest repeats the request.
const NOT_COMPARED: [&str; 4] = ["text", "title", "creator", "position"];

/// Runs `case`; `file` gives the bytes of a shared file. The answer has one object a step:
///
/// | call | fields |
/// |---|---|
/// | any that failed | `error`: the stable code |
/// | `accept_rotations` | `followed`: how many were |
/// | `accept_manifest` | `generation` |
/// | `accept_pack` | `candidates`: how many it holds |
/// | `patch_pack` | `is_target`: whether the bytes made are those of `target` |
/// | `apply` | `applied`: the word for what became of it |
/// | `rank` | the slate |
/// | `save_session`, `save_trust` | none; the bytes are for the next `restore_session` or `restore_trust` |
/// | `refill` | `refill`: null, or why a new pack is wanted and how many candidates are left |
pub fn run(case: &Case, file: impl Fn(&str) -> Vec<u8>) -> Vec<Value> {
    let mut host = Host { engine: None, saved: Vec::new(), trust: Vec::new(), file };
    let outcome = |step| host.step(step).unwrap_or_else(|error| json!({ "error": error.code().name() }));
    case.steps.iter().map(outcome).collect()
}

/// What a host keeps between calls.
struct Host<F> {
    engine: Option<Engine>,
    saved: Vec<u8>,
    trust: Vec<u8>,
    file: F,
}

impl<F: Fn(&str) -> Vec<u8>> Host<F> {
    fn step(&mut self, step: &Step) -> Result<Value> {
        if let Step::NewEngine { root } = step {
            self.engine = None;
            self.engine = Some(Engine::new(root)?);
            return Ok(json!({}));
        }
        let missing = || Error::new(Code::RequestInvalid, "the case made no engine.");
        let mut engine = self.engine.take().ok_or_else(missing)?;
        let outcome = self.call(&mut engine, step);
        self.engine = Some(engine);
        outcome
    }

    fn trust_call(&mut self, engine: &mut Engine, step: &Step) -> Result<Value> {
        match step {
            Step::RestoreTrust { bytes } => {
                let given = bytes.as_ref().map(|bytes| self.bytes(bytes));
                engine.restore_trust(given.as_deref().unwrap_or(&self.trust))?;
            }
            _ => self.trust = engine.save_trust()?,
        }
        Ok(json!({}))
    }

    fn call(&mut self, engine: &mut Engine, step: &Step) -> Result<Value> {
        match step {
            Step::AcceptRotations { bytes } => {
                Ok(json!({ "followed": engine.accept_rotations(&self.bytes(bytes))? }))
            }
            Step::AcceptManifest { bytes, now_ms } => {
                let manifest = engine.accept_manifest(&self.bytes(bytes), *now_ms)?;
                Ok(json!({ "generation": manifest.generation }))
            }
            Step::AcceptPolicy { surface, bytes } => {
                engine.accept_policy(surface, &self.bytes(bytes))?;
                Ok(json!({}))
            }
            Step::AcceptRanker { model, schema } => {
                accept_ranker(engine, &self.bytes(model), &self.bytes(schema))?;
                Ok(json!({}))
            }
            Step::AcceptPack { bytes, subject, now_ms } => {
                let pack = engine.accept_pack(&self.bytes(bytes), subject, *now_ms)?;
                Ok(json!({ "candidates": pack.candidates().len() }))
            }
            Step::PatchPack { base, delta, target } => {
                let made = engine.patch_pack(&self.bytes(base), &self.bytes(delta))?;
                Ok(json!({ "is_target": made == self.bytes(target) }))
            }
            _ => self.session_call(engine, step),
        }
    }

    fn session_call(&mut self, engine: &mut Engine, step: &Step) -> Result<Value> {
        match step {
            Step::Apply { event } => Ok(json!({ "applied": engine.apply(event)?.name() })),
            Step::Rank { request, units } => {
                let mut budget = units.map_or_else(Budget::unlimited, Budget::of_units);
                let slate = engine.rank_within(request, &mut budget)?;
                let mut slate = serde_json::to_value(slate).unwrap_or_default();
                leave_out(&mut slate);
                Ok(slate)
            }
            Step::SaveSession => {
                self.saved = engine.save_session()?;
                Ok(json!({}))
            }
            Step::RestoreSession { bytes } => {
                let given = bytes.as_ref().map(|bytes| self.bytes(bytes));
                engine.restore_session(given.as_deref().unwrap_or(&self.saved))?;
                Ok(json!({}))
            }
            Step::ResetSession => {
                engine.reset_session();
                Ok(json!({}))
            }
            Step::NextSession => {
                engine.next_session();
                Ok(json!({}))
            }
            Step::Refill { now_ms } => Ok(json!({ "refill": engine.refill(*now_ms) })),
            _ => self.trust_call(engine, step),
        }
    }

    fn bytes(&self, bytes: &Bytes) -> Vec<u8> {
        match bytes {
            Bytes::File(name) => (self.file)(name),
            Bytes::Zeros { zeros } => vec![0; *zeros],
        }
    }
}

#[cfg(feature = "ranker")]
fn accept_ranker(engine: &mut Engine, model: &[u8], schema: &[u8]) -> Result<()> {
    engine.accept_ranker(model, schema)
}

#[cfg(not(feature = "ranker"))]
fn accept_ranker(_: &mut Engine, _: &[u8], _: &[u8]) -> Result<()> {
    Err(Error::new(Code::RequestInvalid, "built without a scorer for rankers."))
}

/// Takes out what is not compared, at every depth but inside a reason's parameters.
fn leave_out(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !NOT_COMPARED.contains(&name.as_str()));
            fields
                .iter_mut()
                .filter(|(name, _)| *name != "parameters")
                .for_each(|(_, value)| leave_out(value));
        }
        Value::Array(values) => values.iter_mut().for_each(leave_out),
        _ => {}
    }
}
