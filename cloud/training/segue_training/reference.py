"""The architecture that the ranker is measured against: what one builds when nothing has to be fast.

Target attention with a softmax over the event slots (Zhou et al., Deep Interest Network, 2018) and multi-gate experts
that see every candidate column (Ma et al., MMoE, 2018): about 30 MFLOP for 500 candidates and 50 events, all of it
again after each event.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from .data import RankerData
from .ranker import Settings, Widths, scaled, widths

SIZE, EXPERTS, EXPERT_SIZE = 32, 4, 32


class Reference(nn.Module):
    """Takes and gives what `ranker.Ranker` does."""

    def __init__(self, widths: Widths, slots: int, settings: Settings) -> None:
        super().__init__()
        candidate, size = widths.candidate + widths.live, SIZE
        self.slots, self.size = slots, size
        self.query, self.key = nn.Linear(candidate, size), nn.Linear(widths.event, size)
        self.recency = nn.Parameter(-2.0 * torch.arange(slots) / slots)
        self.content, self.feedback = nn.Linear(widths.event, size), nn.Linear(widths.event, size)
        rows = candidate + 2 * size
        self.mood, self.surroundings = nn.Linear(candidate, size), nn.Linear(widths.context, size)
        self.experts = nn.ModuleList(nn.Linear(rows, EXPERT_SIZE) for _ in range(EXPERTS))
        self.gates = nn.ModuleList(nn.Linear(rows, widths.heads) for _ in range(EXPERTS))
        self.towers = nn.Linear(EXPERT_SIZE, widths.heads, bias=False)
        self.wide = nn.Linear(candidate, widths.heads)
        self.register_buffer("most", torch.ones(widths.heads))
        self.register_buffer("candidate_scale", torch.ones(widths.candidate))
        self.register_buffer("live_scale", torch.ones(widths.live))
        self.register_buffer("event_scale", torch.ones(widths.event))

    def logits(self, candidates, live, events, mask, context):
        """Log odds of each head for each candidate."""
        candidates, events = torch.cat([candidates * self.candidate_scale, live * self.live_scale], -1), events * self.event_scale
        used = mask.unsqueeze(-1)
        told = self.content(events) * torch.tanh(self.feedback(events)) * used
        mood = torch.tanh(told.sum(-2, keepdim=True) / torch.sqrt(used.sum(-2, keepdim=True) + 1.0))
        recency = self.recency[: mask.shape[-1]] if mask.shape[-1] != self.slots else self.recency
        bias = (recency + (mask - 1.0) * 1e9).unsqueeze(-2)
        scores = self.query(candidates) @ self.key(events).transpose(-1, -2) / math.sqrt(self.size)
        attended = torch.softmax(scores + bias, -1) @ told
        around = torch.tanh(self.surroundings(context)).unsqueeze(-2)
        rows = torch.cat([candidates, self.mood(candidates) * mood + around, attended], -1)
        read = torch.cat([self.towers(torch.relu(expert(rows))).unsqueeze(-2) for expert in self.experts], -2)
        gates = torch.softmax(torch.cat([gate(rows).unsqueeze(-2) for gate in self.gates], -2), -2)
        return (gates * read).sum(-2) + self.wide(candidates)

    def forward(self, candidates, live, events, mask, context):
        return torch.sigmoid(self.logits(candidates, live, events, mask, context))


def for_data(data: RankerData, settings: Settings) -> Reference:
    """A new reference of the data's widths, untrained."""
    return scaled(Reference(widths(data), data.schema["slots"], settings), data)
