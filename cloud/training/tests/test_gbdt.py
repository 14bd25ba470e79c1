"""Boosted trees: what they learn, and the same answers from ONNX."""

from __future__ import annotations

import numpy as np
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


def test_without_lightgbm_there_is_a_reason(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    assert "LightGBM" in gbdt.train(data(), tmp_path)["missing"] and not (tmp_path / gbdt.FILE).exists()
