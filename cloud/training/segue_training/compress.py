"""Smaller rankers, and what each costs: fewer or narrower experts, taught by a large one, pruned, with weights in 8 bits.

`python -m segue_training compress --data D --out DIR` trains them on one data folder and has each judged by `segue model check`:
a table of experts x size x time x quality. A row in 8 bits is the file that `segue train --weights int8` writes, read by the core.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from . import distill, export, fold, generations, prune, quantise, ranker
from .data import RankerData, by_group
from .ranker import Settings
from .train import fit_item2vec, segue

SHAPES = [(1, 8), (2, 16), (4, 32)]  # beside the one that ships
LARGEST = 500_000  # bytes of a ranker in 8 bits
LOSS = 0.005  # of NDCG@10 that 8 bits may cost
UNLIMITED = ("--bytes", 10**9, "--milliseconds", 10**6)  # the table says what a row costs, it refuses none


@dataclass(frozen=True)
class Variant:
    """A row of the table."""

    name: str
    beside: str  # the row whose NDCG@10 its own is held against
    model: nn.Module
    calibration: dict[str, dict]  # goes into the file; who is taught or pruned goes on from the model as it was learned
    bits: int = 32


def variants(data: RankerData, settings: Settings = Settings(), teacher: Settings = distill.TEACHER) -> Iterator[Variant]:
    """The ranker that ships, a large teacher, rankers of several shapes, the shipped one taught by the teacher, the same narrowed and
    taught on, and what 8 bits leave of each."""
    sides = by_group(data.groups, 0.1, settings.seed)

    def made(name: str, beside: str, chosen: Settings, data: RankerData = data, build=ranker.for_data) -> Variant:
        model, metrics = ranker.early_stopped(data, *sides, chosen, build)
        return Variant(name, beside, model, metrics["calibration"])

    shipped = made(name := f"{shape(settings)}, shipped", name, settings)
    yield from both(shipped)
    large = made(f"{shape(teacher)}, teacher", name, teacher)
    yield from both(large)
    for experts, size in SHAPES:
        smaller = replace(settings, experts=experts, expert_size=size)
        yield from both(made(shape(smaller), name, smaller))
    heard = replace(data, heard=distill.Listening(large.model))
    student = made(f"{shape(settings)}, taught", name, settings, heard)
    yield from both(student)
    narrow = lambda *_: prune.narrowed(student.model, ranker.widths(data), settings.expert_size // 2)
    onward = replace(settings, linear_first=False)
    yield from both(made(f"{student.name}, pruned by half", student.name, onward, heard, narrow))


def both(variant: Variant) -> Iterator[Variant]:
    """The ranker as it is, and in 8 bits."""
    yield variant
    yield replace(variant, name=f"{variant.name}, 8 bits", beside=variant.name, bits=8)


def shape(settings: Settings) -> str:
    """Its words."""
    return f"{settings.experts} x {settings.expert_size}"


def written(variant: Variant, data: RankerData, vectors: Path, folder: Path, beside: Path) -> dict:
    """Writes a model folder with this ranker, in 8 bits from the one `beside`, and the table of vectors; returns what of its row is
    known without a judge."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ranker.onnx"
    if variant.bits == 8:
        quantise.rewrite(beside / path.name, path)
    else:
        export.ranker(fold.folded(variant.model, variant.calibration), ranker.widths(data), data.schema["slots"], path)
    shutil.copyfile(vectors, folder / generations.TABLE)
    schema = fold.told(data.schema) | {"towers": generations.towers_hash(folder)}
    (folder / "schema.json").write_text(json.dumps(schema, indent=2))
    return {
        "ranker": variant.name,
        "parameters": sum(weight.numel() for weight in variant.model.parameters()),
        "bytes": path.stat().st_size,
        "beside": variant.beside,
    }


def checked(program: Path, folder: Path, beside: Path, data: Path, limit: int) -> dict:
    """What `segue model check` says of the model in `folder` beside another one: time, NDCG@10, and the difference."""
    report = folder / "check.json"
    report.unlink(missing_ok=True)
    command = [program, "model", "check", folder, "--data", data, "--served", beside, "--limit", limit, *UNLIMITED, "--json", report]
    # That a model is worse than the one beside it is what the table is about, so it is no failure.
    subprocess.run([str(word) for word in command], check=False, stdout=subprocess.DEVNULL)
    if not report.exists():
        raise RuntimeError(f"`segue model check` said nothing of {folder}: its own message stands above")
    findings = {finding["check"]: finding for finding in json.loads(report.read_text())["checks"]}
    quality = findings["quality"]
    if quality["value"] is None or "latency" not in findings:
        raise RuntimeError(f"{folder} cannot be judged: {[finding['detail'] for finding in findings.values()]}")
    return {
        "milliseconds": findings["latency"]["value"],
        "ndcg_at_10": quality["value"],
        "difference": quality["value"] - quality["limit"],
        "interval": quality["interval"],
    }


def text(rows: list[dict]) -> str:
    """The table for people, with what 8 bits cost at the most."""
    lines = [
        "| experts x size | parameters | bytes | ms | NDCG@10 | beside | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["interval"]
        difference = "-" if row["beside"] == row["ranker"] else f"{row['difference']:+.4f} [{low:+.4f}, {high:+.4f}]"
        figures = [row["ranker"], f"{row['parameters']:,}", f"{row['bytes']:,}"]
        figures += [f"{row['milliseconds']:.3f}", f"{row['ndcg_at_10']:.4f}", row["beside"], difference]
        lines.append("| " + " | ".join(figures) + " |")
    small = in_8_bits(rows)
    lost, largest = max(-row["difference"] for row in small), max(row["bytes"] for row in small)
    kept = lambda names: f"not kept by {'; '.join(names)}" if names else "kept"
    losing, long = beyond(small)
    return "\n".join([
        *lines,
        "",
        f"- 8 bits cost {max(lost, 0.0):.4f} of NDCG@10 at the most; {LOSS} is allowed: {kept(losing)}.",
        f"- The largest ranker has {largest:,} bytes in 8 bits; {LARGEST:,} are allowed: {kept(long)}.",
        "",
    ])


def in_8_bits(rows: list[dict]) -> list[dict]:
    """The rows whose weights are in 8 bits."""
    return [row for row in rows if row["ranker"].endswith("8 bits")]


def beyond(small: list[dict]) -> tuple[list[str], list[str]]:
    """The rankers in 8 bits that lose more than is allowed, and those whose file is longer."""
    losing = [row["ranker"] for row in small if -row["difference"] > LOSS]
    return losing, [row["ranker"] for row in small if row["bytes"] > LARGEST]


def shortfall(rows: list[dict]) -> str | None:
    """Why the ranker that ships may not be kept in 8 bits; none where it may."""
    of_shipped = [row for row in in_8_bits(rows) if row["beside"].endswith(", shipped")]
    if not any(beyond(of_shipped)):
        return None
    told = "; ".join(f"{row['ranker']}: {row['bytes']:,} bytes, {row['difference']:+.4f} of NDCG@10" for row in of_shipped)
    return f"{told}; at most {LARGEST:,} bytes and a loss of {LOSS} are allowed"


def run(program: Path, data: Path, out: Path, limit: int) -> None:
    """Writes `table.json` and `table.md` into `out`, with a model folder for each row, and prints the table; fails after that where the
    ranker that ships loses too much in 8 bits, or is too long."""
    program, data, out = (path.absolute() for path in (program, data, out))
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    fit_item2vec(program, data, work, work, None)
    segue(program, "features", "ranker", "--data", data, "--baskets", work / "baskets", "--out", work / "ranker")
    arrays, rows, folders = RankerData.load(work / "ranker"), [], {}
    for variant in variants(arrays):
        folders[variant.name] = folder = out / "models" / variant.name.replace(", ", "-").replace(" ", "-")
        beside = folders[variant.beside]
        row = written(variant, arrays, work / generations.TABLE, folder, beside)
        rows.append(row | checked(program, folder, beside, data, limit))
    (out / "table.json").write_text(json.dumps(rows, indent=2) + "\n")
    (out / "table.md").write_text(text(rows))
    print(text(rows))
    if reason := shortfall(rows):
        raise SystemExit(reason)
