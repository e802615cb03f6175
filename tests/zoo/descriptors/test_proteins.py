"""Descriptors of proteins, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hyle.zoo import Dataset, Sample, load_dataset
from hyle.zoo.descriptors import describe_samples


def helix(n: int, phi: float, psi: float) -> np.ndarray:
    """A backbone with the same two dihedral angles at all residues, atom by atom."""
    bonds = {"N": (1.33, 121.7), "CA": (1.46, 121.7), "C": (1.52, 111.0)}
    points = [np.array([0.0, 0, 0]), np.array([1.46, 0, 0]), np.array([1.46 + 0.55, 1.42, 0])]
    while len(points) < 3 * n:
        name, dihedral = [("N", psi), ("CA", 180.0), ("C", phi)][len(points) % 3]
        length, angle = bonds[name][0], {"N": 116.2, "CA": 121.7, "C": 111.0}[name]
        a, b, c = points[-3:]
        axis = (c - b) / np.linalg.norm(c - b)
        normal = np.cross(b - a, axis)
        normal /= np.linalg.norm(normal)
        side = np.cross(normal, axis)
        turn, bend = math.radians(dihedral), math.radians(180 - angle)
        step = math.cos(bend) * axis + math.sin(bend) * (math.cos(turn) * side + math.sin(turn) * normal)
        points.append(c + length * step)
    atoms = np.array(points).reshape(n, 3, 3)
    return np.concatenate([atoms, atoms[:, 2:] + 1.2], axis=1)


def test_shares_of_residues() -> None:
    samples = [Sample("a", sequence="DEKRFWYGPAXX"), Sample("b", sequence="AAAA")]
    found = describe_samples(Dataset("own", samples, "proteins", "MIT", "here"))
    expected = {
        "length": (12, 4),
        "share of charged residues": (4 / 12, 0),
        "share of aromatic residues": (3 / 12, 0),
        "share of glycine": (1 / 12, 0),
        "share of alanine": (1 / 12, 1),
        "net charge per residue": (0, 0),
        "unknown or rare residues": (1, 0),
        "sequence entropy": (math.log2(10), 0),
    }
    for name, values in expected.items():
        assert found[name].values.tolist() == pytest.approx(values), name
    assert found.noun == "proteins"
    assert "radius of gyration" not in {each.name for each in found.descriptors}


@pytest.mark.parametrize(("angles", "shares"), [((-63, -43), (1, 0)), ((-120, 135), (0, 1)), ((60, 45), (0, 0))])
def test_conformations_of_ideal_backbones(angles: tuple[float, float], shares: tuple[float, float]) -> None:
    backbone = helix(12, *angles)
    found = describe_samples(Dataset("own", [Sample("a", backbone=backbone)], "proteins", "MIT", "here"))
    inner = 10 / 12  # the ends have only one of both angles
    names = ("share of residues in helical conformation", "share of residues in extended conformation")
    assert [found[name].values[0] for name in names] == pytest.approx([inner * share for share in shares])
    carbons = backbone[:, 1]
    gyration = np.sqrt(((carbons - carbons.mean(0)) ** 2).sum(1).mean())
    assert found["radius of gyration"].values[0] == pytest.approx(gyration)
    assert found["relative radius of gyration"].values[0] == pytest.approx(gyration / (2.2 * 12**0.38))


def test_real_proteins_fold() -> None:
    found = describe_samples(load_dataset("proteins").head(20))
    helical = found["share of residues in helical conformation"].values
    extended = found["share of residues in extended conformation"].values
    assert (helical + extended <= 1).all()
    assert 0.4 < (helical + extended).mean() < 0.9
    assert np.isfinite(found["relative radius of gyration"].values).all()
