"""`python -m segue_training demo`: makes the demo's models from nothing."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from . import compress, devices, quantise
from .train import ITEM2VEC, VECTORS, demo, deterministic, fit, judge_again

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="segue_training", description="Trains Segue's models.")
    parser.add_argument("--segue", type=Path, default=ROOT / "target/debug/segue", help="the segue program")
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("demo", help="generate data, train on it, judge on another seed, write the card")
    made.add_argument("--out", type=Path, default=ROOT / "cloud/models/demo", help="where the model goes")
    made.add_argument("--work", type=Path, default=ROOT / "target/training", help="where data and arrays go")
    made.add_argument("--tracks", type=int, default=20_000)
    made.add_argument("--users", type=int, default=4_000, help="listeners to learn from")
    judged = commands.add_parser("judge", help="judge the demo's models that are there, and write that into their card")
    judged.add_argument("--out", type=Path, default=ROOT / "cloud/models/demo", help="where the model is")
    judged.add_argument("--work", type=Path, default=ROOT / "target/training", help="where data goes")
    judged.add_argument("--tracks", type=int, default=20_000)
    learns(commands.add_parser("train", help="train on a data folder"))
    learns(commands.add_parser("distill", help="train on a data folder, the ranker taught by one of twice the experts, each twice as wide"))
    smaller = commands.add_parser("compress", help="train smaller rankers on a data folder and print what each costs")
    smaller.add_argument("--data", type=Path, required=True)
    smaller.add_argument("--out", type=Path, required=True, help="where the table and a model folder for each row go")
    smaller.add_argument("--limit", type=int, default=500, help="held-out sessions to judge on; 0 is every one")
    arguments = parser.parse_args()
    if arguments.command == "demo":
        demo(arguments.segue, arguments.work, arguments.out, arguments.tracks, arguments.users)
    elif arguments.command == "judge":
        judge_again(arguments.segue, arguments.work, arguments.out, arguments.tracks)
    elif arguments.command == "compress":
        deterministic()
        compress.run(arguments.segue, arguments.data, arguments.out, arguments.limit)
    else:
        folders = (arguments.data, arguments.work, arguments.out)
        taught = arguments.command == "distill"
        facts = fit(arguments.segue, *folders, arguments.retriever, arguments.before, arguments.weights, taught=taught)
        devices.alone((arguments.work / "facts.json").write_text, json.dumps(known(facts), indent=2, allow_nan=False))


def learns(trained: argparse.ArgumentParser) -> None:
    """What a command that trains on a data folder asks for."""
    trained.add_argument("--data", type=Path, required=True)
    trained.add_argument("--out", type=Path, required=True, help="where the model goes")
    trained.add_argument("--work", type=Path, required=True, help="where arrays and `facts.json` go")
    trained.add_argument("--before", type=Path, help="the model whose vectors the new ones go on from")
    vectors = "what makes the vectors: two towers over metadata and history, what was taken up together, or towers with a table of that beside them"
    trained.add_argument("--retriever", choices=list(VECTORS), default=ITEM2VEC, help=vectors)
    kept = "how the ranker's file keeps its weights: 4 bytes each, or 1 with a scale for each row or column"
    trained.add_argument("--weights", choices=[quantise.FLOAT, quantise.INT8], default=quantise.FLOAT, help=kept)


def known(value):
    """The same with null in place of figures that have no meaning, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: known(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    main()
