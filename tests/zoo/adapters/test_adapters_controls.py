"""The controls, which have no weights."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.zoo import Sample

ase_build = pytest.importorskip("ase.build")
pytest.importorskip("torch")

from .matter import (  # noqa: E402
    rows,
    strings,
)

pytestmark = pytest.mark.models


def test_noise_depends_only_on_the_id():
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
    # Four atoms, their four neighbourhoods, and the molecule; radius 2 around an end repeats radius 1 of its neighbour.
    assert counts.sum() == 9
    assert (counts == counts.round()).all()
