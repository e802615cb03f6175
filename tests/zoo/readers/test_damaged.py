"""Damaged files: each is read, or refused in one line."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError
from hyle.zoo.readers import Options, reader_of

pytest.importorskip("gemmi")
chem = pytest.importorskip("rdkit.Chem")

N_DAMAGES = 200


def csv() -> bytes:
    return b'id,smiles,y\na,CCO,1\n"b,c",c1ccccc1,2.5\nd,[Na+].[Cl-],\n'


def fasta() -> bytes:
    return b">sp|P69905|HBA_HUMAN x\nMVLSPADKTN\nVKAAW\n>b\nMKT*\n"


def jsonl() -> bytes:
    return b'{"id": 7, "smiles": "CCO", "y": 1}\n{"id": "007", "smiles": "C", "y": 2.5}\n'


def sdf() -> bytes:
    block = chem.MolToMolBlock(chem.AddHs(chem.MolFromSmiles("CCO")))
    return (block + ">  <CID>\n007\n\n>  <y>\n1.5\n\n$$$$\n").encode() * 2


def pdb() -> bytes:
    lines = ["SEQRES   1 A    4  ALA GLY HIS SER", "MODEL        1"]
    for i, name in enumerate(("ALA", "GLY", "HIE", "SER")):
        for atom, x, y in (("N", 0.0, 0.0), ("CA", 1.2, 0.7), ("C", 2.5, 0.2), ("O", 2.7, -1.0)):
            position = f"{x + 3.8 * i:8.3f}{y:8.3f}   0.000"
            lines.append(f"ATOM  {i:5d}  {atom:<3s} {name} A{i + 1:4d}    {position}  1.00  0.00           {atom[0]}")
    return "\n".join([*lines, "TER", "ENDMDL", "END", ""]).encode()


def mmcif() -> bytes:
    import gemmi

    structure = gemmi.read_pdb_string(pdb())
    structure.setup_entities()
    return structure.make_mmcif_document().as_string().encode()


def parquet(format_: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"id": ["a", "b", "c"], "smiles": ["C", "CCO", "N"], "y": [1.0, 2.0, 3.0]})
    sink = pa.BufferOutputStream()
    if format_ == "parquet":
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue().to_pybytes()


FILES: dict[str, Callable[[], bytes]] = {
    "a.csv": csv,
    "a.tsv": lambda: csv().replace(b",", b"\t"),
    "a.csv.gz": lambda: gzip.compress(csv()),
    "a.csv.xz": lambda: lzma.compress(csv()),
    "a.csv.bz2": lambda: bz2.compress(csv()),
    "a.smi": lambda: b"CCO |$;;R1$|\tmol1\nc1ccccc1 mol2\n*CC\n[C-]#[O+]\n",
    "a.jsonl": jsonl,
    "a.fasta": fasta,
    "a.fasta.gz": lambda: gzip.compress(fasta()),
    "a.sdf": sdf,
    "a.sdf.gz": lambda: gzip.compress(sdf()),
    "a.pdb": pdb,
    "a.ent.gz": lambda: gzip.compress(pdb()),
    "a.mmcif": mmcif,
    "a.mmcif.gz": lambda: gzip.compress(mmcif()),
    "a.parquet": lambda: parquet("parquet"),
    "a.arrow": lambda: parquet("arrow"),
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the content cut off, with a piece removed or repeated, or with some bytes replaced."""
    start, end = sorted(int(i) for i in rng.integers(0, len(content), 2))
    kind = rng.integers(4)
    if kind == 0:
        return content[:start]
    if kind == 1:
        return content[:start] + content[end:]
    if kind == 2:
        return content[:end] + content[start:]
    values = bytearray(content)
    for i in rng.integers(0, len(content), int(rng.integers(1, 6))):
        values[i] = int(rng.choice([0, 10, 34, 44, 45, 57, 91, 255, int(rng.integers(256))]))
    return bytes(values)


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    content = FILES[name]()
    path = tmp_path / name
    path.write_bytes(content)
    intact = reader_of(path)
    assert intact is not None
    assert sum(not row.problem for row in intact.read(path, None, Options())) >= 1
    rng = np.random.default_rng(0)
    messages = []
    for _ in range(N_DAMAGES):
        path.write_bytes(damaged(content, rng))
        reader = reader_of(path)
        assert reader is not None
        try:
            assert reader.count(path) >= 0
            rows = list(reader.read(path, None, Options()))
        except InputError as error:
            messages.append(str(error))
        else:
            messages += [row.problem for row in rows if row.problem]
            assert all(row.views or row.problem for row in rows)
    assert messages
    for message in messages:
        assert len(message) < 1000
        assert "\n" not in message
