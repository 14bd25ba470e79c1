"""A small ranker learns from a large one's doubts: what is nearly right tells more than what was right.

Beside the outcomes it learns the teacher's answers at a temperature T (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural
Network", 2015), each head's odds and the choice from the list:
`(1 - share) * loss + share * T^2 * (sum of H(sigmoid(t / T), sigmoid(s / T)) over heads + H(softmax(t / T), softmax(s / T)))`
with `t` and `s` the log odds of teacher and student. Amounts are learned from outcomes alone. The student has the shape of what is served,
so its graph is no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from . import ranker
from .data import RankerData, by_group
from .ranker import HEADS, NEXT

# Twice the experts of what ships, each twice as wide.
TEACHER = replace(ranker.Settings(), experts=6, expert_size=32)


@dataclass(frozen=True)
class Settings:
    """How much a student listens."""

    temperature: float = 2.0
    share: float = 0.5


class Listening:
    """What a student hears beside the outcomes."""

    def __init__(self, teacher: nn.Module, settings: Settings = Settings()) -> None:
        self.teacher, self.settings = teacher.eval(), settings

    def __call__(self, value, inputs, logits, labels) -> torch.Tensor:
        """The loss of outcomes `value` and of the teacher's answers."""
        self.teacher.to(logits.device)
        with torch.no_grad():
            said = self.teacher.logits(*inputs)
        heard = doubts(said, logits, ~torch.isnan(labels).all(-1), self.settings.temperature)
        return (1.0 - self.settings.share) * value + self.settings.share * heard


def heard(data: RankerData, teacher: ranker.Settings = TEACHER) -> tuple[RankerData, dict[str, float]]:
    """The data with a teacher to listen to, and the teacher's metrics: it learns from nine tenths of the people, without those whom the
    student is stopped by."""
    model, metrics = ranker.early_stopped(data, *by_group(data.groups, 0.1, teacher.seed), teacher, ranker.for_data)
    return replace(data, heard=Listening(model)), metrics


def doubts(teacher: torch.Tensor, student: torch.Tensor, known: torch.Tensor, temperature: float) -> torch.Tensor:
    """How far the student's answers are from the teacher's, over candidates bool [B, C] that there are."""
    said, tried = (odds[..., : len(HEADS)] / temperature for odds in (teacher, student))
    each = nn.functional.binary_cross_entropy_with_logits(tried, torch.sigmoid(said), reduction="none")
    heads = (each * known.unsqueeze(-1)).sum((0, 1)).sum() / known.sum().clamp(min=1)
    wanted, chosen = (odds[..., NEXT].masked_fill(~known, -1e9) for odds in (said, tried))
    choice = -(torch.softmax(wanted, -1) * torch.log_softmax(chosen, -1)).sum(-1).mean()
    return temperature**2 * (heads + choice)
