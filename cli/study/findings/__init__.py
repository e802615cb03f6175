"""Findings on the claims of the study: one module per question, one function per claim.

A function estimates the statistics that the registered rules name, and says in words what it found. It passes no
judgement: see `verdict`.
"""

from collections.abc import Callable, Mapping

import numpy as np

from ..plan import StudyResults
from ..rules import load_rules
from . import confounds, kinds, performance, shape, shift
from .finding import Finding as Finding
from .performance import signed_errors as signed_errors
from .shift import change_of as change_of
from .shift import rows_of_models as rows_of_models

CHECKS: Mapping[str, Callable[[StudyResults], Finding]] = {
    "same_kind": kinds.same_kind,
    "proteins": kinds.proteins,
    "text": kinds.text,
    "better_is_closer": performance.better_is_closer,
    "local_and_global": shape.local_and_global,
    "dimension": shape.dimension,
    "training_data": shape.training_data,
    "out_of_distribution": shift.out_of_distribution,
    "scale": performance.scale,
    "blind_spots": performance.blind_spots,
    "composition": confounds.composition,
    "ceiling": confounds.ceiling,
}

# Claims about energy errors, and the models with energies that they need; a run with --models can have fewer.
OF_ENERGIES, MIN_ENERGIES = ("better_is_closer", "scale", "blind_spots"), 4


def findings(panels: StudyResults) -> list[Finding]:
    """Return the finding on every registered claim whose data sets are in `panels`, with enough energies."""
    claims = load_rules().claims
    return [
        CHECKS[name](panels)
        for name, claim in claims.items()
        if all(one in panels for one in claim.sets) and (name not in OF_ENERGIES or _has_energies(panels))
    ]


def _has_energies(panels: StudyResults) -> bool:
    comparison = panels["mptrj"].comparison
    return "energy_mae" in comparison and int(np.isfinite(comparison["energy_mae"].values).sum()) >= MIN_ENERGIES
