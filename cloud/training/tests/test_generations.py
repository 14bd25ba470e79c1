"""Generations of vectors: a new table or new towers lie where those before lay."""

from __future__ import annotations

import hashlib

import torch

from segue_training import export, generations, item2vec, two_tower
from test_item2vec import SETTINGS, baskets
from test_training import tower_data

TINY = two_tower.Settings(batch=32, epochs=3, patience=3, mixed_negatives=16)


def exported(model: two_tower.TwoTower, folder) -> None:
    """Writes both towers as a model folder has them."""
    data = tower_data()
    for tower, rows, name in ((model.items, data.items, "items"), (model.users, data.users, "users")):
        export.tower(tower.eval(), rows, name, folder / f"{name[:-1]}_tower.onnx")


def test_vectors_are_named_by_the_table_or_by_both_towers_in_their_order(tmp_path):
    for name, content in (("user_tower.onnx", b"user"), ("item_tower.onnx", b"item ")):
        (tmp_path / name).write_bytes(content)
    assert generations.towers_hash(tmp_path) == hashlib.sha256(b"item user").hexdigest()
    (tmp_path / generations.TABLE).write_bytes(b"table")
    assert generations.towers_hash(tmp_path) == hashlib.sha256(b"item user").hexdigest(), "a table beside towers"
    for name in generations.TOWERS:
        (tmp_path / name).unlink()
    assert generations.towers_hash(tmp_path) == hashlib.sha256(b"table").hexdigest()


def test_a_rotation_brings_turned_vectors_back():
    generator = torch.Generator().manual_seed(2)
    vectors, turning = torch.randn(40, 5, generator=generator), torch.linalg.qr(torch.randn(5, 5, generator=generator)).Q
    found = generations.rotation(vectors @ turning, vectors)
    assert torch.allclose(found, turning.T.double(), atol=1e-5)


def test_a_new_table_is_turned_onto_the_one_before_over_the_items_that_both_know(tmp_path):
    before = item2vec.learn(baskets(), 22, 0.5, SETTINGS)
    names = [f"i{item}" for item in range(22)]
    item2vec.write(tmp_path / generations.TABLE, names, before, SETTINGS)
    onto = generations.table(tmp_path, [*names[5:], "new"], SETTINGS.dimension)
    assert torch.allclose(onto[:16], before[5:21], atol=1e-6) and onto[16:].abs().max() == 0.0
    after = item2vec.learn(baskets(seed=4), 22, 0.5, SETTINGS)
    whole = generations.table(tmp_path, names, SETTINGS.dimension)
    assert generations.alike(item2vec.turned(after, whole), whole) > max(0.5, generations.alike(after, whole))
    assert generations.table(tmp_path, names, 9) is None and generations.table(tmp_path / "none", names, 8) is None


def test_towers_begin_with_the_weights_before_and_others_do_not(tmp_path):
    first = two_tower.TwoTower(6, 9, TINY)
    exported(first, tmp_path)
    second = two_tower.TwoTower(6, 9, TINY)
    assert generations.begin(second, tmp_path)
    rows = tower_data().items
    assert torch.allclose(second.items(rows), first.items(rows), atol=1e-6)
    assert not generations.begin(two_tower.TwoTower(7, 9, TINY), tmp_path)
    assert not generations.begin(second, None)


def test_turned_towers_keep_their_likenesses_and_lie_on_those_before():
    data, model = tower_data(), two_tower.TwoTower(6, 9, TINY)
    onto = two_tower.TwoTower(6, 9, TINY).items(data.items).detach()
    before = model.items(data.items).detach()
    likeness = (model.users(data.users) @ before.T).detach()
    generations.turn(model, data.items, onto)
    after = model.items(data.items).detach()
    assert torch.allclose(model.users(data.users) @ after.T, likeness, atol=1e-5)
    assert generations.alike(after, onto) > generations.alike(before, onto) + 0.1


def test_towers_that_go_on_stay_near_to_those_before(tmp_path):
    data = tower_data()
    first, _ = two_tower.train(data, TINY)
    exported(first, tmp_path)
    _, metrics = two_tower.train(data, TINY, before=tmp_path)
    assert metrics["alike_before"] > 0.8
    assert "alike_before" not in two_tower.train(data, TINY)[1]
