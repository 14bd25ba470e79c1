"""Hard negatives of the towers."""

from __future__ import annotations

from dataclasses import replace

import torch
from test_training import tower_data

from segue_training import negatives, two_tower


def test_only_what_the_person_refused_in_that_session_is_drawn():
    refused = negatives.Refused(torch.tensor([[2, 7], [0, 3], [2, 9]]), 4)
    drawn = refused.draw(torch.tensor([0, 1, 2, 3]), 50)
    assert set(drawn[0].tolist()) == {3} and set(drawn[2].tolist()) == {7, 9}
    assert (drawn[1] == -1).all() and (drawn[3] == -1).all()


def test_without_refusals_there_is_nothing_to_draw():
    data = tower_data()
    assert negatives.of(data, 2) is None
    assert negatives.of(replace(data, refused=torch.zeros(0, 2, dtype=torch.int64)), 2) is None
    assert negatives.of(replace(data, refused=torch.zeros(1, 2, dtype=torch.int64)), 0) is None


def test_a_row_without_a_refusal_loses_what_it_lost_and_one_with_it_more():
    data = tower_data()
    model, rows = two_tower.TwoTower(6, 9, two_tower.Settings()), torch.arange(30)
    none = torch.arange(0)
    lost = lambda hard: two_tower.loss(model, data, rows, none, 0.0, hard).item()
    assert abs(lost(torch.full((30, 2), -1)) - lost(None)) < 1e-6
    right = data.positives[rows, 1:]
    assert abs(lost(right) - lost(None)) < 1e-6, "what is right is no negative"
    assert lost((right + 1) % len(data.items)) > lost(None)


def test_what_was_refused_is_pushed_away():
    """Each person refused the item that is nearest behind what he takes up."""
    data = tower_data(items=400, users=200)  # among 100, all are found from the beginning
    likeness = data.users[:, :6] @ data.items.T
    wrong = likeness.topk(6).indices[:, 3:]
    pairs = torch.stack([torch.arange(len(wrong)).repeat_interleave(3), wrong.flatten()], 1)
    nearness = []
    for count in (0, 3):
        settings = two_tower.Settings(batch=32, epochs=15, patience=15, mixed_negatives=16, hard_negatives=count)
        model, _ = two_tower.train(replace(data, refused=pairs), settings)
        with torch.no_grad():
            said = model.users(data.users) @ model.items(data.items).T
        right = said.gather(1, likeness.topk(3).indices).mean()
        nearness.append(float(right - said.gather(1, wrong).mean()))
    assert nearness[1] > nearness[0] + 0.02, nearness
