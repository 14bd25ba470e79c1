"""Smaller rankers: a model folder for each, and the table of what they cost."""

from __future__ import annotations

from dataclasses import replace

import onnx
from test_training import TINY, ranker_data

from segue_training import compress, ranker


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
        assert rows[variant.name]["bytes"] == (folder / "ranker.onnx").stat().st_size
        operators = {node.op_type for node in onnx.load(folder / "ranker.onnx").graph.node}
        assert ("DequantizeLinear" in operators) == (variant.bits == 8)
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
    assert worse.count("not kept by a, 8 bits") == 2


def test_what_ships_may_not_lose_more_in_eight_bits_than_is_allowed():
    row = {"parameters": 1, "milliseconds": 0.2, "ndcg_at_10": 0.4, "interval": [0.0, 0.0]}
    small = lambda of, lost, size=3000: row | {"ranker": f"{of}, 8 bits", "beside": of, "bytes": size, "difference": -lost}
    assert compress.shortfall([small("3 x 16, shipped", 0.004), small("1 x 8", 0.02)]) is None
    lost = compress.shortfall([small("3 x 16, shipped", 0.006)])
    assert "3,000 bytes, -0.0060 of NDCG@10" in lost and "0.005" in lost
    assert "600,000 bytes" in compress.shortfall([small("3 x 16, shipped", 0.0, 600_000)])
