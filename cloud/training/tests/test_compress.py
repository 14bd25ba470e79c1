"""Smaller rankers: what rounding, pruning and teaching leave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from test_training import TINY, ranker_data

from segue_training import compress, export, ranker


def answers(path, data, step: int) -> np.ndarray:
    """What the file answers about a step."""
    candidates, live, events, mask, context, _ = (array[0] for array in data.batch(torch.tensor([step])))
    missing = data.schema["slots"] - len(mask)
    events, mask = torch.nn.functional.pad(events, (0, 0, 0, missing)), torch.nn.functional.pad(mask, (0, missing))
    inputs = dict(zip(export.RANKER_INPUTS, (candidates, live, events, mask, context)))
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]


def test_eight_bits_leave_255_levels_and_nearly_the_same_answers(tmp_path):
    data, path, small = ranker_data(), tmp_path / "ranker.onnx", tmp_path / "small.onnx"
    model = ranker.early_stopped(data, torch.arange(100), torch.arange(100, 120), replace(TINY, epochs=10), ranker.for_data)[0]
    export.ranker(model, ranker.widths(data), data.schema["slots"], path)
    before = path.read_bytes()
    saved = compress.rounded(path, small)
    assert path.read_bytes() == before and 0 < saved < len(before)
    changed = 0
    for one, other in zip(onnx.load(path).graph.initializer, onnx.load(small).graph.initializer, strict=True):
        whole, rounded = numpy_helper.to_array(one), numpy_helper.to_array(other)
        assert one.name == other.name and whole.shape == rounded.shape
        if not np.array_equal(whole, rounded):
            changed += 1
            assert np.abs(whole - rounded).max() <= np.abs(whole).max() / compress.LEVELS
    assert changed > 0
    for step in range(0, data.steps, 10):
        assert np.abs(answers(path, data, step) - answers(small, data, step)).max() < 0.05


def test_a_row_or_a_column_has_its_own_255_levels():
    weights = np.random.default_rng(3).normal(size=(4, 4000)).astype(np.float32) * np.array([[1.0], [10.0], [100.0], [0.0]], np.float32)
    rows = compress.levels(weights, 0)
    assert all(len(np.unique(row)) <= 255 for row in rows) and not rows[3].any()
    assert np.abs(rows[0] - weights[0]).max() < np.abs(weights[0]).max() / 200
    assert np.array_equal(compress.levels(weights.T, 1), rows.T)


def test_there_is_a_model_folder_for_each_ranker_and_in_eight_bits_it_is_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr(compress, "SHAPES", [(1, 8)])
    data, vectors = ranker_data(), tmp_path / "vectors"
    data = replace(data, schema=data.schema | {"heads": [{"name": name, "kind": "probability"} for name in ranker.HEADS]})
    vectors.write_bytes(b"a table")
    rows, folders = {}, {}
    for at, variant in enumerate(compress.variants(data, replace(TINY, epochs=2), replace(TINY, epochs=2, experts=4))):
        folders[variant.name] = folder = tmp_path / str(at)
        rows[variant.name] = compress.written(variant, data, vectors, folder, folders[variant.beside])
        assert {file.name for file in folder.iterdir()} == {"ranker.onnx", "schema.json", "item_vectors.bin"}
    names = ["3 x 16, shipped", "4 x 16, teacher", "1 x 8", "3 x 16, taught", "3 x 16, taught, pruned by half"]
    assert list(rows) == [whole for name in names for whole in (name, f"{name}, 8 bits")]
    for name in names:
        small = rows[f"{name}, 8 bits"]
        assert small["bytes"] < rows[name]["bytes"] and small["beside"] == name
    assert rows["1 x 8"]["bytes"] < rows["3 x 16, shipped"]["bytes"] < rows["4 x 16, teacher"]["bytes"]
    assert rows["3 x 16, taught, pruned by half"]["bytes"] < rows["3 x 16, taught"]["bytes"]


def test_the_table_says_what_eight_bits_cost_and_whether_that_is_allowed():
    row = {"ranker": "a", "beside": "a", "parameters": 1200, "bytes": 9000}
    row |= {"milliseconds": 0.25, "ndcg_at_10": 0.4, "difference": 0.0, "interval": [0.0, 0.0]}
    small = row | {"ranker": "a, 8 bits", "bytes": 3000, "ndcg_at_10": 0.399, "difference": -0.001, "interval": [-0.002, 0.0005]}
    text = compress.text([row, small])
    assert "| a, 8 bits | 1,200 | 3,000 | 0.250 | 0.3990 | a | -0.0010 [-0.0020, +0.0005] |" in text
    assert "8 bits cost 0.0010 of NDCG@10 at the most; 0.005 is allowed: kept." in text
    worse = compress.text([row, small | {"difference": -0.02, "bytes": 600_000}])
    assert worse.count("not kept") == 2
