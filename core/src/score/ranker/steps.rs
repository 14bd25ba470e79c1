//! One thing that is computed: whole values in, a whole value out, all shapes known.

use std::sync::Arc;

use super::kernels::{Function, Lane, Reduction, Sizes, apply, fold, join, multiply, pack};
use super::view::{OPERANDS, Walk};

/// Where the numbers of a value are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// Given at each run.
    Source(usize),
    /// Known beforehand.
    Constant(usize),
    /// Written by a step.
    Computed(usize),
}

/// A step: its work, what it reads and the buffer it writes, whose length is known.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) work: Work,
    pub(super) inputs: Vec<Place>,
    pub(super) output: usize,
    pub(super) length: usize,
}

/// What a step does with its inputs.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// A function number by number.
    Each(Function, Walk),
    /// Inputs copied side by side, each by its own walk of output and input.
    Join(Vec<Walk>),
    /// Numbers brought together; places of the output repeat along the axes that go.
    Reduce(Reduction, Walk),
    /// Products of matrices: left, right, and a row to start from where there is a third input.
    Product(Product),
}

/// Products of matrices for each place of a walk through output, left, right and start.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) sizes: Sizes,
    pub(super) batch: Walk,
    /// Steps from one row and one column of the right side to the next; `None` where it lies in panels already.
    pub(super) right: Option<[usize; 2]>,
    /// Numbers of the right side in panels.
    pub(super) packed: usize,
}

/// What steps read.
#[derive(Clone, Copy)]
pub(super) struct Memory<'a> {
    pub(super) sources: &'a [&'a [f32]],
    pub(super) constants: &'a [Arc<[f32]>],
    pub(super) buffers: &'a [Vec<f32>],
}

impl<'a> Memory<'a> {
    pub(super) fn read(&self, place: Place) -> &'a [f32] {
        match place {
            Place::Source(at) => self.sources[at],
            Place::Constant(at) => &self.constants[at],
            Place::Computed(at) => &self.buffers[at],
        }
    }
}

impl Step {
    /// Writes every number of `out`, which is as long as the output; `spare` is room that a step may use.
    pub(super) fn run(&self, out: &mut [f32], memory: Memory<'_>, spare: &mut Vec<f32>) {
        let input = |at: usize| self.inputs.get(at).map_or(&[][..], |place| memory.read(*place));
        match &self.work {
            Work::Each(function, walk) => each(*function, walk, out, [input(0), input(1), input(2)]),
            Work::Join(walks) => {
                walks.iter().enumerate().for_each(|(at, walk)| copy(walk, out, input(at)));
            }
            Work::Reduce(reduction, walk) => reduce(*reduction, walk, out, input(0), spare),
            Work::Product(product) => product.run(out, [input(0), input(1), input(2)], spare),
        }
    }
}

fn each(function: Function, walk: &Walk, out: &mut [f32], inputs: [&[f32]; OPERANDS - 1]) {
    let size = walk.run.size;
    walk.each(|[to, from @ ..]| {
        let lane = |at: usize| lane(walk, inputs[at], from[at], at + 1);
        apply(function, &mut out[to..to + size], [lane(0), lane(1), lane(2)]);
    });
}

/// The run of an operand, which is even; nothing of an operand that is not there.
#[inline]
fn lane<'a>(walk: &Walk, numbers: &'a [f32], from: usize, operand: usize) -> Lane<'a> {
    match walk.run.strides[operand] {
        0 => Lane::One(numbers.get(from).copied().unwrap_or_default()),
        _ => Lane::Run(&numbers[from..from + walk.run.size]),
    }
}

fn copy(walk: &Walk, out: &mut [f32], input: &[f32]) {
    let (size, [step, stride, ..]) = (walk.run.size, walk.run.strides);
    walk.each(|[to, from, ..]| match (step, stride) {
        (1, 1) => out[to..to + size].copy_from_slice(&input[from..from + size]),
        _ => (0..size).for_each(|at| out[to + at * step] = input[from + at * stride]),
    });
}

fn reduce(reduction: Reduction, walk: &Walk, out: &mut [f32], input: &[f32], spare: &mut Vec<f32>) {
    out.fill(reduction.start());
    let size = walk.run.size;
    walk.each(|[to, from, ..]| match (walk.run.strides[0], lane(walk, input, from, 1)) {
        (0, Lane::Run(run)) => fold(reduction, &mut out[to], run),
        (0, Lane::One(number)) => (0..size).for_each(|_| fold(reduction, &mut out[to], &[number])),
        (_, lane) => join(reduction, &mut out[to..to + size], lane, spare),
    });
}

impl Product {
    fn run(&self, out: &mut [f32], [left, right, start]: [&[f32]; 3], spare: &mut Vec<f32>) {
        let Sizes { rows, inner, columns, .. } = self.sizes;
        let mut packed = None;
        self.batch.points(|[to, one, other, first]| {
            let panels = match self.right {
                None => &right[other..other + self.packed],
                Some(steps) => {
                    if packed.replace(other) != Some(other) {
                        spare.resize(self.packed, 0.0);
                        pack(spare, [inner, columns], &right[other..], steps);
                    }
                    spare.as_slice()
                }
            };
            multiply(&mut out[to..to + rows * columns], self.sizes, &left[one..], panels, &start[first..]);
        });
    }
}
