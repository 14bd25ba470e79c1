//! Files from outside that are no rankers: each is refused, none panics, hangs or takes memory without end.

use super::super::RankerScorer;
use super::super::constant::types;
use super::sketch::{Sketch, Values, message, target_attention};
use super::{WIDTHS, inputs, score};
use crate::error::Code;
use crate::limits;

fn refusal(bytes: &[u8]) -> Code {
    RankerScorer::of(bytes, WIDTHS).expect_err("a file that is no ranker is refused").code()
}

/// A ranker that reads `candidates` by `weights` and then does one thing more.
fn with(change: impl FnOnce(&mut Sketch)) -> Vec<u8> {
    let mut sketch = Sketch::new(WIDTHS);
    sketch.weight("weights", &[WIDTHS.candidate, WIDTHS.heads]);
    sketch.node("MatMul", &["candidates", "weights"], "product");
    change(&mut sketch);
    sketch.bytes()
}

#[test]
fn bytes_that_end_early_are_refused() {
    let bytes = target_attention().bytes();
    for length in (0..bytes.len()).step_by(64) {
        refusal(&bytes[..length]);
    }
}

#[test]
fn a_byte_changed_anywhere_gives_an_error_or_a_ranker() {
    let bytes = target_attention().bytes();
    let reference = score(&mut RankerScorer::of(&bytes, WIDTHS).unwrap(), &inputs(WIDTHS, 2));
    for at in (0..bytes.len()).step_by(41) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        if let Ok(mut scorer) = RankerScorer::of(&changed, WIDTHS) {
            assert_eq!(score(&mut scorer, &inputs(WIDTHS, 2)).len(), reference.len());
        }
    }
}

#[test]
fn dimensions_that_are_huge_negative_or_zero_are_refused() {
    for dims in [vec![i64::MAX, i64::MAX], vec![1 << 40], vec![-1, 3], vec![0], vec![2, 2], vec![1; 100]] {
        let code = refusal(&with(|sketch| {
            sketch.constant(&Values { name: "odd", shape: &dims, kind: types::FLOAT, packed: vec![0; 12] });
            sketch.node("Add", &["product", "odd"], "heads");
        }));
        assert!([Code::ModelDamaged, Code::TooLarge].contains(&code), "{dims:?} gave {code:?}");
    }
}

#[test]
fn a_small_file_cannot_claim_a_large_memory() {
    let expanded = with(|sketch| {
        sketch.integers("huge", &[1 << 20, 1 << 20, 1, 1]);
        sketch.node("Expand", &["product", "huge"], "heads");
    });
    let doubled = with(|sketch| {
        let name = |index: usize| format!("doubled{index}");
        sketch.node("Identity", &["product"], &name(0));
        (0..40).for_each(|index| {
            sketch.node("Concat", &[&name(index), &name(index)], &name(index + 1)).integer("axis", 1);
        });
        sketch.node("Identity", &[&name(40)], "heads");
    });
    let empty = |field| {
        with(|sketch| (0..=limits::MODEL_FIELDS).for_each(|_| message(&mut sketch.graph, field, &[])))
    };
    let listed = with(|sketch| {
        let mut values = Vec::new();
        message(&mut values, 7, &vec![1; limits::MODEL_FIELDS + 1]);
        message(&mut sketch.graph, 5, &values);
    });
    for bytes in [expanded, doubled, listed, empty(1), empty(5), empty(11)] {
        assert_eq!(refusal(&bytes), Code::TooLarge);
    }
    assert_eq!(refusal(&vec![0; limits::MODEL_BYTES + 1]), Code::TooLarge);
}

#[test]
fn a_product_beyond_the_limit_is_refused_before_it_is_made() {
    let code = refusal(&with(|sketch| {
        sketch.weight("wide", &[WIDTHS.candidate, 8_000]);
        sketch.weight("deep", &[8_000, 100]);
        sketch.node("MatMul", &["candidates", "wide"], "spread");
        sketch.node("MatMul", &["spread", "deep"], "gathered");
        for index in 0..4 {
            sketch.node("MatMul", &["spread", "deep"], &format!("again{index}"));
            sketch.node("Add", &["gathered", &format!("again{index}")], &format!("sum{index}"));
        }
        sketch.node("Concat", &["sum0", "sum1", "sum2", "sum3"], "heads").integer("axis", 1);
    }));
    assert_eq!(code, Code::TooLarge);
}

#[test]
fn names_that_are_missing_repeated_or_circular_are_refused() {
    let missing = with(|sketch| {
        sketch.node("Add", &["product", "nowhere"], "heads");
    });
    let circular = with(|sketch| {
        sketch.node("Add", &["product", "two"], "one");
        sketch.node("Add", &["product", "one"], "two");
        sketch.node("Identity", &["one"], "heads");
    });
    let itself = with(|sketch| {
        sketch.node("Add", &["product", "heads"], "heads");
    });
    let repeated = with(|sketch| {
        sketch.node("Identity", &["product"], "heads");
        sketch.node("Relu", &["product"], "heads");
    });
    let lacking = with(|sketch| {
        sketch.node("Add", &["product"], "heads");
    });
    for bytes in [missing, circular, itself, repeated, lacking] {
        assert_eq!(refusal(&bytes), Code::ModelDamaged);
    }
    assert_eq!(refusal(&with(|_| ())), Code::ModelInputsMismatch, "there are no heads");
}

#[test]
fn operators_outside_of_the_list_are_refused_by_name() {
    for operator in ["Loop", "Conv", "LSTM", "If", "Shape", ""] {
        let bytes = with(|sketch| {
            sketch.node(operator, &["product"], "heads");
        });
        assert_eq!(refusal(&bytes), Code::ModelOperatorUnknown, "{operator}");
    }
    let foreign = with(|sketch| {
        sketch.node("Relu", &["product"], "heads").domain("com.example");
    });
    assert_eq!(refusal(&foreign), Code::ModelOperatorUnknown);
    let mut old = Sketch::new(WIDTHS);
    old.version = 9;
    assert_eq!(refusal(&old.bytes()), Code::ModelOperatorUnknown);
}

#[test]
fn types_shapes_and_axes_that_do_not_fit_are_refused() {
    let changes: [fn(&mut Sketch); 12] = [
        |sketch| {
            sketch.node("Add", &["product", "numbers"], "heads");
        },
        |sketch| {
            sketch.node("MatMul", &["product", "numbers"], "heads");
        },
        |sketch| {
            sketch.node("MatMul", &["product", "product"], "heads");
        },
        |sketch| {
            sketch.node("Add", &["product", "events"], "heads");
        },
        |sketch| {
            sketch.node("Where", &["product", "product", "product"], "heads");
        },
        |sketch| {
            sketch.node("Softmax", &["product"], "heads").integer("axis", 7);
        },
        |sketch| {
            sketch.node("Concat", &["product", "events"], "heads").integer("axis", 1);
        },
        |sketch| {
            sketch.node("Reshape", &["product", "numbers"], "heads");
        },
        |sketch| {
            sketch.node("Reshape", &["product", "product"], "heads");
        },
        |sketch| {
            sketch.node("Transpose", &["product"], "heads").integers("perm", &[0, 0]);
        },
        |sketch| {
            sketch.node("Squeeze", &["product", "numbers"], "heads");
        },
        |sketch| {
            sketch.node("Gather", &["product", "numbers"], "heads").integer("axis", 1);
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let bytes = with(|sketch| {
            sketch.integers("numbers", &[-7, 9, i64::MIN]);
            change(sketch);
        });
        assert_eq!(refusal(&bytes), Code::ModelInputsMismatch, "change {index}");
    }
}

#[test]
fn inputs_and_heads_that_differ_from_the_schema_are_refused() {
    let mut wider = WIDTHS;
    wider.event += 1;
    let mut fewer = WIDTHS;
    fewer.live = 0;
    let mut more = WIDTHS;
    more.heads += 1;
    for widths in [wider, fewer, more] {
        let error = RankerScorer::of(&target_attention().bytes(), widths).unwrap_err();
        assert_eq!(error.code(), Code::ModelInputsMismatch);
    }
}

#[test]
fn the_longest_graph_allowed_is_read_in_time_that_does_not_run_away() {
    let chain = |length: usize| {
        with(|sketch| {
            let name = |index: usize| format!("step{index}");
            sketch.node("Identity", &["product"], &name(0));
            for index in 0..length {
                let operator = if index % 2 == 0 { "Tanh" } else { "Neg" };
                sketch.node(operator, &[&name(index)], &name(index + 1));
            }
            sketch.node("Identity", &[&name(length)], "heads");
        })
    };
    assert!(RankerScorer::of(&chain(limits::MODEL_NODES - 4), WIDTHS).is_ok());
    assert_eq!(refusal(&chain(limits::MODEL_NODES)), Code::TooLarge);
}

#[test]
fn shapes_that_only_together_are_huge_are_refused_before_they_are_multiplied() {
    let code = refusal(&with(|sketch| {
        for (name, shape) in [("one", [1 << 22, 1, 1]), ("two", [1, 1 << 22, 1]), ("three", [1, 1, 1 << 22])]
        {
            sketch.integers(&format!("{name}_shape"), &shape);
            sketch.numbers(&format!("{name}_number"), &[], &[1.0]);
            sketch.node("Expand", &[&format!("{name}_number"), &format!("{name}_shape")], name);
        }
        sketch.node("Less", &["one", "one"], "whether");
        sketch.node("Where", &["whether", "two", "three"], "heads");
    }));
    assert_eq!(code, Code::TooLarge);
}
