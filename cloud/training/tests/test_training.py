"""Tests on tiny made data: shapes, learning, export, determinism."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest
import torch

from segue_training import calibrate, export, ranker, two_tower, wide
from segue_training.data import RankerData, TowerData, by_group


def tower_data(items: int = 60, users: int = 80) -> TowerData:
    """Users take up items whose first columns resemble theirs."""
    generator = torch.Generator().manual_seed(5)
    item_rows = torch.rand(items, 6, generator=generator)
    user_rows = torch.rand(users, 9, generator=generator)
    best = (user_rows[:, :6] @ item_rows.T).topk(3).indices
    positives = torch.stack([torch.arange(users).repeat_interleave(3), best.flatten()], 1)
    ages = torch.linspace(1.0, 0.0, len(positives))
    return TowerData(item_rows, torch.ones(items), user_rows, positives, torch.ones(len(positives)), torch.arange(users), ages)


def ranker_data(steps: int = 120, candidates: int = 8) -> RankerData:
    """The next item is the one that resembles the newest event."""
    generator = torch.Generator().manual_seed(5)
    rows = torch.nn.functional.normalize(torch.randn(steps, candidates, 4, generator=generator), dim=-1)
    right = torch.randint(candidates, (steps,), generator=generator)
    counts = torch.arange(steps) % 4
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    events = torch.randn(int(offsets[-1]), 5, generator=generator)
    for step in range(steps):
        if counts[step] > 0:
            events[offsets[step], :4] = rows[step, right[step]]
    labels = torch.full((steps, candidates, 4), float("nan"))
    labels[..., ranker.NEXT] = torch.nn.functional.one_hot(right, candidates).float()
    labels[torch.arange(steps), right, 0] = 1.0
    plain = {"kind": "identity"}
    schema = {
        "dimension": 4,
        "slots": 6,
        "candidate": [{"source": "vector", "transform": plain}],
        "live": [{"source": "interest_similarity", "transform": plain}],
    }
    live = (counts > 0).float()[:, None, None] * torch.rand(steps, candidates, 1, generator=generator)
    return RankerData(
        schema, {"interest_similarity": 0.5}, rows, live, labels, events, offsets, torch.rand(steps, 2, generator=generator), torch.arange(steps) // 2
    )


TINY = ranker.Settings(epochs=40, patience=40, batch=32, rate=1e-2, empty_share=0.0)


def test_nobody_is_on_both_sides():
    groups = torch.tensor([1, 1, 2, 3, 3, 3, 4, 5, 6, 7])
    learned, held_back = by_group(groups, 0.3, 1)
    assert not set(groups[learned].tolist()) & set(groups[held_back].tolist())
    assert len(learned) + len(held_back) == len(groups)


def test_towers_find_what_users_take_up():
    data = tower_data()
    settings = two_tower.Settings(batch=32, epochs=30, patience=30, mixed_negatives=16)
    model, metrics = two_tower.train(data, settings)
    untrained = two_tower.TwoTower(6, 9, settings)
    rows = torch.arange(len(data.positives))
    assert two_tower.recall(model, data, rows, 10) > two_tower.recall(untrained, data, rows, 10) + 0.2
    assert metrics["positives"] > 0


def test_what_was_taken_up_lately_weighs_more():
    data = tower_data()
    model, rows = two_tower.TwoTower(6, 9, two_tower.Settings()), torch.arange(30)
    lately = replace(data, ages=(torch.arange(len(data.ages)) % 2).float())
    only = replace(lately, weights=1.0 - lately.ages)
    none = torch.arange(0)
    value = lambda data, recency: two_tower.loss(model, data, rows, none, recency).item()
    assert value(lately, 30.0) == pytest.approx(value(only, 0.0), abs=1e-4)
    assert value(lately, 0.0) == pytest.approx(value(data, 0.0), abs=1e-6)


def test_the_ranker_learns_from_the_session():
    data = ranker_data()
    model, metrics = ranker.train(data, TINY)
    every = torch.nonzero(data.offsets[1:] > data.offsets[:-1]).flatten()
    assert ranker.measure(model, data, every)["ndcg_at_10"] > ranker.measure(model, data, every, False)["ndcg_at_10"] + 0.1
    assert metrics["ndcg_at_10"] > metrics["ndcg_at_10_before"]


def test_an_untrained_ranker_orders_by_the_linear_weights():
    data = ranker_data()
    model = ranker.for_data(data, TINY).eval()
    step = int(torch.nonzero(data.offsets[1:] > data.offsets[:-1])[0])
    *inputs, _ = data.batch(torch.tensor([step]))
    order = model(*inputs)[0, :, ranker.NEXT].argsort()
    assert torch.equal(order, data.live[step, :, 0].argsort())


def test_the_linear_part_learned_alone_is_better_than_where_it_begins_and_leaves_vectors_alone():
    data = ranker_data()
    likeness = torch.where(data.labels[..., ranker.NEXT] > 0.5, 0.3, 0.0)[..., None] + 0.2 * data.live
    data = replace(data, live=likeness, linear={"interest_similarity": -0.5})
    model, every = ranker.for_data(data, TINY), torch.arange(data.steps)
    before = ranker.measure(model, data, every)["ndcg_at_10"]
    vectors = model.wide.weight.detach().clone()
    wide.fit(model, data, every, ranker.loss, TINY.held)
    assert ranker.measure(model, data, every)["ndcg_at_10"] > before + 0.1
    assert torch.equal(model.wide.weight, vectors)


def test_many_steps_move_the_linear_part_further_than_few():
    """The same steps again and again: what is held to is worth the same number of them."""
    data = ranker_data()
    likeness = torch.where(data.labels[..., ranker.NEXT] > 0.5, 0.3, 0.0)[..., None] + 0.2 * data.live
    data = replace(data, live=likeness, linear={"interest_similarity": -0.5})
    settings, moved = replace(TINY, held=1.0, held_steps=100), []
    for times in (1, 20):
        model = ranker.for_data(data, settings)
        before = model.wide_live.weight[ranker.NEXT].detach().clone()
        stages = ranker.stages_of(model, data, torch.arange(100).repeat(times), settings)
        next(stages), next(stages)
        moved.append((model.wide_live.weight[ranker.NEXT] - before).abs().sum().item())
    assert moved[1] > moved[0] + 0.1


def test_few_people_are_each_held_back_once_and_a_large_number_is_divided():
    data = ranker_data()
    _, few = ranker.train(data, replace(TINY, epochs=3))
    assert few["steps"] == data.steps and few["ndcg_at_10"] > few["ndcg_at_10_before"] - 0.01
    _, many = ranker.train(data, replace(TINY, epochs=3, cross_validated_below=0))
    assert many["steps"] < data.steps


def test_nobody_stops_while_the_rate_is_high(monkeypatch):
    """What is learned first is the best until the last epochs, as where experts come to a linear part that is good already."""
    data, seen = ranker_data(), []
    scores = [0.1, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.6, 0.3, 0.3]
    said = lambda *_, with_session=True: {"ndcg_at_10": scores[len(seen)]}
    monkeypatch.setattr(ranker, "measure", said)
    monkeypatch.setattr(ranker, "stages_of", lambda *_: (seen.append(stage) or 0.0 for stage in range(12)))
    scores.insert(0, 0.0)  # `seen` has the stage already when it is measured
    _, metrics = ranker.early_stopped(data, torch.arange(100), torch.arange(100, 120), replace(TINY, epochs=10, patience=3), ranker.for_data)
    assert (metrics["stage"], metrics["epochs"], len(seen)) == (1, 0, 9)
    seen.clear()
    scores[8] = 0.6
    _, metrics = ranker.early_stopped(data, torch.arange(100), torch.arange(100, 120), replace(TINY, epochs=10, patience=3), ranker.for_data)
    assert (metrics["stage"], len(seen)) == (7, 11)


def test_ndcg_counts_all_that_is_right_and_gives_nothing_for_equal_scores():
    labels = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, float("nan")]])
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.2, 0.2], [0.1, 0.2, 0.3]])
    found = ranker.ndcg(scores, labels)
    assert torch.allclose(found, torch.tensor([(1 + 0.5) / (1 + 0.63093), 0.5]), atol=1e-4)


def test_answers_that_boast_are_corrected_and_their_order_stays():
    generator = torch.Generator().manual_seed(2)
    odds = torch.randn(4000, generator=generator)
    truths = torch.bernoulli(torch.sigmoid(odds), generator=generator)
    boastful = torch.sigmoid(3.0 * odds + 1.0)
    found = calibrate.platt(boastful, truths)
    assert found["kind"] == "platt" and abs(found["slope"] - 1 / 3) < 0.05 and abs(found["intercept"] + 1 / 3) < 0.1
    corrected = torch.sigmoid(found["slope"] * torch.logit(boastful) + found["intercept"])
    assert calibrate.log_loss(corrected, truths) < calibrate.log_loss(boastful, truths) - 0.1


def test_what_is_hardly_known_is_not_corrected_and_what_says_the_opposite_becomes_the_share():
    answers = torch.linspace(0.1, 0.9, 400)
    for truths in (torch.full((400,), float("nan")), torch.ones(400)):
        assert calibrate.platt(answers, truths) == {"kind": "none"}
    found = calibrate.platt(answers, (answers < 0.3).float())
    said = torch.sigmoid(found["slope"] * torch.logit(answers) + found["intercept"])
    assert found["slope"] > 0.0 and (said - 0.25).abs().max() < 0.02


def test_what_is_better_by_chance_alone_is_not_learned():
    generator = torch.Generator().manual_seed(4)
    noise = 0.3 * torch.randn(3, 200, generator=generator)
    base = torch.rand(200, generator=generator)
    assert ranker.soonest(torch.stack([base, base + 0.001 + noise[0], base + 0.002 + noise[1]])) == 0
    assert ranker.soonest(torch.stack([base, base + 0.2 + 0.01 * noise[0], base + 0.2 + 0.01 * noise[0]])) == 1


def test_one_seed_gives_one_model():
    data, settings = ranker_data(), ranker.Settings(epochs=2, batch=32)
    first, second = (ranker.train(data, settings)[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_batch_and_a_single_list_agree():
    data = ranker_data()
    model = ranker.for_data(data, TINY).eval()
    *inputs, _ = data.batch(torch.arange(9))
    together = model(*inputs)
    for step in range(9):
        alone = model(*(array[step] for array in inputs))
        assert torch.allclose(together[step], alone, atol=1e-6)


def test_slots_without_an_event_change_nothing():
    data = ranker_data()
    model = ranker.for_data(data, TINY).eval()
    candidates, live, context = data.candidates[0], data.live[0], data.context[0]
    mask, events = torch.tensor([1.0, 0.0, 0.0]), torch.randn(3, 5)
    other = torch.cat([events[:1], torch.randn(2, 5)])
    one, two = (model(candidates, live, rows, mask, context) for rows in (events, other))
    assert torch.allclose(one, two)


def test_the_exported_ranker_agrees_with_pytorch_on_ten_thousand_random_candidates(tmp_path):
    """Sessions of every length, vectors of unit length; the tolerance is `export.TOLERANCE`."""
    widths, path = ranker.Widths(candidate=70, live=7, event=90, context=5), tmp_path / "ranker.onnx"
    model = ranker.Ranker(widths, 50, ranker.Settings()).eval()
    export.ranker(model, widths, 50, path)
    generator = torch.Generator().manual_seed(11)
    vectors = lambda *shape: torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)
    for session in range(20):
        inputs = {
            "candidates": vectors(500, 70),
            "live": torch.randn(500, 7, generator=generator),
            "events": vectors(50, 90),
            "mask": (torch.arange(50) < 50 * session / 19).float(),
            "context": torch.rand(5, generator=generator),
        }
        assert export.parity(model, path, inputs) <= export.TOLERANCE


@pytest.mark.parametrize("count", [1, 7, 500])
def test_the_exported_ranker_agrees_with_pytorch(tmp_path, count):
    widths, path = ranker.Widths(candidate=20, live=3, event=12, context=2), tmp_path / "ranker.onnx"
    model = ranker.Ranker(widths, 50, ranker.Settings()).eval()
    export.ranker(model, widths, 50, path)
    inputs = {
        "candidates": torch.randn(count, 20),
        "live": torch.randn(count, 3),
        "events": torch.randn(50, 12),
        "mask": (torch.arange(50) < 7).float(),
        "context": torch.rand(2),
    }
    assert export.parity(model, path, inputs) <= export.TOLERANCE
    assert [opset.version for opset in onnx.load(path).opset_import if opset.domain == ""] == [export.OPSET]


def test_exported_towers_agree_on_ten_thousand_rows_and_give_unit_vectors(tmp_path):
    tower, rows = two_tower.Tower(6, 16).eval(), torch.rand(10_000, 6, generator=torch.Generator().manual_seed(11))
    export.tower(tower, rows, "items", tmp_path / "item_tower.onnx")
    assert export.parity(tower, tmp_path / "item_tower.onnx", {"items": rows}) <= export.TOLERANCE
    assert torch.allclose(tower(rows).norm(dim=1), torch.ones(len(rows)), atol=1e-5)


def test_an_operator_that_the_core_does_not_read_is_named(tmp_path):
    class Sine(torch.nn.Module):
        def forward(self, rows):
            return torch.sin(rows)

    with pytest.raises(ValueError, match="Sin"):
        export.tower(Sine(), torch.rand(4, 3), "items", tmp_path / "sine.onnx")


def test_auc_counts_pairs_in_the_right_order():
    assert ranker.auc(torch.tensor([0.1, 0.9, 0.4]), torch.tensor([0.0, 1.0, 1.0])) == 1.0
    assert ranker.auc(torch.tensor([0.9, 0.1]), torch.tensor([0.0, 1.0])) == 0.0


def amounts(data: RankerData, seconds: torch.Tensor) -> RankerData:
    """The same with an amount head."""
    return replace(data, labels=torch.cat([data.labels, seconds[..., None]], -1))


def test_amounts_are_learned_by_their_median_not_their_mean_in_any_unit():
    """Three of four plays end after 10 seconds, the fourth after 90: the mean is 30."""
    labels = torch.full((100, 1, 5), float("nan"))
    labels[..., 4] = torch.where(torch.arange(100) < 75, 10.0, 90.0)[:, None]
    most, found = torch.tensor([1.0, 1.0, 1.0, 1.0, 90.0]), {}
    for seconds in (2.0, 10.0, 30.0, 50.0, 80.0):
        logits = torch.zeros(100, 1, 5)
        logits[..., 4] = torch.logit(torch.tensor(seconds / 90.0))
        found[seconds] = ranker.loss(logits, labels, most).item()
        in_minutes = ranker.loss(logits, labels / 60.0, most / torch.tensor([1.0, 1.0, 1.0, 1.0, 60.0])).item()
        assert in_minutes == pytest.approx(found[seconds], rel=1e-4)
    assert min(found, key=found.get) == 10.0 and found[10.0] == pytest.approx(1.0, abs=0.1)


def test_an_untrained_ranker_answers_the_median_and_learns_the_linear_part_of_an_amount_apart():
    data = ranker_data()
    data = amounts(data, torch.where(data.live[..., 0] > 0.5, 90.0, 10.0))
    model, every = ranker.for_data(data, TINY), torch.arange(data.steps)
    assert (ranker.answers(model, data, every)[..., 4] - 10.0).abs().max() < 0.01
    before, rows = ranker.measure(model, data, every)["mae_of_amount_0"], model.wide_live.weight.detach().clone()
    wide.fit(model, data, every, ranker.loss, TINY.held, slice(4, None))
    assert ranker.measure(model, data, every)["mae_of_amount_0"] < before - 1.0
    assert torch.equal(model.wide_live.weight[:4], rows[:4]) and not torch.equal(model.wide_live.weight[4:], rows[4:])


def test_an_amount_head_answers_in_its_unit_and_costs_the_others_nothing(tmp_path):
    """What the session speaks for is watched for 90 seconds, the rest for 10, one play of each step for 1,000."""
    data = ranker_data()
    seconds = torch.where(data.live[..., 0] > 0.5, 90.0, 10.0)
    seconds[torch.arange(0, data.steps, 50), 0] = 1000.0
    data = amounts(data, seconds)
    model, metrics = ranker.train(data, TINY)
    assert ranker.widths(data).amounts == pytest.approx((90.0,))
    every = torch.nonzero(data.offsets[1:] > data.offsets[:-1]).flatten()
    said, long = ranker.answers(model, data, every), data.live[every][..., 0] > 0.5
    assert said.shape[-1] == 5 and 0.0 <= said[..., 4].min() and said[..., 4].max() <= 90.0
    assert said[long][:, 4].mean() > said[~long][:, 4].mean() + 5.0
    assert metrics["ndcg_at_10"] > metrics["ndcg_at_10_before"] and metrics["mae_of_amount_0"] < 40.0
    path, (candidates, live, events, mask, context, _) = tmp_path / "ranker.onnx", (array[0] for array in data.batch(every[:1]))
    export.ranker(model, ranker.widths(data), 6, path)
    events, mask = (torch.nn.functional.pad(array, (*[0, 0] * (array.dim() - 1), 0, 6 - len(mask))) for array in (events, mask))
    inputs = dict(zip(export.RANKER_INPUTS, (candidates, live, events, mask, context)))
    assert export.parity(model, path, inputs) <= export.TOLERANCE


def test_amounts_are_compared_by_their_size(tmp_path):
    data = ranker_data()
    data = amounts(data, torch.where(data.live[..., 0] > 0.5, 90_000.0, 10_000.0))
    model, _ = ranker.train(data, TINY)
    path = tmp_path / "ranker.onnx"
    export.ranker(model, ranker.widths(data), 6, path)
    candidates, live, events, mask, context, _ = (array[0] for array in data.batch(torch.tensor([data.steps - 1])))
    events, mask = (torch.nn.functional.pad(array, (*[0, 0] * (array.dim() - 1), 0, 6 - len(mask))) for array in (events, mask))
    inputs = dict(zip(export.RANKER_INPUTS, (candidates, live, events, mask, context)))
    assert export.parity(model, path, inputs) <= export.TOLERANCE
    with torch.no_grad():
        assert model(*inputs.values())[..., 4].max() > 1_000.0
