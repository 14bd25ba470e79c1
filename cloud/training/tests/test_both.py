"""What makes vectors: towers, a table, or a table beside towers."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from test_generations import TINY
from test_item2vec import baskets
from test_training import tower_data

from segue_training import __main__, generations, train

TOWERS, TABLE = sorted(generations.TOWERS), [generations.TABLE]


def written(work: Path) -> Path:
    """The arrays of `segue features towers` and `segue features baskets`."""
    data, towers = tower_data(), work / "towers"
    for folder in (towers, work / "baskets" / "all", work / "baskets" / "0"):
        folder.mkdir(parents=True)
    arrays = {field.name: getattr(data, field.name) for field in fields(data)}
    for name, array in arrays.items():
        if array is not None:
            np.save(towers / f"{name}.npy", array.numpy())
    (towers / "columns.json").write_text(json.dumps({"items": [], "users": []}))
    for part, seed in (("all", 3), ("0", 4)):
        made = baskets(seed=seed)
        for name in ("entries", "weights", "groups"):
            np.save(work / "baskets" / part / f"{name}.npy", getattr(made, name).numpy())
    (work / "baskets" / "items.json").write_text(json.dumps([f"i{item}" for item in range(22)]))
    return work


def test_a_folder_holds_the_files_of_the_last_training_and_facts_tell_of_each(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "segue", lambda *_: {"automatic": 0})
    work, out = written(tmp_path / "work"), tmp_path / "out"
    out.mkdir()

    def fitted(retriever: str) -> tuple[dict, list[str]]:
        facts = train.fit_vectors(Path("segue"), tmp_path, work, out, retriever, None, TINY)
        return facts, sorted(file.name for file in out.iterdir())

    facts, files = fitted(train.BOTH)
    assert files == sorted([*TOWERS, *TABLE])
    assert facts["towers"]["positives"] > 0 and facts["item2vec"]["items"] == 22
    assert set(facts["settings"]) == {"two_tower", "item2vec"} and sorted(facts["differences"]) == TOWERS
    assert fitted(train.ITEM2VEC)[1] == TABLE
    facts, files = fitted(train.TOWERS)
    assert files == TOWERS and "item2vec" not in facts


def test_towers_and_the_table_beside_them_each_go_on_from_those_before(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "segue", lambda *_: {})
    work, out = written(tmp_path / "work"), tmp_path / "out"
    out.mkdir()
    train.fit_vectors(Path("segue"), tmp_path, work, out, train.BOTH, None, TINY)
    facts = train.fit_vectors(Path("segue"), tmp_path, work, out, train.BOTH, out, TINY)
    assert facts["towers"]["alike_before"] > 0.8 and facts["item2vec"]["alike_before"] > 0.8


@pytest.mark.parametrize("retriever", [train.TOWERS, train.ITEM2VEC, train.BOTH])
def test_each_kind_may_be_asked_for(retriever):
    parser = argparse.ArgumentParser()
    __main__.learns(parser)
    arguments = parser.parse_args(["--data", "D", "--out", "O", "--work", "W", "--retriever", retriever])
    assert arguments.retriever == retriever
