"""What follows from a Comparison: each file one analysis, with its answer, its sentences, its table and its figures.

A module has ``data(question)``, the answer or None where the question lacks what it needs; ``sentences(found)``, what
may be said of it; ``show(found)``, which prints it; ``plain(found)`` for programs; ``figures(found)`` by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..comparison import read_scores
from ..console import say
from . import (
    blind_spots,
    collapse,
    convergence,
    dimension,
    factors,
    maps,
    probes,
    regimes,
    scale,
    selection,
    shift,
    tree,
)
from ._options import AnalysisOptions as AnalysisOptions
from ._options import question_options as question_options
from ._question import AnalysisInput as AnalysisInput

if TYPE_CHECKING:
    import xarray as xr

    from ..figures import Figure

ANALYSES: Mapping[str, ModuleType] = {
    "convergence": convergence,
    "probes": probes,
    "factors": factors,
    "tree": tree,
    "dimension": dimension,
    "collapse": collapse,
    "regimes": regimes,
    "shift": shift,
    "blind_spots": blind_spots,
    "scale": scale,
    "selection": selection,
    "map": maps,
}


def run_analyses(question: AnalysisInput, only: Collection[str] | None = None) -> dict[str, Any]:
    """Return what each analysis finds, by name, without those that lack what they need.

    Args:
        question: what is at hand.
        only: names of `ANALYSES`; default all.
    """
    found = {}
    for name, module in ANALYSES.items():
        if only is not None and name not in only:
            continue
        try:
            one = module.data(question)
        except ImportError as error:
            say(str(error))
            continue
        if one is not None:
            found[name] = one
    return found


def run_default_analyses(comparison: xr.Dataset, **at_hand: Any) -> dict[str, Any]:
    """Return what a Comparison answers by itself, by CKNNA or its first metric; nothing without a pair metric.

    Args:
        comparison: as `hyle.cli.commands.compare.compare` gives it.
        at_hand: further fields of a `AnalysisInput`.
    """
    scores = list(read_scores(comparison))
    if not scores:
        return {}
    return run_analyses(AnalysisInput(comparison, "cknna" if "cknna" in scores else scores[0], **at_hand))


def findings(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences that the answers carry, in the order of `ANALYSES`."""
    return [line for name, one in found.items() for line in ANALYSES[name].sentences(one)]


def figures(found: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the figures of the answers, by file name."""
    return {key: drawn for name, one in found.items() for key, drawn in ANALYSES[name].figures(one).items()}
