"""What was hardly ever shown counts more where it was: inverse propensity weights of steps.

A log tells little about what its policy seldom showed. Where it says how likely what is right was to be shown (the service of its own
lists, `context.propensity` of an event), the choice of a step of a batch weighs `w = 1 / max(p, LEAST)`, over the mean weight of those
that are known: clipped, and self-normalised so that the sum of the weights is no matter of luck (Swaminathan and Joachims, "The
Self-Normalized Estimator for Counterfactual Learning", NIPS 2015; Schnabel and others, "Recommendations as Treatments", ICML 2016). A
step whose propensity is unknown weighs 1.
"""

from __future__ import annotations

from functools import partial

import torch

LEAST = 0.02  # no step weighs more than 50 times one that was certain


def weights(propensities: torch.Tensor) -> torch.Tensor:
    """f32 [B]: what each step of a batch weighs; NaN is unknown."""
    known = ~torch.isnan(propensities)
    inverse = 1.0 / torch.where(known, propensities, 1.0).clamp(LEAST, 1.0)
    mean = (inverse * known).sum() / known.sum().clamp(min=1)
    return torch.where(known, inverse / mean.clamp(min=1.0), 1.0)


def weighted(loss, propensities: torch.Tensor | None):
    """The loss of steps with these propensities; as it is where none are told."""
    return loss if propensities is None else partial(loss, weights=weights(propensities))
