"""A ranker whose answers are corrected already: what `calibrate` learned about a head goes into the weights that make its log odds.

These are a sum of what the head's tower reads from the experts, of its linear parts and of a bias, so `slope * logit + intercept` is
the same sum with other weights: the graph has the operators, the shapes and the length that it had, it is cut where it was, and its
answers are right in every runtime.
"""

from __future__ import annotations

import copy

import torch

from .ranker import HEADS, Ranker

NONE = {"kind": "none"}


def folded(model: Ranker, calibration: dict[str, dict]) -> Ranker:
    """A copy of the ranker that answers `sigmoid(slope * logit(p) + intercept)` for the heads that `calibration` corrects; the others,
    amounts among them, answer as before."""
    corrected = copy.deepcopy(model)
    layers = (corrected.towers, corrected.wide, corrected.wide_live)
    with torch.no_grad():
        for name, correction in calibration.items():
            if correction == NONE:
                continue
            head, slope = HEADS.index(name), correction["slope"]
            for layer in layers:
                layer.weight[head] *= slope
            corrected.wide.bias[head] *= slope
            corrected.wide.bias[head] += correction["intercept"]
    return corrected.eval()


def told(schema: dict) -> dict:
    """The schema of such a ranker: nothing is left to correct."""
    return schema | {"heads": [head | {"calibration": NONE} for head in schema["heads"]]}
