"""Hard negatives of the towers: what a person was shown in that very session and refused (Huang and others, "Embedding-based Retrieval in
Facebook Search", KDD 2020; Yang and others, "Mixed Negative Sampling", 2020, for those drawn uniformly). They stand in their
person's row alone and are certain to, so no chance is taken out of their log odds: `log Q = log 1 = 0`.
"""

from __future__ import annotations

import torch


class Refused:
    """What was refused in each snapshot's session."""

    def __init__(self, pairs: torch.Tensor, snapshots: int) -> None:
        order = pairs[:, 0].argsort(stable=True)
        self.items = pairs[order, 1]
        self.counts = torch.bincount(pairs[:, 0], minlength=snapshots)
        self.starts = self.counts.cumsum(0) - self.counts

    def draw(self, snapshots: torch.Tensor, count: int) -> torch.Tensor:
        """int64 [rows, count]: items that were refused, -1 where nothing was."""
        counts = self.counts[snapshots][:, None]
        at = torch.rand(len(snapshots), count).to(counts.device)
        at = torch.minimum((at * counts).long(), (counts - 1).clamp(min=0))
        rows = (self.starts[snapshots][:, None] + at).clamp(max=len(self.items) - 1)
        return torch.where(counts > 0, self.items[rows], -1)


def of(data, count: int) -> Refused | None:
    """What the data tells of refusals; none where that is nothing, or none are asked for."""
    if count == 0 or data.refused is None or not len(data.refused):
        return None
    return Refused(data.refused, len(data.users))


def logits(model, data, snapshots: torch.Tensor, right: torch.Tensor, refused: torch.Tensor) -> torch.Tensor:
    """f32 [rows, count]: log odds of refused items `refused`, out of the question where there is none."""
    rows, items = model.users(data.users[snapshots]), model.items(data.items[refused.clamp(min=0)])
    said = (rows[:, None, :] * items).sum(-1) / model.logarithm.exp()
    return said.masked_fill((refused < 0) | (refused == right[:, None]), -1e9)
