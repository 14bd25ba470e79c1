"""Smaller rankers: what rounding, pruning and teaching leave."""

from __future__ import annotations

from dataclasses import replace

import torch
from test_training import TINY, ranker_data

from segue_training import compress, ranker


def test_eight_bits_cost_little_and_leave_the_model_alone():
    data = ranker_data()
    model = ranker.early_stopped(data, torch.arange(100), torch.arange(100, 120), replace(TINY, epochs=10), ranker.for_data)[0]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    small, steps = compress.rounded(model), torch.arange(data.steps)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    for row in small.encode.weight:
        assert len(torch.unique((row / (row.abs().max() / 127.0)).round())) <= 255
    quality = lambda one: ranker.measure(one, data, steps)["ndcg_at_10"]
    assert abs(quality(small) - quality(model)) < 0.02


def test_half_of_the_weights_are_gone_after_pruning():
    model = ranker.for_data(ranker_data(), TINY)
    weight = compress.pruned(model).encode.weight
    assert int((weight == 0.0).sum()) >= weight.numel() // 2


def test_the_table_has_a_row_for_each_ranker(tmp_path, monkeypatch):
    monkeypatch.setattr(compress, "SHAPES", [(1, 8)])
    rows = compress.table(ranker_data(), tmp_path, replace(TINY, epochs=2), replace(TINY, epochs=2, experts=4))
    assert [row["ranker"] for row in rows] == [
        *("teacher", "1 experts of 8", "1 experts of 8, 8 bits"),
        *("shipped, taught", "shipped, taught, pruned by half", "shipped, taught, 8 bits"),
    ]
    assert rows[2]["kilobytes"] < rows[1]["kilobytes"] < rows[0]["kilobytes"] and rows[4]["zeros"] > rows[3]["zeros"]
