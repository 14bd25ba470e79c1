"""The session ranker: each candidate attends to the session's events; experts with a gate per head answer.

Written so that the core can cut its graph in three: what needs the candidates' fixed columns only is computed once per
pack, what needs the session only once per event. What is left per candidate and event is a small product with the
candidate's live columns, the attention's products of `heads x size` numbers per event, and the experts' first layer.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm

from .data import RankerData, by_group, forget

HEADS = ["complete", "skip", "like", "next"]
NEXT = HEADS.index("next")


@dataclass(frozen=True)
class Settings:
    """How the ranker is built and trained."""

    attention_heads: int = 2
    size: int = 16
    encoded: int = 32
    experts: int = 3
    expert_size: int = 24
    batch: int = 128
    epochs: int = 10
    patience: int = 3
    rate: float = 4e-3
    weight_decay: float = 1e-4
    empty_share: float = 0.15
    seed: int = 1


@dataclass(frozen=True)
class Widths:
    """Columns of the ranker's inputs."""

    candidate: int
    live: int
    event: int
    context: int


class Split(nn.Module):
    """A linear layer over a candidate's fixed and live columns, as the sum of both parts."""

    def __init__(self, widths: Widths, size: int) -> None:
        super().__init__()
        self.fixed = nn.Linear(widths.candidate, size)
        self.live = nn.Linear(widths.live, size, bias=False)

    def forward(self, candidates, live):
        return self.fixed(candidates) + self.live(live)


class Ranker(nn.Module):
    """Target attention over event slots, then MMoE.

    Written without reshapes, so that one candidate list `[C, ...]` and a batch of lists `[B, C, ...]` take the same
    path and the exported graph needs few operators.
    """

    def __init__(self, widths: Widths, slots: int, settings: Settings) -> None:
        super().__init__()
        size, encoded, heads = settings.size, settings.encoded, range(settings.attention_heads)
        self.slots, self.size = slots, size
        self.queries = nn.ModuleList(Split(widths, size) for _ in heads)
        self.keys = nn.ModuleList(nn.Linear(widths.event, size) for _ in heads)
        self.values = nn.ModuleList(nn.Linear(encoded, size) for _ in heads)
        # Newer events count more; how much more is learned per slot and head.
        self.recency = nn.ParameterList(nn.Parameter(-2.0 * torch.arange(slots) / slots) for _ in heads)
        # A slot that says nothing: an empty session gives zeros, weak matches stay weak.
        self.nothing = nn.ParameterList(nn.Parameter(torch.zeros(1, size)) for _ in heads)
        # Feedback times content: what was refused must not look like what was liked.
        self.content = nn.Linear(widths.event, encoded)
        self.feedback = nn.Linear(widths.event, encoded)
        self.encode = Split(widths, encoded)
        self.surroundings = nn.Linear(widths.context, encoded)
        attended = settings.attention_heads * size
        experts = range(settings.experts)
        self.experts = nn.ModuleList(Mixed(encoded, attended, settings.expert_size) for _ in experts)
        self.gates = nn.ModuleList(Mixed(encoded, attended, len(HEADS)) for _ in experts)
        self.towers = nn.Linear(settings.expert_size, len(HEADS), bias=False)
        self.wide = Split(widths, len(HEADS))
        self.register_buffer("candidate_scale", torch.ones(widths.candidate))
        self.register_buffer("live_scale", torch.ones(widths.live))
        self.register_buffer("event_scale", torch.ones(widths.event))

    def attend(self, candidates, live, events, told, mask):
        """What the session says about each candidate, one part per attention head; nothing where nothing happened."""
        hidden = (mask - 1.0) * 1e9
        answers = []
        for query, key, value, recency, nothing in zip(
            self.queries, self.keys, self.values, self.recency, self.nothing
        ):
            recency = recency if mask.shape[-1] == self.slots else recency[: mask.shape[-1]]
            silent = spread(nothing, events)
            keys = torch.cat([key(events), silent], -2) / math.sqrt(self.size)
            values = torch.cat([value(told), silent * 0.0], -2)
            bias = torch.cat([recency + hidden, silent.sum(-1) * 0.0], -1).unsqueeze(-2)
            scores = query(candidates, live) @ keys.transpose(-1, -2)
            answers.append(torch.softmax(scores + bias, -1) @ values)
        return answers

    def logits(self, candidates, live, events, mask, context):
        """Log odds of each head for each candidate."""
        candidates, live, events = candidates * self.candidate_scale, live * self.live_scale, events * self.event_scale
        told = self.content(events) * torch.tanh(self.feedback(events))
        used = mask.unsqueeze(-1)
        mood = torch.tanh((told * used).sum(-2, keepdim=True) / torch.sqrt(used.sum(-2, keepdim=True) + 1.0))
        around = torch.tanh(self.surroundings(context)).unsqueeze(-2)
        rows = torch.cat([self.encode(candidates, live), *self.attend(candidates, live, events, told, mask)], -1)
        read = [self.towers(torch.relu(expert(rows, mood, around))).unsqueeze(-2) for expert in self.experts]
        gates = torch.cat([gate(rows, mood, around).unsqueeze(-2) for gate in self.gates], -2)
        # [..., C, experts, heads]: each head has a gate of its own over what it read from every expert.
        chosen = (torch.softmax(gates, -2) * torch.cat(read, -2)).sum(-2)
        return chosen + self.wide(candidates, live)

    def forward(self, candidates, live, events, mask, context):
        return torch.sigmoid(self.logits(candidates, live, events, mask, context))


class Mixed(nn.Module):
    """A linear layer over what is known of a candidate: itself among its surroundings, itself in the session's mood,
    and what it attended to. Mood and surroundings go into the layer's own weights, which are few."""

    def __init__(self, encoded: int, attended: int, size: int) -> None:
        super().__init__()
        self.itself = nn.Linear(encoded, size)
        self.moody = nn.Linear(encoded, size, bias=False)
        self.attended = nn.Linear(attended, size, bias=False)

    def forward(self, rows, mood, around):
        """`rows` are `[..., C, encoded + attended]`, `mood` and `around` `[..., 1, encoded]`."""
        own = self.itself.weight + self.moody.weight * mood
        attended = self.attended.weight
        if own.dim() == 3:
            attended = attended.expand(own.shape[0], -1, -1)
        return rows @ torch.cat([own, attended], -1).transpose(-1, -2) + self.itself(around)


def spread(parameter: torch.Tensor, events: torch.Tensor) -> torch.Tensor:
    """The parameter for each list of a batch; itself where there is one list only."""
    return parameter if events.dim() == 2 else parameter.expand(events.shape[0], -1, -1)


def for_data(data: RankerData, settings: Settings) -> Ranker:
    """A new ranker of the data's widths, untrained; columns are scaled to a deviation of about 1."""
    model = Ranker(widths(data), data.schema["slots"], settings)
    model.candidate_scale.copy_(scale(data.candidates.flatten(0, 1)))
    model.live_scale.copy_(scale(data.live.flatten(0, 1)))
    model.event_scale.copy_(scale(data.events))
    return model


def widths(data: RankerData) -> Widths:
    """Columns of the data's arrays."""
    arrays = (data.candidates, data.live, data.events, data.context)
    return Widths(*(array.shape[-1] for array in arrays))


def scale(rows: torch.Tensor) -> torch.Tensor:
    """What brings each column to about the same size; rare and constant ones are left alone."""
    deviation = rows.std(0) if len(rows) > 1 else torch.ones(rows.shape[1])
    return torch.where(deviation > 0.02, 1.0 / deviation.clamp(min=0.02), 1.0).clamp(max=10.0)


def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """`next` as a choice from the list and as a probability; the others where it is known what happened."""
    known = ~torch.isnan(labels)
    target = torch.where(known, labels, 0.0)
    each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    per_head = [(each[..., head] * known[..., head]).sum() / known[..., head].sum().clamp(min=1) for head in range(len(HEADS))]
    return listwise(logits[..., NEXT], target[..., NEXT], known[..., NEXT]) + sum(per_head)


def listwise(logits, target, known):
    """Softmax cross-entropy over each list that has a next item."""
    chosen = target.sum(-1) > 0
    if not bool(chosen.any()):
        return logits.sum() * 0.0
    logarithms = torch.log_softmax(logits.masked_fill(~known, -1e9), -1)
    return -(logarithms * target).sum(-1)[chosen].mean()


@torch.no_grad()
def measure(model: Ranker, data: RankerData, steps: torch.Tensor, with_session: bool = True) -> dict[str, float]:
    """NDCG@10 of the next positive item among the step's candidates, and the AUC of the other heads."""
    model.eval()
    gains, answers, truths = [], [], []
    for part in steps.split(256):
        candidates, live, events, mask, context, labels = data.batch(part)
        if not with_session:
            live, mask, context = forget(live, mask, context)
        heads = model(candidates, live, events, mask, context)
        known = ~torch.isnan(labels[..., NEXT])
        chosen = torch.where(known, labels[..., NEXT], 0.0)
        score = heads[..., NEXT].masked_fill(~known, -1.0)
        wanted = (score * chosen).sum(-1, keepdim=True)
        rank = (score > wanted).sum(-1) + 1
        gain = torch.where(rank <= 10, 1.0 / torch.log2(rank + 1.0), 0.0)
        gains.append(gain[chosen.sum(-1) > 0])
        answers.append(heads.flatten(0, 1))
        truths.append(labels.flatten(0, 1))
    model.train()
    answers, truths = torch.cat(answers), torch.cat(truths)
    metrics = {"ndcg_at_10": float(torch.cat(gains).mean())}
    for head in range(NEXT):
        metrics[f"auc_{HEADS[head]}"] = auc(answers[:, head], truths[:, head])
    return metrics


def auc(answers: torch.Tensor, truths: torch.Tensor) -> float:
    """Chance that a positive is answered higher than a negative; NaN where one of them is missing."""
    known = ~torch.isnan(truths)
    answers, truths = answers[known], truths[known] > 0.5
    positive, negative = int(truths.sum()), int((~truths).sum())
    if positive == 0 or negative == 0:
        return float("nan")
    order = torch.empty(len(answers), dtype=torch.float64)
    order[answers.argsort(stable=True)] = torch.arange(1, len(answers) + 1, dtype=torch.float64)
    return float((order[truths].sum() - positive * (positive + 1) / 2) / (positive * negative))


def train(data: RankerData, settings: Settings = Settings()) -> tuple[Ranker, dict[str, float]]:
    """The ranker with the best NDCG@10 on users held back, and its metrics there."""
    torch.manual_seed(settings.seed)
    model = for_data(data, settings)
    learned, held_back = by_group(data.groups, 0.1, settings.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
    batches = max(1, math.ceil(len(learned) / settings.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=settings.epochs * batches)
    best, best_state, waited, best_epoch = -1.0, copy.deepcopy(model.state_dict()), 0, 0
    progress = tqdm(range(settings.epochs), desc="ranker", unit="epoch")
    for epoch in progress:
        total = one_epoch(model, data, learned, optimiser, schedule, settings)
        score = measure(model, data, held_back)["ndcg_at_10"]
        progress.set_postfix(loss=f"{total:.3f}", ndcg10=f"{score:.3f}")
        if score > best:
            best, best_state, waited, best_epoch = score, copy.deepcopy(model.state_dict()), 0, epoch
            continue
        waited += 1
        if waited >= settings.patience:
            break
    model.load_state_dict(best_state)
    metrics = measure(model, data, held_back)
    metrics["ndcg_at_10_empty_session"] = measure(model, data, held_back, with_session=False)["ndcg_at_10"]
    return model, metrics | {"epochs": best_epoch + 1, "steps": len(learned)}


def one_epoch(model, data, steps, optimiser, schedule, settings) -> float:
    """One pass over the steps; some batches forget the session, so that the order without one is sound too."""
    total, batches = 0.0, 0
    for part in steps[torch.randperm(len(steps))].split(settings.batch):
        candidates, live, events, mask, context, labels = data.batch(part)
        if torch.rand(()) < settings.empty_share:
            live, mask, context = forget(live, mask, context)
        optimiser.zero_grad()
        value = loss(model.logits(candidates, live, events, mask, context), labels)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total, batches = total + value.item(), batches + 1
    return total / max(batches, 1)
