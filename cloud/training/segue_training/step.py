"""One step of a ranker's learning: the loss of a batch, with all that is told only while it learns."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from . import position, propensity
from .data import RankerData

SKIP = 1  # the head of skips


class Step(nn.Module):
    """A ranker and what stands beside it in training; its forward is the loss."""

    def __init__(self, model: nn.Module, data: RankerData, told: bool, loss, tower: position.Tower | None) -> None:
        super().__init__()
        self.model, self.loss, self.heard, self.tower = model, loss, data.heard, tower
        self.positions = data.positions
        self.propensities = data.propensities if told else None

    def forward(self, part: torch.Tensor, inputs: tuple[torch.Tensor, ...], labels: torch.Tensor) -> torch.Tensor:
        """The loss of the steps `part`, whose inputs and labels these are."""
        said = logits = self.model.logits(*inputs)
        if self.tower is not None and torch.rand(()) >= position.MISSING:
            said = logits + self.tower(self.positions[part].to(logits.device), labels)
        known = None if self.propensities is None else self.propensities[part].to(logits.device)
        value = propensity.weighted(self.loss, known)(said, labels, self.model.most)
        return value if self.heard is None else self.heard(value, inputs, logits, labels)


def weighted(loss, data: RankerData, steps: torch.Tensor, told: bool):
    """The loss of these steps all at once, by how likely each was."""
    return propensity.weighted(loss, data.propensities[steps] if told and data.propensities is not None else None)


def softened(data: RankerData, told: bool) -> RankerData:
    """The data with skips that are as much of a skip as was left of the item, to learn from; it is judged by whole ones."""
    if not told or data.skips is None:
        return data
    labels = data.labels.clone()
    fades = (labels[..., SKIP] > 0.5) & ~torch.isnan(data.skips)
    labels[..., SKIP] = torch.where(fades, data.skips, labels[..., SKIP])
    return replace(data, labels=labels)
