"""Sequences in FASTA files and tables, told apart from nucleotides."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from hyle.zoo import InputError, read_dataset

pytest.importorskip("gemmi")

# The beginning of lacZ of E. coli, and of its product.
GENE = "ATGACCATGATTACGGATTCACTGGCCGTCGTTTTACAACGTCGTGACTGGGAAAACCCTGGCGTT"
PROTEIN = "MTMITDSLAVVLQRRDWENPGV"


def fasta(path: Path, *sequences: str) -> Path:
    path.write_text("".join(f">s{i}\n{sequence}\n" for i, sequence in enumerate(sequences)))
    return path


@pytest.mark.parametrize(
    "sequences",
    [
        (GENE,),
        (GENE.lower(),),
        (GENE.replace("T", "U"),),
        ("ATGGCCATTGTAATGGGCCGC", "ATGNNNCCATTG"),
        ("GATTACAGATTACA", "A", "GAT"),
        (GENE[:40] + "R" + GENE[40:60] + "YK",),
        (GENE[:30] + "\n" + GENE[30:],),
    ],
)
@pytest.mark.parametrize("name", ["a.fasta", "a.fna", "a.csv"])
def test_nucleotides_are_refused(tmp_path: Path, sequences: tuple[str, ...], name: str) -> None:
    if name == "a.csv":
        rows = [f"s{i},{sequence}" for i, sequence in enumerate("".join(s.split()) for s in sequences)]
        (tmp_path / name).write_text("\n".join(["id,sequence", *rows]))
    else:
        fasta(tmp_path / name, *sequences)
    with pytest.raises(InputError, match=r"contains nucleotides, not amino acids; .* --view sequence"):
        read_dataset(tmp_path / name)
    insisted = read_dataset(tmp_path / name, view="sequence")
    assert [s.sequence for s in insisted] == ["".join(s.split()).upper() for s in sequences]


@pytest.mark.parametrize(
    "sequences",
    [
        ("GACT",),  # a peptide, or a codon and a letter
        ("GAGAGAGAGAGAGAGAGAGA",),  # silk
        ("AAAAAAAAAAAAAAAAAAAAA",),
        ("GACT", "GATTACAGATTACA", "MKV"),
        (PROTEIN,),
        ("MKVX", "MUOBZ"),
    ],
)
def test_peptides_are_read(tmp_path: Path, sequences: tuple[str, ...]) -> None:
    assert [s.sequence for s in read_dataset(fasta(tmp_path / "a.fasta", *sequences))] == list(sequences)


def test_a_long_nucleotide_sequence_among_proteins_is_left_out(tmp_path: Path) -> None:
    path = fasta(tmp_path / "a.fasta", PROTEIN, GENE)
    data = read_dataset(path)
    assert data.ids == ["s0"]
    assert "is a sequence of nucleotides" in data.left_out["s1"]
    assert read_dataset(path, view="sequence").ids == ["s0", "s1"]
    (tmp_path / "a.csv").write_text(f"id,sequence\na,{PROTEIN}\nb,{GENE}\n")
    assert list(read_dataset(tmp_path / "a.csv").left_out) == ["b"]


def test_ids_suffixes_and_compressions(tmp_path: Path) -> None:
    text = ">sp|P69905|HBA_HUMAN Hemoglobin subunit alpha\r\nMVLSP\r\nADK\r\n>007\r\nmkt*\r\n"
    for name in ("a.fas", "a.fsa", "a.faa"):
        (tmp_path / name).write_text(text)
        data = read_dataset(tmp_path / name)
        assert [(s.id, s.sequence) for s in data] == [("sp|P69905|HBA_HUMAN", "MVLSPADK"), ("007", "MKT")]
    (tmp_path / "a.fasta.xz").write_bytes(lzma.compress(text.encode()))
    assert read_dataset(tmp_path / "a.fasta.xz").ids == data.ids
    (tmp_path / "b.fasta").write_bytes(text.encode("utf-16"))
    assert read_dataset(tmp_path / "b.fasta").ids == data.ids
