"""Progress of a comparison as a share of all its work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..context import MEDIANS, NULL, PASS, VALUES
from ..metrics import Metric

PARTS = "without parts of the samples"


class ProgressTracker:
    """Turns the progress of one stage after the other into the share of all work that is done."""

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
        self.weights |= {PARTS: jackknife_groups * sum(self.weights[m.long_name] + bool(m.needs) for m in wanted)}
        self.progress, self.metric = progress, ""

    def __call__(self, what: str, done: float, total: float) -> None:
        """Report that so much of a stage is done."""
        if self.progress is None:
            return
        what = {VALUES: self.metric, NULL: f"{self.metric}, permutations"}.get(what, what)
        before = 0.0
        for stage, weight in self.weights.items():
            if stage == what:
                before += weight * done / total
                break
            before += weight
        self.progress(what, min(1.0, before / sum(self.weights.values())))
