"""Probabilities that come true as often as they say: a correction of each head, learned on people held back.

Written into the schema, where the core applies it (docs/FEATURES.md): `sigmoid(slope * logit(p) + intercept)` (Platt,
1999), which is a temperature with a shift. It never turns the order of a head round.
"""

from __future__ import annotations

import math

import torch

FEWEST = 100  # answers with a known outcome
FEWEST_OF_EACH = 20
EDGE = 1e-6


def platt(answers: torch.Tensor, truths: torch.Tensor) -> dict:
    """The correction of probabilities `answers` f32 [N] for outcomes `truths` (0 to 1, NaN where unknown), of least log-loss.

    `{"kind": "none"}` where too little is known, or where what is answered says nothing about what comes.
    """
    known = ~torch.isnan(truths)
    odds, truths = torch.logit(answers[known].double().clamp(EDGE, 1 - EDGE)), truths[known].double()
    positive = int((truths > 0.5).sum())
    if len(truths) < FEWEST or min(positive, len(truths) - positive) < FEWEST_OF_EACH:
        return {"kind": "none"}
    weights = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(weights[0] * odds + weights[1], truths)
        loss.backward()
        return loss

    optimiser.step(step)
    slope, intercept = (float(weight.float()) for weight in weights.detach())
    if not (math.isfinite(slope) and math.isfinite(intercept) and slope > 0.0):
        return {"kind": "none"}
    return {"kind": "platt", "slope": slope, "intercept": intercept}


def log_loss(answers: torch.Tensor, truths: torch.Tensor) -> float:
    """Mean of `-ln p` of what came, over what is known."""
    known = ~torch.isnan(truths)
    said = answers[known].double().clamp(EDGE, 1 - EDGE)
    return torch.nn.functional.binary_cross_entropy(said, truths[known].double()).item()
