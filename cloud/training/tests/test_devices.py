"""Where training runs: one process is as before, two agree."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_training import TINY, ranker_data, tower_data

from segue_training import devices, negatives, ranker, two_tower
from segue_training.data import TowerData


def test_one_process_has_everything_to_itself():
    part, module = torch.arange(5), torch.nn.Linear(2, 2)
    assert devices.world() == 1 and devices.rank() == 0
    assert devices.share(part) is part and devices.parallel(module) is module
    assert devices.alone(lambda one, two: one + two, 1, two=2) == 3


def test_a_batch_is_divided_among_processes_and_a_small_one_is_not(monkeypatch):
    monkeypatch.setattr(devices, "world", lambda: 2)
    shares = []
    for rank in range(2):
        monkeypatch.setattr(devices, "rank", lambda: rank)
        shares.append(devices.share(torch.arange(5)))
        assert devices.share(torch.arange(1)).tolist() == [0]
    assert sorted(torch.cat(shares).tolist()) == [0, 1, 2, 3, 4]


def refusing() -> TowerData:
    """Everybody refused two items."""
    data = tower_data()
    people = torch.arange(len(data.users)).repeat_interleave(2)
    return replace(data, refused=torch.stack([people, torch.arange(len(people)) % len(data.items)], 1))


def test_the_processes_shares_of_an_odd_batch_are_the_batch_with_its_refusals(monkeypatch):
    data, settings = refusing(), two_tower.Settings(batch=7, mixed_negatives=5)
    refused, seen, states = negatives.of(data, settings.hard_negatives), [], []
    weight = torch.nn.Parameter(torch.zeros(()))

    def learner(part, extra, hard):
        seen[-1].append((part, hard))
        return weight * 1.0

    for world, rank in ((1, 0), (2, 0), (2, 1)):
        monkeypatch.setattr(devices, "world", lambda: world)
        monkeypatch.setattr(devices, "rank", lambda: rank)
        torch.manual_seed(3)
        seen.append([])
        two_tower.one_epoch(learner, data, torch.arange(45), refused, torch.optim.SGD([weight], 0.1), settings)
        states.append(torch.get_rng_state())
    assert torch.equal(states[1], states[2]) and torch.equal(states[0], states[1])
    for whole, even, odd in zip(*seen):
        for of_all, first, second in zip(whole, even, odd):
            assert torch.equal(of_all[0::2], first) and torch.equal(of_all[1::2], second)


def trained(rank: int, folder: str) -> None:
    """One of two processes."""
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    # Odd batches, so that the processes have shares of different sizes.
    towers, _ = two_tower.train(refusing(), two_tower.Settings(batch=33, epochs=2, mixed_negatives=16))
    state = torch.get_rng_state()
    model, _ = ranker.train(ranker_data(), replace(TINY, epochs=2))
    said = devices.alone(lambda: f"from {devices.rank()}")
    torch.save((towers.state_dict(), model.state_dict(), said, state), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(torch.cuda.is_available(), reason="processes meet on the CPU here")
def test_two_processes_come_to_one_model(tmp_path):
    torch.multiprocessing.spawn(trained, (str(tmp_path),), nprocs=2)
    one, two = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert one[2] == two[2] == "from 0"
    assert torch.equal(one[3], two[3]), "both drew as much"
    for first, second in zip(one[:2], two[:2]):
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_data_set_keeps_what_it_has_when_it_is_placed():
    data = tower_data()
    placed = devices.placed(data)
    assert placed.refused is None and torch.equal(placed.items.cpu(), data.items)
