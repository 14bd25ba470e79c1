"""A ranker's weights in 8 bits: each large matrix of its file as int8, with a scale for each row or column.

What reads the file makes them f32 once (`DequantizeLinear` of constants), before anything is computed: the graph behind them, its
arithmetic and its time stay, and the file is about a third as long (docs/adr/0013-weights-in-8-bits.md). What ONNX Runtime's own
quantisation writes computes with 8 bits, or packs blocks of a row: the core reads neither.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from . import export

FLOAT, INT8 = "f32", "int8"
LEVELS = 127  # on each side of 0, which is one of them: there are no zero points
LEAST = 256  # numbers of a matrix; in smaller ones the operator and its names take what the weights save
NARROWEST = 4  # rows and columns of a matrix, so that its scales take a quarter of what the weights took at the most


def rewrite(source: Path, target: Path) -> None:
    """Writes the file with its large matrices in 8 bits; what is smaller, as biases and norms, stays f32."""
    model, constants, nodes = onnx.load(source), [], []
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if not is_large(weights):
            constants.append(tensor)
            continue
        axis = nearest(weights)
        names = [f"{tensor.name}.levels", f"{tensor.name}.scale"]
        constants += map(numpy_helper.from_array, levels(weights, axis), names)
        nodes.append(helper.make_node("DequantizeLinear", names, [tensor.name], axis=axis))
    nodes += model.graph.node
    for field, values in ((model.graph.initializer, constants), (model.graph.node, nodes)):
        del field[:]
        field.extend(values)
    export.check(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


def is_large(weights: np.ndarray) -> bool:
    """Whether 8 bits make the file shorter."""
    return weights.ndim == 2 and weights.dtype == np.float32 and weights.size >= LEAST and min(weights.shape) >= NARROWEST


def nearest(weights: np.ndarray) -> int:
    """The axis whose places are worth a scale each: the one that leaves the weights nearer to what they were."""
    return min((0, 1), key=lambda axis: float(np.square(restored(*levels(weights, axis), axis) - weights).sum()))


def levels(weights: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The weights as int8, and the f32 scale of each place of `axis`."""
    scale = (np.abs(weights).max(axis=1 - axis, keepdims=True).clip(min=1e-12) / LEVELS).astype(np.float32)
    return np.round(weights / scale).clip(-LEVELS, LEVELS).astype(np.int8), scale.reshape(-1)


def restored(levels: np.ndarray, scale: np.ndarray, axis: int) -> np.ndarray:
    """The f32 that `levels` stand for, as every reader computes them."""
    return levels.astype(np.float32) * np.expand_dims(scale, 1 - axis)
