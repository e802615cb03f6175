"""Rows of atoms and residues belong to these atoms and residues, for every kind of adapter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hyle.zoo import InputError, Sample, find_card, to_numpy

pytest.importorskip("ase")
pytest.importorskip("torch")

from .matter import ATOMS, ONE_OF_A_KIND, molecules, proteins
from .matter import model as load
from .peptides import peptides

pytestmark = pytest.mark.models
# The others are for `make thorough`.
QUICK = (
    "nagl-1.0.0",
    "rxnmapper",
    "admet-ai-cls",
    "ani-2xt",
    "aimnet2",
    "soap",
    "unirep-64",
    "metapredict-plddt",
    "minilm",
)


def quick_first(names: list[str]) -> list[object]:
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in names]


KINDS = quick_first([name for name in ONE_OF_A_KIND if isinstance(name, str)] + ["unirep-64"])


def rows_of(name: str, samples: list[Sample], per: str) -> dict[str, np.ndarray]:
    made = load(name).embed(samples, per=per)
    assert not made.dropped
    return dict(zip(made.ids, to_numpy(made.embedding), strict=True))


def samples_of(view: str) -> list[Sample]:
    if view in ("atoms", "smiles"):
        return molecules()[:6]
    return peptides() if view == "protein_atoms" else proteins()[:2]


@pytest.mark.parametrize("name", KINDS)
def test_the_mean_over_nodes_is_the_pooled_row(name: str) -> None:
    """Where rows are those of nodes alone; other rows, such as those of brackets in a string, are excluded."""
    card = find_card(name)
    if card.pooling == "none":
        with pytest.raises(InputError, match="one vector per sample"):
            load(name).embed(samples_of(card.view) if card.view != "any" else molecules()[:2], per="atom")
        return
    samples, per = samples_of(card.view), "atom" if card.view in ("atoms", "smiles") else "residue"
    if card.view == "smiles":
        samples = [Sample(each.id, smiles=each.smiles) for each in samples]
    if name == "minilm":  # its word pieces are not those of atoms
        with pytest.raises(InputError, match="does not say which atoms its rows stand for"):
            load(name).embed(samples, per=per)
        return
    nodes = load(name).embed(samples, per=per)
    sizes = {"atoms": lambda s: len(s.atoms), "sequence": lambda s: len(s.sequence)}
    if card.view in sizes and not name.startswith("unirep"):
        pooled = to_numpy(load(name).embed(samples, pooling="mean").embedding)
        own = np.array(nodes.groups["sample"])
        means = np.stack([to_numpy(nodes.embedding)[own == each.id].mean(0) for each in samples])
        np.testing.assert_allclose(means, pooled, rtol=1e-4, atol=1e-4 * np.abs(pooled).max())
        assert [(own == each.id).sum() for each in samples] == [sizes[card.view](each) for each in samples]
    if card.view == "smiles" and per == "atom":
        assert nodes.groups["element"][:3] == ["C", "C", "O"]  # ethanol


@pytest.mark.parametrize("name", quick_first([name for name in ATOMS if name in ONE_OF_A_KIND]))
def test_rows_follow_their_atoms(name: str) -> None:
    """Rows are those of the network, which are compared with its library elsewhere, in the order of the atoms."""
    card = find_card(name)
    if card.pooling == "none":
        pytest.skip("one vector per sample")
    sample = molecules()[3]  # acetic acid: no two atoms but hydrogens are alike
    if load(name).adapter.unsupported(sample):
        pytest.skip("no molecules")
    order = np.random.default_rng(0).permutation(len(sample.atoms))
    first = rows_of(name, [sample], "atom")
    of_network = to_numpy(load(name).adapter.forward([sample], card.layers[0]).features)
    stacked = np.stack([first[f"{sample.id}#{number}"] for number in range(len(sample.atoms))])
    np.testing.assert_allclose(stacked, of_network, rtol=1e-4, atol=1e-4 * np.abs(of_network).max())
    second = rows_of(name, [replace(sample, atoms=sample.atoms[order])], "atom")
    for place, number in enumerate(order.tolist()):
        one, other = first[f"{sample.id}#{number}"], second[f"{sample.id}#{place}"]
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(one).max())


@pytest.mark.parametrize("name", ["nagl-1.0.0", "admet-ai-reg", "rxnmapper"])
def test_atoms_of_strings_are_those_of_the_structure(name: str) -> None:
    """The atoms of the structure in another order have the same rows, by the molecular graph."""
    sample = molecules()[3]
    order = np.random.default_rng(1).permutation(len(sample.atoms))
    first = rows_of(name, [sample], "atom")
    second = rows_of(name, [replace(sample, atoms=sample.atoms[order])], "atom")
    heavy = [i for i, number in enumerate(sample.atoms.numbers) if number != 1]
    assert set(first) == {f"{sample.id}#{i}" for i in heavy}
    for place, number in enumerate(order.tolist()):
        if number in heavy:
            np.testing.assert_allclose(first[f"{sample.id}#{number}"], second[f"{sample.id}#{place}"], rtol=1e-4)


def test_sequences_and_backbones_have_the_same_residues() -> None:
    sample = proteins()[0]
    part = replace(sample, id="part", backbone=sample.backbone[4:24], first_residue=4)
    residues = load("metapredict-plddt").embed([sample, part], per="residue")
    structure = load("proteinmpnn-020").embed([sample, part], per="residue")
    assert [i for i in structure.ids if i.startswith("part")] == [f"part#{number}" for number in range(4, 24)]
    letters = dict(zip(residues.ids, residues.groups["residue"], strict=True))
    assert all(letters[i] == letter for i, letter in zip(structure.ids, structure.groups["residue"], strict=True))
