"""The demo's card: judged again without training it tells of the judge, the schema and the files as they are, all else stays."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from segue_training import card

CARD = Path(__file__).resolve().parents[2] / "models/demo/CARD.md"
ROW = {"method": "segue", "ndcg10": 0.5, "hr10": 0.6, "hr30": 0.7, "mrr": 0.4}
JUDGED = {"sessions": 3, "steps": 9, "scorer": "ort", "in_pack": 0.25, "rows": [ROW]}


def rest(text: str) -> list[str]:
    """The card without what the judge found."""
    before, after = re.split(r"\n\d+ sessions, \d+ steps, ", text)
    lines = (before + after.partition(card.HELD_BACK)[2]).splitlines()
    return [line for line in lines if not line.startswith("| this ranker |")]


def test_what_the_judge_finds_now_takes_the_place_of_what_it_found():
    judged = JUDGED | {"rows": [ROW, ROW | {"method": "popular", "ndcg10": 0.1}, ROW | {"method": "gbdt", "ndcg10": None}]}
    before = CARD.read_text()
    after = card.judged_again(before, CARD.parent, judged)
    assert "3 sessions, 9 steps, scored by ort; 25.0% of the\n" in after and "| gbdt |" not in after
    assert [line for line in after.splitlines() if line.startswith("| segue |")] == ["| segue | 0.5000 | 0.6000 | 0.7000 | 0.4000 |"]
    assert after.count("| popular |") == 1 and "| logistic |" not in after
    ours, reference = (line for line in after.splitlines() if line.startswith(("| this ranker |", "| reference |")))
    assert ours.endswith(" | 0.5000 |") and reference in before
    assert rest(before) == rest(after)
    assert card.judged_again(after, CARD.parent, judged) == after


def test_a_card_of_other_files_is_told_of_the_schema_and_the_files_beside_it():
    card_now = CARD.read_text()
    version = json.loads((CARD.parent / "schema.json").read_text())["version"]
    assert f"version `{version}` of format" in card_now
    older = card_now.replace(f"`{version}`", "`another`")
    for name in card.FILES:
        digest = hashlib.sha256((CARD.parent / name).read_bytes()).hexdigest()
        assert digest in older, name
        older = older.replace(digest, "0" * 64)
    assert rest(card.judged_again(older, CARD.parent, JUDGED)) == rest(card_now)


def test_a_card_that_does_not_say_its_split_is_not_half_renewed():
    older = CARD.read_text().replace(", which is `{", ". `{")
    with pytest.raises(SystemExit, match="cargo xtask train"):
        card.judged_again(older, CARD.parent, JUDGED)
