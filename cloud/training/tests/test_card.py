"""The demo's card: judged again without training, all else stays."""

from __future__ import annotations

from pathlib import Path

from segue_training import card

CARD = Path(__file__).resolve().parents[2] / "models/demo/CARD.md"


def rest(text: str) -> list[str]:
    """The card without what the judge found."""
    before, _, after = text.partition(" sessions, ")
    lines = (before.rpartition("\n")[0] + after.partition(card.HELD_BACK)[2]).splitlines()
    return [line for line in lines if not line.startswith("| this ranker |")]


def test_what_the_judge_finds_now_takes_the_place_of_what_it_found():
    row = {"method": "segue", "ndcg10": 0.5, "hr10": 0.6, "hr30": 0.7, "mrr": 0.4}
    judged = {"sessions": 3, "steps": 9, "scorer": "ort", "in_pack": 0.25}
    judged |= {"rows": [row, row | {"method": "popular", "ndcg10": 0.1}, row | {"method": "gbdt", "ndcg10": None}]}
    before = CARD.read_text()
    after = card.judged_again(before, judged)
    assert "3 sessions, 9 steps, scored by ort; 25.0% of the\n" in after and "| gbdt |" not in after
    assert [line for line in after.splitlines() if line.startswith("| segue |")] == ["| segue | 0.5000 | 0.6000 | 0.7000 | 0.4000 |"]
    assert after.count("| popular |") == 1 and "| logistic |" not in after
    ours, reference = (line for line in after.splitlines() if line.startswith(("| this ranker |", "| reference |")))
    assert ours.endswith(" | 0.5000 |") and reference in before
    assert rest(before) == rest(after)
    assert card.judged_again(after, judged) == after
