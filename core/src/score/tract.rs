//! The ranker on tract: one plan per candidate bucket, built when first needed.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::{Scorer, names, operators};
use crate::error::{Code, Error, Result};
use crate::features::{Inputs, Schema};
use crate::limits;

/// Candidate counts that plans are built for; more candidates are scored in several runs of the largest.
const BUCKETS: [usize; 4] = [64, 256, 512, 1_024];

/// A ranker (ONNX) on tract.
pub struct TractScorer {
    model: InferenceModel,
    outputs: usize,
    widths: Widths,
    plans: BTreeMap<usize, Arc<TypedRunnableModel>>,
}

#[derive(Debug, Clone, Copy)]
struct Widths {
    candidate: usize,
    live: usize,
    event: usize,
    slots: usize,
    context: usize,
}

impl TractScorer {
    /// Reads a model and checks it against its schema before tract sees any of its operators.
    ///
    /// Inputs and output are those of [`names`]. The supported operators are listed in `docs/FEATURES.md`.
    ///
    /// # Errors
    /// `too_large`, `model_damaged`, `model_operator_unknown`, `model_inputs_mismatch`.
    pub fn new(bytes: &[u8], schema: &Schema) -> Result<Self> {
        if bytes.len() > limits::MODEL_BYTES {
            return Err(Error::new(Code::TooLarge, format!("a model of {} bytes.", bytes.len())));
        }
        let onnx =
            Onnx { op_register: operators::register(), ..Onnx::default() }.with_ignore_value_info(true);
        let mut proto = onnx.proto_model_for_read(&mut Cursor::new(bytes)).map_err(damaged)?;
        prepare(&mut proto, &onnx)?;
        let mut model = onnx.parse(&proto, None).map_err(damaged)?.model;
        order_inputs(&mut model)?;
        let widths = Widths {
            candidate: schema.candidate_width(),
            live: schema.live_width(),
            event: schema.event_width(),
            slots: schema.slots,
            context: schema.context_width(),
        };
        let mut scorer = Self { model, outputs: schema.heads.len(), widths, plans: BTreeMap::new() };
        scorer.plan(BUCKETS[0])?;
        Ok(scorer)
    }

    fn plan(&mut self, bucket: usize) -> Result<Arc<TypedRunnableModel>> {
        if let Some(plan) = self.plans.get(&bucket) {
            return Ok(plan.clone());
        }
        let plan = build(&self.model, self.widths, bucket, self.outputs)?;
        self.plans.insert(bucket, plan.clone());
        Ok(plan)
    }

    fn run(&mut self, inputs: &Inputs, rows: &[f32], live: &[f32], count: usize) -> Result<Vec<f32>> {
        let bucket =
            BUCKETS.into_iter().find(|bucket| count <= *bucket).unwrap_or(BUCKETS[BUCKETS.len() - 1]);
        let plan = self.plan(bucket)?;
        let widths = self.widths;
        let padded = |rows: &[f32], width: usize| {
            let mut padded = rows.to_vec();
            padded.resize(bucket * width, 0.0);
            padded
        };
        let tensor = |shape: &[usize], values: &[f32]| Tensor::from_shape(shape, values).map_err(mismatch);
        let results = plan
            .run(tvec![
                tensor(&[bucket, widths.candidate], &padded(rows, widths.candidate))?.into(),
                tensor(&[bucket, widths.live], &padded(live, widths.live))?.into(),
                tensor(&[widths.slots, widths.event], &inputs.events)?.into(),
                tensor(&[widths.slots], &inputs.mask)?.into(),
                tensor(&[widths.context], &inputs.context)?.into(),
            ])
            .map_err(damaged)?;
        let view = results[0].to_plain_array_view::<f32>().map_err(damaged)?;
        Ok(view.iter().copied().take(count * self.outputs).collect())
    }
}

impl Scorer for TractScorer {
    fn score(&mut self, inputs: &Inputs) -> Result<Vec<f32>> {
        let (width, live_width) = (self.widths.candidate.max(1), self.widths.live.max(1));
        let largest = BUCKETS[BUCKETS.len() - 1];
        let mut heads = Vec::with_capacity(inputs.count * self.outputs);
        let live = inputs.live.chunks(largest * live_width);
        for (rows, live) in inputs.candidates.chunks(largest * width).zip(live) {
            heads.extend(self.run(inputs, rows, live, rows.len() / width)?);
        }
        Ok(heads)
    }
}

impl std::fmt::Debug for TractScorer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TractScorer").field("widths", &self.widths).finish_non_exhaustive()
    }
}

/// Checks the graph and returns nothing tract would trip over.
fn prepare(proto: &mut ModelProto, onnx: &Onnx) -> Result<()> {
    let graph =
        proto.graph.as_mut().ok_or_else(|| Error::new(Code::ModelDamaged, "the model has no graph."))?;
    if graph.node.len() > limits::MODEL_NODES {
        return Err(Error::new(Code::TooLarge, format!("a model of {} nodes.", graph.node.len())));
    }
    operators::simplify(graph).map_err(damaged)?;
    if let Some(node) = graph.node.iter().find(|node| !onnx.op_register.0.contains_key(&node.op_type)) {
        return Err(Error::new(Code::ModelOperatorUnknown, format!("operator {}.", node.op_type)));
    }
    Ok(())
}

/// Puts the inputs into our order, whatever order the exporter chose.
fn order_inputs(model: &mut InferenceModel) -> Result<()> {
    let order = [names::CANDIDATES, names::LIVE, names::EVENTS, names::MASK, names::CONTEXT];
    let found: Vec<OutletId> = model.input_outlets().map_err(damaged)?.to_vec();
    let name_of = |outlet: &OutletId| model.nodes()[outlet.node].name.clone();
    let outlet = |name: &str| found.iter().copied().find(|outlet| name_of(outlet) == name);
    let inputs: Option<Vec<OutletId>> = order.iter().map(|name| outlet(name)).collect();
    match inputs {
        Some(inputs) if found.len() == order.len() => model.set_input_outlets(&inputs).map_err(mismatch),
        _ => {
            let found: Vec<String> = found.iter().map(name_of).collect();
            Err(Error::new(
                Code::ModelInputsMismatch,
                format!("its inputs are {found:?}, wanted are {order:?}."),
            ))
        }
    }
}

fn build(
    model: &InferenceModel,
    widths: Widths,
    bucket: usize,
    outputs: usize,
) -> Result<Arc<TypedRunnableModel>> {
    let shapes: [&[usize]; 5] = [
        &[bucket, widths.candidate],
        &[bucket, widths.live],
        &[widths.slots, widths.event],
        &[widths.slots],
        &[widths.context],
    ];
    let mut model = model.clone();
    for (index, shape) in shapes.iter().enumerate() {
        model.set_input_fact(index, f32::fact(*shape).into()).map_err(mismatch)?;
    }
    let model = model.into_optimized().map_err(mismatch)?;
    let fact = model.output_fact(0).map_err(damaged)?;
    let shape = fact.shape.as_concrete().map(<[usize]>::to_vec);
    if fact.datum_type != f32::datum_type() || shape.as_deref() != Some(&[bucket, outputs]) {
        let detail = format!("its output is {fact:?}, the schema has {outputs} heads.");
        return Err(Error::new(Code::ModelInputsMismatch, detail));
    }
    model.into_runnable().map_err(damaged)
}

fn damaged(error: TractError) -> Error {
    Error::new(Code::ModelDamaged, format!("{error:#}."))
}

fn mismatch(error: TractError) -> Error {
    Error::new(Code::ModelInputsMismatch, format!("{error:#}."))
}
