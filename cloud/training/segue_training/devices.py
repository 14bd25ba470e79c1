"""Where training runs: on a GPU when there is one, on several at once when `torchrun` started several processes.

`torchrun --nproc-per-node 2 -m segue_training train ...` divides each batch among the processes and averages their gradients
(DistributedDataParallel; Li and others, "PyTorch Distributed", VLDB 2020). Every process draws the same random numbers, judges on
all that is held back and so stops at the same time; what calls programs or writes files only the first one does. With one process on
a CPU nothing of this changes a bit.
"""

from __future__ import annotations

import os
from dataclasses import fields, replace
from datetime import timedelta

import torch
from torch import distributed, nn

WAIT = timedelta(hours=6)  # the others wait while the first one computes features


def begin() -> None:
    """Joins the processes that `torchrun` started, and lets a GPU give the same answers each time."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(device())
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=WAIT)


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if world() > 1 else 0


def device() -> torch.device:
    """This process's GPU, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def moved(model: nn.Module, arrays: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """The arrays where the model is."""
    place = next(model.parameters()).device
    return tuple(array.to(place) for array in arrays)


def placed(data):
    """A dataclass of arrays with all of them on the device."""
    arrays = {field.name: getattr(data, field.name) for field in fields(data)}
    return replace(data, **{name: array.to(device()) for name, array in arrays.items() if isinstance(array, torch.Tensor)})


def share(part: torch.Tensor) -> torch.Tensor:
    """This process's share of a batch; all of one that is too small to divide."""
    return part if world() == 1 or len(part) < world() else part[rank() :: world()]


def parallel(module: nn.Module) -> nn.Module:
    """The module, whose gradients are those of all processes together."""
    # Parts that a batch leaves out, as the places of what was shown, have no gradient.
    return module if world() == 1 else nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)


def alone(function, *arguments, **named):
    """What the first process alone does; all get its answer."""
    if world() == 1:
        return function(*arguments, **named)
    answer = [function(*arguments, **named) if rank() == 0 else None]
    distributed.broadcast_object_list(answer, src=0)
    return answer[0]
