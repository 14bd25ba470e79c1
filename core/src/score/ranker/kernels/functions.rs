//! Transcendental functions of four numbers at once.
//!
//! The approximations are those of the Cephes library in single precision (S. L. Moshier, 1989: `expf.c`, `tanhf.c`), good
//! to two units in the last place; branches become selections.

#![allow(clippy::excessive_precision, reason = "the coefficients stand as they were published")]

use fearless_simd::{f32x4, i32x4, prelude::*};

/// Beyond these, the exponential is infinite or zero.
const EXPONENTS: [f32; 2] = [-104.0, 89.0];

/// Adding and subtracting it rounds to the nearest integer.
const ROUND: f32 = 12_582_912.0;

/// The natural logarithm of 2, in a part that is exact when multiplied by an exponent, and the rest.
const LOGARITHM: [f32; 2] = [0.693_359_375, -2.121_944_40e-4];

/// The highest power first.
const EXPONENTIAL: [f32; 6] = [
    1.987_569_150_0e-4,
    1.398_199_950_7e-3,
    8.333_451_907_3e-3,
    4.166_579_589_4e-2,
    1.666_666_545_9e-1,
    5.000_000_120_1e-1,
];

/// The highest power first, of the square.
const TANGENT: [f32; 5] = [
    -5.704_988_727_45e-3,
    2.063_908_879_54e-2,
    -5.373_971_555_31e-2,
    1.333_144_220_36e-1,
    -3.333_328_194_22e-1,
];

/// Up to here the hyperbolic tangent is a polynomial, as one minus a quotient would lose its last digits.
const SMALL: f32 = 0.625;

/// `e` to the power of each number.
#[inline(always)]
pub(super) fn exponential<S: Simd>(simd: S, x: f32x4<S>) -> f32x4<S> {
    let splat = |value| f32x4::splat(simd, value);
    let x = x.simd_lt(EXPONENTS[0]).select(splat(EXPONENTS[0]), x);
    let x = x.simd_gt(EXPONENTS[1]).select(splat(EXPONENTS[1]), x);
    let power = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let rest = x - power * LOGARITHM[0] - power * LOGARITHM[1];
    let [a, b, c, d, e, f] = EXPONENTIAL;
    let curve =
        (((((rest * a + b) * rest + c) * rest + d) * rest + e) * rest + f) * (rest * rest) + rest + 1.0;
    // In two halves, as one power of two would leave the range of exponents where the result is tiny or infinite.
    let power: i32x4<S> = power.to_int();
    let half = power >> 1;
    curve * two_to_the(simd, half) * two_to_the(simd, power - half)
}

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(simd: S, x: f32x4<S>) -> f32x4<S> {
    f32x4::splat(simd, 1.0) / (exponential(simd, -x) + 1.0)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(super) fn tangent<S: Simd>(simd: S, x: f32x4<S>) -> f32x4<S> {
    let squared = x * x;
    let [a, b, c, d, e] = TANGENT;
    let small = ((((squared * a + b) * squared + c) * squared + d) * squared + e) * squared * x + x;
    let size = x.abs();
    let two = f32x4::splat(simd, 2.0);
    let large = f32x4::splat(simd, 1.0) - two / (exponential(simd, size + size) + 1.0);
    size.simd_lt(SMALL).select(small, large.copysign(x))
}

#[inline(always)]
fn two_to_the<S: Simd>(_: S, power: i32x4<S>) -> f32x4<S> {
    ((power + 127) << 23).bitcast()
}

#[cfg(test)]
mod tests {
    use super::super::{Function, Lane, apply};

    fn of(function: Function, x: f32) -> f32 {
        let mut out = [0.0];
        apply(function, &mut out, [Lane::One(x); 3]);
        out[0]
    }

    #[test]
    fn functions_are_those_of_the_mathematical_library() {
        let near = |function, x: f32, wanted: f64| {
            let (found, wanted) = (of(function, x), wanted as f32);
            // What is smaller than a normal number may be lost.
            let apart = wanted.abs() * 4e-7 + f32::MIN_POSITIVE;
            assert!(found == wanted || (found - wanted).abs() <= apart, "{function:?} of {x} is {found}");
        };
        for step in -12_000..=12_000_i32 {
            let x = step as f32 * 0.01;
            let exact = f64::from(x);
            near(Function::Exponential, x, libm::exp(exact));
            near(Function::Tangent, x, libm::tanh(exact));
            near(Function::Sigmoid, x, 1.0 / (1.0 + libm::exp(-exact)));
        }
    }

    #[test]
    fn ends_of_the_range_are_kept_and_no_number_stays_none() {
        let ends = |function| [f32::NEG_INFINITY, f32::INFINITY, f32::NAN].map(|x| of(function, x));
        let [low, high, none] = ends(Function::Exponential);
        assert!(low == 0.0 && high == f32::INFINITY && none.is_nan());
        let [low, high, none] = ends(Function::Tangent);
        assert!(low == -1.0 && high == 1.0 && none.is_nan());
        let [low, high, none] = ends(Function::Sigmoid);
        assert!(low == 0.0 && high == 1.0 && none.is_nan());
    }
}
