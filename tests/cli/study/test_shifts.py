"""Agreement on changed crystals and against properties of samples: planted changes, none, and values by hand."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from hyle.cli.figures import perturbed_chart
from hyle.cli.jobs.compare import compare
from hyle.cli.options.measure import CompareOptions
from hyle.cli.results import PerturbedResult
from hyle.cli.study import StudyResult, StudySet
from hyle.cli.study import attributes as attributes_module
from hyle.cli.study.attributes import (
    ATTRIBUTES,
    Attribute,
    attributes,
    check_packages,
    fold_distance,
    heaviest_element,
    heavy_atoms,
    new_prototype,
    open_shell,
    rarest_element,
    residues,
    scaffold_distance,
)
from hyle.cli.study.perturbed import measure, perturbed
from hyle.cli.study.plan import OF_PERTURBED, PERTURBED, SETS, SHIFTS
from hyle.cli.study.shift_page import attribute_section, perturbed_section
from hyle.zoo import PERTURBATIONS, Dataset, Representation, Sample, Store, find_card, load_dataset, perturb

N = 120
MODELS = ("dpa3-mptrj", "sevennet-0", "chgnet-0.3.0", "cgcnn-energy", "m3gnet", "diep", "hienet")
LATENT = np.random.default_rng(0).normal(size=(N, 5)).astype("f4")
IDS = [f"crystal-{i}" for i in range(N)]


def views(latent: np.ndarray, private: np.ndarray | float = 0.3, seed: int = 1) -> list[Representation]:
    """Return seven models that see the latent with private noise, [n, 1] or one number, and a control of noise."""
    rng = np.random.default_rng(seed)
    maps = [np.random.default_rng([7, i]).normal(size=(5, 12)) for i in range(len(MODELS))]
    rows = [latent @ one + private * rng.normal(size=(N, 12)) for one in maps]
    found = [Representation(name, x.astype("f4"), IDS, {"model": name}) for name, x in zip(MODELS, rows, strict=True)]
    control = rng.normal(size=(N, 8)).astype("f4")
    return [*found, Representation("composition", control, IDS, {"model": "composition"})]


def panel(name: str, representations: list[Representation], samples: list[Sample] | None = None) -> StudyResult:
    samples = samples or [Sample(i, atoms=Atoms("H2O")) for i in IDS]
    data = Dataset(name, samples, "materials", "CC0-1.0", "planted")
    comparison = compare(representations, measure=CompareOptions(metrics=("cknna",), k=8))
    return StudyResult(StudySet(name, N, "planted", MODELS), data, representations, comparison)


@pytest.fixture(scope="module")
def before() -> StudyResult:
    return panel("mptrj", views(LATENT))


def test_a_change_that_each_model_sees_otherwise_lowers_agreement(before: StudyResult) -> None:
    found = measure(before, "rattle", 0.1, views(LATENT, 3.0, seed=2))
    assert found.high < -0.1
    assert found.families == 7
    assert found.kept < 0.7
    assert (found.n, found.samples, found.models) == (60, N, 7)
    assert np.abs(found.controls["composition"]).max() < 0.1


def test_a_change_that_all_models_see_moves_samples_and_keeps_agreement(before: StudyResult) -> None:
    moved = LATENT + 2 * np.random.default_rng(3).normal(size=LATENT.shape)
    found = measure(before, "volume", 0.9, views(moved, seed=2))
    assert found.kept < 0.4
    assert found.auc > 0.6
    assert abs(found.change) < 0.1


def test_no_change_is_none(before: StudyResult) -> None:
    found = measure(before, "swap", 0.1, before.representations)
    assert found.change == 0
    assert found.kept == pytest.approx(1, abs=1e-6)
    assert found.auc == pytest.approx(0.5)


def test_samples_that_a_model_lacks_are_left_out_of_both(before: StudyResult) -> None:
    changed = views(LATENT, 3.0, seed=2)
    first = changed[0]
    changed[0] = Representation(first.name, first.embedding[20:], IDS[20:], first.recipe)
    order = np.random.default_rng(4).permutation(N)
    changed[1] = Representation(changed[1].name, changed[1].embedding[order], [IDS[i] for i in order], {})
    found = measure(before, "rattle", 0.1, changed)
    assert (found.samples, found.n) == (N - 20, 50)
    assert found.high < 0


def test_too_few_samples_skip_the_section_and_lose_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    few = panel("mptrj", [replace(one, embedding=one.embedding[:15], ids=IDS[:15]) for one in views(LATENT)])
    monkeypatch.setattr("hyle.cli.study.perturbed.embed_perturbed", lambda *_: few.representations)
    assert perturbed(few, Store(tmp_path)) == []
    assert "mptrj, rattle 0.05: 7 samples of 15 and 15 groups" in capsys.readouterr().err


def test_the_plan_can_be_carried_out() -> None:
    assert set(PERTURBED) == set(PERTURBATIONS)
    crystals = load_dataset("mptrj", n=5)
    for kind, amounts in PERTURBED.items():
        assert [perturb(crystals, kind, amount).domain for amount in amounts] == ["materials"] * 3
        # From small to large: away from what is no change.
        away = np.abs(np.array(amounts) - (kind == "volume"))
        assert (np.diff(away) > 0).all()
    assert {find_card(name).name for name in OF_PERTURBED} == set(OF_PERTURBED)
    sets = {plan.dataset for plan in SETS}
    assert all({one.dataset, one.reference} <= sets for one in ATTRIBUTES)
    assert {*SHIFTS, *SHIFTS.values()} <= sets


def test_agreement_against_a_property(monkeypatch: pytest.MonkeyPatch, before: StudyResult) -> None:
    """Private noise grows with the property; where it does not, the interval has 0."""
    size = np.random.default_rng(5).permutation(N).astype(float)
    samples = [Sample(i, atoms=Atoms("H2O"), labels={"size": s}) for i, s in zip(IDS, size, strict=True)]
    by_size = Attribute("s", "mptrj", "size", "how large", 4, lambda s, _: [one.labels["size"] for one in s])
    monkeypatch.setattr(attributes_module, "ATTRIBUTES", (by_size,))
    monkeypatch.setattr(attributes_module, "REFERENCE_N", {})
    (found,) = attributes({"mptrj": before, "s": panel("s", views(LATENT, size[:, None] / 25), samples)})
    assert found.slope.high < 0
    assert found.values[0] > found.values[-1] + 0.2
    assert [end for ends in found.ends for end in ends] == [0, 29, 30, 59, 60, 89, 90, 119]
    (none,) = attributes({"mptrj": before, "s": panel("s", views(LATENT), samples)})
    assert none.slope.low < 0.02
    assert none.slope.high > -0.02
    assert attributes({"mptrj": before}) == []
    rare = Attribute("s", "mptrj", "size", "how large", 4, lambda s, _: [one.labels["size"] < 10 for one in s])
    monkeypatch.setattr(attributes_module, "ATTRIBUTES", (rare,))
    assert attributes({"mptrj": before, "s": panel("s", views(LATENT), samples)}) == []


def test_sizes_and_scaffolds_of_molecules() -> None:
    pytest.importorskip("rdkit")
    drugs = [Sample(str(i), smiles=s) for i, s in enumerate(("CCO", "Cc1ccccc1O", "c1ccc2[nH]ccc2c1"))]
    known = [Sample("a", smiles="Clc1ccccc1"), Sample("b", smiles="CC")]
    assert heavy_atoms(drugs, known) == [3, 8, 9]
    none, same, other = scaffold_distance(drugs, known)
    assert np.isnan(none)
    assert same == 0
    assert 0.3 < other < 1


def test_elements_charges_and_sizes() -> None:
    water, salt, ion = Atoms("H2O"), Atoms("NaCl"), Atoms("OH")
    known = [Sample(str(i), atoms=one) for i, one in enumerate([water] * 8 + [salt] * 2)]
    samples = [
        Sample("a", atoms=salt, labels={"charge": 0, "unpaired": 0}),
        Sample("b", atoms=ion, labels={"charge": -1, "unpaired": 0}),
        Sample("c", atoms=Atoms("Xe"), labels={"charge": 0, "unpaired": 2}),
    ]
    assert heaviest_element(samples, known) == [17, 8, 54]
    assert rarest_element(samples, known) == pytest.approx([-np.log10(0.2), -np.log10(0.8), -np.log10(0.05)])
    assert open_shell(samples, known) == [0, 0, 1]
    assert residues([Sample("p", sequence="ACDE")], ()) == [4]


def test_a_prototype_is_known_by_its_sites() -> None:
    pytest.importorskip("spglib")
    known = [Sample("a", atoms=bulk("NaCl", "rocksalt", a=5.64)), Sample("b", atoms=bulk("Cu"))]
    samples = [
        Sample("cubic", atoms=bulk("MgO", "rocksalt", a=4.21, cubic=True)),
        Sample("anions first", atoms=bulk("MgO", "rocksalt", a=4.21)[::-1]),
        Sample("another", atoms=bulk("CsCl", "cesiumchloride", a=4.12)),
        Sample("of three", atoms=bulk("ZnS", "zincblende", a=5.41)),
        Sample("an element", atoms=bulk("Au", cubic=True)),
    ]
    assert new_prototype(samples, known) == [0, 0, 1, 1, 0]


def test_a_chain_is_near_to_one_of_its_fold() -> None:
    pytest.importorskip("tmtools")
    proteins = load_dataset("proteins", n=4).samples
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    copy = Sample("copy", backbone=(proteins[0].backbone @ turn.T + 5).astype("f4"))
    distances = fold_distance([*proteins, copy], ())
    assert distances[0] == pytest.approx(0, abs=1e-3)
    assert distances[4] == pytest.approx(0, abs=1e-3)
    assert min(distances[1:4]) > 0.3


def test_a_missing_package_is_named_before_hours_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    check_packages(["mptrj"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install '?tmtools"):
        check_packages(["mptrj", "proteins"])


def test_both_sections_say_what_was_found(before: StudyResult, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [measure(before, "rattle", amount, views(LATENT, 0.3 + 5 * amount, seed=2)) for amount in (0.1, 0.4)]
    found.append(measure(before, "volume", 0.9, views(LATENT, 1.0, seed=2)))
    text = "\n".join(perturbed_section(found, "mptrj"))
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) == 4
    assert rows[1].startswith("| atoms displaced by 0.1 Å along each axis | ")
    assert f"{found[1].change:.3f}".replace("-", "−") in rows[2]
    assert "7 models of 7 families" in text
    chart = json.loads(perturbed_chart(found, "CKNNA").to_json())
    assert len(chart["concat"]) == 2
    assert perturbed_section([], "mptrj") == attribute_section([]) == []
    size = Attribute("mptrj", "mptrj", "size", "place", 2, lambda s, _: [float(one.id.split("-")[1]) for one in s])
    monkeypatch.setattr(attributes_module, "REFERENCE_N", {})
    one = attributes_module.measure(size, before, before)
    text = "\n".join(attribute_section([one]))
    assert "| mptrj, 120 samples (48 at a time), 7 models | size: place | 0 to 59; 60 to 119 |" in text
    assert set(asdict(one)) >= {"ends", "values", "slope"}


def test_the_picture_is_that_of_the_page(before: StudyResult, tmp_path: Path) -> None:
    import vl_convert

    from hyle.cli.figures import specification, vega_lite_version

    found: list[PerturbedResult] = [measure(before, "cleave", 3.0, views(LATENT, 1.0, seed=2))]
    svg = vl_convert.vegalite_to_svg(specification(perturbed_chart(found, "CKNNA")), vl_version=vega_lite_version())
    assert "gap between planes (Å)" in svg
    assert "composition with models" in svg
