"""The findings of the study on synthetic panels with known structure, and the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from hyle.cli.commands.study import chosen_sets
from hyle.cli.comparison.energies import add_energy_errors
from hyle.cli.jobs.compare import compare
from hyle.cli.options.measure import CompareOptions
from hyle.cli.study.findings import CHECKS, Finding, findings
from hyle.cli.study.page import write_page
from hyle.cli.study.plan import SETS, StudyResult, StudyResults, StudySet
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
    return StudyResult(plan, data, representations, comparison)


@pytest.fixture(scope="module")
def planted() -> StudyResults:
    return {p.dataset: panel(StudySet(p.dataset, N, p.role, MODELS[p.dataset]), shared=True) for p in SETS}


@pytest.fixture(scope="module")
def noise() -> StudyResults:
    return {p.dataset: panel(StudySet(p.dataset, N, p.role, MODELS[p.dataset]), shared=False) for p in SETS}


@pytest.fixture(scope="module")
def found(planted: StudyResults) -> dict[str, Finding]:
    return by_claim(planted)


def by_claim(panels: StudyResults) -> dict[str, Finding]:
    return {check.__name__: found for (_, check), found in zip(CHECKS, findings(panels), strict=True)}


def test_planted_structure_is_found(found: dict[str, Finding]) -> None:
    assert found["local_and_global"].numbers["mptrj"]["rho"] > 0.7
    assert found["local_and_global"].numbers["mptrj"]["p"] <= 0.05
    closer = found["better_is_closer"]
    assert closer.verdict == "holds in part"  # too few families of the other sets predict energies
    assert closer.numbers["mptrj"]["rho"] < -0.7
    assert closer.numbers["mptrj"]["families"] == 7  # of eight, without that of the best model
    kinds = found["same_kind"].numbers
    assert kinds["told"] > 0.9 * kinds["pairs"]
    proteins = found["proteins"].numbers
    assert all(0 <= one["low"] <= one["calibrated"] <= one["high"] <= 1 for one in proteins.values())
    assert found["composition"].numbers["cknna"]["before"] > 0.1


@pytest.mark.thorough
def test_noise_confirms_no_finding(noise: StudyResults) -> None:
    found = by_claim(noise)
    for name in (
        "local_and_global",
        "better_is_closer",
        "training_data",
        "scale",
        "blind_spots",
        "composition",
        "ceiling",
    ):
        assert found[name].verdict != "holds", found[name]
    kinds = found["same_kind"].numbers
    assert kinds["told"] < 0.2 * kinds["pairs"]
    assert found["text"].verdict == "does not hold"


def test_both_sets_are_compared_at_one_n_and_k(found: dict[str, Finding]) -> None:
    change = found["out_of_distribution"].numbers["cknna"]
    # 58 samples of 60 have a row of every model, and half of them are drawn.
    assert (change["n"], change["k"], change["groups"], change["families"]) == (29, 7, (58, 58), 8)
    assert change["low"] < change["out"] - change["in"] < change["high"]
    assert change["family_low"] < change["family_high"]


def test_few_families_are_inconclusive_with_the_smallest_p_they_give(found: dict[str, Finding]) -> None:
    # One family of proteins is a pair of models: ProteinMPNN and LigandMPNN share a card.
    proteins = found["local_and_global"].numbers["proteins"]
    assert (proteins["families"], np.isnan(proteins["p"])) == (3, True)
    assert proteins["smallest_p"] > 0.05
    assert "at least 6 families are needed" in found["local_and_global"].found
    same = found["same_kind"].numbers
    assert (same["families"], np.isnan(same["p"])) == (4, True)


def test_a_finding_without_its_sets_is_skipped(planted: StudyResults) -> None:
    assert len(findings({"proteins": planted["proteins"]})) == 0
    assert 0 < len(findings({"mptrj": planted["mptrj"]})) < len(CHECKS)


@pytest.mark.thorough
def test_the_page_agrees_with_the_numbers(planted: StudyResults, tmp_path: Path) -> None:
    planted = {name: planted[name] for name in ("mptrj", "mpf-tp")}
    found = findings(planted)
    text = write_page(found, planted, tmp_path / "study").read_text()
    data = json.loads((tmp_path / "study" / "findings.json").read_text())
    assert [one["verdict"] for one in data["findings"]] == [one.verdict for one in found]
    rows = [line for line in text.splitlines() if line.startswith("| ") and line.endswith("** |")]
    assert len(rows) == len(found)
    assert all(f"**{one.verdict}** |" in row and one.claim in row for one, row in zip(found, rows, strict=True))
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
