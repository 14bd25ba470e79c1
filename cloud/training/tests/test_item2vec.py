"""Item vectors from baskets: likeness, determinism, turning, the file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from segue_training import item2vec
from segue_training.item2vec import Baskets, Settings

SETTINGS = Settings(dimension=8)


def baskets(people: int = 40, seed: int = 3) -> Baskets:
    """People of two kinds take up items of their own half of twenty; item 20 is known by a word alone, item 21 by nothing."""
    generator = torch.Generator().manual_seed(seed)
    entries = []
    for person in range(people):
        chosen = torch.randperm(10, generator=generator)[:5] + 10 * (person % 2)
        entries += [(person, item) for item in sorted(chosen.tolist())]
    entries += [(people, item) for item in (*range(10, 20), 20)]
    groups = torch.tensor([*range(people), -1])
    return Baskets(torch.tensor(entries), torch.ones(len(entries)), groups)


def test_items_that_are_taken_up_together_lie_together():
    alike = item2vec.learn(baskets(), 22, 0.5, SETTINGS)
    alike = alike @ alike.T
    assert alike[:10, :10].mean() > alike[:10, 10:20].mean() + 0.3


@pytest.mark.parametrize("word_share", [0.0, 0.5])
def test_an_item_that_only_shares_a_word_lies_with_what_shares_it(word_share):
    vectors = item2vec.learn(baskets(), 22, word_share, SETTINGS)
    assert vectors[20] @ vectors[10:20].mean(0) > vectors[20] @ vectors[:10].mean(0) + 0.2
    assert torch.allclose(vectors[:21].norm(dim=1), torch.ones(21), atol=1e-5)
    assert vectors[21].abs().max() == 0.0


def test_one_seed_gives_one_table():
    first, second = (item2vec.learn(baskets(), 22, 0.5, SETTINGS) for _ in range(2))
    assert torch.equal(first, second)


def test_words_weigh_nothing_where_they_mislead():
    _, people = baskets().of(torch.arange(40))
    # Two words that halve the items otherwise than people do.
    words = [(40 + item % 2, item) for item in range(20)]
    entries = torch.cat([people.entries, torch.tensor(words)])
    misled = Baskets(entries, torch.ones(len(entries)), torch.cat([torch.arange(40), torch.tensor([-1, -1])]))
    settings = Settings(dimension=3, held_back=0.3, word_shares=(0.0, 3.0), powers=(0.5,))
    choice, metrics = item2vec.chosen(misled, 22, settings)
    assert choice == (0.0, 0.5)
    assert metrics["ndcg_at_10_with_words_0.0_power_0.5"] > metrics["ndcg_at_10_with_words_3.0_power_0.5"]


def test_with_the_values_themselves_likenesses_are_those_of_the_table():
    """What is lost is only what the directions left out say."""
    people = baskets().of(torch.arange(40))[1]
    whole = torch.nn.functional.normalize(item2vec.table(people, 22, 0.0).to_dense()[:20], dim=1)
    away = []
    for power in (0.5, 1.0):
        vectors = item2vec.learn(people, 22, 0.5, Settings(dimension=30), power)[:20]
        away.append((vectors @ vectors.T - whole @ whole.T).abs().max().item())
    assert away[1] < 1e-3 < away[0]


def test_a_turned_table_lies_on_the_other_and_keeps_its_likenesses():
    vectors = item2vec.learn(baskets(), 22, 0.5, SETTINGS)
    rotation = torch.eye(8)
    rotation[:7, :7] = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(1))).Q
    assert torch.allclose(item2vec.turned(vectors @ rotation, vectors), vectors, atol=1e-5)
    other = item2vec.learn(baskets(seed=4), 22, 0.5, SETTINGS)
    turned = item2vec.turned(other, vectors)
    assert torch.allclose(turned @ turned.T, other @ other.T, atol=1e-5)
    assert (turned * vectors).sum() > (other * vectors).sum()


def test_the_file_leaves_out_what_lies_in_no_basket(tmp_path):
    work, out = tmp_path / "work", tmp_path / "out"
    out.mkdir()
    for name in ("all", "0"):
        (work / name).mkdir(parents=True)
        data = baskets(seed=3 if name == "all" else 4)
        np.save(work / name / "entries.npy", data.entries.numpy().astype("<i4"))
        np.save(work / name / "weights.npy", data.weights.numpy())
        np.save(work / name / "groups.npy", data.groups.numpy().astype("<i4"))
    (work / "items.json").write_text(json.dumps([f"i{item}" for item in range(22)]))
    metrics = item2vec.fit(work, out, settings=SETTINGS)
    header, rows = (out / "item_vectors.bin").read_bytes().split(b"\n", 1)
    header = json.loads(header)
    assert (header["format"], header["dimension"], len(header["items"])) == (1, 8, 21)
    assert len(rows) == 21 * 8 * 4 and "i21" not in header["items"]
    assert np.load(work / "0" / "vectors.npy").shape == (22, 8) and metrics["parts_alike"] > 0.5
