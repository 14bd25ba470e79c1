"""Weights in 8 bits: what is left of them, the same answers in PyTorch and ONNX Runtime, and shorter files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from test_training import TINY, ranker_data

from segue_training import export, parts, quantise, ranker, train
from segue_training.data import RankerData

WIDTHS = ranker.Widths(candidate=70, live=7, event=90, context=5)
CLOUD = Path(__file__).resolve().parents[2]


def rounded(model: ranker.Ranker) -> ranker.Ranker:
    """The ranker with the weights that its file in 8 bits stands for: every matrix on the levels of its rows. The scales of an untrained
    ranker's columns are 1, so the matrices of the file are these, turned or repeated."""
    with torch.no_grad():
        for weights in (weights for weights in model.parameters() if weights.dim() == 2):
            levels, scale = quantise.levels(weights.detach().numpy(), 0)
            weights.copy_(torch.from_numpy(quantise.restored(levels, scale, 0)))
    return model


def exported(model: ranker.Ranker, folder) -> tuple:
    """The ranker's file, and the same in 8 bits."""
    whole, small = folder / "whole.onnx", folder / "small.onnx"
    export.ranker(model, WIDTHS, 50, whole)
    quantise.rewrite(whole, small)
    return whole, small


def test_a_row_or_a_column_has_its_own_255_levels():
    weights = np.random.default_rng(3).normal(size=(4, 4000)).astype(np.float32) * np.array([[1.0], [10.0], [100.0], [0.0]], np.float32)
    levels, scale = quantise.levels(weights, 0)
    assert levels.dtype == np.int8 and scale.dtype == np.float32 and scale.shape == (4,)
    assert [int(row.max(initial=0)) for row in np.abs(levels.astype(int))] == [127, 127, 127, 0]
    rows = quantise.restored(levels, scale, 0)
    assert np.abs(rows[0] - weights[0]).max() < np.abs(weights[0]).max() / 200
    assert np.array_equal(quantise.restored(*quantise.levels(weights.T, 1), 1), rows.T)
    square = np.random.default_rng(4).normal(size=(40, 40)).astype(np.float32) * np.logspace(0, 2, 40, dtype=np.float32)[:, None]
    assert quantise.nearest(square) == 0 and quantise.nearest(np.ascontiguousarray(square.T)) == 1


def test_the_ranker_in_8_bits_agrees_with_pytorch_on_ten_thousand_random_candidates(tmp_path):
    """Sessions of every length, as in the test of f32; PyTorch has the weights that the levels stand for."""
    torch.manual_seed(7)
    model = rounded(ranker.Ranker(WIDTHS, 50, ranker.Settings())).eval()
    whole, small = exported(model, tmp_path)
    assert 2 * small.stat().st_size < whole.stat().st_size
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
        assert export.parity(model, small, inputs) <= export.TOLERANCE


def test_what_is_not_a_large_matrix_stays_as_it_was(tmp_path):
    torch.manual_seed(7)
    whole, small = (onnx.load(path).graph for path in exported(ranker.Ranker(WIDTHS, 50, ranker.Settings()).eval(), tmp_path))
    before = {tensor.name: tensor for tensor in whole.initializer}
    after = {tensor.name: tensor for tensor in small.initializer}
    added = [node for node in small.node if node.op_type == "DequantizeLinear"]
    assert list(small.node)[: len(added)] == added and list(small.node)[len(added) :] == list(whole.node)
    large = {name for name, tensor in before.items() if quantise.is_large(numpy_helper.to_array(tensor))}
    assert large and {node.output[0] for node in added} == large
    for name in before.keys() - large:
        assert after[name] == before[name]
    for node in added:
        levels, scale = (after[name] for name in node.input)
        assert levels.data_type == TensorProto.INT8 and scale.data_type == TensorProto.FLOAT
        assert list(levels.dims) == list(before[node.output[0]].dims) and node.output[0] not in after
        assert list(scale.dims) == [levels.dims[node.attribute[0].i]]


def test_the_parts_cost_the_same_arithmetic(tmp_path):
    whole, small = exported(ranker.Ranker(WIDTHS, 50, ranker.Settings()).eval(), tmp_path)
    assert parts.count(small) == parts.count(whole)


def test_the_file_that_the_core_is_tested_with_is_the_demos_ranker_in_8_bits(tmp_path):
    quantise.rewrite(CLOUD / "models/demo/ranker.onnx", tmp_path / "small.onnx")
    sample = CLOUD / "src/score/samples/ranker_int8.onnx"
    assert (tmp_path / "small.onnx").read_bytes() == sample.read_bytes(), "make it again as its README.md says"


def learned() -> tuple[ranker.Ranker, RankerData]:
    """A ranker that learned a little."""
    data = ranker_data()
    sides = (torch.arange(100), torch.arange(100, 120))
    return ranker.early_stopped(data, *sides, replace(TINY, epochs=10), ranker.for_data)[0], data


@pytest.mark.parametrize("weights", [quantise.FLOAT, quantise.INT8])
def test_what_is_kept_is_told_with_how_far_the_answers_moved(tmp_path, weights):
    model, data = learned()
    assert train.export_ranker(model, data, tmp_path)["ranker.onnx"] <= export.TOLERANCE
    path = tmp_path / "ranker.onnx"
    whole = path.stat().st_size
    facts = train.kept(model, data, tmp_path, weights)
    assert facts["type"] == weights and facts["bytes"] == path.stat().st_size
    if weights == quantise.FLOAT:
        assert set(facts) == {"type", "bytes"} and facts["bytes"] == whole
    else:
        assert facts["bytes"] < facts["bytes_as_f32"] == whole and 0.0 < facts["moved"] < 0.05
