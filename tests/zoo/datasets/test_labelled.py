"""Data sets with measured labels, and data sets that are distribution shifts of training data."""

import subprocess
import sys

import numpy as np
import pytest

from hyle.zoo import list_datasets, load_dataset
from hyle.zoo.datasets import registry
from hyle.zoo.datasets.registry import draw, fetch_carrier, find_dataset
from hyle.zoo.weights import carriers


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the shipped subset needs no download")

    monkeypatch.setattr(carriers, "_download", refuse)
    monkeypatch.setattr(registry, "fetch_member", refuse)


@pytest.fixture(scope="module")
def qm9():
    return load_dataset("qm9")


LABELLED = {
    "freesolv": (642, "molecules", "CC-BY-4.0", "584f33db8ddb3e7b", ""),
    "solubility": (1282, "molecules", "BSD-3-Clause", "9b4c31056ad25b37", ""),
    "drugs": (2628, "molecules", "CC-BY-SA-3.0", "01fc06c1ab8782e9", "qm9"),
    "peptides": (4620, "proteins", "BSD-3-Clause", "7d9f759e7750eaaa", "proteins"),
    "b3db": (7805, "molecules", "CC0-1.0", "e9cf30b80e6fe1a4", ""),
}
# Labels that not all samples have, with the number of samples that have them.
PARTIAL = {"b3db": {"logbb": 1058}}
OFF_EQUILIBRIUM = {"mpf-tp": 1069, "random-tp": 693}


@pytest.mark.parametrize("name", LABELLED)
def test_labelled_sets_ship_complete(name, no_network):
    import pyarrow.parquet as pq

    total, domain, licence, version, shift = LABELLED[name]
    info, data = find_dataset(name), load_dataset(name)
    assert (info.total, info.slice.size, info.domain, info.licence) == (total, total, domain, licence)
    assert info.shift_of == shift
    assert len(data) == total
    assert data.version == version
    assert data.source.startswith(f"{info.made_from[0].carrier}, seed 0")
    labelled = {label: sum(label in sample.labels for sample in data) for label in data.units}
    assert labelled == dict.fromkeys(data.units, total) | PARTIAL.get(name, {})
    assert all(set(sample.labels) <= set(data.units) for sample in data)
    assert all(np.isfinite(list(sample.labels.values())).all() for sample in data)
    assert info.slice_path.stat().st_size < 130_000
    np.testing.assert_array_equal(pq.read_table(info.slice_path)["row"].to_numpy(), np.arange(total))
    some = load_dataset(name, n=50, seed=4)
    assert some.ids == [pq.read_table(info.slice_path)["id"][i].as_py() for i in draw(info, 50, 4)]
    assert load_dataset(name, n=20, seed=4).version == some.head(20).version


def test_every_shift_names_a_data_set_of_its_domain_and_describes_the_shift():
    shifted = [info for info in list_datasets() if info.shift_of]
    assert {info.domain for info in shifted} == {"molecules", "materials", "proteins"}
    for info in shifted:
        assert find_dataset(info.shift_of).domain == info.domain
        assert info.notes.startswith("A shift from ")


@pytest.mark.parametrize("name", ["freesolv", "solubility", "drugs", "b3db"])
def test_every_smiles_is_canonical_for_rdkit(name):
    from rdkit import Chem, rdBase

    same = rdBase.rdkitVersion == find_dataset(name).slice.rdkit
    for sample in load_dataset(name):
        molecule = Chem.MolFromSmiles(sample.smiles)
        assert molecule.GetNumAtoms() > 0
        assert not same or Chem.MolToSmiles(molecule) == sample.smiles


def test_measured_labels_match_textbook_values():
    """Textbook values: phenol is hydrophilic, hexane is hydrophobic, chlorobenzene is hardly soluble."""
    free = {s.smiles: s.labels for s in load_dataset("freesolv")}
    assert free["Oc1ccccc1"]["hydration_free_energy"] == pytest.approx(-6.6, abs=0.1)
    assert free["CCCCCC"]["hydration_free_energy"] == pytest.approx(2.48, abs=0.02)
    error = [abs(v["hydration_free_energy"] - v["hydration_free_energy_gaff"]) for v in free.values()]
    assert np.mean(error) == pytest.approx(1.1, abs=0.1)  # as published, kcal/mol
    soluble = {s.smiles: s.labels["log_solubility"] for s in load_dataset("solubility")}
    assert soluble["Clc1ccccc1"] == pytest.approx(-2.4, abs=0.1)
    assert min(soluble.values()) > -12
    assert max(soluble.values()) < 2.5


def test_blood_brain_barrier_labels_are_consistent():
    """Caffeine and diazepam act on the brain; cimetidine hardly enters it."""
    from rdkit import Chem
    from rdkit.Chem.Descriptors import TPSA

    data = load_dataset("b3db")
    measured = {s.smiles: s.labels for s in data if "logbb" in s.labels}
    assert all(labels["bbb"] == (labels["logbb"] >= -1) for labels in measured.values())
    drugs = {
        "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21": 0.5,
        "Cn1c(=O)c2c(ncn2C)n(C)c1=O": -0.1,
        "CN=C(NC#N)NCCSCc1nc[nH]c1C": -1.4,
    }
    for smiles, logbb in drugs.items():
        assert measured[Chem.CanonSmiles(smiles)]["logbb"] == pytest.approx(logbb, abs=0.1), smiles
    molecules = [Chem.MolFromSmiles(sample.smiles) for sample in data]
    crosses = np.array([sample.labels["bbb"] for sample in data])
    assert crosses.mean() == pytest.approx(0.635, abs=0.001)
    area = np.array([TPSA(molecule) for molecule in molecules])
    # The facts in the notes: the probability that a random compound that crosses is less polar, and stereoisomers.
    less = (area[crosses == 1, None] < area[crosses == 0]).mean() + (
        area[crosses == 1, None] == area[crosses == 0]
    ).mean() / 2
    assert less == pytest.approx(0.81, abs=0.005)
    classes = {}
    for molecule, label in zip(molecules, crosses, strict=True):
        classes.setdefault(Chem.MolToSmiles(molecule, isomericSmiles=False), []).append(label)
    assert sum(len(labels) for labels in classes.values() if len(labels) > 1) == 5255
    assert sum(len(set(labels)) > 1 for labels in classes.values()) == 130
    sizes = [molecule.GetNumHeavyAtoms() for molecule in molecules]
    assert (np.median(sizes), max(sizes)) == (26, 136)


def test_the_notes_of_the_shifted_sets_are_true():
    from rdkit import Chem

    drugs = [Chem.MolFromSmiles(s.smiles) for s in load_dataset("drugs")]
    sizes = [molecule.GetNumHeavyAtoms() for molecule in drugs]
    assert (np.median(sizes), max(sizes)) == (26, 200)
    assert len({atom.GetSymbol() for molecule in drugs for atom in molecule.GetAtoms()}) == 29
    assert 0.3 < np.mean(["." in s.smiles for s in load_dataset("drugs")]) < 0.4
    peptides = load_dataset("peptides")
    lengths = [len(s.sequence) for s in peptides]
    assert (min(lengths), max(lengths)) == (7, 174)
    assert set("".join(s.sequence for s in peptides)) == set("ACDEFGHIKLMNPQRSTVWY")
    assert np.median(lengths) == 31
    begins = {
        label: np.mean([s.sequence[0] == "M" for s in peptides if s.labels["antimicrobial"] == label])
        for label in (0, 1)
    }
    assert begins == pytest.approx({0: 0.56, 1: 0.02}, abs=0.005)
    assert len({s.sequence for s in peptides}) == len(peptides)


def test_exotic_molecules(no_network):
    from ase.data import covalent_radii

    data, info = load_dataset("exotic"), find_dataset("exotic")
    assert (info.total, len(data), info.licence, data.version) == (230, 230, "Apache-2.0", "62c965e27258dd07")
    assert load_dataset("exotic", n=9).version == data.head(9).version
    for sample in data:
        charge, unpaired = sample.labels["charge"], sample.labels["unpaired"]
        assert sample.atoms.info.get("charge", 0) == charge
        assert (sample.atoms.numbers.sum() - charge - unpaired) % 2 == 0, sample.id
        distances, radii = sample.atoms.get_all_distances(), covalent_radii[sample.atoms.numbers]
        np.fill_diagonal(distances, np.inf)
        assert (distances > 0.55 * (radii[:, None] + radii)).all(), sample.id
    bond = data[data.ids.index("mb16-43-H2")].atoms.get_distance(0, 1)
    assert bond == pytest.approx(0.744, abs=0.001)  # Angstrom
    assert len({symbol for sample in data for symbol in sample.atoms.symbols}) == 50


@pytest.mark.models
@pytest.mark.thorough
def test_exotic_molecules_can_be_regenerated(tmp_path):
    """Downloads 8 MB on the first run."""
    import pyarrow.parquet as pq

    fresh = tmp_path / "fresh.parquet"
    subprocess.run(
        [sys.executable, "-m", "hyle.zoo.datasets.mstore", str(fresh)], check=True, stdout=subprocess.DEVNULL
    )
    assert pq.read_table(fresh).equals(pq.read_table(find_dataset("exotic").slice_path), check_metadata=True)


@pytest.mark.parametrize("name", OFF_EQUILIBRIUM)
def test_crystals_off_equilibrium(name, no_network):
    data, info = load_dataset(name), find_dataset(name)
    assert (info.total, len(data), info.shift_of, info.licence) == (OFF_EQUILIBRIUM[name], 300, "mptrj", "MIT")
    assert all(i.startswith(name.replace("tp", "TP")) for i in data.ids)
    assert {len(s.atoms) for s in data} == {16} or name != "random-tp"
    for sample in data:
        assert sample.atoms.pbc.all()
        assert set(sample.labels) == {"energy"}
        assert np.isfinite(sample.labels["energy"])
    assert info.slice_path.stat().st_size < 100_000


@pytest.mark.models
@pytest.mark.thorough
@pytest.mark.parametrize(("name", "pressures"), [("mpf-tp", (1.7, 273.7)), ("random-tp", (3.8, 421.0))])
def test_crystals_off_equilibrium_are_under_the_pressure_in_their_notes(name, pressures):
    from ase.io import read
    from ase.units import GPa

    info = find_dataset(name)
    (member,) = info.members
    frames = read(fetch_carrier(info) / member, index=":")
    pressure = [-np.trace(frame.get_stress(voigt=False)) / 3 / GPa for frame in frames]
    assert np.percentile(pressure, [10, 90]) == pytest.approx(pressures, abs=0.1)


@pytest.mark.models
@pytest.mark.thorough
@pytest.mark.parametrize("name", LABELLED)
def test_labelled_sets_can_be_regenerated(name, tmp_path):
    """Downloads 80 MB on the first run, nearly all of it for b3db."""
    import pyarrow.parquet as pq
    from rdkit import rdBase

    info = find_dataset(name)
    if info.slice.rdkit not in ("", rdBase.rdkitVersion):
        pytest.skip("another version of RDKit may write other SMILES")
    fresh = tmp_path / "fresh.parquet"
    command = [sys.executable, "-m", "hyle.zoo.datasets.labelled", name, str(fresh)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert pq.read_table(fresh).equals(pq.read_table(info.slice_path), check_metadata=True)
