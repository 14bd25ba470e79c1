"""The session ranker: each candidate attends to the session's events; experts with a gate per head answer.

Written so that the core can cut its graph in three. What needs the candidates' fixed columns only is computed once per
pack. What needs the session only is computed once per event: the session writes the weights of the experts' first
layer, attention included, since attention without a softmax is linear in the query. What is left per candidate and
event is that layer, the experts' answers, and a small product with the candidate's live columns, whatever the number
of events.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from . import devices, position, wide
from .calibrate import platt
from .data import RankerData, by_group, forget
from .step import Step, softened, weighted

HEADS = ["complete", "skip", "like", "next"]  # probabilities; amounts such as `watch_seconds` stand behind them
NEXT = HEADS.index("next")
MOST = 0.99  # of the known amounts lie below what an amount head says at the most
SMOOTH = 0.1  # of its unit: where the error of an amount turns from squared to absolute
LEAST_UNIT = 0.01  # of the most, for amounts that are nearly all alike


@dataclass(frozen=True)
class Settings:
    """How the ranker is built and trained."""

    size: int = 24
    encoded: int = 24
    experts: int = 3
    expert_size: int = 16
    batch: int = 128
    epochs: int = 10
    patience: int = 3
    settled: float = 0.6  # of the epochs: before it nobody stops, since the rate rises for a third of them
    rate: float = 4e-3
    weight_decay: float = 1e-4
    empty_share: float = 0.15
    cross_validated_below: int = 12_000  # steps
    folds: int = 5
    sharpness: float = 4.0  # what the linear weights are multiplied by to be log odds
    linear_first: bool = True  # the linear part is learned alone before the experts
    held: float = 0.1  # how much it is held to the linear weights then
    held_steps: int = 1_000  # where there are more, it is held less by each: more steps say more for themselves
    told: bool = True  # places, late skips and propensities count where the data tells them
    seed: int = 1


@dataclass(frozen=True)
class Widths:
    """Columns of the ranker's inputs."""

    candidate: int
    live: int
    event: int
    context: int
    amounts: tuple[float, ...] = ()  # the most that each amount head says

    @property
    def heads(self) -> int:
        """Columns of the answers."""
        return len(HEADS) + len(self.amounts)


class Ranker(nn.Module):
    """Linear target attention over event slots (Katharopoulos et al., Transformers are RNNs, 2020), then experts with a
    gate per head (Ma et al., MMoE, 2018).

    Written without reshapes, so that one candidate list `[C, ...]` and a batch of lists `[B, C, ...]` take the same
    path and the exported graph needs few operators. Rows that are multiplied or added to are wide (more than 32
    numbers): over narrow ones runtimes pay more for each row than for its numbers. So layers of one input are one
    product, and what is worth a column each is turned into rows.
    """

    def __init__(self, widths: Widths, slots: int, settings: Settings) -> None:
        super().__init__()
        self.slots, self.number, self.settings = slots, settings.experts, settings
        self.encode = nn.Linear(widths.candidate, settings.encoded)
        self.query = nn.Linear(widths.candidate, settings.size)
        # Of each event its content, the feedback to it and its key.
        self.told = nn.Linear(widths.event, 2 * settings.encoded + settings.size)
        # Newer events count more; how much more is learned per slot.
        self.recency = nn.Parameter(-2.0 * torch.arange(slots) / slots)
        self.surroundings = nn.Linear(widths.context, settings.encoded)
        # The experts' first layer, and each head's gate over them.
        self.mixed = Mixed(widths.live, settings, settings.experts * (settings.expert_size + widths.heads))
        self.towers = nn.Linear(settings.expert_size, widths.heads, bias=False)
        self.wide = nn.Linear(widths.candidate, widths.heads)
        self.wide_live = nn.Linear(widths.live, widths.heads, bias=False)
        blocks = torch.kron(torch.eye(settings.experts), torch.ones(settings.expert_size, widths.heads))
        self.register_buffer("blocks", blocks)
        self.register_buffer("by_head", torch.eye(widths.heads).repeat(settings.experts, 1))
        self.register_buffer("most", torch.tensor([1.0] * len(HEADS) + list(widths.amounts)))
        self.register_buffer("candidate_scale", torch.ones(widths.candidate))
        self.register_buffer("live_scale", torch.ones(widths.live))
        self.register_buffer("event_scale", torch.ones(widths.event))

    def session(self, events, mask, context):
        """What the session comes to: its mood `[..., E, 1]`, what attention finds `[..., S, E]`, its surroundings `[..., 1, E]`."""
        encoded = self.settings.encoded
        told = linear(self.told, events, self.event_scale)
        # Feedback times content: what was refused must not look like what was liked.
        values = told[..., :encoded] * torch.tanh(told[..., encoded : 2 * encoded])
        used = mask.unsqueeze(-2)
        mood = torch.tanh(values.transpose(-1, -2) @ mask.unsqueeze(-1) / torch.sqrt(used.sum(-1, keepdim=True) + 1.0))
        weight = torch.exp(self.recency[: mask.shape[-1]] if mask.shape[-1] != self.slots else self.recency) * used
        keys = torch.relu(told[..., 2 * encoded :]).transpose(-1, -2) * weight
        found = keys @ values / torch.sqrt(weight.sum(-1, keepdim=True) + 1.0)
        return mood, found, torch.tanh(self.surroundings(context)).unsqueeze(-2)

    def logits(self, candidates, live, events, mask, context):
        """Log odds of each head for each candidate."""
        candidates = candidates * self.candidate_scale
        session = self.session(events, mask, context)
        rows = torch.cat([self.encode(candidates), torch.relu(self.query(candidates))], -1)
        mixed = self.mixed(rows, live, self.live_scale, *session)
        hidden = self.number * self.settings.expert_size
        # [..., C, experts x heads]: what each head reads from every expert, and its gate over them.
        towers = self.towers.weight.T.repeat(self.number, self.number) * self.blocks
        read = torch.relu(mixed[..., :hidden]) @ towers
        gates = torch.sigmoid(mixed[..., hidden:])
        return (gates * read) @ self.by_head + (self.wide(candidates) + linear(self.wide_live, live, self.live_scale))

    def forward(self, candidates, live, events, mask, context):
        """Probabilities, and amounts as shares of their most."""
        shares = torch.sigmoid(self.logits(candidates, live, events, mask, context))
        return shares * self.most if self.most.shape[0] > len(HEADS) else shares


class Mixed(nn.Module):
    """A linear layer over a candidate in its surroundings, in the session's mood, what it attended to and its live
    columns. All that the session says goes into the layer's weights, which are few."""

    def __init__(self, live: int, settings: Settings, size: int) -> None:
        super().__init__()
        self.itself = nn.Linear(settings.encoded, size)
        self.moody = nn.Linear(settings.encoded, size, bias=False)
        self.attended = nn.Linear(settings.encoded, size, bias=False)
        self.live = nn.Linear(live, size, bias=False)

    def forward(self, rows, live, live_scale, mood, found, around):
        """`rows` are the candidates `[..., C, E + S]`."""
        own = self.itself.weight.T + self.moody.weight.T * mood
        weights = torch.cat([own, self.attended(found)], -2)
        return rows @ weights + (linear(self.live, live, live_scale) + self.itself(around))


def linear(layer: nn.Linear, rows: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The layer over scaled rows, with the scale in its weights: they are constant in the exported graph."""
    return nn.functional.linear(rows, layer.weight * scale, layer.bias)


def for_data(data: RankerData, settings: Settings) -> Ranker:
    """A new ranker of the data's widths, untrained; columns are scaled to a deviation of about 1. It answers `next` by the
    weights that rank where there is no ranker, and amounts by their median, so it only has to learn what is better than that."""
    model = scaled(Ranker(widths(data), data.schema["slots"], settings), data)
    nn.init.zeros_(model.towers.weight)
    for layer, part, scale in ((model.wide, "candidate", model.candidate_scale), (model.wide_live, "live", model.live_scale)):
        nn.init.zeros_(layer.weight)
        layer.weight.data[NEXT] = settings.sharpness * data.linear_weights(part) / scale
    shares = medians(data.labels) / model.most[len(HEADS) :]
    model.wide.bias.data[len(HEADS) :] = torch.logit(shares.clamp(0.01, 0.99))
    return model


def scaled(model: nn.Module, data: RankerData) -> nn.Module:
    """The model with its scales set by the data."""
    model.candidate_scale.copy_(scale(data.candidates.flatten(0, 1)))
    model.live_scale.copy_(scale(data.live.flatten(0, 1)))
    model.event_scale.copy_(scale(data.events))
    return model


def widths(data: RankerData) -> Widths:
    """Columns of the data's arrays."""
    arrays = (data.candidates, data.live, data.events, data.context)
    return Widths(*(array.shape[-1] for array in arrays), amounts(data.labels))


def amounts(labels: torch.Tensor) -> tuple[float, ...]:
    """What nearly all known amounts lie below, by head; 1 where none is known."""
    return tuple(quantile or 1.0 for quantile in quantiles(labels, MOST))


def medians(labels: torch.Tensor) -> torch.Tensor:
    """The median of the known amounts, by head; 0 where none is known."""
    return torch.tensor(quantiles(labels, 0.5))


def quantiles(labels: torch.Tensor, share: float) -> list[float]:
    """What this share of the known amounts lies below, by head; 0 where none is known."""
    columns = [column[~torch.isnan(column)] for column in labels[..., len(HEADS) :].flatten(0, -2).T]
    return [float(np.quantile(column.numpy(), share)) if len(column) else 0.0 for column in columns]


def scale(rows: torch.Tensor) -> torch.Tensor:
    """What brings each column to about the same size; rare and constant ones are left alone."""
    deviation = rows.std(0) if len(rows) > 1 else torch.ones(rows.shape[1])
    return torch.where(deviation > 0.02, 1.0 / deviation.clamp(min=0.02), 1.0).clamp(max=10.0)


def loss(logits: torch.Tensor, labels: torch.Tensor, most: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """`next` as a choice from the list and as a probability; the others where it is known what happened; amounts by `away`. The
    choice of a step counts as much as `weights` says, f32 [B], 1 on average: they are about what was chosen, and the other heads
    about each item alone."""
    known = ~torch.isnan(labels)
    target = torch.where(known, labels / most, 0.0).clamp(0.0, 1.0)
    odds, right = logits[..., : len(HEADS)], target[..., : len(HEADS)]
    each = nn.functional.binary_cross_entropy_with_logits(odds, right, reduction="none")
    if weights is not None:
        each = torch.where(torch.arange(len(HEADS), device=each.device) == NEXT, each * weights[:, None, None], each)
    per_head = [(each[..., head] * known[..., head]).sum() / known[..., head].sum().clamp(min=1) for head in range(len(HEADS))]
    heads = range(len(HEADS), logits.shape[-1])
    per_head += [away(torch.sigmoid(logits[..., head]), target[..., head], known[..., head]) for head in heads]
    return listwise(logits[..., NEXT], target[..., NEXT], known[..., NEXT], weights) + sum(per_head)


def away(shares: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """How far an amount head is away, which is least at the median (Koenker and Bassett, "Regression Quantiles", 1978); without a
    kink at nothing. In units of what always answering the median costs, so that a head weighs what one of probabilities does,
    whatever its unit, and however few plays reach its most."""
    shares, target = shares[known], target[known]
    if not len(target):
        return shares.sum() * 0.0
    unit = float((target - target.median()).abs().mean().clamp(min=LEAST_UNIT))
    return nn.functional.smooth_l1_loss(shares, target, beta=SMOOTH * unit) / unit


def listwise(logits, target, known, weights=None):
    """Softmax cross-entropy over each list that has something right, shared among all of that."""
    chosen = target.sum(-1) > 0
    if not bool(chosen.any()):
        return logits.sum() * 0.0
    logarithms = torch.log_softmax(logits.masked_fill(~known, -1e9), -1)
    each = (logarithms * target).sum(-1) / target.sum(-1).clamp(min=1.0)
    return -(each if weights is None else each * weights)[chosen].mean()


@torch.no_grad()
def answers(model: nn.Module, data: RankerData, steps: torch.Tensor, with_session: bool = True) -> torch.Tensor:
    """What the model says of every candidate of these steps, f32 [steps, C, H]."""
    model.eval()
    said = []
    for part in steps.split(256):
        candidates, live, events, mask, context, _ = devices.moved(model, data.batch(part))
        if not with_session:
            live, mask, context = forget(live, mask, context)
        said.append(model(candidates, live, events, mask, context).cpu())
    model.train()
    return torch.cat(said)


def measured(said: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """NDCG@10 of what did well among the step's candidates, and the AUC of the other heads."""
    metrics = {"ndcg_at_10": float(ndcg(said[..., NEXT], labels[..., NEXT]).mean())}
    for head in range(NEXT):
        metrics[f"auc_{HEADS[head]}"] = auc(said[..., head].flatten(), labels[..., head].flatten())
    away = (said - labels)[..., len(HEADS) :].abs().flatten(0, -2).nanmean(0)
    return metrics | {f"mae_of_amount_{at}": float(mean) for at, mean in enumerate(away)}


def measure(model: nn.Module, data: RankerData, steps: torch.Tensor, with_session: bool = True) -> dict[str, float]:
    """What `measured` says of these steps."""
    return measured(answers(model, data, steps, with_session), data.labels[steps])


def ndcg(scores: torch.Tensor, labels: torch.Tensor, places: int = 10) -> torch.Tensor:
    """NDCG at `places` of each list that has something right; equal scores stand in the order of the candidates, last first."""
    known = ~torch.isnan(labels)
    right = torch.where(known, labels, 0.0)
    order = scores.masked_fill(~known, -torch.inf).flip(-1).argsort(dim=-1, descending=True, stable=True)
    worth = 1.0 / torch.log2(torch.arange(scores.shape[-1]) + 2.0)
    worth[places:] = 0.0
    gained = (right.flip(-1).gather(-1, order) * worth).sum(-1)
    best = (right.sort(-1, descending=True).values * worth).sum(-1)
    return (gained / best.clamp(min=1e-9))[right.sum(-1) > 0]


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


def train(data: RankerData, settings: Settings = Settings(), build=for_data) -> tuple[nn.Module, dict[str, float]]:
    """What `build` makes, after as many stages as do best on people held back, and its metrics there.

    Where there is little to learn from, one tenth of the people says too little: then everybody is held back once, and the
    model learns from all of them for as many stages as did best (cross-validation): as it begins, its linear part alone, then
    epochs. `calibration` among the metrics is what corrects each head, learned from answers about people held back.
    """
    if data.steps >= settings.cross_validated_below:
        learned, held_back = by_group(data.groups, 0.1, settings.seed)
        model, metrics = early_stopped(data, learned, held_back, settings, build)
        return model, metrics | {"steps": len(learned)}
    stage, metrics = cross_validated(data, settings, build)
    torch.manual_seed(settings.seed)
    model, everything = build(data, settings), torch.arange(data.steps)
    for _ in zip(range(stage + 1), stages_of(model, data, everything, settings)):
        pass
    return model.eval().cpu(), metrics | {"stage": stage, "epochs": max(stage - 1, 0), "steps": data.steps}


def early_stopped(data, learned, held_back, settings, build) -> tuple[nn.Module, dict[str, float]]:
    """The model of the best stage."""
    torch.manual_seed(settings.seed)
    model = build(data, settings)
    best, best_state, best_stage = -1.0, copy.deepcopy(model.state_dict()), 0
    progress = tqdm(stages_of(model, data, learned, settings), desc="ranker", unit="stage", total=settings.epochs + 2)
    for stage, total in enumerate(progress):
        score = measure(model, data, held_back)["ndcg_at_10"]
        progress.set_postfix(loss=f"{total:.3f}", ndcg10=f"{score:.3f}")
        if score > best:
            best, best_state, best_stage = score, copy.deepcopy(model.state_dict()), stage
        elif stage - best_stage >= settings.patience + (best_stage == 0) and stage > 1 + settings.settled * settings.epochs:
            break
    model.cpu().load_state_dict(best_state)
    said, labels = answers(model, data, held_back), data.labels[held_back]
    metrics = measured(said, labels) | {"calibration": calibrations(said, labels)}
    metrics["ndcg_at_10_empty_session"] = measure(model, data, held_back, with_session=False)["ndcg_at_10"]
    return model.eval(), metrics | {"stage": best_stage, "epochs": max(best_stage - 1, 0)}


def cross_validated(data, settings, build) -> tuple[int, dict[str, float]]:
    """Which stage does best on people who were not learned from, and the figures there."""
    names = torch.unique(data.groups)
    names = names[torch.randperm(len(names), generator=torch.Generator().manual_seed(settings.seed))]
    parts = [part for part in names.chunk(settings.folds) if len(part)]
    said = torch.full((settings.epochs + 2, *data.labels.shape), float("nan"))
    for part in tqdm(parts, desc="ranker", unit="fold"):
        side = torch.isin(data.groups, part)
        learned, held_back = torch.nonzero(~side).flatten(), torch.nonzero(side).flatten()
        torch.manual_seed(settings.seed)
        model = build(data, settings)
        for stage, _ in enumerate(stages_of(model, data, learned, settings)):
            said[stage, held_back] = answers(model, data, held_back)
    best = soonest(torch.stack([ndcg(stage[..., NEXT], data.labels[..., NEXT]) for stage in said]))
    metrics = measured(said[best], data.labels) | {"calibration": calibrations(said[best], data.labels)}
    return best, metrics | {"ndcg_at_10_before": measured(said[0], data.labels)["ndcg_at_10"]}


def soonest(scores: torch.Tensor) -> int:
    """The first row of `[stages, lists]` that is not below the best one by more than a standard error: what is better by chance
    alone is not worth learning (Breiman and others, Classification and Regression Trees, 1984)."""
    lost = scores[scores.mean(1).argmax()] - scores
    within = lost.mean(1) <= lost.std(1) / math.sqrt(scores.shape[1])
    return int(torch.nonzero(within).flatten()[0])


def calibrations(said: torch.Tensor, labels: torch.Tensor) -> dict[str, dict]:
    """What corrects each head but `next`, whose scale is that of the lists it was learned from."""
    return {HEADS[head]: platt(said[..., head].flatten(), labels[..., head].flatten()) for head in range(NEXT)}


def stages_of(model, data, steps, settings):
    """The model as it begins, with its linear part learned (where that is asked for), and after each epoch, which yields its mean
    loss."""
    yield math.nan
    tower = position.of(data, settings.told, len(HEADS), NEXT)
    if settings.linear_first:
        held = settings.held * min(1.0, settings.held_steps / max(len(steps), 1))
        heard, by_step = softened(data, settings.told), weighted(loss, data, steps, settings.told)
        wide.fit(model, heard, steps, by_step, held, slice(len(HEADS)), tower)
        wide.fit(model, heard, steps, by_step, held, slice(len(HEADS), None))
    yield math.nan
    yield from epochs_of(model, data, steps, settings, tower)


def epochs_of(model, data, steps, settings, tower=None):
    """Trains, with `tower` for the places of what was shown, and yields the mean loss after each epoch."""
    learner = Step(model, data, settings.told, loss, tower).to(devices.device())
    data, learner = softened(data, settings.told), devices.parallel(learner)
    optimiser = torch.optim.AdamW(learner.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
    batches = max(1, math.ceil(len(steps) / settings.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=settings.epochs * batches)
    for _ in range(settings.epochs):
        yield one_epoch(learner, data, steps, optimiser, schedule, settings)


def one_epoch(learner, data, steps, optimiser, schedule, settings) -> float:
    """One pass over the steps; some batches forget the session, so that the order without one is sound too."""
    total, batches = 0.0, 0
    for part in steps[torch.randperm(len(steps))].split(settings.batch):
        part = devices.share(part)
        candidates, live, events, mask, context, labels = devices.moved(learner, data.batch(part))
        if torch.rand(()) < settings.empty_share:
            live, mask, context = forget(live, mask, context)
        optimiser.zero_grad()
        value = learner(part, (candidates, live, events, mask, context), labels)
        value.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total, batches = total + value.item(), batches + 1
    return total / max(batches, 1)
