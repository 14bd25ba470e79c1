"""Corrections of the heads in the ranker's weights: the exported graph answers corrected probabilities, and is no other graph."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from test_training import ranker_data

from segue_training import compress, export, fold, gbdt, generations, parts, ranker, train
from segue_training.data import RankerData

WIDTHS = ranker.Widths(candidate=70, live=7, event=90, context=5, amounts=(2.0,))
CALIBRATION = {
    "complete": {"kind": "platt", "slope": 0.4, "intercept": -0.8},
    "skip": {"kind": "platt", "slope": 2.5, "intercept": 0.3},
    "like": {"kind": "none"},
}


class Corrected(torch.nn.Module):
    """The answers of a ranker as the core would correct them by its schema."""

    def __init__(self, model: ranker.Ranker, calibration: dict[str, dict]) -> None:
        super().__init__()
        self.model, self.calibration = model, calibration

    def forward(self, *inputs):
        said = self.model(*inputs).clone()
        for name, correction in self.calibration.items():
            if correction["kind"] == "platt":
                head = ranker.HEADS.index(name)
                odds = correction["slope"] * torch.logit(said[..., head]) + correction["intercept"]
                said[..., head] = torch.sigmoid(odds)
        return said


def sessions() -> list[dict[str, torch.Tensor]]:
    """Sessions of every length over random rows."""
    generator = torch.Generator().manual_seed(11)
    vectors = lambda *shape: torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)
    return [
        {
            "candidates": vectors(500, 70),
            "live": torch.randn(500, 7, generator=generator),
            "events": vectors(50, 90),
            "mask": (torch.arange(50) < used).float(),
            "context": torch.rand(5, generator=generator),
        }
        for used in (0, 1, 7, 50)
    ]


def untrained() -> ranker.Ranker:
    """A ranker of random weights, whose experts say something of every head."""
    torch.manual_seed(7)
    return ranker.Ranker(WIDTHS, 50, ranker.Settings()).eval()


def test_the_exported_graph_answers_what_the_correction_makes_of_the_ranker_before_it(tmp_path):
    model, path = untrained(), tmp_path / "ranker.onnx"
    export.ranker(fold.folded(model, CALIBRATION), WIDTHS, 50, path)
    for inputs in sessions():
        assert export.difference(Corrected(model, CALIBRATION), path, inputs) <= export.TOLERANCE
        assert export.difference(model, path, inputs) > 0.1, "an uncorrected graph is told from a corrected one"


@torch.no_grad()
def test_the_order_of_each_head_stays_and_what_is_not_corrected_says_the_same():
    model = untrained()
    corrected = fold.folded(model, CALIBRATION)
    for inputs in sessions():
        before, after = model(*inputs.values()), corrected(*inputs.values())
        for head in range(before.shape[-1]):
            assert (after[before[:, head].argsort(), head].diff() >= -1e-6).all()
        for head in (ranker.HEADS.index("like"), ranker.NEXT, len(ranker.HEADS)):
            assert torch.allclose(after[:, head], before[:, head], atol=1e-6)


def test_the_graph_has_the_operators_the_shapes_and_the_parts_that_it_had(tmp_path):
    model, paths = untrained(), [tmp_path / "before.onnx", tmp_path / "after.onnx"]
    for path, one in zip(paths, (model, fold.folded(model, CALIBRATION))):
        export.ranker(one, WIDTHS, 50, path)
    before, after = (onnx.load(path).graph for path in paths)
    assert [node.op_type for node in after.node] == [node.op_type for node in before.node]
    assert [list(tensor.dims) for tensor in after.initializer] == [list(tensor.dims) for tensor in before.initializer]
    assert parts.count(paths[1]) == parts.count(paths[0])


def with_heads(data: RankerData) -> RankerData:
    """The same with a schema that names the heads, and plays of which it is known whether they were completed."""
    generator = torch.Generator().manual_seed(3)
    labels = data.labels.clone()
    labels[..., 0] = torch.bernoulli(torch.sigmoid(2.0 * data.candidates[..., 0] - 1.0), generator=generator)
    heads = [{"name": name, "kind": "probability"} for name in ranker.HEADS]
    return replace(data, labels=labels, schema=data.schema | {"heads": heads})


def arrays(data: RankerData, folder: Path) -> None:
    """What `segue features ranker` would have written."""
    folder.mkdir(parents=True)
    for name in ("candidates", "live", "labels", "events", "offsets", "context", "groups"):
        np.save(folder / f"{name}.npy", getattr(data, name).numpy())
    (folder / "schema.json").write_text(json.dumps(data.schema))
    (folder / "linear.json").write_text(json.dumps(data.linear))


@pytest.mark.parametrize("plain", [False, True])
def test_a_trained_model_is_corrected_in_its_graph_and_its_schema_says_so(tmp_path, monkeypatch, plain):
    data, made, learn = with_heads(ranker_data()), [], ranker.train
    work, out = tmp_path / "work", tmp_path / "model"
    arrays(data, work / "ranker")

    def vectors(*_) -> dict:
        (out / generations.TABLE).write_bytes(b"a table")
        return {"counts": {}, "differences": {}, "settings": {}}

    # What the program `segue` computes is there already.
    monkeypatch.setattr(train, "segue", lambda *_: {})
    monkeypatch.setattr(train, "fit_item2vec", vectors)
    monkeypatch.setattr(ranker, "train", lambda *rest: made.append(learn(*rest)) or made[-1])
    facts = train.fit(Path("segue"), tmp_path, work, out, train.ITEM2VEC, plain=plain)
    model, calibration = made[0][0], facts["ranker"]["calibration"]
    assert calibration["complete"]["kind"] == "platt", "the facts tell what was learned"
    schema, expected = json.loads((out / "schema.json").read_text()), model if plain else Corrected(model, calibration)
    for inputs in train.examples(data):
        assert export.difference(expected, out / "ranker.onnx", inputs) <= export.TOLERANCE
    assert "missing" in facts["gbdt"] or (out / gbdt.FILE).exists(), "trees are made beside every ranker"
    if plain:
        assert schema == data.schema
    else:
        assert [head["calibration"] for head in schema["heads"]] == [{"kind": "none"}] * 4


def test_a_row_of_smaller_rankers_is_corrected_in_its_file(tmp_path):
    data, vectors = with_heads(ranker_data()), tmp_path / "vectors"
    vectors.write_bytes(b"a table")
    model = ranker.for_data(data, ranker.Settings()).eval()
    compress.written(compress.Variant("a", "a", model, CALIBRATION), data, vectors, tmp_path, tmp_path)
    schema = json.loads((tmp_path / "schema.json").read_text())
    assert all(head["calibration"] == {"kind": "none"} for head in schema["heads"])
    for inputs in train.examples(data):
        assert export.difference(Corrected(model, CALIBRATION), tmp_path / "ranker.onnx", inputs) <= export.TOLERANCE
