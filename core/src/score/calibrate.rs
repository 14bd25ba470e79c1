//! Corrects heads after the model, by what their schema says was learned about them.

use crate::features::{Calibration, Schema};

/// Nearest to 0 and to 1 that a probability counts for; further out its log odds have no end.
const EDGE: f32 = 1e-7;

/// Replaces the heads of every row, row-major `[n, H]`, by what their calibrations make of them.
pub(crate) fn calibrate(heads: &mut [f32], schema: &Schema) {
    let width = schema.heads.len().max(1);
    for (column, head) in schema.heads.iter().enumerate() {
        if head.calibration != Calibration::None {
            let values = heads.iter_mut().skip(column).step_by(width);
            values.for_each(|value| *value = calibrated(&head.calibration, *value));
        }
    }
}

fn calibrated(calibration: &Calibration, value: f32) -> f32 {
    match calibration {
        Calibration::None => value,
        Calibration::Temperature { temperature } => sigmoid(logit(value) / temperature),
        Calibration::Platt { slope, intercept } => sigmoid(slope * logit(value) + intercept),
        Calibration::Isotonic { points } => interpolated(points, value),
    }
}

/// Log odds.
fn logit(probability: f32) -> f32 {
    let inside = probability.clamp(EDGE, 1.0 - EDGE);
    libm::logf(inside / (1.0 - inside))
}

fn sigmoid(odds: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-odds))
}

/// The line through `points`, whose first coordinates rise; flat beyond the first and the last.
fn interpolated(points: &[[f32; 2]], at: f32) -> f32 {
    let after = points.partition_point(|[x, _]| *x <= at);
    match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
        (Some([left, low]), Some([right, high])) => low + (high - low) * (at - left) / (right - left),
        (Some([_, answer]), None) | (None, Some([_, answer])) => *answer,
        (None, None) => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Head, HeadKind};

    fn after(calibration: Calibration, values: [f32; 3]) -> [f32; 3] {
        values.map(|value| calibrated(&calibration, value))
    }

    #[test]
    fn a_temperature_above_one_brings_answers_to_the_middle() {
        let [low, middle, high] = after(Calibration::Temperature { temperature: 2.0 }, [0.1, 0.5, 0.9]);
        assert!((low - 0.25).abs() < 1e-6 && (middle - 0.5).abs() < 1e-6 && (high - 0.75).abs() < 1e-6);
    }

    #[test]
    fn platts_line_moves_the_log_odds() {
        let calibration = Calibration::Platt { slope: 1.0, intercept: libm::logf(3.0) };
        let [_, middle, _] = after(calibration, [0.1, 0.5, 0.9]);
        assert!((middle - 0.75).abs() < 1e-6);
    }

    #[test]
    fn certainty_stays_finite() {
        for calibration in [
            Calibration::Temperature { temperature: 1e-3 },
            Calibration::Platt { slope: 100.0, intercept: -50.0 },
        ] {
            for answer in after(calibration, [0.0, 1.0, f32::MIN_POSITIVE]) {
                assert!((0.0..=1.0).contains(&answer), "{answer}");
            }
        }
    }

    #[test]
    fn isotonic_points_are_joined_by_lines_and_flat_outside() {
        let points = vec![[0.2, 0.1], [0.6, 0.3], [0.8, 0.9]];
        let calibration = Calibration::Isotonic { points };
        assert_eq!(after(calibration.clone(), [0.0, 0.2, 1.0]), [0.1, 0.1, 0.9]);
        let [between, at, later] = after(calibration, [0.4, 0.6, 0.7]);
        assert!((between - 0.2).abs() < 1e-6 && (at - 0.3).abs() < 1e-6 && (later - 0.6).abs() < 1e-6);
    }

    #[test]
    fn each_head_has_its_own_calibration() {
        let head = |calibration| Head { name: "one".into(), kind: HeadKind::Probability, calibration };
        let plain = Schema::linear(["impressions"].into_iter()).unwrap();
        let halved = Calibration::Isotonic { points: vec![[0.0, 0.0], [1.0, 0.5]] };
        let schema = Schema { heads: vec![head(Calibration::None), head(halved)], ..plain };
        let mut heads = [0.4, 0.4, 1.0, 1.0];
        calibrate(&mut heads, &schema);
        assert_eq!(heads, [0.4, 0.2, 1.0, 0.5]);
    }
}
