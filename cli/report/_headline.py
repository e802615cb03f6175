"""The headline of the report, with the strongest control in it, and its key figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..comparison import (
    CONTROL,
    NOT_SIGNIFICANT,
    UNRESOLVED,
    PairScores,
    integer,
    modalities,
    model_names,
    number,
    per_model,
    text,
)
from ..figures import dimensions
from ._rows import count_significant, short

if TYPE_CHECKING:
    import xarray as xr

Pair = tuple[int, int]
# A control reaches models "as well as they reach each other" from this share of their mean score above chance.
_EQUAL, _HALF = 0.95, 0.5
_WORDS = {"composition": "element counts", "morgan": "Morgan fingerprints", "random": "random numbers"}


@dataclass(frozen=True)
class KeyFigure:
    """One number above the fold, with what it is and which models it is of."""

    value: str
    title: str
    note: str
    interval: str = ""


class Panel:
    """The models, the controls, and the main score of a Comparison."""

    def __init__(self, comparison: xr.Dataset, score: PairScores) -> None:
        self.comparison, self.score = comparison, score
        self.names, self.kinds = model_names(comparison), modalities(comparison)
        self._directed = score.strength
        self.strength = (self._directed + self._directed.T) / 2
        self.real = [p for p in score.pairs() if CONTROL not in (self.kinds[p[0]], self.kinds[p[1]])]
        self.across = [p for p in self.real if self.kinds[p[0]] != self.kinds[p[1]]]
        mixed = [p for p in score.pairs() if (self.kinds[p[0]] == CONTROL) != (self.kinds[p[1]] == CONTROL)]
        self.best = self._strongest(self.across or self.real)
        self.control = self._strongest(mixed)

    def _strongest(self, pairs: Sequence[Pair]) -> Pair | None:
        defined = [pair for pair in pairs if np.isfinite(self.score.values[pair])]
        return max(defined, key=lambda pair: self._directed[pair], default=None)

    def headline(self) -> str:
        """Return the result for all pairs of models, then how close the strongest control comes."""
        if not any(np.isfinite(self.score.values[pair]) for pair in self.score.pairs()):
            return f"No pair has a defined {self.score.label}: an embedding may be constant."
        if not self.real:
            return f"{capital(self._on())}only controls were compared."
        control = self._control_clause()
        return f"{capital(self._on())}{self._significance()}{control}."

    def _on(self) -> str:
        n = integer(self.comparison.attrs.get("n"))
        return "" if n is None else f"on {n:,} {text(self.comparison.attrs, 'domain') or 'samples'} "

    def _significance(self) -> str:
        score, names = self.score, self.names
        tested = [p for p in self.real if np.isfinite(score.q[p]) and np.isfinite(score.values[p])]
        if len(self.real) == (2 if score.directed else 1):
            return self._one_pair(self.real[0])
        if tested:
            weak = score.not_significant
            count = sum(not weak[p] for p in tested)
            pairs = f"{len(tested)} {'directed ' * score.directed}pairs of models"
            missing = self._undefined()
            if len(tested) == 1:
                return self._one_pair(tested[0]) + missing
            if count == len(tested):
                return f"all {pairs} are more similar than chance{missing}"
            if count == 0 and score.unresolved[tuple(zip(*tested, strict=True))].all():
                return f"{score.permutations} permutations are too few to test {pairs}{missing}"
            if count == 0:
                return f"none of {pairs} is significantly more similar than chance{missing}"
            return f"{count} of {pairs} {'is' if count == 1 else 'are'} significantly more similar than chance{missing}"
        values = [score.values[p] for p in self.real if np.isfinite(score.values[p])]
        if not values or self.best is None:
            return f"no pair of models has a defined {score.label}"
        i, j = self.best
        return (
            f"{plain_label(score)} between models ranges from {number(min(values), 2)} to {number(max(values), 2)}, "
            f"highest {'between modalities ' * bool(self.across)}for {names[i]} and {names[j]}"
        )

    def _undefined(self) -> str:
        """Return how many pairs of models have no score, in brackets; empty if all have one."""
        count = sum(not np.isfinite(self.score.values[p]) for p in self.real)
        return f" ({count} other {'pair has' if count == 1 else 'pairs have'} no score)" if count else ""

    def _one_pair(self, pair: Pair) -> str:
        score = self.score
        first, second = (self.names[i] for i in pair)
        value = f"{plain_label(score)} {number(score.values[pair], 2)}"
        if not np.isfinite(score.q[pair]):
            chance = f", chance level {number(score.level, 2)}" if np.isfinite(score.level) else ""
            return f"{first} and {second} have a {value}{chance}"
        mark = score.mark(pair)
        if mark == UNRESOLVED:
            return f"the permutations are too few to test whether {first} and {second} are similar ({value})"
        if mark == NOT_SIGNIFICANT:
            return f"{first} and {second} are not significantly more similar than chance ({value})"
        return f"{first} and {second} are more similar than chance ({value}, p = {score.p[pair]:.2g})"

    def _control_clause(self) -> str:
        """Return what the strongest control reaches, relative to a group of models among themselves."""
        controls = [i for i, kind in enumerate(self.kinds) if kind == CONTROL]
        if not controls:
            return "; no control was measured for scale" if len(self.names) > 2 else ""
        candidates = []
        for kind in dict.fromkeys(self.kinds):
            members = [i for i, each in enumerate(self.kinds) if each == kind]
            if kind == CONTROL or len(members) < 2:
                continue
            inside = [self.strength[i, j] for i in members for j in members if i < j]
            within = float(np.nanmean(inside)) if np.isfinite(inside).any() else 0.0
            for control in controls:
                reached = self.strength[control, members]
                if within > 0 and np.isfinite(reached).any():
                    candidates.append((float(np.nanmean(reached)) / within, control, kind, members, within))
        if not candidates:
            return self._single_control()
        # Of groups that a control reaches as well as they reach each other, the one with the closest models tells most.
        equal = [one for one in candidates if one[0] >= _EQUAL]
        share, control, kind, members, _ = max(equal, key=lambda one: one[4]) if equal else max(candidates)
        group = "the models" if kind == "unknown" else f"the {kind} models" if kind != "atoms" else "the atom models"
        name = _control_name(self.names[control])
        # "But" follows a claim of similarity alone.
        weak = self.score.not_significant
        claim = [not weak[p] for p in self.real if np.isfinite(self.score.q[p])]
        joint = ", but" if not claim or any(claim) else ";"
        verb = "agree" if self.names[control] in _WORDS else "agrees"
        if share >= _EQUAL:
            how = "as well as" if share <= 1 / _EQUAL else "at least as well as"
            return f"{joint} {name} {verb} with {group} {how} they do with each other"
        inside = [self.score.mutual[i, j] for i in members for j in members if i < j]
        reached = number(float(np.nanmean(self.score.mutual[control, members])), 2)
        among = number(float(np.nanmean(inside)), 2)
        reach = "reach" if verb == "agree" else "reaches"
        start = f"{joint} {name} {reach}" if share >= _HALF else f", and {name} only {reach}"
        mean = f"a mean {plain_label(self.score)} of {among}"
        return f"{start} {reached} with {group}, which have {mean} with each other"

    def _single_control(self) -> str:
        if self.control is None or self.best is None:
            return ""
        i, j = sorted(self.control, key=lambda index: self.kinds[index] != CONTROL)
        value, best = (number(float(self.score.values[p]), 2) for p in (self.control, self.best))
        reach = "reach" if self.names[i] in _WORDS else "reaches"
        return f"; {_control_name(self.names[i])} {reach} {value} with {self.names[j]}, and the best pair {best}"

    def key_figures(self) -> list[KeyFigure]:
        """Return the best pair, the best control, and the mean dimension, or else the number of significant pairs."""
        score, figures = self.score, []
        if self.best:
            i, j = self.best
            where = "best pair between modalities" if self.across else "best pair of models"
            note = (
                f"{self.names[i]} ({self.kinds[i]}) and {self.names[j]} ({self.kinds[j]})"
                if self.across
                else (f"{self.names[i]} and {self.names[j]}")
            )
            figures.append(self._figure(self.best, f"{where}, {plain_label(score)}", note))
        if self.control:
            i, j = sorted(self.control, key=lambda index: self.kinds[index] != CONTROL)
            title = f"best control, {plain_label(score)}"
            figures.append(self._figure(self.control, title, f"{_control_name(self.names[i])} with {self.names[j]}"))
        if dimension := self._dimension():
            figures.append(dimension)
        elif significant := count_significant(score, self.real):
            count, _, total = significant.partition(" of ")
            note = f"of {total}; above chance with q ≤ {score.alpha:g}"
            figures.append(KeyFigure(count, "significant pairs of models", note))
        elif np.isfinite(score.level):
            figures.append(
                KeyFigure(number(score.level, 2), "chance level", f"{plain_label(score)} of unrelated models")
            )
        return figures[:3]

    def _dimension(self) -> KeyFigure | None:
        """Return the geometric mean over families of the intrinsic dimensions of the models, and their range."""
        metric = next(iter(dimensions(self.comparison)), None)
        if metric is None:
            return None
        logs: dict[str, list[float]] = {}
        families = per_model(self.comparison, "family")
        columns = (self.names, self.kinds, families, self.comparison[metric].values.astype(float))
        for name, kind, family, value in zip(*columns, strict=True):
            if kind != CONTROL and np.isfinite(value) and value > 0:
                logs.setdefault(str(family or name), []).append(math.log(value))
        values = [math.exp(v) for members in logs.values() for v in members]
        if len(values) < 3:
            return None
        title = "mean intrinsic dimension of the models"
        label = text(self.comparison[metric].attrs, "estimator") or short(self.comparison, metric)
        ends = f"{number(min(values), 1)} to {number(max(values), 1)}"
        # As in the band of dimensions, models of one family count once.
        mean = math.exp(float(np.mean([np.mean(members) for members in logs.values()])))
        return KeyFigure(number(mean, 1), title, label, f"range {ends}")

    def _figure(self, pair: Pair, title: str, note: str) -> KeyFigure:
        score = self.score
        ends = ""
        if np.isfinite(score.low[pair]):
            ends = f"95 % {number(score.low[pair], 2)} to {number(score.high[pair], 2)}"
        if mark := score.mark(pair):
            note += ", not significant" if mark == NOT_SIGNIFICANT else ", too few permutations for a test"
        return KeyFigure(number(score.values[pair], 2), title, note, ends)

    def best_against_control(self) -> str:
        """Return how much better the best pair is than the best pair with a control; empty without intervals.

        Controls are chosen, so that there is no test over them. Both scores are of the same samples; their errors are
        treated as independent.
        """
        if not (self.best and self.control):
            return ""
        score = self.score
        difference = float(score.values[self.best] - score.values[self.control]) * (1 if score.higher_is_better else -1)
        half_width = 1.96 * math.hypot(float(score.se[self.best]), float(score.se[self.control]))
        if not np.isfinite([difference, half_width]).all():
            return ""
        low, high = difference - half_width, difference + half_width
        interval = f"95 % {number(low, 2)} to {number(high, 2)} over samples"
        if low <= 0 <= high:
            text = f"is not distinguishable from the best control (difference {number(difference, 2)}, {interval})"
        else:
            word = "better" if difference > 0 else "worse"
            text = f"is {number(abs(difference), 2)} {word} than the best control (difference {interval})"
        where = "between modalities" if self.across else "of models"
        return f"The best pair {where} {text}."


def plain_label(score: PairScores) -> str:
    """Return the name of a metric without its variant: "linear CKA" for "linear CKA, debiased"."""
    return score.label.partition(",")[0]


def _control_name(name: str) -> str:
    return f"{_WORDS[name]} ({name})" if name in _WORDS else f"the control {name}"


def capital(line: str) -> str:
    """Return a line with a capital first letter."""
    return line[:1].upper() + line[1:]
