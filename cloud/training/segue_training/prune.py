"""Pruning that makes the file smaller and the device faster: what is cut away is whole hidden numbers of the experts, not single
weights, whose zeros cost as much as before (Han and others, "Learning both Weights and Connections", 2015; whole rows: Li and
others, "Pruning Filters for Efficient ConvNets", 2017).

A hidden number is worth the length of what makes it, over all experts, times the length of what reads it; the heads' towers are
shared by the experts, so it goes from all of them at once.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from .ranker import Ranker, Widths


def narrowed(model: Ranker, widths: Widths, kept: int) -> Ranker:
    """A copy of the ranker with the `kept` hidden numbers of each expert that are worth most; learn on from it."""
    size, number = model.settings.expert_size, model.number
    best = worth(model).topk(min(kept, size)).indices.sort().values
    rows = torch.cat([best + expert * size for expert in range(number)])
    gates = torch.arange(number * size, model.mixed.itself.weight.shape[0])
    rows = torch.cat([rows, gates])
    small = Ranker(widths, model.slots, replace(model.settings, expert_size=len(best)))
    state, fresh = model.state_dict(), small.state_dict()
    for name, value in state.items():
        if name.startswith("mixed."):
            value = value[rows]
        elif name == "towers.weight":
            value = value[:, best]
        if name != "blocks":
            fresh[name] = value.clone()
    small.load_state_dict(fresh)
    return small.eval()


def worth(model: Ranker) -> torch.Tensor:
    """f32 [expert size]: how much each hidden number of the experts says."""
    size, number = model.settings.expert_size, model.number
    layers = (model.mixed.itself, model.mixed.moody, model.mixed.attended, model.mixed.live)
    made = torch.cat([layer.weight.detach()[: number * size] for layer in layers], 1).norm(dim=1)
    return made.view(number, size).norm(dim=0) * model.towers.weight.detach().norm(dim=0)
