"""The adapters on real published weights: right vectors, whatever the batch, the order, the pose and the cell."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys

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
POTENTIALS = ["aimnet2", "chgnet-0.3.0", "sevennet-0", "so3lr"]
PERIODIC = ["chgnet-0.3.0", "sevennet-0"]
ENCODERS = ["minilm", "rxnfp", "rxnfp-ft", "rxnmapper"]
NAMES = [card.name for card in list_models()]


def molecules():
    return [Sample(id=name, smiles=smiles, atoms=ase_build.molecule(name)) for name, smiles in MOLECULES.items()]


@functools.cache
def proteins():
    """Return the shortest of the chains that ship with hyle: real ones, of 30 residues and more."""
    return sorted(load_dataset("proteins"), key=lambda sample: len(sample.sequence))[:12]


def specimens(name):
    return proteins() if find_card(name).view in ("sequence", "backbone") else molecules()


def crystals():
    return {
        "Si": ase_build.bulk("Si"),
        "NaCl": ase_build.bulk("NaCl", "rocksalt", a=5.64),
        "Fe": ase_build.bulk("Fe"),
        "ZnS": ase_build.bulk("ZnS", "zincblende", a=5.41),
    }


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
    samples = specimens(name)
    want = rows(name, samples)
    order = np.random.default_rng(0).permutation(len(samples))
    assert_rows(rows(name, samples, batch_size=1), want, 1e-5)
    assert_rows(rows(name, [samples[i] for i in order], batch_size=5), want[order], 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_the_truth(name):
    card, network = model(name).card, getattr(model(name).adapter, "model", None)
    assert rows(name, specimens(name)).shape[1] == card.dim
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
    layers = {layer: rows(name, specimens(name), layer=layer) for layer in model(name).card.layers}
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

    samples = specimens(name)
    before = digest(samples)
    rows(name, samples)
    assert digest(samples) == before


@pytest.mark.parametrize("name", NAMES)
def test_features_own_memory_that_a_later_batch_does_not_touch(name):
    adapter, samples = model(name).adapter, specimens(name)
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
    for card in list_models():
        if card.state == "runs":
            loaded(card.name)
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


@pytest.mark.parametrize("name", POTENTIALS)
@pytest.mark.parametrize("periodic", [False, True])
def test_pose_and_order_of_atoms_do_not_matter(name, periodic):
    if periodic and name not in PERIODIC:
        pytest.skip("made for molecules")
    still = [s.atoms for s in molecules()]
    if periodic:
        still = [ase_build.make_supercell(atoms, np.diag([2, 1, 1])) for atoms in crystals().values()]
        for i, atoms in enumerate(still):
            atoms.rattle(0.05, seed=i)
    turned = [moved(atoms, seed) for seed, atoms in enumerate(still)]
    want, got = structures(*still), structures(*(atoms for atoms, _ in turned))
    assert_rows(rows(name, got), rows(name, want), 1e-5)
    np.testing.assert_allclose(energies(name, got), energies(name, want), rtol=2e-6, atol=2e-5)

    layer = model(name).card.layers[0]
    nodes = [model(name).adapter.forward(samples, layer) for samples in (want, got)]
    assert nodes[0].counts == nodes[1].counts == [len(atoms) for atoms in still]
    start = np.cumsum([0, *nodes[0].counts])
    match = np.concatenate([first + order for first, (_, order) in zip(start, turned, strict=False)])
    assert_rows(np.asarray(nodes[1].features), np.asarray(nodes[0].features)[match], 1e-4)


@pytest.mark.parametrize("name", PERIODIC)
def test_a_supercell_has_the_mean_of_its_cell_and_twice_the_energy(name):
    cells = list(crystals().values())
    doubled = [atoms.repeat((2, 1, 1)) for atoms in cells]
    one, two = structures(*cells), structures(*doubled)
    assert_rows(rows(name, two), rows(name, one), 1e-5)
    assert_rows(rows(name, two, pooling="sum"), 2 * rows(name, one, pooling="sum"), 1e-5)
    np.testing.assert_allclose(energies(name, two), 2 * energies(name, one), rtol=2e-6)


@pytest.mark.parametrize(("name", "gap"), [("aimnet2", -0.522), ("so3lr", -0.395)])
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


def test_sevennet_agrees_with_its_own_calculator():
    name = "sevennet-0"
    adapter = model(name).adapter
    from sevenn import _keys as keys
    from sevenn.calculator import SevenNetCalculator

    calculator = SevenNetCalculator(str(model(name).adapter.files["weights"]), device="cpu")
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
    assert want[0] == pytest.approx(-10.80, abs=5e-3)
    got = adapter.forward(structures(*cells), adapter.card.layers[0]).features
    assert_rows(np.asarray(got), torch.cat(taken).numpy(), 1e-5)


def test_chgnet_agrees_with_its_own_prediction():
    name = "chgnet-0.3.0"
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
