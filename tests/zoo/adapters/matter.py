"""Samples for the tests of models, and the models, each loaded once for all test files."""

from __future__ import annotations

import functools

import ase.build as ase_build
import numpy as np
import pytest

from hyle.zoo import (
    Environment,
    MissingPackageError,
    MissingWeightsError,
    Sample,
    find_card,
    list_models,
    load,
    load_dataset,
)

from .peptides import peptides

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
# Models with weights on a hub or on the web are tested with random weights, in test_hub.py and test_study.py.
CARDS = [card for card in list_models() if not card.reason and (card.weights is None or not card.weights.remote)]
NAMES = [card.name for card in CARDS]
KINDS = {(card.adapter, card.family, card.view): card.name for card in reversed(CARDS)}


def one_of_a_kind(names):
    """Return the names; of models that differ only in their weights, all but one are marked for `make thorough`."""
    return [name if name in KINDS.values() else pytest.param(name, marks=pytest.mark.thorough) for name in names]


ONE_OF_A_KIND = one_of_a_kind(NAMES)
ATOMS = [card.name for card in CARDS if card.view == "atoms"]
CRYSTALS = [name for name in ATOMS if "materials" in find_card(name).domains]
SMILES = ["O", "CCO", "C[C@H](N)C(=O)O", "c1ccc2[nH]ccc2c1", "OC1CC2(Cl)CC1C2Br", "C" * 40]


def molecules():
    return [Sample(id=name, smiles=smiles, atoms=ase_build.molecule(name)) for name, smiles in MOLECULES.items()]


@functools.cache
def proteins():
    """Return the shortest of the real protein chains that ship with hyle, of 30 residues and more."""
    return sorted(load_dataset("proteins"), key=lambda sample: len(sample.sequence))[:12]


def crystals():
    return {
        "Si": ase_build.bulk("Si"),
        "NaCl": ase_build.bulk("NaCl", "rocksalt", a=5.64),
        "Fe": ase_build.bulk("Fe"),
        "ZnS": ase_build.bulk("ZnS", "zincblende", a=5.41),
    }


def matter(name):
    """Return samples that the model supports: molecules, else proteins or crystals."""
    if find_card(name).view in ("sequence", "backbone"):
        return proteins()
    if find_card(name).view == "protein_atoms":
        return peptides()
    if "molecules" not in find_card(name).domains:
        return sorted(load_dataset("alexandria", n=40), key=lambda sample: len(sample.atoms))[:10]
    adapter = model(name).adapter
    found = [sample for sample in molecules() if adapter.unsupported(sample) is None]
    # Models with small batches are slow.
    return sorted(found, key=lambda sample: len(sample.atoms))[:6] if find_card(name).batch_size <= 8 else found


def strings(*smiles):
    return [Sample(id=str(i), smiles=s) for i, s in enumerate(smiles)]


def structures(*atoms):
    return [Sample(id=str(i), atoms=a) for i, a in enumerate(atoms)]


@functools.cache
def loaded(name):
    card = find_card(name)
    # Models that cannot share a process with PyTorch are tested only if their environment exists; no test builds it.
    return load(name, isolate=not card.torch and Environment.of(card).complete)


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
