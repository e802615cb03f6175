"""`hyle analyse`, on a Comparison of the shape that `hyle run` writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

from hyle.cli import main
from hyle.cli.comparison.energies import add_energy_errors
from hyle.engine import load_comparison, save_comparison
from hyle.zoo import Dataset, Representation, Sample

from ..synthetic import build


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["hyle", "analyse", *map(str, arguments)])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def saved(path: Path, **options: bool) -> Path:
    """Save a Comparison as the engine writes it: netCDF has no booleans."""
    comparison = build(**options)
    for variable in comparison.data_vars.values():
        for key, value in variable.attrs.items():
            if isinstance(value, bool):
                variable.attrs[key] = ("no", "yes")[value] if key == "higher_is_better" else int(value)
    return save_comparison(comparison, path)


def test_all_analyses_have_results(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "c.nc")
    assert call(monkeypatch, path) == 0
    out = capsys.readouterr().out
    assert "the best by energy" in out
    assert "at least 6 families are needed" in out
    assert "each fact alone, over pairs of families" in out
    assert "chgnet-0.3.0:" in out
    assert call(monkeypatch, path, "--metric", "cka", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metric"] == "cka"
    assert found["tree"]["newick"].endswith(";")
    assert {factor["name"] for factor in found["factors"]} >= {"modality"}
    assert found["convergence"]["all"]["correlation"] is None


def test_two_sets_of_samples_are_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = saved(tmp_path / "in.nc"), saved(tmp_path / "out.nc", energies=False)
    assert call(monkeypatch, first, "--against", second) == 0
    shown = capsys.readouterr()
    assert "95 % of the change" in shown.out
    assert f"note: --against {second} has the same samples as {first}" in shown.err
    other = load_comparison(second)
    other.attrs["sample_hash"] = "of other samples"
    assert (
        call(monkeypatch, first, "--against", save_comparison(other, tmp_path / "other.nc"), "--only", "collapse") == 0
    )
    assert "same samples" not in capsys.readouterr().err
    assert call(monkeypatch, first, "--against", second, "--json") == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert {one["metric"] for one in changes} == {"cka", "cka_rbf", "mutual_knn", "cknna"}
    assert all(one["inside"] == one["outside"] for one in changes)
    assert call(monkeypatch, first, "--against", tmp_path / "none.nc") == 2


def test_without_energies_there_is_no_convergence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "c.nc", energies=False)
    assert call(monkeypatch, path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["convergence"] is None
    assert call(monkeypatch, path, "--reference", "chemnet") == 2
    assert "energy errors" in capsys.readouterr().err
    assert call(monkeypatch, path, "--metric", "nothing") == 2
    assert "it has cka" in capsys.readouterr().err
    assert call(monkeypatch, tmp_path / "none.nc") == 2


def test_maps_by_umap_need_umap_learn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    assert call(monkeypatch, saved(tmp_path / "c.nc"), "--umap") == 2
    assert "pip install 'umap-learn>=" in capsys.readouterr().err


def test_energy_errors_exclude_the_fit_of_composition() -> None:
    generator = np.random.default_rng(0)
    names = ["H2O", "CH4", "NH3", "CH3OH", "C2H6", "CO2"] * 10
    samples = []
    for number, name in enumerate(names):
        atoms = molecule(name)
        true = float(-300.0 * len(atoms) + generator.normal())
        samples.append(Sample(id=str(number), atoms=atoms, labels={"energy": true}))
    data = Dataset("few", samples, "molecules", "", "", {"energy": "eV"})
    true = np.array([sample.labels["energy"] for sample in samples])
    shift = np.array([7.0 * (sample.atoms.numbers == 1).sum() for sample in samples])
    order = generator.permutation(60)
    noise = 0.1 * generator.normal(size=60)
    ids = [samples[i].id for i in order]
    found = [
        Representation("good", np.zeros((60, 2)), ids, energies=(true + shift + noise)[order]),
        Representation("none", np.zeros((60, 2)), ids),
    ]
    comparison = build(["chgnet-0.3.0", "sevennet-0"], energies=False)
    add_energy_errors(comparison, found, data)
    assert comparison.energy_mae.values[0] == pytest.approx(0.08, abs=0.03)
    assert np.isnan(comparison.energy_mae.values[1])
    assert comparison.energy_mae.attrs["units"] == "eV"
    other = build(["chgnet-0.3.0", "sevennet-0"], energies=False)
    add_energy_errors(other, found[1:] * 2, data)
    assert "energy_mae" not in other
