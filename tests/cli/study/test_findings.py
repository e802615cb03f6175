"""The findings of the study on synthetic panels with known structure, and the page."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from hyle.cli.commands.study import chosen_sets
from hyle.cli.comparison import CONTROL
from hyle.cli.comparison.energies import add_energy_errors
from hyle.cli.jobs.compare import compare
from hyle.cli.options.measure import CompareOptions
from hyle.cli.study import (
    SETS,
    Judged,
    Specification,
    StudyOutcome,
    StudyResult,
    StudyResults,
    StudySet,
    judged,
    load_rules,
    statistics,
    write_page,
)
from hyle.cli.study.findings import OF_ENERGIES
from hyle.cli.study.findings.kinds import neighbours_of, text
from hyle.cli.study.rules import PATH
from hyle.cli.study.specifications import specifications
from hyle.cli.study.verdict import INCONCLUSIVE, SUPPORTED
from hyle.engine.analysis import beyond_chance
from hyle.zoo import Dataset, Representation, Sample, find_card

Run = Callable[..., Any]

N = 60
METRICS = ("cka", "distance_correlation", "mutual_knn", "cknna", "information_imbalance", "intrinsic_dimension")
# A few models of every kind; those of atoms in the order of their planted noise.
ATOMS = (
    *("dpa3-openlam", "dpa3-mptrj", "sevennet-0", "chgnet-0.3.0", "chgnet-0.2.0", "cgcnn-energy", "cgcnn-fermi"),
    *("m3gnet", "mace-mp-small", "nequix-mp-1", "mattersim-1m"),
)
FLAT = ("chemnet", "admet-ai-cls", "admet-ai-cls-seed1", "minilm")
PROTEINS = ("near", "antiberty", "proteinmpnn-002", "ligandmpnn-020")
MODELS = {
    "qm9": (*FLAT, *ATOMS[2:5], "composition", "random"),
    "mptrj": (*ATOMS, "random"),
    "mpf-tp": (*ATOMS, "random"),
    "proteins": (*PROTEINS, "random"),
}


def panel(plan: StudySet, *, shared: bool) -> StudyResult:
    """Return models of a common latent with independent noise, larger for later ones; without `shared`, noise alone."""
    rng = np.random.default_rng([len(plan.dataset), shared])
    ids, latent = [f"{plan.dataset}-{i}" for i in range(N)], rng.normal(size=(N, 6))
    truth = rng.normal(size=N)
    samples = [Sample(id=one, atoms=Atoms("H2O"), labels={"energy": e}) for one, e in zip(ids, truth, strict=True)]
    data = Dataset(plan.dataset, samples, "materials", "CC0-1.0", "planted", {"energy": "eV"})
    representations = []
    for name in plan.models:
        at = ATOMS.index(name) if name in ATOMS else 3 + len(name) % 3
        signal = 0.0 if name == "random" or not shared else 1.0
        noise = 0.1 + 0.25 * at if shared else 1.0
        rows = signal * latent @ rng.normal(size=(6, 12)) + noise * rng.normal(size=(N, 12))
        energies = truth + noise * rng.normal(size=N) if find_card(name).energy else None
        kept = slice(at % 3, None)  # some models skip a sample or two
        kept_energies = None if energies is None else energies[kept]
        recipe = {"model": name}
        representations.append(Representation(name, rows[kept].astype(np.float32), ids[kept], recipe, kept_energies))
    measure = CompareOptions(metrics=METRICS, k=8, dimension_k=10, permutations=39, jackknife_groups=5)
    comparison = compare(representations, measure=measure)
    add_energy_errors(comparison, representations, data)
    real = [each for each in representations if find_card(each.name).modality != CONTROL]
    # At another layer the models of the common latent are noise.
    other = [replace(each, embedding=rng.normal(size=each.embedding.shape).astype(np.float32)) for each in real]
    variants = {("middle", "default"): other, ("default", "sum"): real}
    return StudyResult(plan, data, representations, comparison, variants)


@pytest.fixture(scope="module")
def planted() -> StudyResults:
    return {
        p.dataset: panel(StudySet(p.dataset, N, p.role, MODELS[p.dataset]), shared=True)
        for p in SETS
        if p.dataset in MODELS
    }


@pytest.fixture(scope="module")
def noise() -> StudyResults:
    return {
        p.dataset: panel(StudySet(p.dataset, N, p.role, MODELS[p.dataset]), shared=False)
        for p in SETS
        if p.dataset in MODELS
    }


@pytest.fixture(scope="module")
def found(planted: StudyResults) -> dict[str, Judged]:
    return {one.claim.name: one for one in judged(planted)}


def test_planted_structure_is_found(found: dict[str, Judged]) -> None:
    closer = found["better_is_closer"]
    assert closer.verdict.tests["closer"].p <= 0.05
    assert closer.finding.numbers["mptrj"]["rho"] < -0.7
    assert closer.finding.estimates["closer"].units == 7  # of eight families, without that of the best model
    order = found["local_and_global"].finding
    assert order.numbers["mptrj"]["rho"] > 0.7
    assert order.numbers["mptrj"]["p"] <= 0.05
    kinds = found["same_kind"].finding
    assert kinds.numbers["significant"] > 0.9 * kinds.numbers["pairs"]
    overlap = kinds.estimates["vision_language"]
    assert overlap.low < overlap.value < overlap.high
    assert found["composition"].finding.numbers["cknna"]["before"] > 0.1
    assert found["out_of_distribution"].finding.estimates["collapse"].value == pytest.approx(1, abs=0.3)


def test_every_registered_test_has_an_estimate_and_few_families_are_inconclusive(found: dict[str, Judged]) -> None:
    assert list(found) == list(load_rules().claims)
    # Four families read molecules as strings, graphs or atoms, and three proteins.
    for name in ("proteins", "text", "local_and_global"):
        assert found[name].verdict.verdict == INCONCLUSIVE, found[name]
        assert np.isnan(found[name].verdict.power)
    assert "no interval" in found["proteins"].finding.found


@pytest.mark.thorough
def test_noise_supports_no_claim(noise: StudyResults) -> None:
    found = {one.claim.name: one for one in judged(noise)}
    for name, one in found.items():
        # All models are far below random vectors in none of the sets, and the band of equal noise is narrow.
        assert one.verdict.verdict != SUPPORTED, name
    kinds = found["same_kind"].finding.numbers
    assert kinds["significant"] < 0.2 * kinds["pairs"]


def test_both_sets_are_compared_at_one_n_and_k(found: dict[str, Judged]) -> None:
    change = found["out_of_distribution"].finding.numbers["cknna"]
    # 58 samples of 60 have a row of every model, and half of them are drawn.
    assert (change["n"], change["k"], change["groups"], change["families"]) == (29, 7, (58, 58), 8)
    assert change["low"] < change["out"] - change["in"] < change["high"]
    local = found["out_of_distribution"].finding.estimates["local"]
    assert local.high - local.low >= max(change["high"] - change["low"], change["family_high"] - change["family_low"])


def test_a_finding_without_its_sets_is_skipped(planted: StudyResults) -> None:
    assert len(judged({"proteins": planted["proteins"]})) == 0
    only = [one.claim.name for one in judged({"mptrj": planted["mptrj"]})]
    assert only == ["better_is_closer", "scale", "blind_spots"]


@pytest.fixture(scope="module")
def curves(planted: StudyResults) -> list[Specification]:
    return specifications({"mptrj": planted["mptrj"]}, {"better_is_closer": ("mptrj",)})


def test_a_specification_is_the_statistic_under_its_choices(planted: StudyResults, curves: list[Specification]) -> None:
    comparison = planted["mptrj"].comparison
    closer = [one for one in curves if one.claim == "better_is_closer"]
    default = [one for one in closer if (one.layer, one.pooling) == ("default", "default")]
    choices = {(one.metric, one.k, one.centred, one.composition) for one in default if not one.without}
    # 58 samples: k = 10 only; no model of composition, so that nothing is regressed out.
    assert choices == {(m, 10, c, False) for m in ("cknna", "mutual_knn") for c in (False, True)} | {
        (m, 0, False, False) for m in ("cka", "cka_rbf", "distance_correlation")
    }
    whole = next(one for one in closer if (one.metric, one.without) == ("cka", ""))
    expected = statistics.better_is_closer(comparison, "cka")
    assert whole.estimate.value == pytest.approx(expected.value)
    assert {one.without for one in closer} == {"", *statistics.families(comparison)[:-1]}
    of_best = [one for one in closer if not one.without and (one.reference, one.levels) == ("the best", "all")]
    others = [one for one in of_best if one not in default]
    assert {(one.metric, one.k) for one in others} == {
        *((m, 8) for m in ("cknna", "mutual_knn")),
        *((m, 0) for m in ("cka", "cka_rbf", "distance_correlation")),
    }
    value = {(one.metric, one.layer, one.pooling): one.estimate.value for one in others}
    for metric in ("cka", "cka_rbf", "distance_correlation"):
        assert value[metric, "default", "sum"] == pytest.approx(
            next(one.estimate.value for one in default if one.metric == metric and not one.without), abs=1e-6
        )
    assert abs(value["cka", "middle", "default"]) < abs(value["cka", "default", "sum"])
    assert not any(one.registered for one in curves)  # the verdict is by another number of neighbours here


@pytest.mark.thorough
def test_the_page_agrees_with_the_numbers(planted: StudyResults, curves: list[Specification], tmp_path: Path) -> None:
    planted = {name: planted[name] for name in ("mptrj", "mpf-tp")}
    found = judged(planted)
    text = write_page(StudyOutcome(found, planted, curves), tmp_path / "study").read_text()
    data = json.loads((tmp_path / "study" / "findings.json").read_text())
    assert [one["verdict"] for one in data["findings"]] == [one.verdict.verdict for one in found]
    assert data["rules_sha256"] == hashlib.sha256(PATH.read_bytes()).hexdigest()
    assert data["rules_sha256"] in text
    rows = [line for line in text.splitlines() if re.match(r"\| \d+ \| .*\*\* \(.*\) \|$", line)]
    assert len(rows) == len(found)
    assert all(f"**{one.verdict.verdict}**" in row for one, row in zip(found, rows, strict=True))
    table = (tmp_path / "study" / "specifications.csv").read_text().splitlines()
    assert len(table) == 1 + len(curves)
    picture = tmp_path / "study" / "specifications" / "better_is_closer-closer.svg"
    assert picture.read_text().startswith("<svg")
    assert f"({picture.relative_to(tmp_path / 'study')})" in text
    for name in planted:
        assert (tmp_path / "study" / f"{name}.nc").exists()
        assert f"]({name}/heat_map_cknna.svg)" in text
        assert (tmp_path / "study" / name / "heat_map_cknna.svg").read_text().startswith("<svg")
        assert "CKNNA, debiased, to " in (tmp_path / "study" / name / "convergence.svg").read_text()
    # The change between both sets is among the figures of the set out of distribution.
    assert not (tmp_path / "study" / "mptrj" / "regimes_cknna.svg").exists()
    assert (tmp_path / "study" / "mpf-tp" / "regimes_cknna.svg").exists()


def test_the_plan_names_models_that_read_its_sets() -> None:
    from hyle.zoo import find_dataset

    models = set()
    for plan in SETS:
        info = find_dataset(plan.dataset)
        for name in plan.models:
            card = find_card(name)
            assert card.view in (*info.views, "any")
            assert info.domain in card.domains
            assert card.verified
        models |= {name for name in plan.models if find_card(name).modality != "control"}
    assert len(models) >= 25


def test_invalid_choices_raise(run: Run) -> None:
    assert [plan.n for plan in chosen_sets(["mptrj"], None, 50)] == [50]
    for words, wrong in (
        (["--sets", "qm8"], "the study has qm9"),
        (["--models", "minilm"], "name at least two"),
        (["--models", "minilmm"], "minilm"),
    ):
        ran = run("study", *words)
        assert ran.code == 2
        assert wrong in " ".join(ran.err.split())


def test_neighbours_are_in_proportion_to_10_of_1024() -> None:
    assert [neighbours_of(n) for n in (1024, 492, 60, 5)] == [10, 5, 1, 1]


def test_a_text_model_is_compared_beyond_chance(planted: StudyResults) -> None:
    """Raw scores of unrelated models are all near chance, and so is their ratio near 1."""
    estimate = text(planted).estimates["ratio"]
    comparison = planted["qm9"].comparison
    kinds = np.array([str(kind) for kind in comparison["modality"].values])
    beyond = beyond_chance(comparison, "cknna")
    owners = np.array(statistics.families(comparison))
    means = [
        statistics.mean_across(beyond, kinds == kind, kinds == "atoms", owners).value for kind in ("text", "string")
    ]
    assert estimate.value == pytest.approx(means[0] / means[1])


def test_claims_about_energies_are_left_out_where_few_models_have_them(planted: StudyResults) -> None:
    plan, energies = StudySet("mptrj", N, "few", ("chgnet-0.3.0", "cgcnn-fermi", "random")), set(OF_ENERGIES)
    assert not energies & {one.claim.name for one in judged({"mptrj": panel(plan, shared=True)})}
    assert energies <= {one.claim.name for one in judged({"mptrj": planted["mptrj"]})}
