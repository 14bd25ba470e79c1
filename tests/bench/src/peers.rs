//! ONNX Runtime on one thread, timed in turn with the engine.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;
use segue_core::trust::hash;
use segue_core::{Engine, Request};
use serde_json::{Value, json};

use crate::artefacts::Artefacts;
use crate::engine::Run;
use crate::times::{milliseconds, ratio};
use crate::workload::{self, CANDIDATES, EVENTS};

/// The model of `reference.py`.
pub(crate) const REFERENCE: &[u8] = include_bytes!("../reference.onnx");
/// Pairs of runs; the first ones warm both up.
const PAIRS: usize = 1_000;
const WARM_UP: usize = 100;

/// An input's name, shape and values.
type Input = (String, Vec<usize>, Vec<f32>);

/// A model on ONNX Runtime with inputs to run it on.
pub(crate) struct Peer {
    session: Session,
    inputs: Vec<Input>,
}

impl Peer {
    /// Loads a model whose inputs are f32; a size it leaves open becomes `candidates`.
    pub(crate) fn new(model: &[u8], candidates: usize) -> Result<Self> {
        let builder = Session::builder(runtime()?)?;
        let mut builder = builder.with_intra_threads(1).map_err(|error| anyhow::anyhow!("{error}"))?;
        let session = builder.commit_from_memory(model).context("ONNX Runtime refuses the model")?;
        let input = |outlet: &ort::value::Outlet| {
            let shape =
                outlet.dtype().tensor_shape().with_context(|| format!("{} is no tensor", outlet.name()))?;
            let shape: Vec<usize> =
                shape.iter().map(|&size| usize::try_from(size).unwrap_or(candidates)).collect();
            Ok((outlet.name().to_owned(), shape.clone(), values(outlet.name(), shape.iter().product())))
        };
        let inputs = session.inputs().iter().map(input).collect::<Result<_>>()?;
        Ok(Self { session, inputs })
    }

    /// Runs it once.
    pub(crate) fn run(&mut self) -> Result<()> {
        let inputs = self.inputs.iter().map(view).collect::<Result<Vec<_>>>()?;
        let outputs = self.session.run(inputs)?;
        ensure!(outputs.len() > 0, "the model answers nothing");
        Ok(())
    }
}

/// Times the engine's whole event against the reference model, and its scoring against the same work.
pub(crate) fn measure(artefacts: &Artefacts) -> Result<Value> {
    let (mut run, mut scoring) = (Run::new(artefacts, EVENTS)?, Scoring::new(artefacts)?);
    let mut reference = Peer::new(REFERENCE, CANDIDATES)?;
    let mut event_part = Peer::new(&artefacts.event_part()?, CANDIDATES)?;
    for _ in 0..WARM_UP {
        run.step()?;
        reference.run()?;
        scoring.run()?;
        event_part.run()?;
    }
    let event = ratio(PAIRS, || Ok(run.step()?.whole), || milliseconds(|| reference.run()))?;
    let split = ratio(PAIRS, || milliseconds(|| scoring.run()), || milliseconds(|| event_part.run()))?;
    Ok(json!({
        "ratio_ort_event": event,
        "ratio_ort_split": split,
        "reference_model_sha256": hash(REFERENCE),
    }))
}

/// What the engine does to score, again and again after the same events: features, ranker, utility.
struct Scoring {
    engine: Engine,
    request: Request,
}

impl Scoring {
    fn new(artefacts: &Artefacts) -> Result<Self> {
        let mut engine = artefacts.engine()?;
        workload::prepare(&mut engine, EVENTS)?;
        Ok(Self { engine, request: workload::request(EVENTS) })
    }

    fn run(&mut self) -> Result<()> {
        let utilities = self.engine.utilities(&self.request)?;
        ensure!(utilities.len() == CANDIDATES, "{} utilities", utilities.len());
        Ok(())
    }
}

fn view((name, shape, values): &Input) -> Result<(&str, SessionInputValue<'_>)> {
    let tensor = TensorRef::from_array_view((shape.clone(), values.as_slice()))?;
    Ok((name, tensor.into()))
}

/// Every event slot is used; the rest are numbers of ordinary size.
fn values(name: &str, count: usize) -> Vec<f32> {
    match name {
        "mask" => vec![1.0; count],
        _ => (0..count).map(|at| (at as f32 * 0.7).sin()).collect(),
    }
}

/// ONNX Runtime from the library that `ORT_DYLIB_PATH` names.
fn runtime() -> Result<&'static ort::environment::Environment> {
    static RUNTIME: std::sync::OnceLock<std::result::Result<ort::environment::Environment, String>> =
        std::sync::OnceLock::new();
    let loaded = RUNTIME.get_or_init(|| load().map_err(|error| format!("{error:#}")));
    loaded.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn load() -> Result<ort::environment::Environment> {
    let path = std::env::var_os("ORT_DYLIB_PATH").context("ORT_DYLIB_PATH names no library")?;
    Ok(ort::init_from(Path::new(&path))?.build()?)
}
