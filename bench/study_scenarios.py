"""The simulated panels of every registered test of the study, the effects that are planted, and the rates of the test.

Where the value of a statistic cannot be planted exactly, such as that of a rank correlation, the effect is the one for
which the estimates average to that value.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyle.cli.study import Estimate, load_rules
from hyle.cli.study.rules import Rule
from hyle.cli.study.verdict import run_test

from . import study_panels as of
from .family_panels import Draw
from .study_panels import Design, Simulate

Names = tuple[str, str]
Value = Callable[[Draw, Design, float], float]


@dataclass(frozen=True)
class Scenario:
    """How the panels of one test are drawn.

    Args:
        simulate: estimates the statistic on a panel with an effect.
        dataset: set of the study whose families have this test; empty where the units are samples.
        large: value of the statistic for a large effect.
        span: effects between which the one that gives a value is sought; None where the effect is the value itself.
        value: what has to average to that value; default: the estimate.
        share: of the draws, where one takes long.
        kinds_of_input: of the ten families.
    """

    simulate: Simulate
    dataset: str
    large: float
    span: tuple[float, float] | None = None
    value: Value | None = None
    share: float = 1.0
    kinds_of_input: tuple[str, ...] = ("string", "atoms")


SCENARIOS: Mapping[Names, Scenario] = {
    ("same_kind", "within"): Scenario(of.within, "qm9", 0.6, (-0.5, 6.0)),
    ("same_kind", "across"): Scenario(of.across, "qm9", 0.2),
    ("same_kind", "vision_language"): Scenario(of.overlap, "", 0.3, (0.1, 1.3), of.mean_overlap, share=0.25),
    ("proteins", "ratio"): Scenario(of.proteins, "proteins", 3.0),
    ("text", "ratio"): Scenario(of.text, "qm9", 1.5, kinds_of_input=("text", "string", "atoms")),
    ("better_is_closer", "closer"): Scenario(of.closer, "mptrj", -0.85, (-0.5, 8.0)),
    ("local_and_global", "order"): Scenario(of.order_of_pairs, "qm9", 0.85, (-0.5, 6.0)),
    ("dimension", "random"): Scenario(of.of_random, "qm9", 0.15),
    ("dimension", "band"): Scenario(of.band, "qm9", 1.3, (0.02, 0.8)),
    ("dimension", "order"): Scenario(of.architectures, "qm9", 0.85, (-0.5, 6.0)),
    ("training_data", "data"): Scenario(of.same_data, "qm9", 0.2),
    ("training_data", "before_architecture"): Scenario(of.data_first, "qm9", 0.3, (0.0, 6.0)),
    ("out_of_distribution", "local"): Scenario(
        lambda draw, design, effect: of.change_of_pairs(draw, effect, of.LOCAL_ERROR), "mptrj", -0.2
    ),
    ("out_of_distribution", "global"): Scenario(
        lambda draw, design, effect: of.change_of_pairs(draw, effect, of.GLOBAL_ERROR), "mptrj", 0.2
    ),
    ("out_of_distribution", "collapse"): Scenario(of.collapse, "mptrj", 0.5),
    ("scale", "alignment"): Scenario(of.scale_alignment, "mptrj", 0.3),
    ("scale", "error"): Scenario(of.scale_error, "mptrj", -1.5),
    ("blind_spots", "errors"): Scenario(of.shared_errors, "mptrj", 0.8, (-0.5, 12.0), share=0.25),
    ("composition", "across"): Scenario(of.across, "qm9", 0.2),
    ("ceiling", "replicates"): Scenario(of.replicates, "", 0.99, (1.5, 6.0), share=0.25),
}


@functools.cache
def calibrate(name: Names, design: Design, noise: str, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Return effects, and the values of the statistic to which their estimates average over draws."""
    scenario = SCENARIOS[name]
    assert scenario.span is not None
    value = scenario.value or (lambda *panel: scenario.simulate(*panel).value)
    low, high = scenario.span
    # Denser at small effects, where correlations change most.
    effects = low + (high - low) * np.linspace(0, 1, 8) ** (2 if scenario.dataset else 1)
    # The same draws for all effects, of seeds that no rate uses.
    means = [
        float(np.nanmean([value(Draw(design.sizes, noise, 10**6 + seed), design, each) for seed in range(draws)]))
        for each in effects
    ]
    order = np.argsort(means)
    return effects[order], np.array(means)[order]


def effect_of(name: Names, target: float, design: Design, noise: str, draws: int) -> float:
    """Return the effect for which a statistic has this value; NaN where none in the span of the scenario gives it."""
    scenario = SCENARIOS[name]
    # No effect is no correlation.
    if scenario.span is None or target == 0:
        return target
    effects, means = calibrate(name, design, noise, draws)
    return float(np.interp(target, means, effects, left=math.nan, right=math.nan))


def rule_of(name: Names) -> Rule:
    """Return the registered rule of a test."""
    return load_rules().claims[name[0]].tests[name[1]]


def share_found(rule: Rule, estimates: Sequence[Estimate], level: float) -> dict[str, float | None]:
    """Return how often a test rejects no effect, in the claimed and in any direction, and the smallest effect.

    Draws that cannot be tested count as not rejected; ``untested`` is their share.
    """
    tested = [run_test(rule, one, level) for one in estimates]
    opposite = [run_test(_mirrored(rule), one, level) for one in estimates]
    claimed = np.array([one.p <= level for one in tested])
    return {
        "claimed": float(claimed.mean()),
        "any": float((claimed | [one.p <= level for one in opposite]).mean()),
        "rejected": float(np.mean([one.p_smallest_effect <= level for one in tested])),
        "found": float(np.mean([one.p <= level and one.large_enough for one in tested])),
        "stated": _mean([one.power for one in tested]),
        "stated_deviation": _mean([one.power for one in tested], np.std),
        "untested": float(np.mean([math.isnan(one.p) for one in tested])),
    }


def _mirrored(rule: Rule) -> Rule:
    """Return the rule that claims the opposite direction."""
    other = rule.null**2 / rule.smallest if rule.scale == "ratio" else 2 * rule.null - rule.smallest
    return dataclasses.replace(rule, smallest=other)


def _mean(values: Sequence[float], of: Callable[..., Any] = np.mean) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return float(of(known)) if known else None
