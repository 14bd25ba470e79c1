//! Where the numbers of a value lie in its buffer, and how several values are walked through together.

use crate::limits;

/// Values that one step may walk through: its output and up to three inputs.
pub(super) const OPERANDS: usize = 4;

/// Axes over a buffer. Cutting, exchanging and repeating them moves no numbers; an axis of one place has the stride 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl View {
    /// All numbers of a buffer, row-major.
    pub(super) fn dense(shape: &[usize]) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut step = 1;
        for (stride, size) in strides.iter_mut().zip(shape).rev().filter(|(_, size)| **size > 1) {
            *stride = step;
            step *= size;
        }
        Self { offset: 0, shape: shape.to_vec(), strides }
    }

    /// Whether the numbers lie one after the other, row-major.
    pub(super) fn is_dense(&self) -> bool {
        self.strides == Self::dense(&self.shape).strides
    }

    /// How many numbers there are.
    pub(super) fn volume(&self) -> usize {
        self.shape.iter().product()
    }

    /// The same numbers in another shape of the same volume, where they lie row-major.
    pub(super) fn reshaped(&self, shape: &[usize]) -> Self {
        Self { offset: self.offset, ..Self::dense(shape) }
    }

    /// Repeated to a shape that it broadcasts to.
    pub(super) fn stretched(&self, shape: &[usize]) -> Self {
        let mut strides = vec![0; shape.len().saturating_sub(self.strides.len())];
        strides.extend(&self.strides);
        Self { offset: self.offset, shape: shape.to_vec(), strides }
    }

    /// Its axes in this order.
    pub(super) fn reordered(&self, order: &[usize]) -> Self {
        let of = |list: &[usize]| order.iter().map(|axis| list[*axis]).collect();
        Self { offset: self.offset, shape: of(&self.shape), strides: of(&self.strides) }
    }

    /// The places `start..end` of an axis.
    pub(super) fn cut(&self, axis: usize, [start, end]: [usize; 2]) -> Self {
        let mut part = self.clone();
        part.offset += start * part.strides[axis];
        part.shape[axis] = end - start;
        if end - start == 1 {
            part.strides[axis] = 0;
        }
        part
    }

    /// A new axis of one place.
    pub(super) fn with_axis(&self, at: usize) -> Self {
        let mut wider = self.clone();
        wider.shape.insert(at, 1);
        wider.strides.insert(at, 0);
        wider
    }

    /// Without an axis of one place.
    pub(super) fn without_axis(&self, at: usize) -> Self {
        let mut narrower = self.clone();
        narrower.shape.remove(at);
        narrower.strides.remove(at);
        narrower
    }
}

/// A way through values of one shape: runs of equal steps in each buffer, and the axes along which the runs repeat.
///
/// Axes that lie one after the other in every buffer are walked as one.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    starts: [usize; OPERANDS],
    pub(super) run: Axis,
    outer: Vec<Axis>,
}

/// An axis: its places, and the step in each buffer from one to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) size: usize,
    pub(super) strides: [usize; OPERANDS],
}

impl Walk {
    /// Through at most [`OPERANDS`] views of the same shape, the output first.
    pub(super) fn new(views: &[&View]) -> Self {
        let of = |list: fn(&View) -> &[usize], axis: usize| each(views, |view| list(view)[axis]);
        let shape = views.first().map_or(&[][..], |view| &view.shape);
        let mut axes: Vec<Axis> = Vec::new();
        for axis in (0..shape.len()).rev().filter(|axis| shape[*axis] > 1) {
            let next = Axis { size: shape[axis], strides: of(|view| &view.strides, axis) };
            match axes.last_mut() {
                Some(last) if last.continues(&next) => last.size *= next.size,
                _ => axes.push(next),
            }
        }
        let single = Axis { size: 1, strides: [0; OPERANDS] };
        let run = if axes.is_empty() { single } else { axes.remove(0) };
        Self { starts: each(views, |view| view.offset), run, outer: axes }
    }

    /// Where each run starts in each buffer.
    pub(super) fn each(&self, mut visit: impl FnMut([usize; OPERANDS])) {
        let mut at = self.starts;
        let mut counters = [0; limits::MODEL_AXES];
        loop {
            visit(at);
            let mut axes = self.outer.iter().zip(&mut counters);
            loop {
                let Some((axis, counter)) = axes.next() else { return };
                *counter += 1;
                if *counter < axis.size {
                    at.iter_mut().zip(axis.strides).for_each(|(at, stride)| *at += stride);
                    break;
                }
                *counter = 0;
                at.iter_mut().zip(axis.strides).for_each(|(at, stride)| *at -= stride * (axis.size - 1));
            }
        }
    }

    /// Where each single number lies in each buffer.
    pub(super) fn points(&self, mut visit: impl FnMut([usize; OPERANDS])) {
        self.each(|mut at| {
            for _ in 0..self.run.size {
                visit(at);
                at.iter_mut().zip(self.run.strides).for_each(|(at, stride)| *at += stride);
            }
        });
    }

    /// Whether runs of this operand are one number repeated, or numbers one after the other.
    pub(super) fn is_even(&self, operand: usize) -> bool {
        self.run.strides[operand] <= 1
    }
}

impl Axis {
    /// Whether another axis goes on where this one ends, in every buffer.
    fn continues(&self, next: &Self) -> bool {
        self.strides.iter().zip(next.strides).all(|(own, next)| own * self.size == next)
    }
}

fn each(views: &[&View], of: impl Fn(&View) -> usize) -> [usize; OPERANDS] {
    let mut list = [0; OPERANDS];
    list.iter_mut().zip(views).for_each(|(place, view)| *place = of(view));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(views: &[&View]) -> Vec<[usize; 2]> {
        let mut points = Vec::new();
        Walk::new(views).points(|at| points.push([at[0], at[1]]));
        points
    }

    #[test]
    fn dense_values_are_one_run() {
        let view = View::dense(&[2, 1, 3]);
        let walk = Walk::new(&[&view, &view]);
        assert_eq!((walk.run.size, walk.outer.len()), (6, 0));
        assert!(walk.is_even(1) && view.is_dense());
    }

    #[test]
    fn a_row_is_repeated_and_a_table_turned() {
        let table = View::dense(&[2, 3]);
        let row = View::dense(&[3]).stretched(&[2, 3]);
        assert_eq!(points(&[&table, &row]), [[0, 0], [1, 1], [2, 2], [3, 0], [4, 1], [5, 2]]);
        let turned = View::dense(&[3, 2]).reordered(&[1, 0]);
        assert_eq!(points(&[&table, &turned]), [[0, 0], [1, 2], [2, 4], [3, 1], [4, 3], [5, 5]]);
    }

    #[test]
    fn a_part_keeps_its_place_in_the_buffer() {
        let part = View::dense(&[4, 5]).cut(1, [2, 4]).cut(0, [1, 2]);
        assert_eq!((part.offset, part.shape.as_slice()), (7, &[1, 2][..]));
        assert_eq!(points(&[&View::dense(&[1, 2]), &part]), [[0, 7], [1, 8]]);
        assert_eq!(points(&[&View::dense(&[]), &View::dense(&[])]), [[0, 0]]);
    }
}
