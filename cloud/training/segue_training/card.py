"""The model's card: what it is, what it learned from, how good it is, how to make it again."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path

FILES = ["item_tower.onnx", "user_tower.onnx", "ranker.onnx", "gbdt.onnx", "schema.json"]
HELD_BACK = "On a tenth of the users of the training data, held back (used for early stopping):"
PACKAGES = ["torch", "onnx", "onnxscript", "onnxruntime", "numpy", "lightgbm"]
AGAIN = "## Make them again"
# What a card says of the data that was learned from.
LEARNED = re.compile(r"--tracks (\d+) --users (\d+) --seed (\d+)`, only events\nbefore the boundary in its split\.json, which is `([^`]+)`")


def write(out: Path, facts: dict, seed: int, judged: tuple[int, int, int]) -> None:
    """Writes CARD.md; `judged` is the seed, the users and the sessions of the data it was judged on."""
    text = "\n".join([
        *about(out, facts, seed),
        *again(facts, seed, judged),
        *files(out, facts),
        *quality(facts, judged),
        *cost(facts),
        *inputs(facts),
    ])
    (out / "CARD.md").write_text(text + "\n")


def about(out: Path, facts: dict, seed: int) -> list[str]:
    """What the model is, where it may be used, and what it learned from."""
    schema = json.loads((out / "schema.json").read_text())
    return [
        "# Model card: the demo's models",
        "",
        "Two towers (retrieval) and a session ranker for generated music catalogues. They use no id of a user or an",
        "item, so they serve every seed and size of `segue generate`; they are used only where the data's schema hash is",
        f"`{schema['dataset']}`. They know nothing about real music or real people.",
        "",
        f"Feature schema: version `{schema['version']}` of format {schema['format']}. It names no `towers`, so this ranker is never refused for vectors that",
        "it was not trained on (`model_wrong_towers`): `cargo xtask bench` times it over vectors from a formula, which no towers made.",
        "",
        f"Learned from: `segue generate --tracks {facts['tracks']} --users {facts['users']} --seed {seed}`, only events",
        f"before the boundary in its split.json, which is `{json.dumps(facts['split'])}`. The hidden state (`--truth`) is never written or read.",
        "There is no card.json: generated data begins and ends at about the same time for each seed, so another seed's held-out sessions,",
        "which this model never saw, may begin before that boundary, and the judge would refuse it.",
    ]


def again(facts: dict, seed: int, judged: tuple[int, int, int]) -> list[str]:
    """The command, and what it fixes."""
    judged_seed, judged_users, sessions = judged
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        "",
        AGAIN,
        "",
        "```",
        "cargo xtask train",
        "```",
        "",
        "or, with `requirements.lock` installed, ONNX Runtime's library in `ORT_DYLIB_PATH` and `segue` built:",
        "",
        "```",
        "cd cloud/training && python -m segue_training demo",
        "```",
        "",
        f"It generates the data (seed {seed}), writes the inputs with `segue features`, trains, exports, compares with",
        f"ONNX Runtime, and judges on {sessions} held-out sessions of seed {judged_seed} with {judged_users} users. One thread, deterministic",
        "algorithms, fixed seeds: one machine gives the same files each time; another kind of processor may differ in the",
        "last bits of the weights, and so a little in the figures below.",
        "",
        f"Packages: {packages}.",
        f"Settings: `{facts['settings']}`.",
    ]


def files(out: Path, facts: dict) -> list[str]:
    """Sizes, hashes, and how far ONNX Runtime is from PyTorch."""
    lines = ["", "## Files", "", "| file | bytes | SHA-256 | largest difference to PyTorch |", "|---|---|---|---|"]
    for name in FILES:
        difference = facts["differences"].get(name)
        lines.append(file(out / name, "-" if difference is None else f"{difference:.1e}"))
    return [*lines, "", f"The ranker has {facts['parameters']:,} parameters."]


def file(path: Path, difference: str) -> str:
    """The line of one file."""
    data = path.read_bytes()
    return f"| {path.name} | {len(data):,} | `{hashlib.sha256(data).hexdigest()}` | {difference} |"


def quality(facts: dict, judged_data: tuple[int, int, int]) -> list[str]:
    """Figures on users held back in training, and by the judge on another seed."""
    towers, ranker, trees, judged = facts["towers"], facts["ranker"], facts["gbdt"], facts["judged"]
    judged_seed, judged_users, sessions = judged_data
    lines = [
        "",
        "## Quality",
        "",
        "On another seed than the training's:",
        "",
        "```",
        f"segue generate --tracks {facts['tracks']} --users {judged_users} --seed {judged_seed} --data D",
        f"segue evaluate --data D --model demo --scorer ort --limit {sessions} --json FILE",
        "```",
        "",
        *results(judged),
    ]
    return [
        *lines,
        "",
        HELD_BACK,
        "",
        f"- towers: Recall@100 {towers['recall_at_100']:.3f}; the 100 most popular items {towers['recall_at_100_popular']:.3f};",
        f"  {towers['positives']:,} positives, best after {towers['epochs']} epochs;",
        f"- ranker: NDCG@10 among 32 candidates {ranker['ndcg_at_10']:.3f}, with the session forgotten",
        f"  {ranker['ndcg_at_10_empty_session']:.3f}; AUC complete {ranker['auc_complete']:.3f}, skip {ranker['auc_skip']:.3f},",
        f"  like {ranker['auc_like']:.3f}; {ranker['steps']:,} steps, best after {ranker['epochs']} epochs;",
        f"- trees: NDCG@10 among 32 candidates {trees['ndcg_at_10']:.3f}, on steps drawn by a fixed seed; {trees['trees']} trees",
        f"  from {trees['steps']:,} steps, drawn likewise.",
    ]


def results(judged: dict) -> list[str]:
    """What the judge found."""
    lines = [
        f"{judged['sessions']} sessions, {judged['steps']} steps, scored by {judged['scorer']}; {judged['in_pack']:.1%} of the",
        "targets were in the pack. `static` is the same ranker's order with an empty session, `segue` the order after",
        "each event.",
        "",
        "| method | NDCG@10 | HR@10 | HR@30 | MRR |",
        "|---|---|---|---|---|",
    ]
    # A row without figures says why in the judge's own report.
    for row in (row for row in judged["rows"] if row["ndcg10"] is not None):
        lines.append(f"| {row['method']} | {row['ndcg10']:.4f} | {row['hr10']:.4f} | {row['hr30']:.4f} | {row['mrr']:.4f} |")
    return lines


def judged_again(text: str, out: Path, judged: dict) -> str:
    """The card with what the judge finds now and what the files beside it say; what only the training could say stays, and so does the
    reference, which is not kept."""
    learned = LEARNED.search(text)
    if learned is None:
        raise SystemExit("the card does not say what was learned from and its split: make it again by `cargo xtask train`")
    tracks, users, seed, split = learned.groups()
    lines = text.splitlines()
    begin = next(at for at, line in enumerate(lines) if re.match(r"\d+ sessions, \d+ steps, ", line))
    lines[begin : lines.index(HELD_BACK)] = [*results(judged), ""]
    ours = next(at for at, line in enumerate(lines) if line.startswith("| this ranker |"))
    lines[ours] = f"{lines[ours].rsplit('|', 2)[0]}| {ndcg(judged):.4f} |"
    for at, cells in [(at, line.split(" | ")) for at, line in enumerate(lines)]:
        if cells[0].removeprefix("| ") in FILES:
            lines[at] = file(out / cells[0].removeprefix("| "), cells[-1].removesuffix(" |"))
    facts = {"tracks": tracks, "users": users, "split": json.loads(split)}
    lines[: lines.index(AGAIN)] = [*about(out, facts, int(seed)), ""]
    return "\n".join(lines) + "\n"


def cost(facts: dict) -> list[str]:
    """What is computed when, and what the cheaper architecture costs in quality."""
    ours, others = facts["judged"], facts["judged_reference"]
    lines = [
        "",
        "## Cost",
        "",
        "The core cuts the graph by what its nodes depend on (docs/FEATURES.md). MFLOP in matrix products at 500 candidates and",
        "50 events, and NDCG@10 as above; the reference is `segue_training/reference.py`, learned from the same arrays:",
        "",
        "| architecture | once per pack | per event: session | per event: candidates | NDCG@10 |",
        "|---|---|---|---|---|",
    ]
    for name, judged in (("this ranker", ours), ("reference", others)):
        parts = facts["parts" if judged is ours else "parts_reference"]
        mflop = " | ".join(f"{parts[part]:.2f}" for part in ("pack", "session", "cross"))
        lines.append(f"| {name} | {mflop} | {ndcg(judged):.4f} |")
    return lines


def ndcg(judged: dict) -> float:
    """NDCG@10 of the re-ranked lists."""
    return next(row["ndcg10"] for row in judged["rows"] if row["method"] == "segue")


def inputs(facts: dict) -> list[str]:
    """What goes in and comes out."""
    return [
        "",
        "## Inputs and outputs",
        "",
        f"- `item_tower.onnx`: `items` f32 [N, {len(facts['columns']['items'])}] to `vectors` f32 [N, 64], unit length.",
        f"- `user_tower.onnx`: `users` f32 [N, {len(facts['columns']['users'])}] to `vectors` f32 [N, 64], unit length.",
        "  The columns of both follow from `dataset.json` (cloud/src/towers/features.rs).",
        "- `ranker.onnx`: `candidates`, `live`, `events`, `mask`, `context` as schema.json says, to `heads` f32 [C, 4]:",
        "  probabilities that the item would be played through, skipped, liked, and that it is the next one to do well",
        "  (`next`: among 32 candidates, its scale is not that of the whole catalogue).",
        "- `gbdt.onnx`: `rows` f32 [N, columns of `candidates`, `live` and `context`] to `scores` f32 [N, 1]: boosted trees for the row",
        "  `gbdt` of the judge. Nothing serves or publishes them.",
    ]
