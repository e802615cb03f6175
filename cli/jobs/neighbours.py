"""Find the nearest neighbours of one sample in several models, side by side."""

from __future__ import annotations

import difflib
import importlib.metadata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hyle.zoo import InputError, Representation, Sample, describe_sample, shorten

from ..report import Pictured, write_neighbours_page
from .compare import by_name
from .matter import marked_number, sample_of
from .rows import rows_of, rows_word

NeighbourMetric = Literal["cosine", "euclidean", "inner_product"]


@dataclass(frozen=True)
class Neighbour:
    """A neighbour of the sample in one model.

    Args:
        id: of the neighbour.
        distance: Euclidean distance, 1 minus the cosine similarity, or the negative inner product.
        others: the other models in which it is a neighbour too.
    """

    id: str
    distance: float
    others: tuple[str, ...]


@dataclass(frozen=True)
class NeighbourResult:
    """The nearest neighbours of one sample.

    Args:
        sample: id of the sample.
        k: number of neighbours.
        neighbour_metric: how distances are measured.
        n: number of samples that all models have.
        models: name -> neighbours, nearest first.
        ties: models in which a further sample is as near as the last neighbour.
        recipes: name -> recipe of the representation.
    """

    sample: str
    k: int
    neighbour_metric: str
    n: int
    models: Mapping[str, Sequence[Neighbour]]
    ties: Sequence[str] = ()
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def per(self) -> str:
        """What the rows are of: ``atom``, ``residue``, ``token``; empty for samples."""
        return next((str(recipe["per"]) for recipe in self.recipes.values() if "per" in recipe), "")

    @property
    def chance(self) -> float:
        """Share of the neighbours in one model that another model has by chance, k / (n - 1)."""
        return self.k / (self.n - 1)

    @property
    def shared(self) -> dict[str, int]:
        """Neighbours that several models have, and how many do, most first."""
        counts = Counter(one.id for found in self.models.values() for one in found)
        return {name: count for name, count in counts.most_common() if count > 1}


def find_neighbours(
    sample: str,
    representations: Sequence[Representation],
    *,
    k: int = 5,
    neighbour_metric: NeighbourMetric = "cosine",
) -> NeighbourResult:
    """Return the k nearest neighbours of a sample in each representation, among the samples that all of them have.

    Args:
        sample: its id; for nodes ``SAMPLE#i``.
        representations: one or more, of samples or of nodes.
        k: from 1 to n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.

    Raises:
        InputError: a representation has no such sample (names the closest ids), k is too large, or an embedding has
            values that are not finite.
    """
    from hyle.engine.analysis import nearest_samples

    named = by_name(representations)
    ids = ids_in_common(named)
    _check_id(sample, named, ids)
    if not 1 <= k < len(ids):
        words = rows_word(representations)
        raise InputError(f"-k {k}: the models have {len(ids)} {words} in common, so that k is 1 to {len(ids) - 1}")
    found: dict[str, tuple[list[str], np.ndarray]] = {}
    ties = []
    for name, each in named.items():
        rows = rows_of(each, ids)
        nearest = nearest_samples(rows, ids.index(sample), k=k, neighbour_metric=neighbour_metric)
        found[name] = [ids[i] for i in nearest.indices], nearest.distances
        ties += [name] if nearest.tied else []
    models = {
        name: tuple(
            Neighbour(one, float(distance), tuple(m for m, (others, _) in found.items() if m != name and one in others))
            for one, distance in zip(near, distances, strict=True)
        )
        for name, (near, distances) in found.items()
    }
    recipes = {name: dict(each.recipe) for name, each in named.items()}
    return NeighbourResult(sample, k, neighbour_metric, len(ids), models, ties, recipes)


def ids_in_common(representations: Mapping[str, Representation]) -> list[str]:
    """Return the sorted ids that all representations have.

    Raises:
        InputError: they have fewer than two in common, or some are of samples and others of nodes.
    """
    kinds = {name: str(each.recipe.get("per", "sample")) for name, each in representations.items()}
    if len(set(kinds.values())) > 1:
        shown = ", ".join(f"{name} of {kind}s" for name, kind in kinds.items())
        raise InputError(f"these representations have no rows in common: {shown}")
    one = next(iter(kinds.values()))
    common = sorted(set.intersection(*(set(each.ids) for each in representations.values())))
    if len(common) < 2 and len(representations) == 1:
        name = next(iter(representations))
        raise InputError(f"{name} has {len(common)} {one}, which is too few to compare it with others")
    if len(common) < 2:
        shown = "; ".join(f"{name}: {', '.join(map(shorten, each.ids[:3]))}" for name, each in representations.items())
        raise InputError(
            f"the models have {len(common) or 'no'} {one}{'s' * (not common)} in common: do the ids match? ({shown})"
        )
    return common


def _check_id(sample: str, named: Mapping[str, Representation], ids: Sequence[str]) -> None:
    if sample in ids:
        return
    one = str(next(iter(named.values())).recipe.get("per", "sample"))
    has = [name for name, each in named.items() if sample in each.ids]
    if has:
        without = next(name for name in named if name not in has)
        verb = "has" if len(has) == 1 else "have"
        raise InputError(f"{without} has no {one} {shorten(sample)!r}; {', '.join(has)} {verb} it")
    close = closest_ids(sample, ids)
    raise InputError(f"no {one} is called {shorten(sample)!r}; the closest ids are {', '.join(map(repr, close))}")


def closest_ids(word: str, ids: Sequence[str], most: int = 3) -> list[str]:
    """Return the ids that are most like a misspelt one: those that contain it first, shorter ones before."""
    holding = sorted((i for i in ids if word.lower() in i.lower()), key=lambda i: (len(i), i)) if word else []
    close = difflib.get_close_matches(word, list(ids)[:20_000], n=most, cutoff=0.0)
    return [shorten(i) for i in dict.fromkeys([*holding[:most], *close])][:most]


def neighbours_data(result: NeighbourResult, samples: Mapping[str, Sample]) -> dict[str, Any]:
    """Return the result as plain data."""
    nodes = bool(result.per)
    return {
        "sample": result.sample,
        "what": describe_row(result.sample, samples, nodes=nodes),
        "k": result.k,
        "neighbour_metric": result.neighbour_metric,
        "n": result.n,
        "chance": result.chance,
        "shared": result.shared,
        "models": {
            name: [
                {
                    "id": one.id,
                    "distance": one.distance,
                    "what": describe_row(one.id, samples, nodes=nodes),
                    "also_in": list(one.others),
                }
                for one in found
            ]
            for name, found in result.models.items()
        },
        "ties": list(result.ties),
        "recipe": {name: dict(recipe) for name, recipe in result.recipes.items()},
        "hyle_version": importlib.metadata.version("hyle"),
    }


def describe_row(row: str, samples: Mapping[str, Sample], *, nodes: bool, width: int = 48) -> str:
    """Return the SMILES, formula or sequence of the sample of a row, or an empty text if it is unknown."""
    sample = samples.get(sample_of(row, nodes=nodes)[0])
    return "" if sample is None else describe_sample(sample, width)


def write_neighbours(result: NeighbourResult, samples: Mapping[str, Sample], path: Path) -> Path:
    """Write the page with the sample and its neighbours drawn, one column for each model; return its path."""
    per, rows = result.per, f"{result.per or 'sample'}s"

    def pictured(row: str) -> Pictured:
        name, number = sample_of(row, nodes=bool(per))
        sample = samples.get(name)
        return Pictured(row, sample, marked_number(number, sample, per))

    columns = {
        name: [(pictured(one.id), one.distance, len(one.others) + 1) for one in found]
        for name, found in result.models.items()
    }
    facts = {
        "k": result.k,
        "distance": result.neighbour_metric.replace("_", " "),
        rows: f"{result.n:,}",
        "shared by chance": f"{100 * result.chance:.2g} %",
    }
    residues = {name: [one for one, _, _ in found] for name, found in columns.items()} if per == "residue" else {}
    return write_neighbours_page(
        pictured(result.sample), columns, facts, path, kind=result.per or "sample", residues=residues
    )
