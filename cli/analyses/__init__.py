"""Analyses of a Comparison, one module each.

Each module ends with a constant `ANALYSIS`, see `Analysis`; `ANALYSES` collects them in the order of the output.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ..comparison import read_scores
from ..console import say
from . import (
    blind_spots,
    collapse,
    contested,
    convergence,
    dimension,
    dose,
    factors,
    layers,
    maps,
    probes,
    regimes,
    sample_collapse,
    scale,
    selection,
    shift,
    tree,
)
from ._analysis import Analysis as Analysis
from ._options import AnalysisOptions as AnalysisOptions
from ._options import question_options as question_options
from ._question import AnalysisInput as AnalysisInput
from ._words import NotSignificant as NotSignificant
from ._words import evidence as evidence
from ._words import is_number as is_number
from ._words import units as units

if TYPE_CHECKING:
    import xarray as xr

    from ..figures import Figure

_IN_ORDER: tuple[Analysis[Any], ...] = (
    convergence.ANALYSIS,
    probes.ANALYSIS,
    factors.ANALYSIS,
    layers.ANALYSIS,
    tree.ANALYSIS,
    dimension.ANALYSIS,
    collapse.ANALYSIS,
    regimes.ANALYSIS,
    shift.ANALYSIS,
    dose.ANALYSIS,
    sample_collapse.ANALYSIS,
    contested.ANALYSIS,
    blind_spots.ANALYSIS,
    scale.ANALYSIS,
    selection.ANALYSIS,
    maps.ANALYSIS,
)
ANALYSES: Mapping[str, Analysis[Any]] = {analysis.name: analysis for analysis in _IN_ORDER}


def run_analyses(question: AnalysisInput, only: Collection[str] | None = None) -> dict[str, Any]:
    """Return the result of each analysis by name.

    An analysis is skipped where a required input is missing, or, with a message on standard error, where an optional
    package is not installed.

    Args:
        question: the Comparison and further inputs.
        only: names of `ANALYSES`; default all.
    """
    results = {}
    for name, analysis in ANALYSES.items():
        if only is not None and name not in only:
            continue
        try:
            result = analysis.compute(question)
        except ImportError as error:
            _say_once(str(error))
            continue
        if result is not None:
            results[name] = result
    return results


@functools.cache
def _say_once(line: str) -> None:
    """Print a line on standard error, unless this process has printed it before."""
    say(line)


def run_default_analyses(comparison: xr.Dataset, **at_hand: Any) -> dict[str, Any]:
    """Return the results of all analyses of a Comparison, by CKNNA or else its first pair metric.

    Empty for a Comparison without a pair metric.

    Args:
        comparison: as returned by `hyle.cli.jobs.compare`.
        at_hand: further fields of an `AnalysisInput`.
    """
    scores = list(read_scores(comparison))
    if not scores:
        return {}
    return run_analyses(AnalysisInput(comparison, "cknna" if "cknna" in scores else scores[0], **at_hand))


def findings(results: Mapping[str, Any]) -> list[str]:
    """Return the sentences that the results support, in the order of `ANALYSES`.

    Those without a significant result are of the class `NotSignificant`.
    """
    return [line for name, result in results.items() for line in ANALYSES[name].summarise(result)]


def figures(results: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the figures of the results, by file name."""
    return {
        key: figure for name, result in results.items() for key, figure in ANALYSES[name].make_figures(result).items()
    }
