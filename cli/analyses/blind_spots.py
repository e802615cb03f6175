"""Whether aligned models make the same errors."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import InputError

from ..comparison import model_names, number
from ..console import print_table
from ..results import BlindSpotResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, evidence, is_number, is_significant

if TYPE_CHECKING:
    from ..figures import Figure

QUESTION = "Do aligned models make similar errors?"
# The smallest number of samples on which all models have errors.
MIN_SAMPLES = 8


def compute(question: AnalysisInput) -> BlindSpotResult | None:
    """Compare the errors or predicted classes of models pair by pair, and correlate this with alignment.

    The errors are those of the input, or else the energy residuals of the Comparison. None where fewer than two models
    have errors or predicted classes.

    Raises:
        ValueError: the errors or classes are of a model that is not in the Comparison.
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
        raise InputError(
            f"{what} are given for {unknown[0]!r}, which the comparison does not have; it has {', '.join(names)}"
        )
    models = tuple(name for name in names if name in given)
    place = [names.index(name) for name in models]
    # Strength is 0 at the chance level and rises with alignment, also for a metric that is best when small.
    strength = question.score.strength
    alignment = ((strength + strength.T) / 2)[np.ix_(place, place)]
    if question.classes is not None:
        agreed = agreement(np.stack([np.asarray(given[name]) for name in models]), question.truth)
        similarity, spots, capa, n = {"capa": agreed.capa}, None, agreed.capa, agreed.n
    else:
        spots = blind_spots(np.stack([given[name] for name in models]))
        similarity, capa, n = {"correlation": spots.correlation, "kappa": spots.kappa}, None, spots.n
        similarity |= {f"difficulty_{i + 1}": matrix for i, matrix in enumerate(spots.by_difficulty)}
    associations = {}
    if len(models) > 3:
        off_diagonal = ~np.eye(len(models), dtype=bool)
        associations = {
            name: association(alignment, matrix, families=[question.families[model] for model in models])
            for name, matrix in similarity.items()
            if np.isfinite(matrix[off_diagonal]).any()
        }
    return BlindSpotResult(models, spots, capa, alignment, associations, question.score.label, what, n, question.kinds)


def summarise(result: BlindSpotResult) -> list[str]:
    """Return whether aligned models make the same errors, or that this is not distinguishable from chance."""
    if not result.goes_with:
        return []
    one = next(iter(result.goes_with.values()))
    if not is_number(one.p):
        return [NotSignificant(f"Whether aligned models make the same {result.what} is {evidence(one, one.models)}.")]
    numbers = f"rank correlation over pairs of families {number(one.correlation, 2)}, {evidence(one, one.models)}"
    numbers += f" and {result.n} samples"
    if not is_significant(one.p):
        line = f"Whether aligned models make the same {result.what} is not distinguishable from chance ({numbers})."
        return [NotSignificant(line)]
    same = "the same" if one.correlation > 0 else "other"
    return [f"Models that are more aligned make {same} {result.what} ({numbers})."]


def print_result(result: BlindSpotResult) -> None:
    """Print the similarity of the errors of each pair."""
    click.echo(f"Are the {result.what} of aligned models similar? {result.n} samples, {len(result.models)} models")
    lines = []
    for i, a in enumerate(result.models):
        for j, b in list(enumerate(result.models))[i + 1 :]:
            cells = [result.capa[i, j]] if result.capa is not None else []
            if result.spots is not None:
                cells = [result.spots.correlation[i, j], result.spots.kappa[i, j], *result.spots.by_difficulty[:, i, j]]
            lines.append((a, b, *(number(v, 2) if v == v else "–" for v in (result.alignment[i, j], *cells))))
    headings = ["model", "other", "alignment"]
    headings += ["CAPA"] if result.capa is not None else ["correlation", "kappa", "easy", "medium", "hard"]
    print_table(headings, lines, right=headings[2:], keys=2)
    for name, one in result.goes_with.items():
        correlation = f"{number(one.correlation, 2)}, " if is_number(one.correlation) else ""
        numbers = f"{correlation}{evidence(one, one.models)}"
        click.echo(f"alignment with {name}: rank correlation over pairs of families {numbers}")
    if result.spots is not None:
        click.echo(
            f"kappa: wrong above {result.spots.threshold:.4g}; easy to hard: correlation by difficulty for other models"
        )


def to_dict(result: BlindSpotResult) -> dict[str, Any]:
    """Return the matrices as plain data."""
    return {
        "models": list(result.models),
        "alignment": result.alignment,
        "capa": result.capa,
        "n": result.n,
        **({} if result.spots is None else dataclasses.asdict(result.spots)),
        "association": {name: dataclasses.asdict(one) for name, one in result.goes_with.items()},
    }


def make_figures(result: BlindSpotResult) -> dict[str, Figure]:
    """Return the similarity of errors against alignment; nothing where the families are too few for a test."""
    from ..figures import NOT_SIGNIFICANT, SIGNIFICANT, Figure, blind_spot_scatter

    test = next(iter(result.goes_with.values()), None)
    if test is None or not is_number(test.p):
        return {}

    caption = (
        f"Each point is a pair of models: the similarity of their {result.what}, sample by sample, against their "
        "alignment. Towards the top right, aligned models also make the same errors: their agreement does not "
        "show that they are right."
    )
    measure = "CAPA" if result.capa is not None else "Spearman's correlation of signed errors"
    recipe = f"{measure} over {result.n} samples; {result.metric}, 0 at chance and 1 at best"
    recipe += "; p by a Mantel test over families"
    shown = SIGNIFICANT if is_significant(test.p) else NOT_SIGNIFICANT
    return {"blind_spots": Figure(blind_spot_scatter(result), QUESTION, caption, recipe, shown)}


ANALYSIS = Analysis(
    name="blind_spots",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
