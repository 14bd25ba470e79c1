"""The whole way: arrays by `segue features`, towers, ranker, ONNX, checks, a reference beside it, card."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from . import card, devices, distill, export, fold, gbdt, generations, item2vec, parts, quantise, ranker, reference, two_tower
from .data import RankerData, TowerData

TOWERS, ITEM2VEC, BOTH = "towers", "item2vec", "both"
# The files that make the vectors of each kind of model.
VECTORS = {TOWERS: generations.TOWERS, ITEM2VEC: (generations.TABLE,), BOTH: (*generations.TOWERS, generations.TABLE)}
# How the committed models were learned: all of the ranker at once, until it gains nothing for a few epochs.
PLAIN = ranker.Settings(linear_first=False, settled=0.0, told=False)
# The trees beside them come with the program and are made with the rest: 400 kB at the most, from a quarter of the steps, which is half
# a million rows.
FEW_TREES = gbdt.Limits(trees=200, steps=16_000)
TRAINING_SEED = 1001
JUDGED_SEED = 7
JUDGED_USERS = 2_000
JUDGED_SESSIONS = 200


def deterministic() -> None:
    """One result per machine and package versions, whatever else runs.

    One thread: the models are so small that a second one mostly waits.
    """
    devices.begin()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)


def segue(program: Path, *arguments: object) -> dict:
    """Runs a `segue` command, in one of the processes that train; its last line when that is JSON."""
    return devices.alone(run, program, *arguments)


def run(program: Path, *arguments: object) -> dict:
    """Runs a `segue` command."""
    if not program.exists():
        raise FileNotFoundError(f"{program} is missing: build it with `cargo build -p segue-cloud`")
    command = [str(program), *map(str, arguments)]
    print("$ segue", *command[1:], flush=True)
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = output.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}


def fit(
    program: Path,
    data: Path,
    work: Path,
    out: Path,
    retriever: str,
    before: Path | None = None,
    weights: str = quantise.FLOAT,
    plain: bool = False,
    taught: bool = False,
) -> dict:
    """Trains vectors and ranker on a data folder; writes the model folder without a card and returns what to say. Vectors go on
    from those of the model folder `before`; the ranker's `weights` are kept as f32 or int8. A `plain` model, as the demo's, is learned
    from a few weeks of made data: nothing is old, its linear part is learned with the rest, its heads are not corrected, its
    schema names no towers, the trees beside it are few, and what is told of its steps and what was refused do not count: made lists show
    nothing in a place that people would not look at. What corrects the heads of any other ranker is in its weights before it is
    exported, so that what is compared, and kept in 8 bits, is corrected. The ranker of a `taught` model listens to a larger one, which
    learns first and is not kept."""
    deterministic()
    out.mkdir(parents=True, exist_ok=True)
    tower_settings = two_tower.Settings(recency=0.0, hard_negatives=0) if plain else two_tower.Settings()
    facts = fit_vectors(program, data, work, out, retriever, before, tower_settings)
    place = ("--baskets", work / "baskets") if retriever == ITEM2VEC else ("--towers", out)
    facts["counts"] |= segue(program, "features", "ranker", "--data", data, *place, "--out", work / "ranker")
    ranker_data = RankerData.load(work / "ranker")
    settings = PLAIN if plain else ranker.Settings()
    if taught:
        ranker_data, facts["teacher"] = distill.heard(ranker_data)
        facts["settings"]["teacher"] = asdict(distill.TEACHER)
    model, facts["ranker"] = ranker.train(ranker_data, settings)
    limits = FEW_TREES if plain else gbdt.Limits()
    facts["gbdt"] = devices.alone(gbdt.train, ranker_data, out, limits)
    if not plain:
        model = fold.folded(model, facts["ranker"]["calibration"])
    facts["differences"] |= devices.alone(export_ranker, model, ranker_data, out)
    facts["weights"] = devices.alone(kept, model, ranker_data, out, weights)
    schema = ranker_data.schema
    if not plain:
        schema = fold.told(schema) | {"towers": devices.alone(generations.towers_hash, out)}
    devices.alone((out / "schema.json").write_text, json.dumps(schema, indent=2))
    facts["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    facts["settings"] |= {"ranker": asdict(settings), "gbdt": gbdt.SETTINGS | asdict(limits)}
    return facts


def fit_vectors(
    program: Path, data: Path, work: Path, out: Path, retriever: str, before: Path | None, settings: two_tower.Settings
) -> dict:
    """What makes the vectors: two towers, a table, or a table beside towers, which only finds what is taken up together with an item:
    the ranker learns from the towers' vectors. What an earlier training of another kind left is removed, as it would be taken for a part
    of this model."""
    facts = {} if retriever == ITEM2VEC else fit_towers(program, data, work, out, before, settings)
    if retriever != TOWERS:
        table = fit_item2vec(program, data, work, out, before)
        facts = table | facts | {key: table[key] | facts.get(key, {}) for key in ("counts", "differences", "settings")}
    devices.alone(clear, out, retriever)
    return facts


def clear(out: Path, retriever: str) -> None:
    """Removes the files of a model folder that make vectors of another kind."""
    for name in set(VECTORS[BOTH]) - set(VECTORS[retriever]):
        (out / name).unlink(missing_ok=True)


def fit_towers(program: Path, data: Path, work: Path, out: Path, before: Path | None, settings: two_tower.Settings) -> dict:
    """Two towers: vectors from metadata and history, for catalogues where much is new."""
    counts = segue(program, "features", "towers", "--data", data, "--out", work / "towers")
    tower_data = TowerData.load(work / "towers")
    towers, metrics = two_tower.train(tower_data, settings, before)
    return {
        "counts": counts,
        TOWERS: metrics,
        "differences": devices.alone(export_towers, towers, tower_data, out),
        "columns": json.loads((work / "towers" / "columns.json").read_text()),
        "settings": {"two_tower": asdict(settings)},
    }


def fit_item2vec(program: Path, data: Path, work: Path, out: Path, before: Path | None) -> dict:
    """A vector for each item from what was taken up together with it."""
    counts = segue(program, "features", "baskets", "--data", data, "--out", work / "baskets")
    metrics = devices.alone(item2vec.fit, work / "baskets", out, before)
    settings = {"item2vec": asdict(item2vec.Settings())}
    return {"counts": counts, ITEM2VEC: metrics, "differences": {}, "settings": settings}


def export_towers(towers: two_tower.TwoTower, data: TowerData, out: Path) -> dict[str, float]:
    """Writes both towers and compares them with PyTorch on real rows."""
    differences = {}
    for module, rows, name in [(towers.items, data.items, "items"), (towers.users, data.users, "users")]:
        path = out / f"{name[:-1]}_tower.onnx"
        export.tower(module, rows, name, path)
        differences[path.name] = export.parity(module, path, {name: rows[:2048]})
    return differences


def export_ranker(model: ranker.Ranker, data: RankerData, out: Path) -> dict[str, float]:
    """Writes the ranker and compares it with PyTorch on real steps."""
    path = out / "ranker.onnx"
    export.ranker(model, ranker.widths(data), data.schema["slots"], path)
    return {path.name: max((export.parity(model, path, inputs) for inputs in examples(data)), default=0.0)}


def kept(model: ranker.Ranker, data: RankerData, out: Path, weights: str) -> dict:
    """Writes the ranker's weights in 8 bits where they are to be kept so; returns how they are kept, the bytes of the file, and where it
    is not the one that was trained, how long that was and how far real answers moved."""
    path = out / "ranker.onnx"
    whole = path.stat().st_size
    if weights == quantise.FLOAT:
        return {"type": weights, "bytes": whole}
    quantise.rewrite(path, path)
    moved = max((export.difference(model, path, inputs) for inputs in examples(data)), default=0.0)
    return {"type": weights, "bytes": path.stat().st_size, "bytes_as_f32": whole, "moved": moved}


def examples(data: RankerData) -> Iterator[dict[str, torch.Tensor]]:
    """The inputs of some real steps, as they are served."""
    slots = data.schema["slots"]
    for step in range(0, data.steps, max(1, data.steps // 20)):
        candidates, live, events, mask, context, _ = (array[0] for array in data.batch(torch.tensor([step])))
        missing = slots - events.shape[0]
        events = torch.nn.functional.pad(events, (0, 0, 0, missing))
        mask = torch.nn.functional.pad(mask, (0, missing))
        yield dict(zip(export.RANKER_INPUTS, (candidates, live, events, mask, context)))


def demo(program: Path, work: Path, out: Path, tracks: int, users: int) -> None:
    """The demo's models: data of one seed to learn from, of another to be judged on."""
    if not gbdt.is_installed():
        raise SystemExit("LightGBM is missing, and trees of an earlier training would stay beside the new model: install requirements.lock")
    generate(program, tracks, users, TRAINING_SEED, work / "data")
    facts = fit(program, work / "data", work, out, TOWERS, plain=True)
    beside = work / "reference"
    train_reference(RankerData.load(work / "ranker"), out, beside)
    generate(program, tracks, JUDGED_USERS, JUDGED_SEED, work / "judged")
    facts |= {"judged": judge(program, work, out), "judged_reference": judge(program, work, beside)}
    facts |= {"parts": parts.count(out / "ranker.onnx"), "parts_reference": parts.count(beside / "ranker.onnx")}
    split = json.loads((work / "data" / "split.json").read_text())
    facts |= {"tracks": tracks, "users": users, "split": {key: split[key] for key in ("rule", "boundary_ms")}}
    write_quality(facts, out)
    card.write(out, facts, TRAINING_SEED, (JUDGED_SEED, JUDGED_USERS, JUDGED_SESSIONS))
    print(f"the model is in {out}")


def judge_again(program: Path, work: Path, out: Path, tracks: int) -> None:
    """Judges the demo's models that are there, and puts what is found into their card and `quality.json`; the card tells anew of the
    schema and the files, too. Nothing is learned."""
    generate(program, tracks, JUDGED_USERS, JUDGED_SEED, work / "judged")
    judged = judge(program, work, out)
    path, model = out / "quality.json", hashlib.sha256((out / "ranker.onnx").read_bytes()).hexdigest()
    quality = json.loads(path.read_text())
    if quality["ranker"] != model:
        raise SystemExit(f"{path} is about another ranker than {model}: make both again by `cargo xtask train`")
    path.write_text(json.dumps(quality | {"ndcg10_split": card.ndcg(judged)}, indent=2) + "\n")
    text = out / "CARD.md"
    text.write_text(card.judged_again(text.read_text(), out, judged))
    print(f"{text} tells of the judge as it is")


def train_reference(data: RankerData, model: Path, out: Path) -> None:
    """The reference architecture, learned from the same arrays, with the same towers and schema."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("item_tower.onnx", "user_tower.onnx", "schema.json"):
        shutil.copyfile(model / name, out / name)
    module, _ = ranker.train(data, PLAIN, build=reference.for_data)
    export_ranker(module, data, out)


def judge(program: Path, work: Path, model: Path) -> dict:
    """What `segue evaluate` says about a model on data of another seed."""
    report = work / f"judged-{model.name}.json"
    segue(
        *(program, "evaluate", "--data", work / "judged", "--model", model),
        *("--scorer", "ort", "--limit", JUDGED_SESSIONS, "--json", report),
    )
    return json.loads(report.read_text())


def write_quality(facts: dict, out: Path) -> None:
    """The figures that `cargo xtask bench` shows beside its own, and the ranker they are about."""
    names = {"ndcg10_split": "judged", "ndcg10_reference": "judged_reference"}
    quality = {key: card.ndcg(facts[judged]) for key, judged in names.items()}
    quality["ranker"] = hashlib.sha256((out / "ranker.onnx").read_bytes()).hexdigest()
    (out / "quality.json").write_text(json.dumps(quality, indent=2) + "\n")


def generate(program: Path, tracks: int, users: int, seed: int, data: Path) -> None:
    """Makes a data folder."""
    segue(program, "generate", "--tracks", tracks, "--users", users, "--seed", seed, "--data", data)
