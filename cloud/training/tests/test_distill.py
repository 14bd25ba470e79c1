"""Teaching a small ranker, and cutting away what its experts hardly use."""

from __future__ import annotations

from dataclasses import replace

import torch
from test_training import TINY, ranker_data

from segue_training import distill, export, prune, ranker

SIDES = (torch.arange(100), torch.arange(100, 120))


def whole(data, settings):
    """The ranker after all of its stages."""
    torch.manual_seed(settings.seed)
    model = ranker.for_data(data, settings)
    for _ in ranker.stages_of(model, data, SIDES[0], settings):
        pass
    return model.eval()


def test_a_student_comes_nearer_to_its_teacher_than_the_outcomes_bring_it():
    data = ranker_data()
    settings = replace(TINY, epochs=15, experts=1, expert_size=8)
    heard = lambda teacher: replace(data, heard=distill.Listening(teacher))
    teacher, plain = whole(data, replace(TINY, experts=4, epochs=15)), whole(data, settings)
    taught = whole(heard(teacher), settings)
    said = ranker.answers(teacher, data, SIDES[0])
    away = lambda model: (ranker.answers(model, data, SIDES[0]) - said).abs().mean().item()
    assert away(taught) < away(plain), (away(taught), away(plain))


def test_a_teacher_learns_without_the_people_whom_the_student_is_stopped_by(monkeypatch):
    data, seen = ranker_data(), []
    original = ranker.early_stopped
    monkeypatch.setattr(ranker, "early_stopped", lambda data, *sides: (seen.append(sides[:2]), original(data, *sides))[1])
    heard, metrics = distill.heard(data, replace(TINY, experts=4, epochs=2))
    held_back = {int(group) for group in data.groups[seen[0][1]]}
    assert held_back and held_back.isdisjoint(int(group) for group in data.groups[seen[0][0]])
    assert heard.heard.teacher.towers.weight.shape[1] == TINY.expert_size and 0.0 <= metrics["ndcg_at_10"] <= 1.0


def test_doubts_are_least_where_student_and_teacher_agree():
    teacher = torch.randn(5, 8, 4, generator=torch.Generator().manual_seed(1))
    known = torch.ones(5, 8, dtype=torch.bool)
    known[0, 6:] = False
    least = distill.doubts(teacher, teacher, known, 2.0)
    assert distill.doubts(teacher, teacher + torch.randn(teacher.shape), known, 2.0) > least
    other = teacher.clone()
    other[0, 6:] = 9.0
    assert torch.allclose(distill.doubts(teacher, other, known, 2.0), least), "places without a candidate say nothing"


def test_a_narrowed_ranker_is_the_same_without_what_said_nothing_and_its_file_is_smaller(tmp_path):
    data = ranker_data()
    model = ranker.early_stopped(data, *SIDES, replace(TINY, epochs=5), ranker.for_data)[0]
    with torch.no_grad():
        model.towers.weight.copy_(torch.randn(model.towers.weight.shape, generator=torch.Generator().manual_seed(1)))
        model.towers.weight[:, ::2] = 0.0
    small = prune.narrowed(model, ranker.widths(data), TINY.expert_size // 2)
    every = torch.arange(data.steps)
    assert torch.allclose(ranker.answers(small, data, every), ranker.answers(model, data, every), atol=1e-5)
    sizes = []
    for at, one in enumerate((model, small)):
        path = tmp_path / f"{at}.onnx"
        export.ranker(one, ranker.widths(data), 6, path)
        sizes.append(path.stat().st_size)
    assert sizes[1] < sizes[0] and small.towers.weight.shape[1] == TINY.expert_size // 2
