"""Where something stood says how likely it was to be looked at: a feature of training alone.

A shallow tower over the place gives log odds that are added to the ranker's while it learns,
`logit(p) = ranker(x) + bias(place)`, so that what was taken up because it stood on top is not taken for liked (Zhao and others,
"Recommending What Video to Watch Next: A Multitask Ranking System", RecSys 2019, who leave places out of one example in ten too, so that
the ranker does not lean on them). When it serves, no place is known: nothing is added, and the tower is no part of what is
exported, so that graph and schema are as without it.
"""

from __future__ import annotations

import torch
from torch import nn

PLACES = 50  # those behind are one
MISSING = 0.1  # of the batches know no place


class Tower(nn.Module):
    """Log odds of each place for each of the `heads` that are probabilities; 0 where the place is unknown."""

    def __init__(self, heads: int, choice: int) -> None:
        super().__init__()
        self.choice = choice
        self.bias = nn.Parameter(torch.zeros(PLACES, heads))

    def forward(self, positions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """What is added to the log odds, f32 [B, C, H], amounts 0, for places f32 [B, C] (NaN where unknown)."""
        known = ~torch.isnan(positions)
        places = torch.where(known, positions, 0.0).clamp(0, PLACES - 1).long()
        bias = self.bias[places]
        counts = known.unsqueeze(-1).repeat(1, 1, self.bias.shape[1])
        counts[..., self.choice] &= whole(known, labels[..., self.choice]).unsqueeze(-1)
        return nn.functional.pad(bias * counts, (0, labels.shape[-1] - self.bias.shape[1]))


def of(data, told: bool, heads: int, choice: int) -> Tower | None:
    """A tower for the places that the data tells; none where it tells none, or they are not asked for."""
    return Tower(heads, choice) if told and data.positions is not None else None


def whole(known: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """bool [B]: lists of which all candidates were shown. Of others the place would tell which ones were drawn to stand beside what
    was shown, and so what is right."""
    return (known | torch.isnan(right)).all(-1)
