"""The simulation of the verdicts on the claims of the study."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench import study_null, study_sets
from bench.family_panels import Draw
from bench.study_panels import plan_design, ten_families
from bench.study_scenarios import SCENARIOS, effect_of, rule_of, share_found
from hyle.cli.study import SETS, load_rules
from hyle.cli.study.verdict import Estimate
from hyle.zoo import find_card

ALL = {(claim, test) for claim, entry in load_rules().claims.items() for test in entry.tests}
# A difference of two shares over ten families is too uncertain for its test to find even a large effect each time, and
# a correlation over nine or ten families may be missed.
OFTEN = {("training_data", "before_architecture"): 0.0, ("better_is_closer", "closer"): 0.5, ("text", "ratio"): 0.5}


def test_every_registered_test_has_a_scenario_and_a_rate() -> None:
    assert set(SCENARIOS) == ALL
    for name, scenario in SCENARIOS.items():
        rule = rule_of(name)
        assert abs(scenario.large - rule.null) > abs(rule.smallest - rule.null), name
        assert (scenario.large > rule.null) == (rule.smallest > rule.null), name


def test_designs_have_the_families_of_the_plan() -> None:
    for plan in SETS:
        cards = [card for card in map(find_card, plan.models) if card.modality != "control"]
        design = plan_design(plan.dataset)
        assert Counter(design.sizes) == Counter(Counter(card.family for card in cards).values())
        assert Counter(design.architecture) == Counter(card.architecture for card in cards)
    assert set(plan_design("mptrj").modality) == {"atoms"}
    assert set(plan_design("proteins").modality) == {"string", "atoms"}
    ten = ten_families()
    assert len(ten.sizes) == 10
    assert {len(one) for one in (ten.modality, ten.architecture, ten.trained_on)} == {sum(ten.sizes)}
    # Facts are constant within families and no two of them coincide.
    for fact in (ten.modality, ten.architecture, ten.trained_on):
        assert all(len(set(np.array(fact)[ten.codes == f])) == 1 for f in range(10))
    assert len(set(zip(ten.architecture, ten.trained_on, strict=True))) > 6


@pytest.mark.parametrize("name", sorted(ALL), ids=".".join)
def test_noise_is_seldom_an_effect_and_a_large_effect_is_found(name: tuple[str, str]) -> None:
    scenario, rule, level = SCENARIOS[name], rule_of(name), load_rules().level
    draws, design = (16 if scenario.share == 1 else 4), ten_families(scenario.kinds_of_input)

    def rates(value: float, count: int) -> dict[str, float | None]:
        effect = effect_of(name, value, design, "normal", 4)
        estimates = [scenario.simulate(Draw(design.sizes, "normal", seed), design, effect) for seed in range(count)]
        return share_found(rule, estimates, level)

    null, large = rates(rule.null, draws), rates(scenario.large, 4)
    # 16 draws at 5 % have five or more with a probability below 0.001.
    assert null["any"] is not None
    assert null["any"] <= 0.3
    assert large["claimed"] is not None
    assert large["claimed"] >= OFTEN.get(name, 0.75)
    assert null["untested"] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [(("same_kind", "across"), 0.2), (("scale", "error"), -1.5), (("dimension", "random"), 0.5)],
    ids=["mean", "slope", "ratio"],
)
def test_estimates_average_to_the_planted_value(name: tuple[str, str], value: float) -> None:
    scenario, design = SCENARIOS[name], ten_families()
    found = [scenario.simulate(Draw(design.sizes, "normal", seed), design, value).value for seed in range(40)]
    # The standard error of the mean, from the draws themselves.
    assert np.mean(found) == pytest.approx(value, abs=5 * np.std(found) / 40**0.5)


def test_rates_count_directions_and_the_smallest_effect() -> None:
    rule = rule_of(("scale", "error"))  # claimed below 0; the smallest effect is -0.1
    estimates = [
        Estimate(-0.2, -0.3, -0.1, 9, 0.01),  # found
        Estimate(0.2, 0.15, 0.25, 9, 0.01),  # the opposite, and -0.1 is rejected
        Estimate(-0.01, -0.5, 0.5, 9, 0.9),  # nothing
        Estimate(float("nan"), float("nan"), float("nan"), 3),  # not tested
    ]
    found = share_found(rule, estimates, 0.05)
    expected = {"claimed": 0.25, "any": 0.5, "rejected": 0.25, "found": 0.25, "untested": 0.25}
    assert {key: found[key] for key in expected} == expected
    assert share_found(rule, estimates[-1:], 0.05)["stated"] is None


def test_results_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: one for name, one in SCENARIOS.items() if name[0] in ("scale", "text")}
    monkeypatch.setattr(study_null, "RESULTS", tmp_path / "study_null.json")
    monkeypatch.setattr(study_null, "SCENARIOS", few)
    monkeypatch.setattr(study_null, "whole_claims", lambda *_: [])
    ran = CliRunner().invoke(study_null.main, ["--draws", "10", "--panels", "0"])
    assert ran.exit_code == 0, ran.output
    facts = json.loads((tmp_path / "study_null.json").read_text())
    assert [(row["claim"], row["test"], row["panel"]) for row in facts["tests"]][:3] == [
        ("text", "ratio", study_null.TEN),
        ("scale", "alignment", study_null.TEN),
        ("scale", "error", study_null.TEN),
    ]
    # The plan has one language model, which gives no interval.
    of_plan = {row["claim"]: row["draws"] for row in facts["tests"] if row["panel"] == study_null.PLAN}
    assert of_plan["text"] == 0
    text = (tmp_path / "study_null.md").read_text()
    assert "| text.ratio | – |" in text
    assert "| scale.error | 10 |" in text


def test_claims_are_judged_together() -> None:
    rules = load_rules()
    sure = {"null": 1.0, "smallest": 0.0, "large": 0.0}
    found = {}
    for name in ALL:
        rule = rule_of(name)
        for kind, at in {"null": rule.null, "smallest": rule.smallest, "large": SCENARIOS[name].large}.items():
            width = 1e-4 * abs(rule.smallest - rule.null)
            found[name, kind] = [Estimate(at, at - width, at + width, 10, sure[kind])]
    rows = {row["tests"]: row for row in study_null.whole_claims(found, rules, 3)}
    assert (rows["large"]["supported"], rows["large"]["rejected"]) == (12, 0)
    assert (rows["null"]["supported"], rows["null"]["rejected"]) == (0, 12)
    assert (rows["one null"]["supported"], rows["one null"]["rejected"]) == (0, 12)


def test_small_panels_have_the_sets_of_all_claims() -> None:
    needed = {name for claim in load_rules().claims.values() for name in claim.sets}
    assert needed == set(study_sets.MODELS)
    assert needed <= {plan.dataset for plan in SETS}
    for models in study_sets.MODELS.values():
        assert all(find_card(name) for name in models)
