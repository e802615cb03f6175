"""Tell whether aligned models make the same errors."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import InputError

from ..comparison import model_names, number
from ..console import print_table
from ..results import BlindSpotResult
from ._question import AnalysisInput
from ._words import p_value

if TYPE_CHECKING:
    from ..figures import Figure


# Samples at least that all models need errors of.
MIN_SAMPLES = 8


def data(question: AnalysisInput) -> BlindSpotResult | None:
    """Compare errors, given or those of energies, or what classifiers predict; None where there is none of two models.

    Raises:
        ValueError: an error of a model that is not in the Comparison.
    """
    from hyle.engine.analysis import agreement, association, blind_spots

    names = model_names(question.comparison)
    given, what = question.errors, "errors"
    if given is None and "energy_residual" in question.comparison:
        rows = question.comparison["energy_residual"].transpose("model", "sample").values
        given = {name: row for name, row in zip(names, rows, strict=True) if np.isfinite(row).any()}
        if not given or np.isfinite(np.stack(list(given.values()))).all(0).sum() < MIN_SAMPLES:
            given = None
        what = "energy errors"
    if question.classes is not None:
        given, what = question.classes, "predicted classes"
    if given is None or len(given) < 2:
        return None
    unknown = [name for name in given if name not in names]
    if unknown:
        raise InputError(f"the comparison has no model {unknown[0]!r} that {what} are of; it has {', '.join(names)}")
    models = tuple(name for name in names if name in given)
    place = [names.index(name) for name in models]
    # As alignment: the strength is 0 at the chance level, whichever way the metric goes.
    near = question.score.strength
    near = ((near + near.T) / 2)[np.ix_(place, place)]
    if question.classes is not None:
        seen = agreement(np.stack([np.asarray(given[name]) for name in models]), question.truth)
        alike, spots, capa, n = {"capa": seen.capa}, None, seen.capa, seen.n
    else:
        spots = blind_spots(np.stack([given[name] for name in models]))
        alike, capa, n = {"correlation": spots.correlation, "kappa": spots.kappa}, None, spots.n
        alike |= {f"difficulty_{i + 1}": matrix for i, matrix in enumerate(spots.by_difficulty)}
    goes = {}
    if len(models) > 3:
        goes = {k: association(near, v) for k, v in alike.items() if np.isfinite(v[~np.eye(len(v), dtype=bool)]).any()}
    return BlindSpotResult(models, spots, capa, near, goes, question.score.label, what, n, question.kinds)


def sentences(found: BlindSpotResult) -> list[str]:
    """Say whether aligned models err alike, or that this is not told from chance."""
    if not found.goes_with:
        return []
    one = next(iter(found.goes_with.values()))
    numbers = f"rank correlation over pairs {number(one.correlation, 2)}, {p_value(one.p)} by permutation, "
    numbers += f"n = {one.models} models and {found.n} samples"
    if one.p > 0.05:
        return [f"Whether aligned models make the same {found.what} is not distinguishable from chance ({numbers})."]
    like = "the same" if one.correlation > 0 else "other"
    return [f"Models that are more aligned make {like} {found.what} ({numbers})."]


def show(found: BlindSpotResult) -> None:
    """Print how alike the errors of each pair are."""
    click.echo(f"Are the {found.what} of aligned models alike? {found.n} samples, {len(found.models)} models")
    lines = []
    for i, a in enumerate(found.models):
        for j, b in list(enumerate(found.models))[i + 1 :]:
            cells = [found.capa[i, j]] if found.capa is not None else []
            if found.spots is not None:
                cells = [found.spots.correlation[i, j], found.spots.kappa[i, j], *found.spots.by_difficulty[:, i, j]]
            lines.append((a, b, *(number(v, 2) if v == v else "–" for v in (found.alignment[i, j], *cells))))
    headings = ["model", "other", "alignment"]
    headings += ["CAPA"] if found.capa is not None else ["correlation", "kappa", "easy", "middling", "hard"]
    print_table(headings, lines, right=headings[2:], keys=2)
    for name, one in found.goes_with.items():
        numbers = f"{number(one.correlation, 2)}, {p_value(one.p)} by permutation, n = {one.models} models"
        click.echo(f"alignment with {name}: rank correlation over pairs {numbers}")
    if found.spots is not None:
        click.echo(
            f"kappa: wrong above {found.spots.threshold:.4g}; easy to hard: correlation by difficulty for others"
        )


def plain(found: BlindSpotResult) -> dict[str, Any]:
    """Return the matrices for programs."""
    return {
        "models": list(found.models),
        "alignment": found.alignment,
        "capa": found.capa,
        "n": found.n,
        **({} if found.spots is None else dataclasses.asdict(found.spots)),
        "association": {name: dataclasses.asdict(one) for name, one in found.goes_with.items()},
    }


def figures(found: BlindSpotResult) -> dict[str, Figure]:
    """Return likeness of errors against alignment."""
    from ..figures import Figure, blind_spot_scatter

    caption = (
        f"Each point is a pair of models: how alike their {found.what} are, sample by sample, against their alignment. "
        "Up and to the right, models that see alike also err alike: their agreement is no proof of being right."
    )
    how = "CAPA" if found.capa is not None else "Spearman's correlation of signed errors"
    recipe = f"{how} over {found.n} samples; {found.metric}, 0 at chance and 1 at best; p by a Mantel test"
    return {"blind_spots": Figure(blind_spot_scatter(found), "Do aligned models err alike?", caption, recipe)}
