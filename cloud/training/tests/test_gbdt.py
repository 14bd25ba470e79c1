"""Boosted trees: what they learn, and the same answers from ONNX."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from segue_training import gbdt
from segue_training.data import RankerData


def data(steps: int = 400, candidates: int = 8) -> RankerData:
    """The right candidate is the one whose second live column is largest."""
    generator = torch.Generator().manual_seed(5)
    live = torch.rand(steps, candidates, 2, generator=generator)
    labels = torch.full((steps, candidates, 4), float("nan"))
    labels[..., 3] = torch.nn.functional.one_hot(live[..., 1].argmax(1), candidates).float()
    offsets = torch.zeros(steps + 1, dtype=torch.int64)
    rows, context = torch.rand(steps, candidates, 3, generator=generator), torch.rand(steps, 2, generator=generator)
    return RankerData({}, {}, rows, live, labels, torch.zeros(0, 5), offsets, context, torch.arange(steps) // 2)


def test_thresholds_are_rounded_so_that_no_column_changes_sides():
    for threshold in (0.1, 1.0, -0.3, 1e-20, 12345.678):
        rounded = gbdt.below(threshold)
        assert rounded <= threshold < float(np.nextafter(np.float32(rounded), np.float32(np.inf))) or rounded == threshold


def test_the_trees_learn_and_onnx_answers_as_lightgbm_does(tmp_path, monkeypatch):
    lightgbm = pytest.importorskip("lightgbm")
    boosters, learn = [], lightgbm.train
    monkeypatch.setattr(lightgbm, "train", lambda *rest, **named: boosters.append(learn(*rest, **named)) or boosters[-1])
    metrics = gbdt.train(data(), tmp_path)
    assert metrics["ndcg_at_10"] > 0.9
    table, _, _ = gbdt.rows(data(), torch.arange(400))
    session = onnxruntime.InferenceSession(str(tmp_path / gbdt.FILE), providers=["CPUExecutionProvider"])
    answers = session.run(None, {"rows": table})[0][:, 0]
    expected = 1.0 / (1.0 + np.exp(-boosters[0].predict(table, raw_score=True)))
    assert np.abs(answers - expected).max() < 1e-5


def test_the_place_of_what_is_right_among_its_candidates_is_drawn():
    first = data()
    first.labels[..., 3] = torch.nn.functional.one_hot(torch.zeros(400, dtype=torch.int64), 8).float()
    places = gbdt.rows(first, torch.arange(400))[1].reshape(400, 8).argmax(1)
    assert set(places) == set(range(8)) and (places == gbdt.rows(first, torch.arange(400))[1].reshape(400, 8).argmax(1)).all()


def test_so_many_steps_are_drawn_the_same_each_time_and_there_are_no_more_trees_than_allowed(tmp_path):
    few = gbdt.drawn(400, 100)
    assert len(few.unique()) == 100 and torch.equal(few, gbdt.drawn(400, 100)) and torch.equal(few, few.sort().values)
    assert few.max() > 300 and torch.equal(gbdt.drawn(400, None), torch.arange(400)) and len(gbdt.drawn(400, 500)) == 400
    pytest.importorskip("lightgbm")
    every, some = (gbdt.train(data(), tmp_path, limits) for limits in (gbdt.Limits(), gbdt.Limits(trees=3, steps=200)))
    assert every["steps"] == 360 and 150 < some["steps"] < 200 and some["trees"] <= 3 < every["trees"]
    nodes = onnx.load(tmp_path / gbdt.FILE).graph.node[0].attribute
    assert len({tree for one in nodes if one.name == "nodes_treeids" for tree in one.ints}) == some["trees"]


def test_without_lightgbm_there_is_a_reason_and_no_file_of_an_earlier_training(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    (tmp_path / gbdt.FILE).write_bytes(b"of an earlier training")
    assert "LightGBM" in gbdt.train(data(), tmp_path)["missing"] and not (tmp_path / gbdt.FILE).exists()
