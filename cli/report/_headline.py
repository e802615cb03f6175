"""The headline of the report: the result for all pairs of models, with the strongest control in it."""

from __future__ import annotations

import numpy as np

from ..comparison import CONTROL, NOT_SIGNIFICANT, UNRESOLVED, integer, number, row_words, text
from ._panel import WORDS, Pair, Panel, capital, control_name, plain_label

# A control reaches models "as well as they reach each other" from this share of their mean score above chance.
_EQUAL, _HALF = 0.95, 0.5


def headline(panel: Panel) -> str:
    """Return the result for all pairs of models, then how close the strongest control comes."""
    if not any(np.isfinite(panel.score.values[pair]) for pair in panel.score.pairs()):
        return f"No pair has a defined {panel.score.label}: an embedding may be constant."
    if not panel.real:
        return f"{capital(_on(panel))}only controls were compared."
    control = _control_clause(panel)
    return f"{capital(_on(panel))}{_significance(panel)}{control}."


def _on(panel: Panel) -> str:
    n = integer(panel.comparison.attrs.get("n"))
    return "" if n is None else f"on {n:,} {text(panel.comparison.attrs, 'domain') or row_words(panel.comparison)} "


def _significance(panel: Panel) -> str:
    score, names = panel.score, panel.names
    tested = [p for p in panel.real if np.isfinite(score.q[p]) and np.isfinite(score.values[p])]
    if len(panel.real) == (2 if score.directed else 1):
        return _one_pair(panel, panel.real[0])
    if tested:
        weak = score.not_significant
        count = sum(not weak[p] for p in tested)
        pairs = f"{len(tested)} {'directed ' * score.directed}pairs of models"
        missing = _undefined(panel)
        if len(tested) == 1:
            return _one_pair(panel, tested[0]) + missing
        if count == len(tested):
            return f"all {pairs} are more similar than chance{missing}"
        if count == 0 and score.unresolved[tuple(zip(*tested, strict=True))].all():
            return f"{score.permutations} permutations are too few to test {pairs}{missing}"
        if count == 0:
            return f"none of {pairs} is significantly more similar than chance{missing}"
        return f"{count} of {pairs} {'is' if count == 1 else 'are'} significantly more similar than chance{missing}"
    values = [score.values[p] for p in panel.real if np.isfinite(score.values[p])]
    if not values or panel.best is None:
        return f"no pair of models has a defined {score.label}"
    i, j = panel.best
    return (
        f"{plain_label(score)} between models ranges from {number(min(values), 2)} to {number(max(values), 2)}, "
        f"highest {'between modalities ' * bool(panel.across)}for {names[i]} and {names[j]}"
    )


def _undefined(panel: Panel) -> str:
    """Return how many pairs of models have no score, in brackets; empty if all have one."""
    count = sum(not np.isfinite(panel.score.values[p]) for p in panel.real)
    return f" ({count} other {'pair has' if count == 1 else 'pairs have'} no score)" if count else ""


def _one_pair(panel: Panel, pair: Pair) -> str:
    score = panel.score
    first, second = (panel.names[i] for i in pair)
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


def _control_clause(panel: Panel) -> str:
    """Return what the strongest control reaches, relative to a group of models among themselves."""
    controls = [i for i, kind in enumerate(panel.kinds) if kind == CONTROL]
    if not controls:
        return "; no control was measured for scale" if len(panel.names) > 2 else ""
    candidates = []
    for kind in dict.fromkeys(panel.kinds):
        members = [i for i, each in enumerate(panel.kinds) if each == kind]
        if kind == CONTROL or len(members) < 2:
            continue
        inside = [panel.strength[i, j] for i in members for j in members if i < j]
        within = float(np.nanmean(inside)) if np.isfinite(inside).any() else 0.0
        for control in controls:
            reached = panel.strength[control, members]
            if within > 0 and np.isfinite(reached).any():
                candidates.append((float(np.nanmean(reached)) / within, control, kind, members, within))
    if not candidates:
        return _single_control(panel)
    # Of groups that a control reaches as well as they reach each other, the one with the closest models tells most.
    equal = [one for one in candidates if one[0] >= _EQUAL]
    share, control, kind, members, _ = max(equal, key=lambda one: one[4]) if equal else max(candidates)
    group = "the models" if kind == "unknown" else f"the {kind} models" if kind != "atoms" else "the atom models"
    name = control_name(panel.names[control])
    # "But" follows a claim of similarity alone.
    weak = panel.score.not_significant
    claim = [not weak[p] for p in panel.real if np.isfinite(panel.score.q[p])]
    joint = ", but" if not claim or any(claim) else ";"
    verb = "agree" if panel.names[control] in WORDS else "agrees"
    if share >= _EQUAL:
        how = "as well as" if share <= 1 / _EQUAL else "at least as well as"
        return f"{joint} {name} {verb} with {group} {how} they do with each other"
    inside = [panel.score.mutual[i, j] for i in members for j in members if i < j]
    reached = number(float(np.nanmean(panel.score.mutual[control, members])), 2)
    among = number(float(np.nanmean(inside)), 2)
    reach = "reach" if verb == "agree" else "reaches"
    start = f"{joint} {name} {reach}" if share >= _HALF else f", and {name} only {reach}"
    mean = f"a mean {plain_label(panel.score)} of {among}"
    return f"{start} {reached} with {group}, which have {mean} with each other"


def _single_control(panel: Panel) -> str:
    if panel.control is None or panel.best is None:
        return ""
    i, j = sorted(panel.control, key=lambda index: panel.kinds[index] != CONTROL)
    value, best = (number(float(panel.score.values[p]), 2) for p in (panel.control, panel.best))
    reach = "reach" if panel.names[i] in WORDS else "reaches"
    return f"; {control_name(panel.names[i])} {reach} {value} with {panel.names[j]}, and the best pair {best}"


def best_against_control(panel: Panel) -> str:
    """Return how much better the best pair is than the best pair with a control; empty without intervals.

    Controls are chosen, so that there is no test over them. Both scores are of the same samples; their errors are
    treated as independent, with the degrees of freedom of the jackknife.
    """
    from hyle.engine.analysis import Estimate, difference, error_freedom

    if not (panel.best and panel.control):
        return ""
    score = panel.score
    sign, df = (1 if score.higher_is_better else -1), error_freedom(panel.comparison, score.name)
    control, best = (
        Estimate(sign * float(score.values[pair]), float(score.se[pair]), df=df) for pair in (panel.control, panel.best)
    )
    better = difference(control, best)
    if not np.isfinite([better.value, better.se]).all():
        return ""
    low, high = better.low, better.high
    over = "queries" if "queries" in score.recipe else "samples"
    interval = f"95 % {number(low, 2)} to {number(high, 2)} over {over}"
    if low <= 0 <= high:
        text = f"is not distinguishable from the best control (difference {number(better.value, 2)}, {interval})"
    else:
        word = "better" if better.value > 0 else "worse"
        text = f"is {number(abs(better.value), 2)} {word} than the best control (difference {interval})"
    where = "between modalities" if panel.across else "of models"
    return f"The best pair {where} {text}."
