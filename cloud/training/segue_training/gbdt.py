"""Boosted trees (LightGBM; Ke and others, 2017) over what the ranker sees, as a row of the judge: what one gets without a
network. Written as `gbdt.onnx`, which the judge runs in ONNX Runtime and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from tqdm import tqdm

from .data import RankerData, by_group
from .ranker import NEXT

FILE = "gbdt.onnx"
PATIENCE, SEED = 20, 1
SETTINGS = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [10],
    "num_leaves": 31,
    "learning_rate": 0.1,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.8,
    "seed": SEED,
    "deterministic": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True)
class Limits:
    """How many trees there are at the most, and how many steps they learn from: all of them, or so many drawn from all."""

    trees: int = 300
    steps: int | None = None


def is_installed() -> bool:
    """Whether LightGBM is there to learn by."""
    return find_spec("lightgbm") is not None


def drawn(steps: int, most: int | None) -> torch.Tensor:
    """int64: the steps that are looked at, in their order; the same ones each time."""
    if most is None or steps <= most:
        return torch.arange(steps)
    return torch.randperm(steps, generator=torch.Generator().manual_seed(SEED))[:most].sort().values


def rows(data: RankerData, steps: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of each candidate that is known to be right or not, f32 [N, F], which it is, and how many each step has. A step's
    candidates are in an order drawn by a fixed seed: LightGBM leaves those that score alike in the order in which they came, and what is
    right comes first, so that one tree, by which most are alike, looked better than many."""
    context = data.context[steps][:, None, :].expand(-1, data.candidates.shape[1], -1)
    table = torch.cat([data.candidates[steps], data.live[steps], context], -1)
    labels = data.labels[steps][..., NEXT]
    order = torch.rand(labels.shape, generator=torch.Generator().manual_seed(SEED)).argsort(1)
    table, labels = table.take_along_dim(order[..., None], 1), labels.take_along_dim(order, 1)
    known = ~torch.isnan(labels)
    return table[known].numpy(), labels[known].numpy(), known.sum(1).numpy()


def train(data: RankerData, out: Path, limits: Limits = Limits()) -> dict:
    """Writes `gbdt.onnx` and says how good it is on people held back; `missing` where LightGBM is not installed."""
    if not is_installed():
        # Trees of an earlier training would be taken for this model's.
        (out / FILE).unlink(missing_ok=True)
        return {"missing": "LightGBM is not installed"}
    import lightgbm

    known, sets = drawn(data.steps, limits.steps), []
    sides = [known[side] for side in by_group(data.groups[known], 0.1, SEED)]
    for steps in sides:
        table, labels, sizes = rows(data, steps)
        sets.append(lightgbm.Dataset(table, labels, group=sizes[sizes > 0], params={"verbose": -1}))
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    with tqdm(desc="boosted trees", unit="tree", total=limits.trees) as progress:
        # A function, since LightGBM hangs the callback's order on it.
        shown = lambda _: progress.update()
        booster = lightgbm.train(SETTINGS, sets[0], limits.trees, valid_sets=[sets[1]], callbacks=[shown, stop])
    (out / FILE).write_bytes(graph(booster.dump_model(num_iteration=booster.best_iteration)).SerializeToString())
    quality = float(booster.best_score["valid_0"]["ndcg@10"])
    return {"trees": booster.best_iteration, "steps": len(sides[0]), "ndcg_at_10": quality}


def graph(dump: dict) -> onnx.ModelProto:
    """The trees as ONNX: `rows` f32 [N, F] to `scores` f32 [N, 1], the logistic function of the sum of their leaves."""
    nodes, leaves = {name: [] for name in NODES}, {name: [] for name in LEAVES}
    for tree in dump["tree_info"]:
        add(tree["tree_structure"], tree["tree_index"], count(), nodes, leaves)
    attributes = {f"nodes_{name}": values for name, values in nodes.items()}
    attributes |= {f"target_{name}": values for name, values in leaves.items()}
    kind = {"domain": "ai.onnx.ml", "n_targets": 1}
    trees = helper.make_node("TreeEnsembleRegressor", ["rows"], ["sums"], **kind, **attributes)
    logistic = helper.make_node("Sigmoid", ["sums"], ["scores"])
    ends = [("rows", dump["max_feature_idx"] + 1), ("scores", 1)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["count", width]) for name, width in ends]
    opsets = [helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 20)]
    made = helper.make_graph([trees, logistic], "gbdt", ends[:1], ends[1:])
    return helper.make_model(made, opset_imports=opsets, ir_version=9, producer_name="segue-training")


NODES = ["treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids"]
LEAVES = ["treeids", "nodeids", "ids", "weights"]


def add(part: dict, tree: int, numbers: Iterator[int], nodes: dict[str, list], leaves: dict[str, list]) -> int:
    """Adds a part of a tree and what is below it; the number of its first node."""
    number, place = next(numbers), len(nodes["treeids"])
    is_leaf = "leaf_value" in part
    split = ("LEAF", 0, 0.0) if is_leaf else ("BRANCH_LEQ", part["split_feature"], below(part["threshold"]))
    mode, feature, value = split
    for name, entry in zip(NODES, (tree, number, feature, mode, value, 0, 0)):
        nodes[name].append(entry)
    if is_leaf:
        for name, entry in zip(LEAVES, (tree, number, 0, part["leaf_value"])):
            leaves[name].append(entry)
    else:
        nodes["truenodeids"][place] = add(part["left_child"], tree, numbers, nodes, leaves)
        nodes["falsenodeids"][place] = add(part["right_child"], tree, numbers, nodes, leaves)
    return number


def below(threshold: float) -> float:
    """The largest f32 that is not above it: columns are f32, so they fall on the same side."""
    near = np.float32(threshold)
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))
