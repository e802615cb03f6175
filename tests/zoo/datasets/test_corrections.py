"""Corrections of the Materials Project: as published, and removed from the energies that CHGNet has learned."""

from __future__ import annotations

import numpy as np
import pytest

ase_build = pytest.importorskip("ase.build")
pytest.importorskip("pymatgen.entries", reason="pymatgen is not installed")

from hyle.cli.comparison.energies import energy_errors  # noqa: E402
from hyle.zoo import find_card, load, load_dataset, mp2020_correction  # noqa: E402


def test_corrections_match_the_published_values() -> None:
    # In eV per anion, and per metal with a U in an oxide: table 3 of Wang et al. (2021).
    assert mp2020_correction(ase_build.bulk("Si")) == 0
    assert mp2020_correction(ase_build.molecule("H2O")) == 0
    assert mp2020_correction(ase_build.bulk("MgO", "rocksalt", a=4.21)) == pytest.approx(-0.687, abs=1e-3)
    assert mp2020_correction(ase_build.bulk("NaCl", "rocksalt", a=5.64)) == pytest.approx(-0.614, abs=1e-3)
    assert mp2020_correction(ase_build.bulk("FeO", "rocksalt", a=4.33)) == pytest.approx(-0.687 - 2.256, abs=1e-3)
    assert mp2020_correction(ase_build.bulk("FeS", "rocksalt", a=5.0)) == pytest.approx(-0.503, abs=1e-3)


@pytest.mark.models
def test_the_energy_error_excludes_learned_corrections(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_card("chgnet-0.3.0").missing():
        pytest.skip("chgnet is not installed")
    data = load_dataset("mptrj", n=300)
    embedded = load("chgnet-0.3.0").embed(data)
    (error,) = energy_errors([embedded], data)
    assert error is not None
    with monkeypatch.context() as patch:
        patch.setattr("hyle.cli.comparison.energies.mp2020_correction", lambda atoms: 0.0)
        (other,) = energy_errors([embedded], data)
    assert other is not None
    assert error.mae < 0.5 * other.mae
    # 30 meV per atom, as published.
    raw = np.array(embedded.energies) - [mp2020_correction(s.atoms) + s.labels["energy"] for s in data]
    assert np.mean(np.abs(raw) / [len(s.atoms) for s in data]) < 0.04
    with monkeypatch.context() as patch:
        patch.setattr("hyle.cli.comparison.energies.importlib.util.find_spec", lambda name: None)
        assert energy_errors([embedded], data) == [None]
