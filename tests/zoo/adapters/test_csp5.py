"""CSP5, compared with the shifts that its package predicts, and with measured ones."""

from __future__ import annotations

import ase.build
import numpy as np
import pytest
from ase import Atoms

torch = pytest.importorskip("torch")

from .matter import assert_rows, model, structures  # noqa: E402

NUCLEI = {"csp5-13c": 6, "csp5-1h": 1, "csp5-19f": 9}
CHLOROFORM = 1  # of 13 solvents
# Shifts in ppm by csp5 0.3.1, of molecules with the geometries of ase.build.molecule, for the atoms in their order.
SHIFTS = {
    ("csp5-13c", "CH3CH2OH"): [18.410, 57.607],
    ("csp5-13c", "C6H6"): [128.500] * 6,
    ("csp5-13c", "CF3CN"): [109.980, 105.752],
    ("csp5-1h", "CH3CH2OH"): [1.560, 3.673, 3.673, 1.220, 1.238, 1.238],
    ("csp5-1h", "C6H6"): [7.370] * 6,
    ("csp5-19f", "CF3CN"): [-59.132] * 3,
    ("csp5-19f", "CH3COF"): [38.169],
}
# Measured in chloroform, in ppm.
MEASURED = {("csp5-13c", "CH3CH2OH"): [18.4, 58.3], ("csp5-13c", "C6H6"): [128.4] * 6, ("csp5-1h", "C6H6"): [7.36] * 6}

pytestmark = pytest.mark.models


def shifts(name: str, atoms: Atoms) -> np.ndarray:
    """Return the shifts of the atoms of the nucleus of a network."""
    adapter = model(name).adapter
    rows = adapter.forward(structures(atoms), "blocks.5").features[atoms.numbers == NUCLEI[name]]
    parts = adapter.model
    solvent = torch.full((len(rows),), CHLOROFORM)
    adapted = parts["solvent"](torch.cat([rows, parts["solvent_embedding"](solvent)], 1))
    return (parts["readout"](rows) + parts["solvent_bias"](solvent) + adapted)[:, 0].numpy()


@pytest.mark.parametrize(("name", "molecule"), SHIFTS)
def test_shifts_agree_with_the_package(name: str, molecule: str) -> None:
    np.testing.assert_allclose(shifts(name, ase.build.molecule(molecule)), SHIFTS[name, molecule], atol=1e-3)


@pytest.mark.parametrize(("name", "molecule"), MEASURED)
def test_shifts_agree_with_experiment(name: str, molecule: str) -> None:
    error = shifts(name, ase.build.molecule(molecule)) - MEASURED[name, molecule]
    assert np.abs(error).max() < (1 if "13c" in name else 0.05)


@pytest.mark.parametrize("name", NUCLEI)
def test_rows_agree_with_the_package(name: str) -> None:
    api = pytest.importorskip("csp5.api")
    network = api._load_artifacts_cached(name, "cpu")
    adapter = model(name).adapter
    for molecule in ("CH3CH2OH", "C5H5N", "CF3CN", "C4H4S"):
        atoms = ase.build.molecule(molecule)
        positions = torch.tensor(atoms.positions, dtype=torch.float32)
        batch = {
            "node_attributes": torch.tensor([network.preprocessor.atom_tokenizer(int(z)) for z in atoms.numbers]),
            "node_coordinates": positions,
            "edge_indices": torch.from_numpy(network.preprocessor._edge_indices(positions.numpy())),
            "atom_index": torch.arange(len(atoms)),
            "num_targets": len(atoms),
        }
        with torch.no_grad():
            want = network.model(batch, return_features=True).numpy()
        got = adapter.forward(structures(atoms), "blocks.5").features.numpy()
        assert_rows(got, want, 1e-4)


def test_only_the_nearest_neighbours_within_the_cutoff_count() -> None:
    """Random positions, some with more than 20 neighbours within the cutoff, and some with fewer."""
    from hyle.zoo.adapters.csp5 import CUTOFF, edges

    rng = np.random.default_rng(0)
    cloud = rng.normal(scale=2.5, size=(60, 3))
    pairs = edges(cloud)
    distances = np.linalg.norm(cloud[:, None] - cloud, axis=2)
    for atom in range(60):
        near = [j for j in np.argsort(distances[atom])[1:21] if distances[atom, j] < CUTOFF]
        assert pairs[pairs[:, 0] == atom, 1].tolist() == near
    assert np.bincount(pairs[:, 0]).max() == 20 > np.bincount(pairs[:, 0]).min()


def test_rows_of_symmetric_molecules_do_not_depend_on_their_pose() -> None:
    """C60 has several neighbours at the same distance at the limit of 20, of which rounding errors must not choose."""
    ball = ase.build.molecule("C60")
    turned = ball.copy()
    turned.rotate(33, (1, 2, 3))
    turned.translate((11, -7, 5))
    found = np.asarray(model("csp5-13c").embed(structures(ball, turned)).embedding)
    assert_rows(found[1:], found[:1], 1e-5)


def test_unsupported_samples_are_dropped_with_a_reason() -> None:
    molecule = ase.build.molecule
    ion = molecule("NH3")
    ion.info["charge"] = 1
    samples = {
        "": molecule("CH4"),
        "periodic": ase.build.bulk("Si"),
        "not trained for B": molecule("BF3"),
        "charge +1": ion,
        "a single atom": Atoms("Cl"),
        "closer than 0.9": molecule("H2"),
        "1 of 6 atoms without a neighbour": molecule("CH4") + Atoms("Cl", [(30, 0, 0)]),
    }
    found = model("csp5-13c").embed(structures(*samples.values()))
    assert found.ids == ["0"]
    for i, reason in enumerate(samples):
        assert reason in found.dropped.get(str(i), "")
