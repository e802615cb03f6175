"""The samples that the models of a Comparison disagree on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, model_names, number, sample_words, sizes_of_groups
from ..console import print_table
from ..results import ContestedResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant

if TYPE_CHECKING:
    from ..figures import Figure

QUESTION = "On which samples do models disagree?"
# The fewest samples and families that say anything of single samples, and the samples that are shown.
MIN_SAMPLES, MIN_FAMILIES, SHOWN = 50, 3, 6
ALPHA = 0.05


def compute(question: AnalysisInput) -> ContestedResult | None:
    """Measure how far the models, without controls, agree on each sample.

    None without embeddings, or with too few samples or families.
    """
    names = [name for name in model_names(question.comparison) if name in question.embeddings]
    names = [name for name in names if question.kinds[name] != CONTROL and np.ptp(question.embeddings[name], 0).any()]
    families = [question.families[name] or name for name in names]
    n = len(question.ids)
    if n < MIN_SAMPLES or len(set(families)) < MIN_FAMILIES:
        return None
    from hyle.engine.analysis import sample_agreement

    k = min(25, n // 2)
    groups = dict(zip(question.ids, question.groups, strict=True)) if question.groups is not None else {}
    found = sample_agreement(
        [question.embeddings[name] for name in names],
        families=families,
        k=k,
        covariates=sizes_of_groups(groups, question.ids),
    )
    return ContestedResult(found, list(question.ids), names, k, question.samples)


def order(result: ContestedResult) -> list[int]:
    """Return the rows of the samples, the most contested first."""
    return np.lexsort((result.found.agreement, result.found.deviation)).tolist()


def summarise(result: ContestedResult) -> list[str]:
    """Return how many samples the models agree less on than on samples like them."""
    found, n = result.found, len(result.ids)
    what = f"{len(result.models)} models of {found.families} families, shares of {result.k} neighbours"
    if not np.isfinite(found.p).any():
        return []
    contested = int((found.q <= ALPHA).sum())
    if not contested:
        line = f"No sample is contested: models agree on none of {n:,} less than on samples like it ({what})."
        return [NotSignificant(line)]
    are = "1 sample is contested" if contested == 1 else f"{contested} samples are contested"
    return [f"{are}: models agree on them less than on samples like them (q ≤ {ALPHA:g}; {what})."]


def print_result(result: ContestedResult) -> None:
    """Print the most contested samples."""
    click.echo(f"{QUESTION} {len(result.ids)} samples, {len(result.models)} models; all of them: hyle contested")
    found = result.found
    rows = [
        (
            result.ids[row],
            sample_words(result.samples.get(result.ids[row])),
            number(float(found.agreement[row]), 2),
            number(float(found.expected[row]), 2),
            f"{found.q[row]:.2g}" if np.isfinite(found.q[row]) else "–",
        )
        for row in order(result)[:SHOWN]
    ]
    print_table(
        ("sample", "structure", "agreement", "expected", "q"), rows, right=("agreement", "expected", "q"), keys=1
    )


def to_dict(result: ContestedResult) -> dict[str, Any]:
    """Return the agreement on each sample as plain data, the most contested first."""
    found = result.found
    return {
        "models": list(result.models),
        "families": found.families,
        "k": result.k,
        "samples": [
            {
                "sample": result.ids[row],
                "agreement": float(found.agreement[row]),
                "expected": float(found.expected[row]),
                "deviation": float(found.deviation[row]),
                "q": float(found.q[row]),
            }
            for row in order(result)
        ],
    }


def make_figures(result: ContestedResult) -> dict[str, Figure]:
    """Return no figure: the page draws the samples."""
    return {}


ANALYSIS = Analysis(
    name="contested",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
