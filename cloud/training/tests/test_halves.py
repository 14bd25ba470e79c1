"""Products of 16 bits, which a refresh has on a graphics card (`cloud/src/onnx/halves.rs`): what they do to the demo's models. ONNX's
reference implementation computes them on any machine; ONNX Runtime on a processor rounds weights alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

DEMO = Path(__file__).resolve().parents[2] / "models" / "demo"
CANDIDATES = 3_000
KEPT = 500


def both(name: str) -> tuple[ReferenceEvaluator, ReferenceEvaluator]:
    """A model of the demo as it is, and with casts around its products."""
    whole = onnx.load(DEMO / name)
    halves = onnx.load(DEMO / name)
    nodes, small = [], set()
    for node in halves.graph.node:
        if node.op_type not in ("Gemm", "MatMul"):
            nodes.append(node)
            continue
        for place, value in enumerate(node.input):
            if value not in small:
                nodes.append(helper.make_node("Cast", [value], [f"{value} small"], to=TensorProto.FLOAT16))
                small.add(value)
            node.input[place] = f"{value} small"
        result = node.output[0]
        node.output[0] = f"{result} small"
        large = helper.make_node("Cast", [node.output[0]], [result], to=TensorProto.FLOAT)
        nodes += [node, large]
    del halves.graph.node[:]
    halves.graph.node.extend(nodes)
    onnx.checker.check_model(halves)
    return ReferenceEvaluator(whole), ReferenceEvaluator(halves)


@pytest.mark.parametrize(("name", "value", "width"), [("item", "items", 53), ("user", "users", 193)])
def test_vectors_are_near(name, value, width):
    whole, halves = both(f"{name}_tower.onnx")
    rows = np.random.default_rng(3).random((500, width), dtype=np.float32)
    (wanted,), (found,) = whole.run(None, {value: rows}), halves.run(None, {value: rows})
    assert not np.array_equal(wanted, found)
    assert (wanted * found).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize("used", [0, 7, 50])
def test_scores_are_near_and_the_best_candidates_the_same_but_for_few(used):
    whole, halves = both("ranker.onnx")
    draws = np.random.default_rng(used)
    # As long as entries of unit vectors are.
    drawn = {
        name: (draws.random(shape, dtype=np.float32) - 0.5) * np.float32(0.4)
        for name, shape in {
            "candidates": (CANDIDATES, 70),
            "live": (CANDIDATES, 7),
            "events": (50, 90),
            "context": (5,),
        }.items()
    }
    drawn["mask"] = (np.arange(50) < used).astype(np.float32)
    (wanted,), (found,) = whole.run(None, drawn), halves.run(None, drawn)
    assert 0 < np.abs(wanted - found).max() < 0.005
    for head in range(wanted.shape[1]):
        best = [set(np.argsort(-heads[:, head], kind="stable")[:KEPT]) for heads in (wanted, found)]
        assert len(best[0] & best[1]) >= 490
