"""Smaller rankers, and what each costs: fewer or narrower experts, taught by a large one, pruned, rounded to 8 bits.

`python -m segue_training compress --arrays WORK/ranker --out FILE` trains them on one set of arrays and prints a table of
experts x size x time x quality. All arithmetic of the core is f32, so 8 bits save bytes of the download and no time: weights
are rounded to 255 levels per row of a layer, the file is measured with a byte for each.
"""

from __future__ import annotations

import copy
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

import onnxruntime
import torch
from torch import nn

from . import export, ranker
from .data import RankerData, by_group
from .ranker import Settings

CANDIDATES, RUNS = 500, 50
PRUNED = 0.5  # of the weights of each layer
TEACHER = replace(Settings(), experts=6, expert_size=32)
SHAPES = [(1, 8), (1, 16), (2, 16), (3, 16), (4, 32)]


def rounded(model: nn.Module) -> nn.Module:
    """A copy with each row of a weight matrix rounded to 255 levels (int8 with one scale per row)."""
    model = copy.deepcopy(model)
    for weight in matrices(model):
        scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127.0
        weight.copy_((weight / scale).round() * scale)
    return model


def pruned(model: nn.Module, share: float = PRUNED) -> nn.Module:
    """A copy without the smallest weights of each matrix (Han and others, 2015)."""
    model = copy.deepcopy(model)
    for weight in matrices(model):
        least = weight.abs().flatten().kthvalue(max(1, int(weight.numel() * share))).values
        weight[weight.abs() <= least] = 0.0
    return model


def matrices(model: nn.Module) -> list[torch.Tensor]:
    """The weight matrices, to be changed in place."""
    return [parameter.data for parameter in model.parameters() if parameter.dim() == 2]


def taught(teacher: nn.Module, data: RankerData, steps: torch.Tensor, settings: Settings) -> nn.Module:
    """A ranker of these settings that learns the teacher's answers as well as the outcomes (Hinton and others, 2015)."""
    known = ~torch.isnan(data.labels[steps])
    said = ranker.answers(teacher, data, steps)
    labels = data.labels.clone()
    labels[steps] = torch.where(known, 0.5 * data.labels[steps] + 0.5 * said, torch.nan)
    torch.manual_seed(settings.seed)
    student = ranker.for_data(data, settings)
    for _ in ranker.epochs_of(student, replace(data, labels=labels), steps, settings):
        pass
    return student.eval()


def measured(name: str, model: nn.Module, data: RankerData, steps: torch.Tensor, folder: Path, bits: int = 32) -> dict:
    """A row of the table: parameters, kilobytes, milliseconds of ONNX Runtime for 500 candidates, NDCG@10 on `steps`."""
    path = folder / "ranker.onnx"
    export.ranker(model, ranker.widths(data), data.schema["slots"], path)
    parameters = sum(weight.numel() for weight in model.parameters())
    zeros = sum(int((weight == 0.0).sum()) for weight in matrices(model))
    saved = sum(weight.numel() for weight in matrices(model)) * (32 - bits) // 8
    return {
        "ranker": name,
        "parameters": parameters,
        "zeros": zeros,
        "kilobytes": round((path.stat().st_size - saved) / 1000, 1),
        "milliseconds": round(milliseconds(path, data), 3),
        "ndcg_at_10": round(ranker.measure(model, data, steps)["ndcg_at_10"], 4),
    }


def milliseconds(path: Path, data: RankerData) -> float:
    """The median time of one thread of ONNX Runtime for 500 candidates and a full session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    widths, slots = ranker.widths(data), data.schema["slots"]
    shapes = [(CANDIDATES, widths.candidate), (CANDIDATES, widths.live), (slots, widths.event), (slots,), (widths.context,)]
    inputs = {name: torch.rand(*shape).numpy() for name, shape in zip(export.RANKER_INPUTS, shapes)}
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e3


def table(data: RankerData, folder: Path, settings: Settings = Settings(), teacher: Settings = TEACHER) -> list[dict]:
    """A large teacher, rankers of several shapes, the shipped one taught by the teacher, pruned and rounded."""
    learned, held_back = by_group(data.groups, 0.1, settings.seed)
    fit = lambda chosen: ranker.early_stopped(data, learned, held_back, chosen, ranker.for_data)[0]
    large = fit(teacher)
    rows = [measured("teacher", large, data, held_back, folder)]
    for experts, size in SHAPES:
        model = fit(replace(settings, experts=experts, expert_size=size))
        name = f"{experts} experts of {size}"
        rows.append(measured(name, model, data, held_back, folder))
        rows.append(measured(f"{name}, 8 bits", rounded(model), data, held_back, folder, bits=8))
    shipped = taught(large, data, learned, settings)
    rows.append(measured("shipped, taught", shipped, data, held_back, folder))
    rows.append(measured("shipped, taught, pruned by half", pruned(shipped), data, held_back, folder))
    rows.append(measured("shipped, taught, 8 bits", rounded(shipped), data, held_back, folder, bits=8))
    return rows


def run(arrays: Path, out: Path) -> None:
    """Writes the table as JSON and prints it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = table(RankerData.load(arrays), out.parent)
    out.write_text(json.dumps(rows, indent=2) + "\n")
    columns = list(rows[0])
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(str(row[column]) for column in columns) + " |")
