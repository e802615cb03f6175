"""Findings of the study: one module per question, one function per claim, which returns its verdict.

A verdict follows from numbers by a rule next to them: 0.05 for every p-value, 95 % for every interval.
"""

from collections.abc import Callable, Sequence

from ..plan import StudyResults
from . import confounds, errors, kinds, performance, shape, shift
from .finding import INCONCLUSIVE as INCONCLUSIVE
from .finding import NOT_SUPPORTED as NOT_SUPPORTED
from .finding import PARTLY_SUPPORTED as PARTLY_SUPPORTED
from .finding import SUPPORTED as SUPPORTED
from .finding import Finding as Finding
from .finding import real as real

# The data sets that each finding requires, in the order of the page.
CHECKS: Sequence[tuple[Sequence[str], Callable[[StudyResults], Finding]]] = (
    (("qm9",), kinds.same_kind),
    (("qm9", "proteins"), kinds.proteins),
    (("qm9",), kinds.text),
    (("mptrj",), performance.better_is_closer),
    (("qm9",), shape.local_and_global),
    (("qm9", "mptrj"), shape.dimension),
    (("mptrj",), shape.training_data),
    (("mptrj", "mpf-tp"), shift.out_of_distribution),
    (("mptrj",), performance.scale),
    (("mptrj",), errors.blind_spots),
    (("qm9",), confounds.composition),
    (("qm9",), confounds.ceiling),
)


def findings(panels: StudyResults) -> list[Finding]:
    """Return every finding whose data sets are in `panels`."""
    return [check(panels) for names, check in CHECKS if all(name in panels for name in names)]
