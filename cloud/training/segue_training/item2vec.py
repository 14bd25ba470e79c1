"""Item vectors from what was taken up together: item2vec (Barkan and Koenigstein, "Item2Vec: Neural Item Embedding for
Collaborative Filtering", 2016).

Baskets are what one person took up, sessions and collections; where it helps to find what is in a basket that was held back,
also the items that share a word of metadata. An item that nobody took up starts from those it shares words with, but stands
back: a mean of many is near to everybody, and would push what people are known to like out of every list. Skip-gram with negative sampling factorises the table of who lies
in which basket, implicitly (Levy and Goldberg, "Neural Word Embedding as Implicit Matrix Factorization", 2014). Here it is
factorised as such, in closed form: vectors are the table's leading directions, weighed by a power of their singular values: the
square root, which is symmetric between items and baskets (Levy and others, "Improving Distributional Similarity", 2015), or the values
themselves, with which cosines are nearest to those of the table, where that finds held-back items better. That takes seconds, has no
rate to tune, and baskets of a few thousand people are too few to draw pairs from.

Tables learned from parts of the data are turned onto that of all of it (`generations`), so that one ranker reads them all,
and so is a new generation onto the one before.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from . import generations
from .data import tensor

FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """How the vectors are learned."""

    dimension: int = 64  # the last entry is the axis on which new items stand back
    new_item: float = 0.5  # a new item's share of its neighbours' direction
    word_shares: tuple[float, ...] = (0.0, 0.2, 0.5)  # what metadata may weigh beside what people took up
    powers: tuple[float, ...] = (0.5, 1.0)  # of the singular values, that directions may be weighed by
    held_back: float = 0.1  # of the people, to choose a share and a power by
    judged: int = 4096  # entries of theirs
    places: int = 10
    passes: int = 6  # over the table, which sharpen the directions
    seed: int = 1


@dataclass(frozen=True)
class Baskets:
    """Which items lie in which basket."""

    entries: torch.Tensor  # int64 [E, 2]: basket and item, sorted by basket
    weights: torch.Tensor  # f32 [E]
    groups: torch.Tensor  # int64 [B]: whose basket it is; below 0 where it is a word of metadata

    @property
    def words(self) -> torch.Tensor:
        """bool [B]: the basket is a word of metadata."""
        return self.groups < 0

    def of(self, groups: torch.Tensor) -> tuple["Baskets", "Baskets"]:
        """Those of other groups, and those of these."""
        theirs = torch.isin(self.groups, groups)[self.entries[:, 0]]
        return tuple(Baskets(self.entries[side], self.weights[side], self.groups) for side in (~theirs, theirs))

    @staticmethod
    def load(folder: Path) -> "Baskets":
        """Reads one folder of `segue features baskets --out`."""
        return Baskets(tensor(folder, "entries").long(), tensor(folder, "weights"), tensor(folder, "groups").long())


def learn(
    baskets: Baskets, items: int, word_share: float, settings: Settings = Settings(), power: float = 0.5
) -> torch.Tensor:
    """A unit vector for each item, f32 [items, dimension]; zeros for one that lies in no basket."""
    vectors = torch.nn.functional.normalize(directions(table(baskets, items, word_share), settings, power), dim=1)
    lone = ~known(baskets, items)
    if word_share > 0.0 or not bool(lone.any()):
        return vectors
    vectors[lone] = 0.0
    beside = torch.nn.functional.normalize(neighbours(vectors, baskets)[lone], dim=1) * settings.new_item
    beside[:, -1] = math.sqrt(1.0 - settings.new_item**2) * (beside != 0.0).any(1)
    vectors[lone] = beside
    return vectors


def known(baskets: Baskets, items: int) -> torch.Tensor:
    """bool [items]: somebody took it up beside something else."""
    people = ~baskets.words[baskets.entries[:, 0]]
    return torch.bincount(baskets.entries[people, 1], minlength=items) > 0


def neighbours(vectors: torch.Tensor, baskets: Baskets) -> torch.Tensor:
    """The mean of what each item shares words with, rare words counting more; f32 [items, dimension]."""
    basket, item = baskets.entries[baskets.words[baskets.entries[:, 0]]].T
    known = (vectors[item] != 0.0).any(1).float()
    count = torch.zeros(len(baskets.groups)).index_add_(0, basket, known)
    centre = torch.zeros(len(baskets.groups), vectors.shape[1]).index_add_(0, basket, vectors[item])
    rarity = torch.log((1 + len(vectors)) / (1 + count)) + 1
    centre = centre / count.clamp(min=1)[:, None] * rarity[:, None]
    return torch.zeros_like(vectors).index_add_(0, item, centre[basket])


def chosen(baskets: Baskets, items: int, settings: Settings) -> tuple[tuple[float, float], dict[str, float]]:
    """What words should weigh, and the power of the singular values, by how well the rest of a basket finds each item of it, for
    people who were not learned from; and what each choice comes to."""
    people = torch.unique(baskets.groups[baskets.groups >= 0])
    people = people[torch.randperm(len(people), generator=torch.Generator().manual_seed(settings.seed))]
    learned, held_back = baskets.of(people[: max(1, int(len(people) * settings.held_back))])
    warm = known(learned, items)
    found = {}
    for choice in tqdm(list(product(settings.word_shares, settings.powers)), desc="item2vec", unit="choice"):
        vectors = learn(learned, items, choice[0], settings, choice[1])
        found[choice] = gain(torch.where(warm[:, None], vectors, 0.0), held_back, settings)
    metrics = {f"ndcg_at_10_with_words_{share}_power_{power}": value for (share, power), value in found.items()}
    return max(found, key=found.get), metrics


def gain(vectors: torch.Tensor, baskets: Baskets, settings: Settings) -> float:
    """Mean NDCG at `places`, in the whole catalogue, of an item by the mean of the others of its basket; items without a
    vector are not asked for."""
    basket, item = baskets.entries.T
    sums = torch.zeros(len(baskets.groups), vectors.shape[1]).index_add_(0, basket, vectors[item])
    sizes = torch.bincount(basket, minlength=len(baskets.groups))
    asked = torch.nonzero((sizes[basket] > 1) & (vectors[item] != 0.0).any(1)).flatten()
    gains = []
    for at in asked[:: max(1, len(asked) // settings.judged)].split(512):
        scores = (sums[basket[at]] - vectors[item[at]]) @ vectors.T
        mine = scores.gather(1, item[at, None])
        rank = (scores > mine).sum(1) + (scores == mine).sum(1)
        gains.append(torch.where(rank <= settings.places, 1.0 / torch.log2(rank + 1.0), 0.0))
    return torch.cat(gains).mean().item() if gains else 0.0


def table(baskets: Baskets, items: int, word_share: float) -> torch.Tensor:
    """Who lies in which basket, sparse f32 [items, B]: rare baskets weigh more, each item's share of people has length 1
    and its share of words `word_share`."""
    basket, item = baskets.entries.T
    count = torch.bincount(basket, minlength=len(baskets.groups)).float()
    rarity = torch.log((1 + items) / (1 + count)) + 1
    values = torch.log1p(baskets.weights) * rarity[basket]
    is_word = baskets.words[basket]
    for kind, share in ((False, 1.0), (True, word_share)):
        chosen = is_word == kind
        length = torch.zeros(items).index_add_(0, item[chosen], values[chosen] ** 2).sqrt()
        values[chosen] *= share / length[item[chosen]].clamp(min=1e-9)
    shape = (items, len(baskets.groups))
    return torch.sparse_coo_tensor(torch.stack([item, basket]), values, shape).coalesce()


def directions(table: torch.Tensor, settings: Settings, power: float) -> torch.Tensor:
    """The rows in their leading directions (Halko, Martinsson and Tropp, 2011), f32 [items, dimension]; the last entry is 0."""
    generator = torch.Generator().manual_seed(settings.seed)
    width = min(settings.dimension + 9, *table.shape)
    basis = torch.linalg.qr(table @ torch.randn(table.shape[1], width, generator=generator)).Q
    for _ in range(settings.passes):
        basis = torch.linalg.qr(table @ torch.linalg.qr(table.T @ basis).Q).Q
    left, values, _ = torch.linalg.svd((table.T @ basis).T, full_matrices=False)
    vectors = (basis @ left * values**power)[:, : settings.dimension - 1]
    return torch.nn.functional.pad(vectors, (0, settings.dimension - vectors.shape[1]))


def turned(vectors: torch.Tensor, onto: torch.Tensor) -> torch.Tensor:
    """The vectors after the rotation that brings them nearest to `onto`, row by row; the last axis stays."""
    axes, last = vectors[:, :-1], vectors[:, -1:]
    turning = generations.rotation(axes, onto[:, :-1])
    return torch.cat([(axes.double() @ turning).float(), last], 1)


def write(path: Path, items: list[str], vectors: torch.Tensor, settings: Settings) -> None:
    """Writes the table; items in no basket are left out, they start from their content neighbours."""
    placed = torch.nonzero(vectors.norm(dim=1) > 0.5).flatten()
    header = {"format": FORMAT, "dimension": vectors.shape[1], "new_item": settings.new_item}
    header["items"] = [items[at] for at in placed.tolist()]
    rows = vectors[placed].numpy().astype("<f4").tobytes()
    path.write_bytes(json.dumps(header).encode() + b"\n" + rows)


def fit(work: Path, out: Path, before: Path | None = None, settings: Settings = Settings()) -> dict[str, float]:
    """Learns from what `segue features baskets` wrote: `vectors.npy` for each part, the table of all of it. The table is turned
    onto that of the model folder `before`."""
    items = json.loads((work / "items.json").read_text())
    baskets = Baskets.load(work / "all")
    (share, power), metrics = chosen(baskets, len(items), settings)
    whole = learn(baskets, len(items), share, settings, power)
    onto = generations.table(before, items, settings.dimension)
    if onto is not None:
        whole = turned(whole, onto)
        metrics["alike_before"] = generations.alike(whole, onto)
    alike = []
    for part in tqdm(sorted(folder for folder in work.iterdir() if folder.name.isdigit()), desc="item2vec", unit="part"):
        vectors = turned(learn(Baskets.load(part), len(items), share, settings, power), whole)
        alike.append((vectors * whole).sum(1).mean().item())
        np.save(part / "vectors.npy", vectors.numpy())
    write(out / generations.TABLE, items, whole, settings)
    return metrics | {"word_share": share, "power": power, "items": len(items), "parts_alike": sum(alike) / len(alike)}
