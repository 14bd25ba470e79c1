"""The towers' correction of in-batch sampling, on numbers that can be reckoned by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from segue_training import two_tower
from segue_training.data import TowerData


def data() -> TowerData:
    """Of four positives item 0 is three and item 1 is one; nobody took up item 2."""
    positives = torch.tensor([[0, 0], [1, 0], [2, 0], [3, 1]])
    return TowerData(torch.zeros(3, 2), torch.tensor([3.0, 1.0, 0.0]), torch.zeros(4, 2), positives, torch.ones(4), torch.arange(4), torch.zeros(4))


# To it all items are alike, so that the loss is the correction's alone.
INDIFFERENT = SimpleNamespace(logits=lambda users, items: torch.zeros(len(users), len(items)))


def lost(rows: list[int], drawn: list[int]) -> float:
    return two_tower.loss(INDIFFERENT, data(), torch.tensor(rows), torch.tensor(drawn, dtype=torch.int64), 0.0).item()


def test_chances_are_shares_of_the_positives_times_the_batch():
    assert two_tower.chances(data(), torch.tensor([0, 1])).tolist() == [1.5, 0.5]
    # As if it had been taken up once: an item with no positive has no chance whose logarithm could be taken.
    assert two_tower.chances(data(), torch.tensor([0, 1, 2, 0])).tolist() == [3.0, 1.0, 1.0, 3.0]


def test_each_item_of_the_batch_weighs_one_over_its_chance():
    """Odds are 1 / 1.5 and 1 / 0.5, so item 0 has a quarter of the softmax and item 1 the rest."""
    assert lost([0, 3], []) == pytest.approx((math.log(4) + math.log(4 / 3)) / 2, abs=1e-5)


def test_an_item_that_is_drawn_from_the_catalogue_weighs_one_over_its_chance_to_be_drawn():
    """One of three is drawn: odds of 3 beside 2 / 3 and 2."""
    assert lost([0, 3], [2]) == pytest.approx((math.log(17 / 2) + math.log(17 / 6)) / 2, abs=1e-5)


def test_the_same_item_elsewhere_in_the_batch_is_no_negative():
    """Item 0 stands in it twice and is drawn besides; for its rows item 1 alone is against it."""
    odds = {0: 1 / (3 / 4 * 3), 1: 1 / (1 / 4 * 3), "drawn": 3.0}
    of_first = math.log((odds[0] + odds[1]) / odds[0])
    of_second = math.log((2 * odds[0] + odds[1] + odds["drawn"]) / odds[1])
    assert lost([0, 1, 3], [0]) == pytest.approx((2 * of_first + of_second) / 3, abs=1e-5)
