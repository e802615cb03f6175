"""Progress of a comparison as a share of all its work."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..context import MEDIANS, NULL, PASS, VALUES
from ..metrics import Metric

JACKKNIFE = "without jackknife groups"
STRATA = "permutations within strata"
MORE = "further permutations"


class ProgressTracker:
    """Progress of consecutive stages as the share of all work that is done, which never falls and ends at exactly 1.

    Args:
        wanted: the metrics, in the order in which they are evaluated.
        progress: called with (name of the stage, share).
        permuted: whether pair metrics are permuted.
        strata: whether they are permuted within strata as well.
        twice: whether more permutations may follow.
        jackknife_groups: number of jackknife groups.
    """

    def __init__(
        self,
        wanted: Sequence[Metric],
        progress: Callable[[str, float], None] | None,
        *,
        permuted: bool = False,
        strata: bool = False,
        twice: bool = False,
        jackknife_groups: int = 0,
    ) -> None:
        needs = {need for metric in wanted for need in metric.needs}
        # Rough shares of the time: the median needs half a Gram product, the pass two or three.
        self.weights = {MEDIANS: 1.0 * ("rbf" in needs), PASS: 4.0 * bool(needs)}
        # In the order of the work: the values of a metric, and then its permutations.
        for metric in wanted:
            self.weights[metric.long_name] = 0.1 if metric.needs else 4.0
            if metric.kind == "pair":
                stages = [NULL] * permuted + [STRATA] * (permuted and strata)
                self.weights |= {f"{metric.long_name}, {stage}": 4.0 for stage in stages}
        if twice:
            self.weights |= {f"{metric.long_name}, {MORE}": 4.0 for metric in wanted if metric.kind == "pair"}
        each = sum(self.weights[metric.long_name] + bool(metric.needs) for metric in wanted)
        self.weights[JACKKNIFE] = jackknife_groups * each
        self.progress, self.metric, self.null, self.share = progress, "", NULL, 0.0

    def __call__(self, what: str, done: float, total: float) -> None:
        """Report that so much of a stage is done."""
        if self.progress is None:
            return
        what = {VALUES: self.metric, NULL: f"{self.metric}, {self.null}"}.get(what, what)
        stages = list(self.weights)
        at = stages.index(what) if what in stages else len(stages)
        finished = [self.weights[stage] for stage in stages[:at]]
        if at < len(stages):
            finished.append(self.weights[what] * done / total)
        # Rounded once, so that the share is 1 when all is done. A metric may go through its stage more than once.
        self.share = max(self.share, math.fsum(finished) / math.fsum(self.weights.values()))
        self.progress(what, self.share)
