//! One part of a graph, ready to run: its steps, and the buffers they write, which are used again once nothing reads
//! them any more.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use super::graph::Graph;
use super::steps::{Memory, Place, Step};
use super::wiring::{Bounds, Kind, Value, Wiring, wire};
use crate::error::{Code, Error, Result};

/// A part of a graph for fixed shapes. A copy shares what was built.
#[derive(Clone)]
pub(super) struct Plan {
    built: Arc<Built>,
    /// The shapes of its outputs.
    pub(super) shapes: Vec<Vec<usize>>,
}

struct Built {
    /// Numbers of each source.
    sources: Vec<usize>,
    constants: Vec<Arc<[f32]>>,
    steps: Vec<Step>,
    outputs: Vec<Output>,
}

/// Numbers of a value, one after the other.
struct Output {
    place: Place,
    offset: usize,
    length: usize,
}

/// Buffers that steps write, kept from run to run; any plan may use them.
#[derive(Default)]
pub(super) struct Scratch {
    buffers: Vec<Vec<f32>>,
    spare: Vec<f32>,
}

impl Plan {
    /// Builds the part within `bounds`.
    ///
    /// # Errors
    /// `model_inputs_mismatch`, `model_damaged`, `too_large`.
    pub(super) fn new(graph: &Graph, bounds: &Bounds) -> Result<Self> {
        let mut wired = wire(graph, bounds)?;
        let mut values = Vec::with_capacity(bounds.outputs.len());
        for name in &bounds.outputs {
            let value = wired.values.get(name).ok_or_else(|| damaged("an output is not computed"))?;
            if value.kind != Kind::Float {
                return Err(damaged("a value between parts is not f32"));
            }
            values.push(wired.wiring.dense(value)?);
        }
        let shapes = values.iter().map(|value| value.shape().to_vec()).collect();
        Ok(Self { built: Arc::new(Built::new(wired.wiring, &values)), shapes })
    }

    /// Computes the outputs, in the order of the bounds, from the sources in theirs.
    ///
    /// # Errors
    /// `model_damaged` for sources of other lengths.
    pub(super) fn run(&self, sources: &[&[f32]], scratch: &mut Scratch) -> Result<Vec<Vec<f32>>> {
        if !sources.iter().map(|source| source.len()).eq(self.built.sources.iter().copied()) {
            return Err(damaged("the parts of the model do not fit"));
        }
        for step in &self.built.steps {
            self.built.step(step, sources, scratch);
        }
        let memory = self.built.memory(sources, &scratch.buffers);
        let numbers = |output: &Output| memory.read(output.place)[output.offset..][..output.length].to_vec();
        Ok(self.built.outputs.iter().map(numbers).collect())
    }
}

impl Built {
    fn new(wiring: Wiring, outputs: &[Value]) -> Self {
        let Wiring { sources, constants, mut steps, .. } = wiring;
        let buffers = share(&steps, outputs);
        let moved = |place| match place {
            Place::Computed(step) => Place::Computed(buffers[step]),
            other => other,
        };
        for step in &mut steps {
            step.output = buffers[step.output];
            step.inputs.iter_mut().for_each(|place| *place = moved(*place));
        }
        let output = |value: &Value| Output {
            place: moved(value.place),
            offset: value.view.offset,
            length: value.view.volume(),
        };
        Self { sources, constants, steps, outputs: outputs.iter().map(output).collect() }
    }

    /// Runs a step; its own buffer is taken out for as long, as it reads only others.
    fn step(&self, step: &Step, sources: &[&[f32]], scratch: &mut Scratch) {
        if scratch.buffers.len() <= step.output {
            scratch.buffers.resize_with(step.output + 1, Vec::new);
        }
        let mut buffer = mem::take(&mut scratch.buffers[step.output]);
        if buffer.len() < step.length {
            buffer.resize(step.length, 0.0);
        }
        let memory = self.memory(sources, &scratch.buffers);
        step.run(&mut buffer[..step.length], memory, &mut scratch.spare);
        scratch.buffers[step.output] = buffer;
    }

    fn memory<'a>(&'a self, sources: &'a [&'a [f32]], buffers: &'a [Vec<f32>]) -> Memory<'a> {
        Memory { sources, constants: &self.constants, buffers }
    }
}

/// The buffer of each step's output: a new one, or one that nothing reads any more.
fn share(steps: &[Step], outputs: &[Value]) -> Vec<usize> {
    let mut last: Vec<usize> = (0..steps.len()).collect();
    let mut read = |place: Place, by: usize| {
        if let Place::Computed(step) = place {
            last[step] = by;
        }
    };
    steps.iter().enumerate().for_each(|(at, step)| step.inputs.iter().for_each(|place| read(*place, at)));
    outputs.iter().for_each(|value| read(value.place, steps.len()));
    let mut ends: Vec<Vec<usize>> = vec![Vec::new(); steps.len() + 1];
    let (mut buffers, mut free, mut count) = (Vec::with_capacity(steps.len()), Vec::new(), 0);
    for at in 0..steps.len() {
        let buffer = free.pop().unwrap_or_else(|| {
            count += 1;
            count - 1
        });
        buffers.push(buffer);
        ends[last[at]].push(buffer);
        free.append(&mut ends[at]);
    }
    buffers
}

/// As many numbers as `length`: first these, then zeros.
///
/// # Errors
/// `model_damaged` where there are more.
pub(super) fn padded(length: usize, numbers: &[f32]) -> Result<Cow<'_, [f32]>> {
    match numbers.len() {
        given if given == length => Ok(Cow::Borrowed(numbers)),
        given if given < length => {
            let mut all = numbers.to_vec();
            all.resize(length, 0.0);
            Ok(Cow::Owned(all))
        }
        _ => Err(damaged("more rows than planned")),
    }
}

fn damaged(detail: &str) -> Error {
    Error::new(Code::ModelDamaged, format!("{detail}."))
}
