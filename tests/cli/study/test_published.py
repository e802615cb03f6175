"""The published study: its numbers are those of its stored scores, and its verdicts those of the registered rules."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from hyle.cli.results import PerturbedResult
from hyle.cli.study import Estimate, judge, load_rules, statistics
from hyle.cli.study.attributes import ATTRIBUTES, AttributeResult
from hyle.cli.study.plan import PERTURBED
from hyle.cli.study.shift_page import attribute_section, perturbed_section
from hyle.engine import load_comparison

FOLDER = Path(__file__).parents[3] / "docs" / "study"
# Claim and test -> data set and statistic, where it is one of the stored scores alone.
OF_SCORES = {
    ("same_kind", "within"): ("qm9", statistics.same_kind),
    ("same_kind", "across"): ("qm9", statistics.across),
    ("better_is_closer", "closer"): ("mptrj", statistics.better_is_closer),
    ("local_and_global", "order"): ("qm9", statistics.local_and_global),
    ("training_data", "data"): ("qm9", statistics.training_data),
    ("training_data", "before_architecture"): ("qm9", statistics.before_architecture),
    ("scale", "alignment"): ("mptrj", statistics.scale_alignment),
    ("scale", "error"): ("mptrj", statistics.scale_error),
    ("dimension", "random"): ("qm9", lambda comparison, _: statistics.dimension_of_random(comparison)),
    ("dimension", "band"): ("qm9", lambda comparison, _: statistics.dimension_band(comparison)),
    ("dimension", "order"): ("qm9", lambda comparison, _: statistics.dimension_order(comparison)),
}


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "findings.json").read_text()))


@pytest.fixture(scope="module")
def comparisons() -> dict[str, xr.Dataset]:
    return {name: load_comparison(FOLDER / f"{name}.nc") for name in ("qm9", "mptrj")}


def estimate(data: dict[str, Any]) -> Estimate:
    numbers = {name: float("nan") if value is None else value for name, value in data.items()}
    return Estimate(**(numbers | {"df": float("inf") if data["df"] is None else data["df"]}))


def numbers(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a result, in which JSON has null for what is no number."""
    return {name: float("nan") if value is None else value for name, value in data.items()}


def test_the_rules_are_those_of_the_page(published: dict[str, Any]) -> None:
    sha256 = load_rules().sha256
    assert published["rules_sha256"] == sha256
    assert sha256 in (FOLDER / "README.md").read_text()


def test_both_sections_on_shifts_are_those_of_the_numbers(published: dict[str, Any]) -> None:
    page = (FOLDER / "README.md").read_text()
    changes = [PerturbedResult(**numbers(one)) for one in published["perturbed"]]
    assert "\n".join(perturbed_section(changes, "mptrj")) in page
    attributes = [
        AttributeResult(**numbers(one) | {"slope": estimate(one["slope"])}) for one in published["attributes"]
    ]
    assert "\n".join(attribute_section(attributes)) in page
    assert [(one.kind, one.amount) for one in changes] == [(kind, a) for kind, each in PERTURBED.items() for a in each]
    assert [(one.dataset, one.name) for one in attributes] == [(one.dataset, one.name) for one in ATTRIBUTES]
    assert (FOLDER / "perturbed.svg").read_text().startswith("<svg")


def test_every_verdict_follows_from_its_estimates(published: dict[str, Any]) -> None:
    found = {one["name"]: one for one in published["findings"]}
    estimates = {
        name: {test: estimate(tested["estimate"]) for test, tested in one["tests"].items()}
        for name, one in found.items()
    }
    verdicts = judge(estimates, load_rules())
    assert {name: one.verdict for name, one in verdicts.items()} == {
        name: one["verdict"] for name, one in found.items()
    }
    text = (FOLDER / "README.md").read_text()
    for name, one in verdicts.items():
        assert f"{load_rules().claims[name].claim}" in text
        assert one.p == pytest.approx(found[name]["p"], abs=1e-9)


@pytest.mark.parametrize(("claim", "test"), OF_SCORES)
def test_an_estimate_is_that_of_the_stored_scores(
    claim: str, test: str, published: dict[str, Any], comparisons: dict[str, xr.Dataset]
) -> None:
    dataset, statistic = OF_SCORES[claim, test]
    expected = next(one for one in published["findings"] if one["name"] == claim)["tests"][test]["estimate"]
    found = statistic(comparisons[dataset], "cknna")
    assert found.value == pytest.approx(expected["value"], rel=1e-4, abs=1e-6)
    assert found.units == expected["units"]
    assert found.df == (expected["df"] or float("inf"))
    if expected["low"] is not None:
        assert (found.low, found.high) == pytest.approx((expected["low"], expected["high"]), rel=1e-2, abs=1e-3)


def test_the_registered_specification_is_among_the_others(published: dict[str, Any]) -> None:
    with (FOLDER / "specifications.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["registered"] == "True"]
    found = {one["name"]: one["tests"] for one in published["findings"]}
    assert {(row["claim"], row["test"]) for row in rows} >= {("same_kind", "within"), ("better_is_closer", "closer")}
    for row in rows:
        # The same models, on the samples that they have in common without the controls.
        assert float(row["value"]) == pytest.approx(found[row["claim"]][row["test"]]["estimate"]["value"], abs=0.05)
