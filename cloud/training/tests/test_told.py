"""What is told of steps while the ranker learns: places, propensities, late skips."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import onnxruntime
import pytest
import torch
from test_training import TINY, ranker_data

from segue_training import export, position, propensity, ranker, step
from segue_training.data import RankerData, optional

SKIP = step.SKIP


def shown(data: RankerData) -> RankerData:
    """All candidates were shown, in their order."""
    places = torch.arange(data.candidates.shape[1]).float().repeat(data.steps, 1)
    return replace(data, positions=places)


def test_a_place_adds_log_odds_while_it_is_known_and_nothing_otherwise():
    tower = position.Tower(4, ranker.NEXT)
    torch.nn.init.ones_(tower.bias)
    nan = float("nan")
    places = torch.tensor([[0.0, 3.0, 999.0], [1.0, nan, nan]])
    labels = torch.zeros(2, 3, 5)
    labels[1, 2, ranker.NEXT] = nan
    added = tower(places, labels)
    assert added.shape == (2, 3, 5) and torch.equal(added[0, :, :4], torch.ones(3, 4)) and not added[..., 4].any()
    assert torch.equal(added[1, 0], torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])), "the choice needs a list that was shown as a whole"
    assert not added[1, 1:].any()


def test_what_the_place_explains_the_ranker_need_not_learn(monkeypatch):
    """Whatever stands on top is skipped, the rest never."""
    data = skipped_on_top(ranker_data())
    model, every = ranker.for_data(data, TINY), torch.arange(data.steps)
    learner = step.Step(model, data, True, ranker.loss, position.of(data, True, len(ranker.HEADS), ranker.NEXT))
    *inputs, labels = data.batch(every)

    def slope(missing: float) -> float:
        monkeypatch.setattr(position, "MISSING", missing)
        learner.zero_grad()
        learner(every, tuple(inputs), labels).backward()
        return model.wide.weight.grad[SKIP].norm().item()

    before, slopes = slope(0.0), learner.tower.bias.grad[:, SKIP].clone()
    assert slopes[0] < 0.0 < slopes[1], "the place on top is learned to be skipped"
    with torch.no_grad():
        learner.tower.bias[:, SKIP] = -4.0
        learner.tower.bias[0, SKIP] = 4.0
    assert slope(0.0) < 0.3 * before
    assert slope(2.0) == pytest.approx(before), "a batch that knows no place has to do without"


def skipped_on_top(data: RankerData) -> RankerData:
    """Whatever stands on top is skipped, the rest never."""
    data, labels = shown(data), data.labels.clone()
    labels[..., SKIP] = (data.positions == 0.0).float()
    return replace(data, labels=labels)


def test_the_linear_part_leaves_to_the_place_what_it_explains():
    """A column that says little more than what stands on top."""
    data = skipped_on_top(ranker_data(steps=400))
    wrong = torch.rand(data.positions.shape, generator=torch.Generator().manual_seed(1)) < 0.1
    data = replace(data, live=((data.positions == 0.0) ^ wrong).float().unsqueeze(-1))
    learned = []
    for one in (replace(data, positions=None), data):
        model = ranker.for_data(one, TINY)
        stages = ranker.stages_of(model, one, torch.arange(data.steps), TINY)
        next(stages), next(stages)
        learned.append(model.wide_live.weight[SKIP, 0].item())
    assert 0.0 < learned[1] < 0.5 * learned[0], learned


def test_what_is_exported_knows_no_place(tmp_path):
    data, path = skipped_on_top(ranker_data()), tmp_path / "ranker.onnx"
    model, tower = ranker.for_data(data, TINY), position.of(data, True, len(ranker.HEADS), ranker.NEXT)
    for _ in ranker.epochs_of(model, data, torch.arange(data.steps), TINY, tower):
        pass
    assert tower.bias[0, SKIP] > tower.bias[1, SKIP] + 0.5, "the place on top was learned"
    export.ranker(model, ranker.widths(data), 6, path)
    candidates, live, events, mask, context, _ = (array[0] for array in data.batch(torch.tensor([3])))
    events, mask = (torch.cat([rows, torch.zeros(6 - len(rows), *rows.shape[1:])]) for rows in (events, mask))
    graph = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])

    def said(order: torch.Tensor) -> np.ndarray:
        inputs = dict(zip(export.RANKER_INPUTS, (candidates[order], live[order], events, mask, context)))
        export.parity(model, path, inputs)
        return graph.run(None, {name: value.numpy() for name, value in inputs.items()})[0]

    order = torch.arange(len(candidates))
    assert np.allclose(said(order), said(order.flip(0))[::-1], atol=1e-6), "a place in the list changes no answer"


def test_rare_steps_weigh_more_are_clipped_and_keep_their_mean():
    nan = float("nan")
    weights = propensity.weights(torch.tensor([0.5, 0.1, nan, 1e-9]))
    assert weights[2] == 1.0 and weights[1].item() == pytest.approx(5.0 * weights[0].item())
    assert weights[3].item() == pytest.approx((1.0 / propensity.LEAST) / 2.0 * weights[0].item())
    assert weights[[0, 1, 3]].mean().item() == pytest.approx(1.0)
    assert torch.equal(propensity.weights(torch.tensor([nan, nan])), torch.ones(2))
    assert torch.equal(propensity.weights(torch.tensor([0.3, 0.3])), torch.ones(2))


def test_the_loss_of_equal_weights_is_the_loss():
    data = ranker_data()
    logits = torch.randn(data.labels.shape, generator=torch.Generator().manual_seed(1))
    most = torch.ones(4)
    plain = ranker.loss(logits, data.labels, most)
    assert torch.equal(ranker.loss(logits, data.labels, most, torch.ones(data.steps)), plain)


def test_only_the_choice_is_weighed():
    data = ranker_data()
    labels = data.labels.clone()
    labels[..., SKIP] = (torch.arange(data.steps)[:, None] % 3 == 0).float()
    weights = torch.linspace(0.1, 1.9, data.steps)

    def slopes(weights: torch.Tensor | None) -> torch.Tensor:
        logits = torch.zeros_like(labels).requires_grad_()
        ranker.loss(logits, labels, torch.ones(4), weights).backward()
        return logits.grad

    plain, weighed = slopes(None), slopes(weights)
    assert torch.equal(plain[..., :ranker.NEXT], weighed[..., :ranker.NEXT])
    assert not torch.allclose(plain[..., ranker.NEXT], weighed[..., ranker.NEXT])


def test_what_was_hardly_ever_shown_counts_more_where_it_was():
    """Half of the steps say that one kind of item is right, half the other; those of one kind were rare."""
    data, every = ranker_data(steps=120, candidates=2), torch.arange(120)
    candidates = torch.zeros(120, 2, 4)
    candidates[:, 0, 0], candidates[:, 1, 1] = 1.0, 1.0
    labels = torch.full((120, 2, 4), float("nan"))
    right = (every % 2).long()
    labels[..., ranker.NEXT] = torch.nn.functional.one_hot(right, 2).float()
    rare = torch.where(right == 1, 0.05, 0.9)
    data = replace(data, candidates=candidates, labels=labels)
    settings = replace(TINY, linear_first=False)
    said = []
    for one in (data, replace(data, propensities=rare), replace(data, propensities=rare.flip(0))):
        torch.manual_seed(1)
        model = ranker.for_data(one, settings)
        for _ in ranker.epochs_of(model, one, every, settings):
            pass
        answers = ranker.answers(model, one, every)[..., ranker.NEXT]
        said.append(float((answers[:, 1] - answers[:, 0]).mean()))
    assert said[1] > said[0] + 0.1 and said[2] < said[0] - 0.1, said


def test_a_late_skip_is_learned_as_less_of_one_and_judged_as_a_whole_one():
    data = ranker_data()
    labels = data.labels.clone()
    labels[:, 0, SKIP], labels[:, 1, SKIP] = 1.0, 0.0
    skips = torch.full(labels.shape[:2], float("nan"))
    skips[:, 0], skips[:, 1] = 0.2, 0.7
    data = replace(data, labels=labels, skips=skips)
    soft = step.softened(data, True)
    assert torch.all(soft.labels[:, 0, SKIP] == 0.2) and torch.all(soft.labels[:, 1, SKIP] == 0.0)
    assert torch.equal(soft.labels[..., ranker.NEXT], labels[..., ranker.NEXT]) and torch.isnan(soft.labels[:, 2, SKIP]).all()
    assert step.softened(data, False) is data and torch.all(data.labels[:, 0, SKIP] == 1.0)


def test_where_nothing_is_told_or_asked_for_training_is_as_before():
    data, settings = ranker_data(), replace(TINY, epochs=2)
    told = replace(shown(data), skips=torch.full(data.labels.shape[:2], 0.5), propensities=torch.linspace(0.1, 1.0, data.steps))
    fit = partial(ranker.train, build=ranker.for_data)
    plain = fit(data, settings)[0].state_dict()
    same = fit(told, replace(settings, told=False))[0].state_dict()
    assert all(torch.equal(plain[name], same[name]) for name in plain)


def test_an_array_that_is_not_there_is_none(tmp_path):
    np.save(tmp_path / "positions.npy", np.zeros((2, 3), np.float32))
    assert optional(tmp_path, "positions").shape == (2, 3) and optional(tmp_path, "skips") is None
