//! The little vector arithmetic the engine needs.

const LANES: usize = 8;

/// Dot product of two unit vectors, which is their cosine; 0 where the lengths differ.
///
/// The order of additions is fixed, so the result is the same on every host, and eight lanes let the compiler
/// use the host's vector instructions.
pub(crate) fn similarity(one: &[f32], other: &[f32]) -> f32 {
    if one.len() != other.len() {
        return 0.0;
    }
    let mut sums = [0.0_f32; LANES];
    let (ones, others) = (one.chunks_exact(LANES), other.chunks_exact(LANES));
    let rest: f32 = ones.remainder().iter().zip(others.remainder()).map(|(left, right)| left * right).sum();
    for (ones, others) in ones.zip(others) {
        for lane in 0..LANES {
            sums[lane] += ones[lane] * others[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Scales to unit length; a vector without a direction stays zero.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = libm::sqrtf(similarity(vector, vector));
    if length > 1e-12 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_the_cosine_of_unit_vectors() {
        let mut one: Vec<f32> = (0..19).map(|at| at as f32 - 7.0).collect();
        normalise(&mut one);
        assert!((similarity(&one, &one) - 1.0).abs() < 1e-6);
        assert_eq!(similarity(&one, &one[1..]), 0.0);
        let opposite: Vec<f32> = one.iter().map(|value| -value).collect();
        assert!((similarity(&one, &opposite) + 1.0).abs() < 1e-6);
    }
}
