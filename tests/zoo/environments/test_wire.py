"""Samples sent to another process and back are unchanged."""

import hashlib
import json

import numpy as np
import pytest

from hyle.zoo import Sample
from hyle.zoo.environments.wire import from_wire, to_wire

ase_build = pytest.importorskip("ase.build")


def digest(sample):
    state = hashlib.sha256()
    sample.update_hash(state)
    return state.hexdigest()


def test_all_views_are_preserved_exactly():
    atoms = ase_build.bulk("NaCl", "rocksalt", a=5.64)
    atoms.rattle(0.1, seed=0)
    atoms.info["charge"] = 1
    backbone = np.random.default_rng(0).normal(size=(3, 4, 3)).astype(np.float32)
    sample = Sample("a", smiles="C", atoms=atoms, sequence="MKV", text="salt", backbone=backbone)
    back = from_wire(json.loads(json.dumps(to_wire(sample))))
    assert digest(back) == digest(sample)
    assert back.atoms.info["charge"] == 1
    assert back.backbone.dtype == np.float32


def test_only_the_requested_view_is_sent():
    data = to_wire(Sample("a", smiles="C", atoms=ase_build.molecule("H2O")), "smiles")
    assert data == {"id": "a", "smiles": "C"}
