"""Probabilities that come true as often as they say: a correction of each head, learned on people held back.

`sigmoid(slope * logit(p) + intercept)` (Platt, 1999), which is a temperature with a shift; `fold` puts it into the ranker's weights. It
never turns the order of a head round.
"""

from __future__ import annotations

import torch

FEWEST = 100  # answers with a known outcome
FEWEST_OF_EACH = 20
EDGE = 1e-6
LEAST_SLOPE = 0.01  # above 0: at 0 a head would have no order, below it the opposite one


def platt(answers: torch.Tensor, truths: torch.Tensor) -> dict:
    """The correction of probabilities `answers` f32 [N] for outcomes `truths` (0 to 1, NaN where unknown), of least log-loss.

    `{"kind": "none"}` where too little is known. What says nothing about what comes, or the opposite, becomes the plain share.
    """
    known = ~torch.isnan(truths)
    odds, truths = torch.logit(answers[known].double().clamp(EDGE, 1 - EDGE)), truths[known].double()
    positive = int((truths > 0.5).sum())
    if len(truths) < FEWEST or min(positive, len(truths) - positive) < FEWEST_OF_EACH:
        return {"kind": "none"}
    weights = fitted(odds, truths, torch.tensor([1.0, 0.0], dtype=torch.float64))
    if not weights[0] > LEAST_SLOPE:
        share = fitted(LEAST_SLOPE * odds, truths, torch.tensor([0.0], dtype=torch.float64))
        weights = torch.tensor([LEAST_SLOPE, share[0]])
    if not bool(torch.isfinite(weights).all()):
        return {"kind": "none"}
    return {"kind": "platt", "slope": float(weights[0].float()), "intercept": float(weights[1].float())}


def fitted(odds: torch.Tensor, truths: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """`[slope, intercept]` of least log-loss from these on; with one weight it is the intercept alone."""
    weights = weights.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        said = weights[-1] + (weights[0] * odds if len(weights) > 1 else odds)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said, truths)
        loss.backward()
        return loss

    optimiser.step(step)
    return weights.detach()


def log_loss(answers: torch.Tensor, truths: torch.Tensor) -> float:
    """Mean of `-ln p` of what came, over what is known."""
    known = ~torch.isnan(truths)
    said = answers[known].double().clamp(EDGE, 1 - EDGE)
    return torch.nn.functional.binary_cross_entropy(said, truths[known].double()).item()
