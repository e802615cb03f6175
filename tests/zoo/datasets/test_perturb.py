"""Samples changed by a known amount: what changes, and what does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import PERTURBATIONS, Dataset, Sample, load_dataset, perturb, split_perturbations

ase = pytest.importorskip("ase")
AMOUNTS = {"rattle": 0.1, "volume": 0.8, "swap": 0.5, "cleave": 4.0}


@pytest.fixture(scope="module")
def crystals() -> Dataset:
    return load_dataset("mptrj", n=40)


def dataset(*atoms: ase.Atoms) -> Dataset:
    samples = [Sample(f"s{i}", atoms=one, labels={"energy": 1.0}) for i, one in enumerate(atoms)]
    return Dataset("mine", samples, "materials", "CC0-1.0", "here", {"energy": "eV"})


def rock_salt() -> ase.Atoms:
    from ase.build import bulk

    return bulk("NaCl", "rocksalt", a=5.64, cubic=True)


@pytest.mark.parametrize("kind", list(PERTURBATIONS))
def test_atoms_ids_and_order_stay_and_labels_go(crystals: Dataset, kind: str) -> None:
    changed = perturb(crystals, kind, AMOUNTS[kind])
    assert changed.ids == [i for i in crystals.ids if i not in changed.left_out]
    assert changed.name == f"mptrj+{kind}={AMOUNTS[kind]:g}"
    assert changed.version != crystals.version
    before = {sample.id: sample for sample in crystals}
    for sample in changed:
        was, now = before[sample.id].atoms, sample.atoms
        assert sorted(now.numbers) == sorted(was.numbers)
        assert not sample.labels
        assert was is not now
    assert crystals.version == load_dataset("mptrj", n=40).version  # what was given is as it was


def test_displacements_have_the_stated_size_and_grow_in_one_direction(crystals: Dataset) -> None:
    moved = [
        np.concatenate([a.atoms.positions - b.atoms.positions for a, b in zip(one, crystals, strict=True)])
        for one in (perturb(crystals, "rattle", amount) for amount in (0.1, 0.3))
    ]
    assert moved[0].std() == pytest.approx(0.1, rel=0.05)
    np.testing.assert_allclose(moved[1], 3 * moved[0], atol=1e-9)
    other = perturb(crystals, "rattle", 0.1, seed=1)
    assert np.abs(other[0].atoms.positions - crystals[0].atoms.positions - moved[0][: len(crystals[0].atoms)]).max() > 0


def test_a_sample_moves_in_the_same_way_beside_other_samples(crystals: Dataset) -> None:
    for kind, amount in AMOUNTS.items():
        alone = perturb(crystals.head(3), kind, amount)
        assert [s.atoms for s in alone] == [s.atoms for s in perturb(crystals, kind, amount).samples[:3]]


def test_the_volume_changes_and_fractional_coordinates_do_not(crystals: Dataset) -> None:
    for was, now in zip(crystals, perturb(crystals, "volume", 0.7), strict=True):
        assert now.atoms.cell.volume == pytest.approx(0.7 * was.atoms.cell.volume)
        np.testing.assert_allclose(
            now.atoms.get_scaled_positions(wrap=False), was.atoms.get_scaled_positions(wrap=False), atol=1e-9
        )


@pytest.mark.parametrize(("share", "moved"), [(0.01, 2), (0.25, 2), (0.5, 4), (1.0, 8)])
def test_a_share_of_the_atoms_changes_places_with_other_elements(share: float, moved: int) -> None:
    (sample,) = perturb(dataset(rock_salt()), "swap", share)
    was = rock_salt()
    np.testing.assert_array_equal(sample.atoms.positions, was.positions)
    assert (sample.atoms.numbers != was.numbers).sum() == moved


def test_no_more_atoms_are_swapped_than_there_are_partners() -> None:
    atoms = ase.Atoms("NaCl9", positions=3.0 * np.arange(30).reshape(10, 3), cell=np.eye(3) * 100, pbc=True)
    (sample,) = perturb(dataset(atoms), "swap", 1)
    assert (sample.atoms.numbers != atoms.numbers).sum() == 2


def test_a_gap_opens_between_planes_and_not_within_them() -> None:
    """Rock salt, cut between two of its four planes along c: 2.82 + 4 Angstrom there, 2.82 elsewhere."""
    (sample,) = perturb(dataset(rock_salt()), "cleave", 4)
    heights = np.unique(sample.atoms.positions[:, 2].round(6))
    c = sample.atoms.cell.array[2, 2]
    assert c == pytest.approx(5.64 + 4)
    assert sorted(np.diff([*heights, heights[0] + c])) == pytest.approx([2.82, 6.82])
    # A skewed cell: the gap is along the normal of the planes, and cuts no bond within them.
    from ase.build import bulk

    was = bulk("ZnO", "wurtzite", a=3.25, c=5.2)
    was.set_cell(was.cell.array + np.array([[0, 0, 0], [0, 0, 0], [1.3, 0.4, 0]]), scale_atoms=True)
    (sample,) = perturb(dataset(was), "cleave", 8)
    change = sample.atoms.cell.array - was.cell.array
    np.testing.assert_allclose(change[:2], 0)
    np.testing.assert_allclose(change[2], [0, 0, 8], atol=1e-12)
    near, apart = (one.get_all_distances(mic=True) for one in (was, sample.atoms))
    assert (apart > near - 1e-9).all()


def test_what_cannot_be_changed_is_left_out_with_the_reason() -> None:
    from ase.build import bulk, molecule

    mixed = dataset(rock_salt(), bulk("Cu"), molecule("H2O"))
    assert perturb(mixed, "volume", 0.9).left_out == {"s2": "volume: it is not periodic in three directions"}
    assert perturb(mixed, "cleave", 1).ids == ["s0", "s1"]
    assert perturb(mixed, "swap", 0.5).left_out == {"s1": "swap: all of its atoms are of one element"}
    assert len(perturb(mixed, "rattle", 0.1)) == 3
    with pytest.raises(ValueError, match=r"no sample of mine can be changed in this way.*not periodic"):
        perturb(dataset(molecule("H2O")), "volume", 0.9)


def test_wrong_amounts_and_kinds_are_named() -> None:
    data = dataset(rock_salt())
    with pytest.raises(ValueError, match=r"no perturbation is called 'ratle'; did you mean 'rattle'\?"):
        perturb(data, "ratle", 1)
    for kind, amount in (("swap", 1.1), ("rattle", 0), ("volume", -1), ("cleave", float("nan"))):
        with pytest.raises(ValueError, match=rf"{kind} \(.*must be larger than 0"):
            perturb(data, kind, amount)
    with pytest.raises(ValueError, match="without coordinates"):
        perturb(Dataset("d", [Sample("a", smiles="C")], "molecules", "CC0-1.0", "here"), "rattle", 0.1)


def test_the_name_loads_the_same_samples(crystals: Dataset) -> None:
    changed = perturb(perturb(crystals, "volume", 0.9), "rattle", 0.1)
    assert changed.name == "mptrj+volume=0.9+rattle=0.1"
    again = load_dataset(changed.name, n=40)
    assert (again.version, again.source) == (changed.version, changed.source)
    assert split_perturbations("a+b.xyz") == ("a+b.xyz", [])
    assert split_perturbations("a+b=2") == ("a+b=2", [])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mptrj+ratle=1", "no perturbation is called 'ratle'; did you mean 'rattle'?"),
        ("mptrj+rattle=0.1+swp=1", "no perturbation is called 'swp'; did you mean 'swap'?"),
        ("mptrj+rattle", "rattle has no amount; write rattle=AMOUNT, the standard deviation"),
        ("mptrj+rattle=x", "'x' is no number; write rattle=AMOUNT"),
        ("mptrk+rattle=1", "no data set is called 'mptrk.rattle=1'; did you mean 'mptrj'?"),
    ],
)
def test_a_misspelt_name_is_told_apart(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        load_dataset(name)


def test_a_further_step_of_a_kind_is_another_change(crystals: Dataset) -> None:
    twice = perturb(perturb(crystals, "rattle", 0.1), "rattle", 0.1)
    moved = np.concatenate([a.atoms.positions - b.atoms.positions for a, b in zip(twice, crystals, strict=True)])
    assert moved.std() == pytest.approx(0.1 * 2**0.5, rel=0.05)


def test_charges_and_moments_move_with_the_swapped_atoms() -> None:
    atoms = rock_salt()
    atoms.set_initial_charges(np.where(atoms.numbers == 11, 1.0, -1.0))
    atoms.set_tags(range(8))
    atoms.info |= {"energy": -3.0, "charge": 2}
    (sample,) = perturb(dataset(atoms), "swap", 1)
    np.testing.assert_array_equal(sample.atoms.get_initial_charges(), np.where(sample.atoms.numbers == 11, 1.0, -1.0))
    np.testing.assert_array_equal(sample.atoms.get_tags(), range(8))
    assert sample.atoms.info == {"charge": 2}


def test_a_folder_of_that_name_is_read_as_it_is(tmp_path: Path) -> None:
    from ase.io import write

    (tmp_path / "run+rattle=0.5").mkdir()
    write(tmp_path / "run+rattle=0.5" / "a.xyz", rock_salt())
    assert load_dataset(str(tmp_path / "run+rattle=0.5")).name == "run+rattle=0.5"
