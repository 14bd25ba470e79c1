"""What a ranker costs where: its graph cut as the core cuts it, with multiplications counted.

`python -m segue_training.parts MODEL.onnx` prints it. Only matrix products are counted, two operations per
multiplication; everything else is small beside them.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import onnx

CANDIDATES = 500
PACK, SESSION = {"candidates"}, {"events", "mask", "context"}


def count(path: Path) -> dict[str, float]:
    """MFLOP of the parts `pack` (once per pack), `session` and `cross` (once per event) at 500 candidates."""
    model = onnx.load(path)
    sizes, needs = shapes(model), {value.name: {value.name} for value in model.graph.input}
    parts = dict.fromkeys(("pack", "session", "cross"), 0.0)
    for node in model.graph.node:
        needed = set().union(*(needs.get(name, set()) for name in node.input))
        needs.update(dict.fromkeys(node.output, needed))
        if node.op_type in ("MatMul", "Gemm"):
            parts[part_of(needed)] += 2e-6 * math.prod(sizes[node.output[0]]) * inner(node, sizes)
    return parts


def part_of(needed: set[str]) -> str:
    """Which part computes a node that needs these inputs."""
    if needed <= PACK:
        return "pack"
    return "session" if needed <= SESSION else "cross"


def inner(node: onnx.NodeProto, sizes: dict[str, list[int]]) -> int:
    """Length of the dot products of a matrix product."""
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return sizes[node.input[0]][0 if transposed else -1]


def shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """The shape of every value, with 500 candidates."""
    for value in [*model.graph.input, *model.graph.output]:
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_value = CANDIDATES
    known = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    values = [*known.input, *known.value_info, *known.output]
    found = {value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in values}
    return found | {tensor.name: list(tensor.dims) for tensor in known.initializer}


if __name__ == "__main__":
    print(count(Path(sys.argv[1])))
