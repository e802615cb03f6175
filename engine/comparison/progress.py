"""Progress of a comparison as a share of all its work."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..context import MEDIANS, NULL, PASS, VALUES
from ..metrics import Metric

JACKKNIFE = "without jackknife groups"


class ProgressTracker:
    """Progress of consecutive stages as the share of all work that is done."""

    def __init__(
        self,
        wanted: Sequence[Metric],
        progress: Callable[[str, float], None] | None,
        *,
        permuted: bool = False,
        jackknife_groups: int = 0,
    ) -> None:
        needs = {need for metric in wanted for need in metric.needs}
        # Rough shares of the time: the median needs half a Gram product, the pass two or three.
        self.weights = {MEDIANS: 1.0 * ("rbf" in needs), PASS: 4.0 * bool(needs)}
        self.weights |= {metric.long_name: 0.1 if metric.needs else 4.0 for metric in wanted}
        if permuted:
            self.weights |= {f"{metric.long_name}, permutations": 4.0 for metric in wanted if metric.kind == "pair"}
        self.weights |= {JACKKNIFE: jackknife_groups * sum(self.weights[m.long_name] + bool(m.needs) for m in wanted)}
        self.progress, self.metric = progress, ""

    def __call__(self, what: str, done: float, total: float) -> None:
        """Report that so much of a stage is done."""
        if self.progress is None:
            return
        what = {VALUES: self.metric, NULL: f"{self.metric}, permutations"}.get(what, what)
        stages = list(self.weights)
        at = stages.index(what) if what in stages else len(stages)
        finished = [self.weights[stage] for stage in stages[:at]]
        if at < len(stages):
            finished.append(self.weights[what] * done / total)
        # Rounded once, so that the share is 1 when all is done and never falls.
        self.progress(what, math.fsum(finished) / math.fsum(self.weights.values()))
