"""The retriever: a user tower over history and profile, an item tower over metadata.

No id is a feature, so a new item or user gets a vector and the model serves any catalogue with the same declarations.
Trained by in-batch sampled softmax; an item's chance of being in the batch is taken out of its logit
(Yi et al., "Sampling-bias-corrected neural modeling", RecSys 2019). Beside the batch's own items stand some that are drawn from
the whole catalogue and some that the person refused (`negatives`).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from . import devices, generations, negatives
from .data import TowerData, by_group

DIMENSION = 64


@dataclass(frozen=True)
class Settings:
    """How the towers are trained."""

    hidden: int = 128
    batch: int = 512
    epochs: int = 10
    patience: int = 2
    rate: float = 2e-3
    weight_decay: float = 1e-4
    temperature: float = 0.07
    mixed_negatives: int = 256
    hard_negatives: int = 2  # of what a person refused in a session, beside each thing he took up in it
    recency: float = 1.0  # halvings of a positive's weight over the time that is learned from
    judged: int = 2048
    seed: int = 1


class Loss(nn.Module):
    """The towers' loss over one data set, as what several processes share."""

    def __init__(self, model: "TwoTower", data: TowerData, recency: float) -> None:
        super().__init__()
        self.model, self.data, self.recency = model, data, recency

    def forward(self, rows: torch.Tensor, extra: torch.Tensor, hard: torch.Tensor | None) -> torch.Tensor:
        """The loss of these positives."""
        return loss(self.model, self.data, rows, extra, self.recency, hard)


class Tower(nn.Module):
    """Two layers and a unit vector."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, DIMENSION)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        vectors = self.second(torch.relu(self.first(rows)))
        return vectors / torch.sqrt((vectors * vectors).sum(-1, keepdim=True) + 1e-12)


class TwoTower(nn.Module):
    """Both towers and the temperature of their product."""

    def __init__(self, item_width: int, user_width: int, settings: Settings) -> None:
        super().__init__()
        self.items = Tower(item_width, settings.hidden)
        self.users = Tower(user_width, settings.hidden)
        self.logarithm = nn.Parameter(torch.tensor(settings.temperature).log())

    def logits(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Similarity of each user with each item over the temperature."""
        return self.users(users) @ self.items(items).T / self.logarithm.exp()


def loss(
    model: TwoTower, data: TowerData, rows: torch.Tensor, extra: torch.Tensor, recency: float, hard: torch.Tensor | None = None
) -> torch.Tensor:
    """Sampled softmax over the batch's own items, uniformly drawn ones and those that each row's person refused (`hard`, -1 where
    there is none); what was taken up lately says more."""
    snapshots, items = data.positives[rows].T
    pool = torch.cat([items, extra.to(items.device)])
    logits = model.logits(data.users[snapshots], data.items[pool])
    uniform = torch.full((len(extra),), len(extra) / len(data.items), device=items.device)
    drawn = torch.cat([chances(data, items), uniform])
    logits = logits - drawn.log()[None, :]
    # The same item elsewhere in the pool is no negative.
    same = pool[None, :] == items[:, None]
    same[torch.arange(len(rows)), torch.arange(len(rows))] = False
    logits = logits.masked_fill(same, -1e9)
    if hard is not None:
        logits = torch.cat([logits, negatives.logits(model, data, snapshots, items, hard)], 1)
    each = nn.functional.cross_entropy(logits, torch.arange(len(rows), device=items.device), reduction="none")
    weights = data.weights[rows] * torch.exp2(-recency * data.ages[rows])
    return (each * weights).sum() / weights.sum()


def chances(data: TowerData, items: torch.Tensor) -> torch.Tensor:
    """Expected number of times an item is drawn into a batch as somebody's positive."""
    counts = torch.bincount(data.positives[:, 1], minlength=len(data.items)).float()
    return counts[items].clamp(min=1.0) / len(data.positives) * len(items)


@torch.no_grad()
def recall(model: TwoTower, data: TowerData, rows: torch.Tensor, places: int = 100) -> float:
    """Share of positives among the user's nearest items in the whole catalogue."""
    items = model.items(data.items)
    found = 0
    for part in rows.split(512):
        snapshots, wanted = data.positives[part].T
        scores = model.users(data.users[snapshots]) @ items.T
        better = scores > scores.gather(1, wanted[:, None])
        found += int((better.sum(1) < places).sum())
    return found / max(len(rows), 1)


def train(data: TowerData, settings: Settings = Settings(), before: Path | None = None) -> tuple[TwoTower, dict[str, float]]:
    """The towers with the best recall on users held back, and that recall. Where the model folder `before` has towers over the same
    columns, they are where one starts, and the new ones are turned onto them."""
    torch.manual_seed(settings.seed)
    model = TwoTower(data.items.shape[1], data.users.shape[1], settings)
    onto = model.items(data.items).detach() if generations.begin(model, before) else None
    learned, held_back = by_group(data.groups[data.positives[:, 0]], 0.1, settings.seed)
    held_back = held_back[:: max(1, len(held_back) // settings.judged)]
    at_home, data = data, devices.placed(data)
    refused = negatives.of(data, settings.hard_negatives)
    model.to(devices.device())
    learner = devices.parallel(Loss(model, data, settings.recency))
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
    best, best_state, best_epoch, waited = -1.0, copy.deepcopy(model.state_dict()), 0, 0
    if onto is not None:
        best = recall(model, data, held_back)
    progress = tqdm(range(settings.epochs), desc="two towers", unit="epoch")
    for epoch in progress:
        total = one_epoch(learner, data, learned, refused, optimiser, settings)
        score = recall(model, data, held_back)
        progress.set_postfix(loss=f"{total:.3f}", recall100=f"{score:.3f}")
        if score > best:
            best, best_state, waited, best_epoch = score, copy.deepcopy(model.state_dict()), 0, epoch + 1
            continue
        waited += 1
        if waited >= settings.patience:
            break
    model.cpu().load_state_dict(best_state)
    data, metrics = at_home, {}
    if onto is not None:
        generations.turn(model, data.items, onto)
        metrics["alike_before"] = generations.alike(model.items(data.items).detach(), onto)
    popular = data.counts.topk(min(100, len(data.counts))).indices
    baseline = torch.isin(data.positives[held_back, 1], popular).float().mean()
    return model, metrics | {
        "recall_at_100": best,
        "recall_at_100_popular": float(baseline),
        "epochs": best_epoch,
        "positives": len(learned),
    }


def one_epoch(learner, data, rows, refused, optimiser, settings) -> float:
    """One pass over the positives; the mean loss."""
    total, batches = 0.0, 0
    for part in rows[torch.randperm(len(rows))].split(settings.batch):
        extra = torch.randint(len(data.items), (min(settings.mixed_negatives, len(data.items)),))
        # Drawn for the whole batch: every process draws as much, whatever its share of an odd one.
        hard = refused and refused.draw(data.positives[part, 0], settings.hard_negatives)
        part, hard = devices.share(part), hard if hard is None else devices.share(hard)
        optimiser.zero_grad()
        value = learner(part, extra, hard)
        value.backward()
        optimiser.step()
        total, batches = total + value.item(), batches + 1
    return total / max(batches, 1)
