"""Which p-values and intervals a comparison computes, and its options by keyword."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..base import InputError, InputTypeError
from ..context import CompareConfig

# What permutations do with groups of samples.
PERMUTE = ("within", "whole", "blocks")
# Methods that control the false discovery rate.
FDR = ("bh", "by")


@dataclass(frozen=True)
class Inference:
    """Which p-values and intervals are computed.

    Args:
        permutations: of the samples of one side of each pair, under which its score is recomputed; 0 for none, 200 are
            usual. "auto" draws 200. If then a pair of any metric could not be significant whatever its p, it draws as
            many anew as a single aligned pair needs, see `hyle.engine.comparison.permutations_needed`. Whether that
            is so depends on the other pairs only. Fewer are drawn where n samples have fewer.
        groups: sample id -> label, or n labels for plain tensors: what is independent of what. Needed where samples of
            a group (states of one material, one trajectory, one protein family) resemble each other. The jackknife
            excludes whole groups, and `permute` says what the permutations do.
        permute: "within" permutes samples within their group only: what is tested is alignment beyond the groups.
            "whole" exchanges whole groups of equal size: what is tested is any alignment, with the groups as units.
            "blocks" exchanges samples within their stratum and keeps those of a group together, see
            `hyle.engine.permutation.draw_blocks`: what is tested is alignment beyond the strata, with the groups as
            units. There is no second null distribution then.
        strata: sample id -> label, or n labels, for a second null distribution, under which samples are permuted within
            their stratum: what the strata alone explain (samples of one formula, say). Pair metrics get
            ``<metric>_strata_null``, its mean m, ``_strata_p``, and ``_beyond``, (s - m) / (best - m). At most 200
            permutations are drawn.
        alpha: level of the thresholds of calibrated scores.
        fdr: how q, the p-values adjusted for the number of pairs, control the false discovery rate: ``bh`` by Benjamini
            & Hochberg, or ``by`` by Benjamini & Yekutieli, which holds for pairs that depend on each other in any way.
        jackknife_groups: number of groups of the delete-a-group jackknife behind standard errors and intervals; 0 for
            none, 20 are usual. Each takes about as long as the comparison itself.
        keep_resamples: keep the scores under all permutations as ``<metric>_null_samples`` over (``permutation``,
            ``model``, ``other``), and those without each jackknife group as ``<metric>_jackknife_values`` over
            ``jackknife_group`` and the dimensions of the metric. `hyle.engine.analysis.best_layers` and
            `hyle.engine.analysis.align_to` need them. ``permutation_order`` over ``model`` then says which model of
            each pair was permuted: the one with the higher number.

    Raises:
        ValueError: alpha is not between 0 and 1, a negative number, or groups that nothing uses.
    """

    permutations: int | Literal["auto"] = 0
    groups: Mapping[str, Any] | Sequence[Any] | None = None
    permute: str = "within"
    strata: Mapping[str, Any] | Sequence[Any] | None = None
    alpha: float = 0.05
    fdr: str = "bh"
    jackknife_groups: int = 0
    keep_resamples: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha} must lie between 0 and 1")
        if isinstance(self.permutations, str) and self.permutations != "auto":
            raise InputError(f'permutations={self.permutations!r}: use a number, 0 for none, or "auto"')
        if (self.permutations != "auto" and self.permutations < 0) or self.jackknife_groups < 0:
            raise InputError(
                f"permutations={self.permutations} and jackknife_groups={self.jackknife_groups}: use 0 for none, or "
                "200 and 20"
            )
        if self.groups is not None and not (self.permutations or self.jackknife_groups):
            raise InputError("groups are for permutations and jackknife groups: ask for permutations or intervals")
        if self.fdr not in FDR:
            raise InputError(f"fdr={self.fdr!r} must be one of {', '.join(FDR)}")
        if self.permute not in PERMUTE:
            raise InputError(f"permute={self.permute!r} must be one of {', '.join(PERMUTE)}")
        if self.permute != "within" and self.groups is None:
            raise InputError(f'permute="{self.permute}" keeps groups together: give groups')
        if self.strata is not None and not self.permutations:
            raise InputError("strata are for permutations: ask for permutations")


def configured(
    config: CompareConfig | None, inference: Inference | None, options: Mapping[str, Any]
) -> tuple[CompareConfig, Inference]:
    """Return both configurations with the fields that were given as keywords.

    Raises:
        TypeError: an option that neither configuration has; names the closest.
    """
    computing, inferring = ({field.name for field in dataclasses.fields(kind)} for kind in (CompareConfig, Inference))
    for name in options:
        if name not in computing | inferring:
            close = difflib.get_close_matches(name, sorted(computing | inferring), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputTypeError(f"compare has no option {name!r}{hint}")
    return (
        dataclasses.replace(config or CompareConfig(), **{k: v for k, v in options.items() if k in computing}),
        dataclasses.replace(inference or Inference(), **{k: v for k, v in options.items() if k in inferring}),
    )
