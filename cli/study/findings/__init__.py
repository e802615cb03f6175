"""Findings on the claims of the study: one module per question, one function per claim.

A function estimates the statistics that the registered rules name, and says in words what it found. It passes no
judgement: see `verdict`.
"""

from collections.abc import Callable, Mapping

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


def findings(panels: StudyResults) -> list[Finding]:
    """Return the finding on every registered claim whose data sets are in `panels`."""
    claims = load_rules().claims
    return [CHECKS[name](panels) for name, claim in claims.items() if all(one in panels for one in claim.sets)]
