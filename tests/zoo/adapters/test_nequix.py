"""Nequix with its published weights, if they were downloaded, and with random ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase import Atoms

from hyle.zoo import InputError, Model, find_card
from hyle.zoo.weights import cached_urls

torch = pytest.importorskip("torch")
pytest.importorskip("e3nn")

from hyle.zoo.adapters.nequix import Nequix  # noqa: E402

from ..one_pass import assert_one_pass  # noqa: E402
from .matter import assert_rows, model, structures  # noqa: E402

SETTINGS = {
    "atomic_numbers": [1, 6, 8, 11, 14, 17],
    "atom_energies": {},
    "hidden_irreps": "6x0e + 4x1o + 2x2e",
    "lmax": 2,
    "cutoff": 4.0,
    "n_layers": 3,
    "radial_basis_size": 5,
    "radial_mlp_size": 7,
    "radial_mlp_layers": 2,
    "radial_polynomial_p": 6.0,
    "scale": 0.8,
    "shift": 0.1,
    "avg_n_neighbors": 20.0,
}
# Energies in eV by nequix 0.4.5 on JAX 0.10, of silicon, salt and ethanol with `displaced` positions.
PUBLISHED = {
    "nequix-mp-1": [-10.83054, -6.75047, -46.15718],
    "nequix-mp-1-pft": [-10.80870, -6.73685, -46.09552],
    "nequix-omat-1": [-10.83228, -6.75414, -46.20646],
    "nequix-oam-1": [-10.82824, -6.75445, -46.21048],
    "nequix-oam-1-pft": [-10.79994, -6.74795, -46.17463],
}


def arrays() -> list[np.ndarray]:
    """Return random arrays in the order of a file: three convolutions of 6, 4 and 2 channels of degrees 0, 1 and 2."""
    n, m = len(SETTINGS["atomic_numbers"]), {0: 6, 1: 4, 2: 2}
    gated = {**m, 0: 6 + 4 + 2}
    # Channels of the products that reach each degree: of one-hot elements, and of features of three degrees.
    first = {0: n, 1: n, 2: n}
    later = {
        0: 6 + 4 + 2,  # of degrees 0 and 0, 1 and 1, 2 and 2
        1: 6 + 4 + 4 + 2,  # 0 and 1, 1 and 0, 1 and 2, 2 and 1
        2: 6 + 4 + 2 + 2,  # 0 and 2, 1 and 1, 2 and 0, 2 and 2
    }
    shapes: list[tuple[int, ...]] = [(n,)]
    for i in range(3):
        inside, out = ({0: n} if i == 0 else m), ({0: 6} if i == 2 else gated)
        products = {degree: (first if i == 0 else later)[degree] for degree in out}
        shapes += [(5, 7), (7, 7), (7, sum(products.values()))]
        shapes += [(width, width) for width in inside.values()]
        shapes += [(products[degree], out[degree]) for degree in out]
        shapes += [(inside[degree], out[degree]) for degree in inside if degree in out]
        shapes += [(width,) for width in out.values()]
    shapes.append((6, 1))
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def write(path: Path, contents: list[np.ndarray], end: bytes = b"") -> Path:
    with path.open("wb") as stream:
        stream.write(json.dumps(SETTINGS).encode() + b"\n")
        for array in contents:
            np.save(stream, array)
        stream.write(end)
    return path


def load(path: Path) -> Model:
    card = replace(find_card("nequix-mp-1"), dim=6, layers=["layers.2", "layers.1", "layers.0"])
    return Model(card, Nequix(card, {"weights": path}))


@pytest.fixture
def random(tmp_path: Path) -> Model:
    return load(write(tmp_path / "random.nqx", arrays()))


def displaced(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
    return atoms


def samples() -> list[Atoms]:
    """Return silicon, salt, an oxide of iron and ethanol, with random displacements in this order."""
    rng = np.random.default_rng(0)
    build = ase.build
    crystals = [
        build.bulk("Si"),
        build.bulk("NaCl", "rocksalt", a=5.64),
        build.bulk("FeO", "rocksalt", a=4.3) * (2, 1, 1),
    ]
    return [displaced(atoms, rng) for atoms in (*crystals, build.molecule("CH3CH2OH"))]


@pytest.mark.parametrize("layer", ["layers.2", "layers.1", "layers.0"])
def test_rows_and_energies_depend_only_on_the_structure(random: Model, layer: str) -> None:
    silicon, salt, _, ethanol = samples()
    for atoms in (silicon, salt, ethanol):
        other = atoms.copy()
        other.rotate(40, (1, 2, 3), rotate_cell=True)
        other.positions *= -1
        other.cell[:] *= -1
        other.translate((1, 2, 3))
        other = other[::-1]
        if atoms.pbc.all():
            other = other * (2, 1, 1)
        found = random.run(structures(atoms, other, silicon), layer=layer, batch_size=3)
        rows = np.asarray(found.embedding)
        assert_rows(rows[1:2], rows[:1], 1e-4)
        assert found.energies is not None
        assert found.energies[1] / len(other) == pytest.approx(found.energies[0] / len(atoms), abs=1e-4)
        alone = random.run(structures(atoms), layer=layer)
        assert_rows(np.asarray(alone.embedding), rows[:1], 1e-5)


def test_layers_are_taken_from_one_pass(random: Model) -> None:
    assert_one_pass(random, structures(*samples()))


def test_energies_are_smooth_where_a_neighbour_leaves(random: Model) -> None:
    """Two atoms around the cutoff of 4 Angstrom."""
    pairs = [Atoms("OC", [(0, 0, 0), (0, 0, distance)]) for distance in (3.95, 3.999, 4.001, 5.0)]
    energies = random.run(structures(*pairs)).energies
    assert energies is not None
    assert energies[1] == pytest.approx(energies[2], abs=1e-4)
    assert energies[2] == energies[3]
    assert energies[0] != energies[2]


def test_single_numbers_and_a_last_line_break_are_skipped(random: Model, tmp_path: Path) -> None:
    with_numbers = [part for array in arrays() for part in (array, np.array(3))]
    other = load(write(tmp_path / "other.nqx", with_numbers, b"\n"))
    ethanol = structures(samples()[3])
    assert np.array_equal(other.embed(ethanol).embedding, random.embed(ethanol).embedding)


def test_a_file_of_another_network_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more arrays than the network"):
        load(write(tmp_path / "long.nqx", [*arrays(), np.ones(3)]))


def test_unsupported_samples_are_dropped_with_a_reason(random: Model) -> None:
    slab = ase.build.bulk("Si")
    slab.pbc = True, True, False
    dropped = random.embed(structures(ase.build.bulk("Si"), slab, ase.build.bulk("Cu"))).dropped
    assert sorted(dropped) == ["1", "2"]
    assert "some directions" in dropped["1"]
    assert "not trained for Cu" in dropped["2"]


def test_random_weights_of_the_library_give_its_rows(tmp_path: Path) -> None:
    library = pytest.importorskip("nequix.model")
    import jax

    names = ("lmax", "cutoff", "hidden_irreps", "n_layers", "radial_basis_size", "radial_mlp_size")
    names += ("radial_mlp_layers", "radial_polynomial_p", "shift", "scale", "avg_n_neighbors")
    chosen = {name: SETTINGS[name] for name in names}
    network = library.Nequix(jax.random.key(0), n_species=6, index_weights=False, layer_norm=True, **chosen)
    library.save_model(tmp_path / "library.nqx", network, SETTINGS)
    found = load(tmp_path / "library.nqx")
    for atoms in (samples()[0], samples()[3]):
        from ase.neighborlist import neighbor_list

        i, j, vector = neighbor_list("ijD", atoms, SETTINGS["cutoff"])
        species = np.array([found.adapter.index[number] for number in atoms.numbers])
        want = network.node_energies(vector.astype(np.float32), species, j, i).sum()
        energies = found.run(structures(atoms)).energies
        assert energies is not None
        assert energies[0] == pytest.approx(float(want), abs=1e-4)


@pytest.mark.models
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_give_the_energies_of_the_library(name: str) -> None:
    """Skipped unless ``hyle fetch NAME`` was run."""
    if cached_urls(find_card(name).weights) is None:
        pytest.skip("the weights were not downloaded")
    found = model(name)
    assert sum(p.numel() for p in found.adapter.model.parameters()) == found.card.parameters
    silicon, salt, _, ethanol = samples()
    energies = found.run(structures(silicon, salt, ethanol)).energies
    np.testing.assert_allclose(energies, PUBLISHED[name], atol=1e-4)
