"""`python -m bench.study_null`: error rates and power of the verdicts on the claims of the study, by simulation.

Each registered test is run on panels of models in families without an effect (false positives), with the smallest
effect that matters (power, and how often such an effect is wrongly rejected) and with a large one. Claims are judged
together, after Holm's correction. Small panels with no effect also go through `compare` and all findings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import click
import numpy as np

from hyle.cli.study import Estimate, judge, load_rules
from hyle.cli.study.findings import CHECKS
from hyle.cli.study.rules import Rules
from hyle.cli.study.verdict import NOT_SUPPORTED, SUPPORTED, run_test

from . import study_sets
from .family_panels import Draw
from .results import FOLDER, machine
from .study_panels import Design, plan_design, ten_families
from .study_scenarios import SCENARIOS, Names, effect_of, rule_of, share_found
from .text import rows_of

RESULTS = FOLDER / "study_null.json"
TEN, HEAVY, PLAN = "ten families", "ten families, t(3)", "families of the plan"
KINDS = ("null", "smallest", "large")
CALIBRATION = 100
# Share of the variance that all models of the panels that go through `compare` have in common.
COMMON = {"nothing in common": 0.0, "a common part": 0.4}
# No test of an absent effect: both metrics are of the same rows; random vectors and the band are as planted; of so few
# samples, more than 16 % of the neighbours agree by chance; and replicates are no more alike than a family.
PRESENT = {
    ("local_and_global", "order"),
    ("dimension", "random"),
    ("dimension", "band"),
    ("same_kind", "vision_language"),
    ("ceiling", "replicates"),
}
PRESENT_IN_COMMON = {("same_kind", "across"), ("composition", "across")}
Estimates = dict[tuple[Names, str], list[Estimate]]


def draw_estimates(name: Names, design: Design, noise: str, target: float, draws: int) -> list[Estimate]:
    """Estimate a statistic on panels in which its value is `target`; none where the design never gives that value."""
    scenario = SCENARIOS[name]
    share = max(4, int(draws * scenario.share))
    effect = effect_of(name, target, design, noise, min(share, CALIBRATION))
    if math.isnan(effect):
        return []
    return [scenario.simulate(Draw(design.sizes, noise, seed), design, effect) for seed in range(share)]


def measure(name: Names, panel: str, draws: int) -> tuple[dict[str, Any], Estimates]:
    """Return the rates of one test on one kind of panel, with the estimates behind them."""
    scenario, rule, level = SCENARIOS[name], rule_of(name), load_rules().level
    noise = "t(3)" if panel == HEAVY else "normal"
    design = plan_design(scenario.dataset) if panel == PLAN else ten_families(scenario.kinds_of_input)
    row: dict[str, Any] = {"claim": name[0], "test": name[1], "panel": panel}
    row |= {"unit": rule.unit, "of_families": len(design.sizes) if scenario.dataset else 0}
    # A design that gives neither p nor interval gives none in any draw.
    effect = rule.null if scenario.span is None else scenario.span[1]
    tried = [scenario.simulate(Draw(design.sizes, noise, seed), design, effect) for seed in range(5)]
    if all(math.isnan(run_test(rule, one, level).p) for one in tried):
        return row | {"draws": 0}, {}
    found: Estimates = {}
    for kind, target in (("null", rule.null), ("smallest", rule.smallest), ("large", scenario.large)):
        count = draws if kind != "large" else max(10, draws // 5)
        found[name, kind] = draw_estimates(name, design, noise, target, count)
        if found[name, kind]:
            row[kind] = {"value": target} | share_found(rule, found[name, kind], level)
    return row | {"draws": len(found[name, "null"])}, found


def whole_claims(found: Estimates, rules: Rules, draws: int) -> list[dict[str, Any]]:
    """Return how often any of all claims is wrongly supported or rejected, after Holm's correction.

    Every test of each draw is one of its estimates at random. With one test at the null value and the others large, the
    claims are false in the way that is hardest to see.
    """

    def one(kinds: Callable[[str, str], str], rng: np.random.Generator) -> Mapping[str, Mapping[str, Estimate]]:
        estimates: dict[str, dict[str, Estimate]] = {}
        for claim, entry in rules.claims.items():
            for test in entry.tests:
                of_kind = found[(claim, test), kinds(claim, test)]
                estimates.setdefault(claim, {})[test] = of_kind[rng.integers(len(of_kind))]
        return estimates

    rows = []
    for panel in ("null", "one null", "smallest", "large"):
        supported, rejected, rng = [], [], np.random.default_rng(len(panel))
        for _ in range(draws):
            false = {claim: rng.choice(list(entry.tests)) for claim, entry in rules.claims.items()}

            def kinds(claim: str, test: str, false: Mapping[str, str] = false, panel: str = panel) -> str:
                return panel if panel != "one null" else ("null" if false[claim] == test else "large")

            verdicts = [each.verdict for each in judge(one(kinds, rng), rules).values()]
            supported.append(verdicts.count(SUPPORTED))
            rejected.append(verdicts.count(NOT_SUPPORTED))
        row: dict[str, Any] = {"tests": panel, "draws": draws}
        row |= {"any_supported": float(np.mean(np.array(supported) > 0)), "supported": float(np.mean(supported))}
        rows.append(
            row | {"any_rejected": float(np.mean(np.array(rejected) > 0)), "rejected": float(np.mean(rejected))}
        )
    return rows


def through_compare(panels: int, common: float) -> dict[str, Any]:
    """Run `compare` and all findings on small panels; return the rates of the tests whose effect is absent."""
    rules = load_rules()
    estimates: dict[Names, list[Estimate]] = {}
    for seed in range(panels):
        sets = study_sets.panels(seed, common)
        for claim, check in CHECKS.items():
            for test, estimate in check(sets).estimates.items():
                estimates.setdefault((claim, test), []).append(estimate)
    absent = [name for name in estimates if name not in PRESENT and not (common and name in PRESENT_IN_COMMON)]
    return {
        ".".join(name): share_found(rule_of(name), estimates[name], rules.level)
        for name in absent
        if not all(math.isnan(one.low) and math.isnan(one.p) for one in estimates[name])
    }


def run(draws: int, panels: int, report: Callable[[str], None]) -> dict[str, Any]:
    """Return all rates, and report each."""
    rows: list[dict[str, Any]] = []
    found: Estimates = {}
    for panel in (TEN, HEAVY, PLAN):
        for name, scenario in SCENARIOS.items():
            if panel != TEN and not scenario.dataset:
                continue
            row, estimates = measure(name, panel, draws if panel == TEN else max(10, draws // 3))
            rows.append(row)
            found |= estimates if panel == TEN else {}
            report(f"{panel}: {'.'.join(name)}: {_line(row)}")
    claims = whole_claims(found, load_rules(), draws)
    for each in claims:
        report(f"tests {each['tests']}: any supported {each['any_supported']:.3f}, rejected {each['any_rejected']:.3f}")
    compared = {}
    for kind, common in COMMON.items() if panels else ():
        compared[kind] = through_compare(panels, common)
        for test, rates in compared[kind].items():
            report(f"compare, {kind}: {test}: {rates['claimed']:.3f} claimed, {rates['any']:.3f} any direction")
    return {"draws": draws, "panels": panels, "tests": rows, "claims": claims, "compared": compared}


def _line(row: Mapping[str, Any]) -> str:
    if not row["draws"]:
        return "no test"
    null, smallest, large = ({key: _shown(rate) for key, rate in row.get(kind, {}).items()} for kind in KINDS)
    return (
        f"{null['claimed']} claimed, {null['any']} any direction; smallest effect rejected "
        f"{smallest.get('rejected', '–')}, found {smallest.get('claimed', '–')} (stated "
        f"{smallest.get('stated', '–')}); large {large.get('claimed', '–')}"
    )


def _shown(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.3f}"


def table(facts: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    info, rules = facts["machine"], load_rules()
    head = ["test", "draws", "no effect: claimed", "any direction", "rejected", "smallest effect: rejected", "found"]
    head += ["found, stated", "large effect: found"]

    def cells(panel: str) -> list[list[str]]:
        return [_cells(row) for row in facts["tests"] if row["panel"] == panel]

    def error(p: float, draws: int) -> str:
        return f"{100 * (p * (1 - p) / draws) ** 0.5:.1f} %"

    draws = facts["draws"]
    lines = [
        "# Verdicts on the claims of the study",
        "",
        "Each test of `cli/study/rules.toml` on simulated panels of models in families: the share of panels with "
        f"p <= {rules.level} in the claimed and in any direction, nominally 2.5 % and 5 % without an effect; the share "
        "in which an effect of the smallest size that matters is rejected, nominally 5 % where it is there; and the "
        "share in which it is found, with the mean of the power that is stated. No correction for several claims. "
        f"The standard error of a rate of 5 % is {error(0.05, draws)} for {draws:,} draws and of one of 50 % "
        f"{error(0.5, draws)}; tests over samples and of shared errors take longer and have fewer draws.",
        "",
        "Ten families of one to six models, normal values; three quarters of the variance are that of the family:",
        "",
        *rows_of(head, cells(TEN)),
        "",
        "The same with values from a t distribution with three degrees of freedom:",
        "",
        *rows_of(head, cells(HEAVY)),
        "",
        "The families and facts of the models of the plan; a dash where these give neither p nor interval, so that the "
        "claim can only be inconclusive, or where no effect gives the value:",
        "",
        *rows_of(head, cells(PLAN)),
        "",
        f"All {len(rules.claims)} claims judged together after Holm's correction, ten families: the share of panels in "
        "which any claim is supported, or not supported, and the mean number of such claims.",
        "",
        *rows_of(
            ["effects", "any supported", "number", "any not supported", "number"],
            [
                [CLAIMS[row["tests"]], *(f"{row[key]:.3f}" for key in ("any_supported", "supported"))]
                + [f"{row[key]:.3f}" for key in ("any_rejected", "rejected")]
                for row in facts["claims"]
            ],
        ),
        "",
    ]
    if facts["compared"]:
        lines += [
            f"{facts['panels']} sets of panels of {study_sets.SAMPLES} samples through `compare` and all findings, for "
            "tests whose effect is absent: p <= 0.05 in the claimed and in any direction, and the smallest effect "
            f"rejected. The standard error of a rate of 5 % is {error(0.05, facts['panels'])}.",
            "",
            *rows_of(
                ["test", "models have", "claimed", "any direction", "rejected", "untested"],
                [
                    [name, kind, *(f"{rates[key]:.3f}" for key in ("claimed", "any", "rejected", "untested"))]
                    for kind, tests in facts["compared"].items()
                    for name, rates in tests.items()
                ],
            ),
            "",
        ]
    lines += [
        "Where a value of the statistic cannot be planted as such, the effect is the one for which the estimates "
        "average to it. The sizes of all other effects are in `bench/study_panels.py`.",
        "",
        f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}.",
        "",
    ]
    return "\n".join(lines)


CLAIMS = {
    "null": "none in any test",
    "one null": "none in one test of each claim, large in the others",
    "smallest": "the smallest in all tests",
    "large": "large in all tests",
}


def _cells(row: Mapping[str, Any]) -> list[str]:
    name = f"{row['claim']}.{row['test']}"
    if not row["draws"]:
        return [name, *["–"] * 8]
    null, smallest, large = (row.get(kind, {}) for kind in KINDS)
    rates = [null["claimed"], null["any"], null["rejected"]]
    rates += [*(smallest.get(key) for key in ("rejected", "claimed", "stated")), large.get("claimed")]
    return [name, f"{row['draws']:,}", *map(_shown, rates)]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--draws", type=click.IntRange(10), default=1000, help="Number of panels of each test.")
@click.option("--panels", type=click.IntRange(0), default=40, help="Number of sets that go through compare.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(draws: int, panels: int, write: bool) -> None:
    """Measure error rates and power of the verdicts on the claims of the study."""
    facts = run(draws, panels, click.echo) | {"machine": machine()}
    if write:
        RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
        RESULTS.with_suffix(".md").write_text(table(facts))
        click.echo(f"wrote {RESULTS} and {RESULTS.with_suffix('.md')}")


if __name__ == "__main__":
    main()
