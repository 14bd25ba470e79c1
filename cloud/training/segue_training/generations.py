"""From one generation's vectors to the next, so that a new model moves people no further than what it learned moves them.

Vectors that are trained again come out turned anyhow: nearness is the same in every orthogonal frame. The new ones are turned
back onto those before (orthogonal Procrustes; Schönemann, "A generalized solution of the orthogonal Procrustes problem", 1966),
over the items that both know. Towers also begin with the weights before (warm start).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

TABLE = "item_vectors.bin"
TOWERS = ("item_tower.onnx", "user_tower.onnx")


def towers_hash(model: Path) -> str:
    """The name of the vectors that a model folder makes, as manifests and packs carry it: SHA-256 over its item tower and then its user
    tower, or over its table where it has no towers (`ModelDirectory::towers_hash` in cloud/src/towers/model.rs)."""
    files = TOWERS if (model / TOWERS[0]).exists() else [TABLE]
    return hashlib.sha256(b"".join((model / file).read_bytes() for file in files)).hexdigest()


def rotation(vectors: torch.Tensor, onto: torch.Tensor) -> torch.Tensor:
    """The orthogonal matrix f64 [D, D] that brings these rows nearest to those of `onto`, as `vectors @ rotation`."""
    left, _, right = torch.linalg.svd(vectors.double().T @ onto.double())
    return left @ right


def alike(vectors: torch.Tensor, onto: torch.Tensor) -> float:
    """The mean cosine of rows that are there in both, 0 without any."""
    known = (vectors.norm(dim=1) > 0.0) & (onto.norm(dim=1) > 0.0)
    cosines = nn.functional.cosine_similarity(vectors[known], onto[known], dim=1)
    return cosines.mean().item() if len(cosines) else 0.0


def table(model: Path | None, items: list[str], dimension: int) -> torch.Tensor | None:
    """The vectors of these items in the table of a model folder, f32 [items, dimension], zeros where it has none; nothing where
    the folder has no table of this dimension."""
    if model is None or not (model / TABLE).exists():
        return None
    first, _, rows = (model / TABLE).read_bytes().partition(b"\n")
    header = json.loads(first)
    if header["dimension"] != dimension:
        return None
    known = torch.from_numpy(np.frombuffer(rows, "<f4").reshape(-1, dimension).copy())
    place = {item: at for at, item in enumerate(header["items"])}
    vectors = torch.zeros(len(items), dimension)
    both = [at for at, item in enumerate(items) if item in place]
    vectors[both] = known[[place[items[at]] for at in both]]
    return vectors


def begin(towers: nn.Module, model: Path | None) -> bool:
    """Gives the towers the weights of a model folder's; whether it has towers of the same shape."""
    if model is None or not (model / TOWERS[0]).exists():
        return False
    before = {name: weights(model / f"{name[:-1]}_tower.onnx") for name in ("items", "users")}
    states = {name: getattr(towers, name).state_dict() for name in before}
    shapes = lambda state: {name: tuple(weight.shape) for name, weight in state.items()}
    if any(shapes(states[name]).items() - shapes(before[name]).items() for name in before):
        return False
    for name, state in states.items():
        getattr(towers, name).load_state_dict({layer: before[name][layer] for layer in state})
    return True


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights of an exported tower by their names."""
    initialisers = onnx.load(path).graph.initializer
    return {weight.name: torch.from_numpy(numpy_helper.to_array(weight).copy()) for weight in initialisers}


@torch.no_grad()
def turn(towers: nn.Module, rows: torch.Tensor, onto: torch.Tensor) -> None:
    """Turns both towers by what brings the items' vectors nearest to `onto` f32 [N, D]; nearness stays as it is."""
    turning = rotation(towers.items(rows), onto).float()
    for tower in (towers.items, towers.users):
        tower.second.weight.copy_(turning.T @ tower.second.weight)
        tower.second.bias.copy_(tower.second.bias @ turning)
