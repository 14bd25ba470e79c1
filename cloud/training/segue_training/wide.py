"""The ranker's linear part learned alone, before its experts: a convex problem of a few weights, so it has one answer and does
not depend on a rate. Where there are a few hundred steps it is about all that they can teach (Cheng and others, "Wide & Deep
Learning for Recommender Systems", 2016, learn both at once; a start at the linear answer needs fewer passes).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from tqdm import tqdm

from .data import RankerData

ITERATIONS = 60
PLACES_HELD = 1e-3  # a place that hardly anything was shown at says little


def fit(
    model: nn.Module,
    data: RankerData,
    steps: torch.Tensor,
    loss: Callable,
    held: float,
    heads: slice = slice(None),
    tower: nn.Module | None = None,
) -> None:
    """Gives the weights of `wide` and `wide_live` for these heads least `loss` on these steps, held to where they are by `held` times
    the squared distance. Vectors have no linear part: their entries mean nothing alone. Heads have no weights in common, so that
    one after the other comes to the same; those whose loss is not smooth do not stop the others on their way. What the places of the
    candidates explain is learned beside them, by `tower`, as the experts' epochs go on with it."""
    columns = numbers(data)
    with torch.no_grad():
        candidates = data.candidates[steps][..., columns] * model.candidate_scale[columns]
        live, labels = data.live[steps] * model.live_scale, data.labels[steps]
        before = candidates @ model.wide.weight[:, columns].T + live @ model.wide_live.weight.T + model.wide.bias
    parts = [model.wide.weight[heads][:, columns], model.wide_live.weight[heads], model.wide.bias[heads]]
    if not len(parts[-1]):
        return
    moves = [torch.zeros_like(part).requires_grad_() for part in parts]
    beside = [] if tower is None else [tower.bias]
    places = None if tower is None else data.positions[steps]
    optimiser = torch.optim.LBFGS(moves + beside, max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        fixed, moving, bias = moves
        logits = before.clone()
        logits[..., heads] += candidates @ fixed.T + live @ moving.T + bias
        if tower is not None:
            logits = logits + tower(places, labels)
        value = loss(logits, labels, model.most) + held * sum((move**2).sum() for move in moves[:2])
        value = value + PLACES_HELD * sum((move**2).sum() for move in beside)
        value.backward()
        progress.update()
        return value

    # How often the loss is asked for depends on the search along each line, so there is no total. It stands below the ranker's stages.
    with tqdm(desc="linear part", unit="loss", leave=False) as progress:
        optimiser.step(closure)
    with torch.no_grad():
        model.wide.weight[heads, columns] += moves[0]
        model.wide_live.weight[heads] += moves[1]
        model.wide.bias[heads] += moves[2]


def numbers(data: RankerData) -> torch.Tensor:
    """bool [Fc]: the candidate's columns that are no entries of a vector."""
    is_number = []
    for feature in data.schema["candidate"]:
        is_vector = feature["source"] == "vector"
        is_number += [not is_vector] * (data.schema["dimension"] if is_vector else 1)
    return torch.tensor(is_number)
