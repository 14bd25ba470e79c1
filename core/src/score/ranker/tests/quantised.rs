//! Weights in 8 bits: the f32 that they stand for, and files in which they stand for none.

use super::super::RankerScorer;
use super::super::constant::types;
use super::super::graph::Graph;
use super::sketch::{Sketch, Values};
use super::{WIDTHS, inputs, score};
use crate::error::Code;
use crate::limits;

/// Levels at both ends and on both sides of 0, a byte for each, for 6 candidate columns and 2 heads.
const LEVELS: [u8; 12] = [0, 1, 2, 3, 64, 127, 128, 129, 192, 253, 254, 255];

/// A ranker that multiplies candidates by `weights`, which `change` adds.
fn with(change: impl FnOnce(&mut Sketch)) -> Vec<u8> {
    let mut sketch = Sketch::new(WIDTHS);
    change(&mut sketch);
    sketch.node("MatMul", &["candidates", "weights"], "heads");
    sketch.bytes()
}

/// [`LEVELS`] as integers of this type.
fn levels(sketch: &mut Sketch, kind: u64) {
    sketch.constant(&Values { name: "levels", shape: &[6, 2], kind, packed: LEVELS.to_vec() });
}

fn zeros(sketch: &mut Sketch, kind: u64, shape: &[i64], bytes: &[u8]) {
    sketch.constant(&Values { name: "zeros", shape, kind, packed: bytes.to_vec() });
}

/// The ranker scores bit for bit as one whose file has these weights as f32.
fn assert_same(bytes: &[u8], weights: &[f32]) {
    let float = with(|sketch| sketch.numbers("weights", &[6, 2], weights));
    let scored = |bytes: &[u8]| score(&mut RankerScorer::of(bytes, WIDTHS).unwrap(), &inputs(WIDTHS, 131));
    assert_eq!(scored(bytes), scored(&float));
}

fn refusal(bytes: &[u8]) -> (Code, String) {
    let error = RankerScorer::of(bytes, WIDTHS).expect_err("it is refused");
    (error.code(), error.to_string())
}

/// What each of [`LEVELS`] is with a sign.
fn signed() -> [f32; 12] {
    [0.0, 1.0, 2.0, 3.0, 64.0, 127.0, -128.0, -127.0, -64.0, -3.0, -2.0, -1.0]
}

#[test]
fn each_column_has_its_scale_where_no_axis_is_named() {
    let bytes = with(|sketch| {
        levels(sketch, types::INT8);
        sketch.numbers("scales", &[2], &[0.5, 0.1]);
        sketch.node("DequantizeLinear", &["levels", "scales"], "weights");
    });
    let scales = [0.5, 0.1].into_iter().cycle();
    let weights: Vec<f32> = signed().iter().zip(scales).map(|(level, scale)| level * scale).collect();
    assert_same(&bytes, &weights);
}

#[test]
fn each_row_has_its_scale_and_its_zero_point_along_the_axis_named() {
    let scales = [0.5, 0.25, 0.125, 1.0, 2.0, 0.1];
    let zero_points = [0_u8, 3, 128, 255, 1, 254];
    let row = |at: usize| (f32::from(LEVELS[at]) - f32::from(zero_points[at / 2])) * scales[at / 2];
    let weights: Vec<f32> = (0..12).map(row).collect();
    for axis in [0, -2] {
        let bytes = with(|sketch| {
            levels(sketch, types::UINT8);
            sketch.numbers("scales", &[6], &scales);
            zeros(sketch, types::UINT8, &[6], &zero_points);
            let node = sketch.node("DequantizeLinear", &["levels", "scales", "zeros"], "weights");
            node.integer("axis", axis);
        });
        assert_same(&bytes, &weights);
    }
}

#[test]
fn one_scale_and_one_zero_point_count_for_all() {
    let bytes = with(|sketch| {
        levels(sketch, types::INT8);
        sketch.numbers("scale", &[], &[0.3]);
        zeros(sketch, types::INT8, &[], &[0xfb]);
        sketch.node("DequantizeLinear", &["levels", "scale", "zeros"], "weights");
    });
    assert_same(&bytes, &signed().map(|level| (level + 5.0) * 0.3));
}

#[test]
fn a_byte_is_another_number_with_a_sign_than_without() {
    let of = |kind| {
        with(|sketch| {
            levels(sketch, kind);
            sketch.numbers("scale", &[], &[1.0]);
            sketch.node("DequantizeLinear", &["levels", "scale", ""], "weights");
        })
    };
    assert_same(&of(types::INT8), &signed());
    assert_same(&of(types::UINT8), &LEVELS.map(f32::from));
}

#[test]
fn levels_may_be_listed_but_only_as_integers_of_8_bits() {
    let of = |kind, levels: [i64; 2]| {
        with(|sketch| {
            sketch.listed("levels", kind, &levels);
            sketch.numbers("scale", &[], &[1.0]);
            sketch.node("DequantizeLinear", &["levels", "scale"], "row");
            sketch.integers("shape", &[6, 2]);
            sketch.node("Expand", &["row", "shape"], "weights");
        })
    };
    assert_same(&of(types::INT8, [-128, 127]), &[-128.0, 127.0].repeat(6));
    assert_same(&of(types::UINT8, [0, 255]), &[0.0, 255.0].repeat(6));
    for (kind, level) in [(types::INT8, 128), (types::INT8, -129), (types::UINT8, -1), (types::UINT8, 256)] {
        assert_eq!(refusal(&of(kind, [0, level])).0, Code::ModelDamaged, "{level} of type {kind}");
    }
}

#[test]
fn what_was_made_of_levels_is_kept_and_the_levels_are_not() {
    let bytes = with(|sketch| {
        levels(sketch, types::INT8);
        sketch.numbers("scale", &[], &[1.0]);
        sketch.node("DequantizeLinear", &["levels", "scale"], "weights");
    });
    let graph = Graph::read(&bytes, &WIDTHS.inputs()).unwrap();
    assert_eq!(graph.constants.keys().collect::<Vec<_>>(), ["weights"]);
    assert_eq!(graph.nodes.len(), 1, "nothing is left to compute");
}

#[test]
fn what_is_computed_and_forms_that_are_not_read_are_refused_by_name() {
    let changes: [fn(&mut Sketch); 6] = [
        |sketch| {
            sketch.node("DequantizeLinear", &["candidates", "scale"], "weights");
        },
        |sketch| {
            sketch.node("Identity", &["levels"], "same");
            sketch.node("DequantizeLinear", &["same", "scale"], "weights");
        },
        |sketch| {
            sketch.node("Exp", &["scale"], "grown");
            sketch.node("DequantizeLinear", &["levels", "grown"], "weights");
        },
        |sketch| {
            let node = sketch.node("DequantizeLinear", &["levels", "scale"], "weights");
            node.integer("block_size", 2);
        },
        |sketch| {
            let node = sketch.node("DequantizeLinear", &["levels", "scale"], "weights");
            node.integer("output_dtype", 10);
        },
        |sketch| {
            sketch.weight("float", &[6, 2]);
            sketch.node("DequantizeLinear", &["float", "scale"], "weights");
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let (code, text) = refusal(&with(|sketch| {
            levels(sketch, types::INT8);
            sketch.numbers("scale", &[], &[1.0]);
            change(sketch);
        }));
        assert_eq!(code, Code::ModelOperatorUnknown, "change {index}: {text}");
        assert!(text.contains("DequantizeLinear"), "change {index}: {text}");
    }
}

#[test]
fn scales_and_zero_points_that_do_not_fit_are_refused() {
    type Change = (&'static [&'static str], fn(&mut Sketch));
    let changes: [Change; 12] = [
        (&["levels"], |_| ()),
        (&["levels", ""], |_| ()),
        (&["levels", "scales", "zeros", "zeros"], |sketch| zeros(sketch, types::INT8, &[2], &[0, 0])),
        (&["levels", "six"], |sketch| sketch.numbers("six", &[6], &[1.0; 6])),
        (&["levels", "table"], |sketch| sketch.numbers("table", &[1, 2], &[1.0; 2])),
        (&["levels", "levels"], |_| ()),
        (&["levels", "scales", "zeros"], |sketch| zeros(sketch, types::UINT8, &[2], &[0, 0])),
        (&["levels", "scales", "zeros"], |sketch| zeros(sketch, types::INT8, &[], &[0])),
        (&["levels", "scales", "zeros"], |sketch| zeros(sketch, types::INT8, &[2], &[0])),
        (&["levels", "scales", "scales"], |_| ()),
        (&["levels", "nan"], |sketch| sketch.numbers("nan", &[2], &[1.0, f32::NAN])),
        (&["levels", "huge"], |sketch| sketch.numbers("huge", &[], &[f32::MAX])),
    ];
    for (index, (names, change)) in changes.into_iter().enumerate() {
        let bytes = with(|sketch| {
            levels(sketch, types::INT8);
            sketch.numbers("scales", &[2], &[1.0, 2.0]);
            change(sketch);
            sketch.node("DequantizeLinear", names, "weights");
        });
        assert_eq!(refusal(&bytes).0, Code::ModelDamaged, "change {index}");
    }
    for axis in [0, 2, -3, i64::MIN, i64::MAX] {
        let bytes = with(|sketch| {
            levels(sketch, types::INT8);
            sketch.numbers("scales", &[2], &[1.0, 2.0]);
            sketch.node("DequantizeLinear", &["levels", "scales"], "weights").integer("axis", axis);
        });
        assert_eq!(refusal(&bytes).0, Code::ModelDamaged, "axis {axis}");
    }
}

#[test]
fn levels_are_no_f32_to_any_other_operator() {
    let changes: [fn(&mut Sketch); 4] = [
        |sketch| {
            sketch.node("Identity", &["levels"], "weights");
        },
        |sketch| {
            sketch.weight("float", &[6, 2]);
            sketch.node("Add", &["float", "levels"], "weights");
        },
        |sketch| {
            sketch.weight("float", &[6, 2]);
            sketch.node("Clip", &["float", "levels"], "weights");
        },
        |sketch| {
            sketch.weight("float", &[6, 2]);
            sketch.node("Reshape", &["float", "levels"], "weights");
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let bytes = with(|sketch| {
            levels(sketch, types::INT8);
            change(sketch);
        });
        assert_eq!(refusal(&bytes).0, Code::ModelInputsMismatch, "change {index}");
    }
    let cast = with(|sketch| {
        levels(sketch, types::INT8);
        sketch.node("Cast", &["levels"], "weights").integer("to", 1);
    });
    assert_same(&cast, &signed());
}

#[test]
fn the_same_levels_again_and_again_are_too_many() {
    let bytes = with(|sketch| {
        let packed = vec![1; 1 << 20];
        sketch.constant(&Values { name: "levels", shape: &[1 << 20], kind: types::INT8, packed });
        sketch.numbers("scale", &[], &[1.0]);
        for index in 0..9 {
            sketch.node("DequantizeLinear", &["levels", "scale"], &format!("weights{index}"));
        }
        sketch.weight("weights", &[6, 2]);
    });
    let (code, message) = refusal(&bytes);
    assert_eq!(code, Code::TooLarge);
    for number in [9 << 20, limits::MODEL_VALUES] {
        assert!(message.contains(&number.to_string()), "{message} lacks {number}");
    }
}
