"""What `segue features` wrote: arrays that serving's own code computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch


@dataclass(frozen=True)
class TowerData:
    """Inputs of both towers and who took up what."""

    items: torch.Tensor  # f32 [N, Fi]
    counts: torch.Tensor  # f32 [N]: how often each item was taken up before the snapshots
    users: torch.Tensor  # f32 [S, Fu]: a user just before one of his sessions
    positives: torch.Tensor  # int64 [P, 2]: row of `users`, row of `items`
    weights: torch.Tensor  # f32 [P]: how much the positive says
    groups: torch.Tensor  # int64 [S]: whose snapshot it is
    ages: torch.Tensor  # f32 [P]: how long before the last positive, as a share of the time
    refused: torch.Tensor | None = None  # int64 [R, 2]: row of `users`, row of `items`: shown in that session and refused

    @staticmethod
    def load(folder: Path) -> "TowerData":
        """Reads what `segue features towers --out` wrote."""
        return TowerData(
            items=tensor(folder, "items"),
            counts=tensor(folder, "counts"),
            users=tensor(folder, "users"),
            positives=tensor(folder, "positives").long(),
            weights=tensor(folder, "weights"),
            groups=tensor(folder, "groups").long(),
            ages=tensor(folder, "ages"),
            refused=optional(folder, "refused", torch.int64),
        )


@dataclass(frozen=True)
class RankerData:
    """Steps of sessions with the candidates of each, as the core feeds them to the ranker."""

    schema: dict
    linear: dict[str, float]  # weight of each source where there is no ranker
    candidates: torch.Tensor  # f32 [B, C, Fc]: what is fixed while a pack is in use
    live: torch.Tensor  # f32 [B, C, Fl]: what the session says about each
    labels: torch.Tensor  # f32 [B, C, H], NaN where nothing is known
    events: torch.Tensor  # f32 [rows, Fe], newest first within a step
    offsets: torch.Tensor  # int64 [B + 1]: rows of `events` of each step
    context: torch.Tensor  # f32 [B, K]
    groups: torch.Tensor  # int64 [B]: whose session it is
    # What is told of the steps, where the log tells it; NaN where it does not.
    positions: torch.Tensor | None = None  # f32 [B, C]: the place at which each candidate was shown, from 0
    skips: torch.Tensor | None = None  # f32 [B, C]: how much of a skip its skip was, 1 to 0
    propensities: torch.Tensor | None = None  # f32 [B]: how likely it was that what is right was shown
    heard: Callable | None = None  # what is learned beside the outcomes, of a teacher (`distill`)

    @staticmethod
    def load(folder: Path) -> "RankerData":
        """Reads what `segue features ranker --out` wrote; `features logged` knows no linear weights."""
        linear = folder / "linear.json"
        return RankerData(
            schema=json.loads((folder / "schema.json").read_text()),
            linear=json.loads(linear.read_text()) if linear.exists() else {},
            candidates=tensor(folder, "candidates"),
            live=tensor(folder, "live"),
            labels=tensor(folder, "labels"),
            events=tensor(folder, "events"),
            offsets=tensor(folder, "offsets").long(),
            context=tensor(folder, "context"),
            groups=tensor(folder, "groups").long(),
            positions=optional(folder, "positions"),
            skips=optional(folder, "skips"),
            propensities=optional(folder, "propensities"),
        )

    @property
    def steps(self) -> int:
        """Number of steps."""
        return self.candidates.shape[0]

    def linear_weights(self, part: str) -> torch.Tensor:
        """The linear weights by column of `candidate` or `live`, f32 [columns]: those of plain numbers; 0 for the others."""
        weights = []
        for feature in self.schema[part]:
            transform = feature["transform"]
            size = {"identity": 1.0, "z_score": transform.get("deviation", 1.0)}.get(transform["kind"], 0.0)
            columns = self.schema["dimension"] if feature["source"] == "vector" else 1
            weights += [size * self.linear.get(feature["source"], 0.0)] * columns
        return torch.tensor(weights)

    def batch(self, steps: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Candidates, live columns, events, mask, context and labels of these steps; events are padded to the longest."""
        starts, ends = self.offsets[steps], self.offsets[steps + 1]
        longest = max(int((ends - starts).max()), 1)
        slot = torch.arange(longest)
        used = slot[None, :] < (ends - starts)[:, None]
        rows = torch.where(used, starts[:, None] + slot[None, :], 0)
        if len(self.events):
            events = self.events[rows] * used[..., None]
        else:
            events = torch.zeros(len(steps), longest, self.events.shape[1])
        fixed, live = self.candidates[steps], self.live[steps]
        return fixed, live, events, used.float(), self.context[steps], self.labels[steps]


def forget(live, mask, context) -> tuple[torch.Tensor, ...]:
    """The same step as if nothing had happened yet: what the core gives for an empty session."""
    return live * 0.0, mask * 0.0, context * 0.0


def tensor(folder: Path, name: str) -> torch.Tensor:
    """One array; the message names the file when it is missing."""
    path = folder / f"{name}.npy"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: write it with `segue features`")
    return torch.from_numpy(np.load(path))


def optional(folder: Path, name: str, kind: torch.dtype = torch.float32) -> torch.Tensor | None:
    """One array where there is one."""
    return tensor(folder, name).to(kind) if (folder / f"{name}.npy").exists() else None


def by_group(groups: torch.Tensor, share: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows for training and for validation; nobody's rows are on both sides."""
    names = torch.unique(groups)
    order = names[torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))]
    held_out = torch.zeros(int(names.max()) + 1 if len(names) else 0, dtype=torch.bool)
    held_out[order[: int(len(order) * share)]] = True
    side = held_out[groups]
    return torch.nonzero(~side).flatten(), torch.nonzero(side).flatten()
