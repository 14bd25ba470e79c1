"""Where training runs: one process is as before, two agree."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_training import TINY, ranker_data, tower_data

from segue_training import devices, ranker, two_tower


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


def trained(rank: int, folder: str) -> None:
    """One of two processes."""
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    towers, _ = two_tower.train(tower_data(), two_tower.Settings(batch=32, epochs=2, mixed_negatives=16))
    model, _ = ranker.train(ranker_data(), replace(TINY, epochs=2))
    said = devices.alone(lambda: f"from {devices.rank()}")
    torch.save((towers.state_dict(), model.state_dict(), said), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(torch.cuda.is_available(), reason="processes meet on the CPU here")
def test_two_processes_come_to_one_model(tmp_path):
    torch.multiprocessing.spawn(trained, (str(tmp_path),), nprocs=2)
    one, two = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert one[2] == two[2] == "from 0"
    for first, second in zip(one[:2], two[:2]):
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_data_set_keeps_what_it_has_when_it_is_placed():
    data = tower_data()
    placed = devices.placed(data)
    assert placed.refused is None and torch.equal(placed.items.cpu(), data.items)
