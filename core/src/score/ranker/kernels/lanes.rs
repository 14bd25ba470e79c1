//! Functions applied number by number.

use fearless_simd::{Level, dispatch, f32x4, prelude::*};

use super::functions::{exponential, sigmoid, tangent};

/// A function of one, two or three numbers. Conditions are 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) enum Function {
    Negate,
    Exponential,
    Logarithm,
    Root,
    Tangent,
    Sigmoid,
    Not,
    IsNotZero,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Least,
    Greatest,
    Equal,
    Greater,
    Less,
    Choose,
}

/// An operand: as many numbers as there are results, or one for all of them.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Lane<'a> {
    Run(&'a [f32]),
    One(f32),
}

/// Operands in their order; those that the function does not have are passed over.
type Lanes<'a> = [Lane<'a>; 3];

impl Lane<'_> {
    /// The numbers of this group of four; zeros follow the last.
    #[inline(always)]
    fn four<S: Simd>(self, simd: S, group: usize) -> f32x4<S> {
        let (fours, rest) = match self {
            Self::One(number) => return f32x4::splat(simd, number),
            Self::Run(run) => run.as_chunks::<4>(),
        };
        if let Some(four) = fours.get(group) {
            return f32x4::load_array_ref(simd, four);
        }
        let mut four = [0.0; 4];
        four.iter_mut().zip(rest).for_each(|(place, number)| *place = *number);
        f32x4::load_array(simd, four)
    }
}

/// Writes the function of the operands; a run has as many numbers as `out`.
pub(in super::super) fn apply(function: Function, out: &mut [f32], lanes: Lanes<'_>) {
    dispatch!(Level::baseline(), simd => apply_by(simd, function, out, lanes));
}

#[inline(always)]
fn apply_by<S: Simd>(simd: S, function: Function, out: &mut [f32], lanes: Lanes<'_>) {
    let (zero, one) = (f32x4::splat(simd, 0.0), f32x4::splat(simd, 1.0));
    match function {
        Function::Negate => of_one(simd, out, lanes, |a| -a),
        Function::Exponential => of_one(simd, out, lanes, |a| exponential(simd, a)),
        Function::Logarithm => of_one(simd, out, lanes, |a| singly(simd, a, a, |a, _| libm::logf(a))),
        Function::Root => of_one(simd, out, lanes, |a| a.sqrt()),
        Function::Tangent => of_one(simd, out, lanes, |a| tangent(simd, a)),
        Function::Sigmoid => of_one(simd, out, lanes, |a| sigmoid(simd, a)),
        Function::Not => of_one(simd, out, lanes, |a| one - a),
        Function::IsNotZero => of_one(simd, out, lanes, |a| a.simd_eq(zero).select(zero, one)),
        Function::Add => of_two(simd, out, lanes, |a, b| a + b),
        Function::Subtract => of_two(simd, out, lanes, |a, b| a - b),
        Function::Multiply => of_two(simd, out, lanes, |a, b| a * b),
        Function::Divide => of_two(simd, out, lanes, |a, b| a / b),
        Function::Power => of_two(simd, out, lanes, |a, b| singly(simd, a, b, libm::powf)),
        Function::Least => of_two(simd, out, lanes, |a, b| a.simd_lt(b).select(a, b)),
        Function::Greatest => of_two(simd, out, lanes, |a, b| a.simd_gt(b).select(a, b)),
        Function::Equal => of_two(simd, out, lanes, |a, b| a.simd_eq(b).select(one, zero)),
        Function::Greater => of_two(simd, out, lanes, |a, b| a.simd_gt(b).select(one, zero)),
        Function::Less => of_two(simd, out, lanes, |a, b| a.simd_lt(b).select(one, zero)),
        Function::Choose => of_three(simd, out, lanes, |a, b, c| a.simd_eq(zero).select(c, b)),
    }
}

#[inline(always)]
fn of_one<S: Simd>(simd: S, out: &mut [f32], [a, ..]: Lanes<'_>, function: impl Fn(f32x4<S>) -> f32x4<S>) {
    each(out, |at| function(a.four(simd, at)));
}

#[inline(always)]
fn of_two<S: Simd>(
    simd: S,
    out: &mut [f32],
    [a, b, _]: Lanes<'_>,
    function: impl Fn(f32x4<S>, f32x4<S>) -> f32x4<S>,
) {
    each(out, |at| function(a.four(simd, at), b.four(simd, at)));
}

#[inline(always)]
fn of_three<S: Simd>(
    simd: S,
    out: &mut [f32],
    [a, b, c]: Lanes<'_>,
    function: impl Fn(f32x4<S>, f32x4<S>, f32x4<S>) -> f32x4<S>,
) {
    each(out, |at| function(a.four(simd, at), b.four(simd, at), c.four(simd, at)));
}

/// Four results at a time; called in one place, so that they are computed where they are needed.
#[inline(always)]
fn each<S: Simd>(out: &mut [f32], results: impl Fn(usize) -> f32x4<S>) {
    for (at, places) in out.chunks_mut(4).enumerate() {
        let results = results(at);
        match places.as_mut_array::<4>() {
            Some(four) => results.store_array(four),
            None => places.iter_mut().zip(results.to_array()).for_each(|(place, result)| *place = result),
        }
    }
}

/// A function without an approximation of our own, number by number.
#[inline(always)]
fn singly<S: Simd>(simd: S, a: f32x4<S>, b: f32x4<S>, function: impl Fn(f32, f32) -> f32) -> f32x4<S> {
    let (a, b) = (a.to_array(), b.to_array());
    f32x4::from_fn(simd, |at| function(a[at], b[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(function: Function, lanes: [&[f32]; 3]) -> Vec<f32> {
        let mut out = vec![f32::NAN; lanes[0].len()];
        apply(function, &mut out, lanes.map(Lane::Run));
        out
    }

    #[test]
    fn each_function_is_what_its_name_says_at_every_place_of_a_run() {
        let a: Vec<f32> = (0..11).map(|at| at as f32 - 5.0).collect();
        let b: Vec<f32> = (0..11).map(|at| if at % 3 == 0 { at as f32 - 5.0 } else { 0.5 }).collect();
        let flags: Vec<f32> = (0..11).map(|at| f32::from(at % 2 == 0)).collect();
        let check = |function, expected: fn(f32, f32) -> f32| {
            let expected: Vec<f32> = a.iter().zip(&b).map(|(a, b)| expected(*a, *b)).collect();
            assert_eq!(of(function, [&a, &b, &b]), expected, "{function:?}");
        };
        check(Function::Negate, |a, _| -a);
        check(Function::IsNotZero, |a, _| f32::from(a != 0.0));
        check(Function::Add, |a, b| a + b);
        check(Function::Subtract, |a, b| a - b);
        check(Function::Multiply, |a, b| a * b);
        check(Function::Least, f32::min);
        check(Function::Greatest, f32::max);
        check(Function::Equal, |a, b| f32::from(a == b));
        check(Function::Greater, |a, b| f32::from(a > b));
        check(Function::Less, |a, b| f32::from(a < b));
        let chosen: Vec<f32> = (0..11).map(|at| if flags[at] == 0.0 { b[at] } else { a[at] }).collect();
        assert_eq!(of(Function::Choose, [&flags, &a, &b]), chosen);
        let not: Vec<f32> = flags.iter().map(|flag| 1.0 - flag).collect();
        assert_eq!(of(Function::Not, [&flags, &a, &b]), not);
    }

    #[test]
    fn a_single_number_meets_every_place_of_a_run() {
        let run = [1.0, 4.0, 9.0, 16.0, 25.0];
        let mut out = [0.0; 5];
        apply(Function::Divide, &mut out, [Lane::Run(&run), Lane::One(2.0), Lane::One(0.0)]);
        assert_eq!(out, [0.5, 2.0, 4.5, 8.0, 12.5]);
        apply(Function::Root, &mut out, [Lane::Run(&run); 3]);
        assert_eq!(out, [1.0, 2.0, 3.0, 4.0, 5.0]);
        apply(Function::Power, &mut out, [Lane::Run(&run), Lane::One(0.5), Lane::One(0.0)]);
        assert_eq!(out, [1.0, 2.0, 3.0, 4.0, 5.0]);
        apply(Function::Logarithm, &mut out, [Lane::One(1.0); 3]);
        assert_eq!(out, [0.0; 5]);
    }
}
