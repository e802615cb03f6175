"""Read QM9 from the CSV files of qm9pack, and regenerate the subset of it that ships with hyle.

``python -m hyle.zoo.datasets.qm9 qm9.parquet`` writes the Parquet file and prints the values for its TOML file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import HARTREE, InputError, MissingPackageError, Sample, file_sha256, install_command

if TYPE_CHECKING:
    import pyarrow as pa

SCALE = 10**10  # positions are published with ten decimals, so integers in units of 1e-10 Angstrom are exact
SYMBOLS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}

# Label -> (column of the CSV file, factor to the unit of the label).
LABELS = {
    "u0": ("InternalEnergy_0K_au", HARTREE),
    "u298": ("InternalEnergy_298K_au", HARTREE),
    "h298": ("Enthalphy_298K_au", HARTREE),
    "g298": ("GibbsFreeEnergy_298K_au", HARTREE),
    "zpve": ("ZPVE_au", HARTREE),
    "homo": ("HOMO_au", HARTREE),
    "lumo": ("LUMO_au", HARTREE),
    "gap": ("HOMO_LUMO_gap_au", HARTREE),
    "mu": ("Dipole_debye", 1.0),
    "alpha": ("Polarizability_bohr3", 1.0),
    "r2": ("R2_bohr2", 1.0),
    "cv": ("Heatcapacity_Cv_cal_mol_K", 1.0),
}


def read_slice(path: Path) -> pa.Table:
    """Read the subset that ships with hyle."""
    import pyarrow.parquet as pq

    return pq.read_table(path)


def read_rows(paths: Sequence[Path], rows: np.ndarray) -> tuple[pa.Table, str]:
    """Read the rows with the given indices, which count through all CSV files in order.

    Returns:
        A table with the columns of the subset (see `schema`), and the version of RDKit that wrote the SMILES.

    Raises:
        ImportError: RDKit is not installed.
        ValueError: RDKit cannot read a SMILES string (version 2026.03 reads all of QM9).
    """
    import pyarrow as pa
    import pyarrow.csv as pc

    try:
        from rdkit import Chem, rdBase
    except ImportError as error:
        raise MissingPackageError(f"QM9 beyond the shipped subset needs RDKit: {install_command('rdkit')}") from error
    columns = ["Index", "SMILES", "Elements", "XYZ_Ang", *(column for column, _ in LABELS.values())]
    # As text, because Python's float() is correctly rounded, and the parser of a CSV reader may not be.
    options = pc.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string()))
    whole = pa.concat_tables([pc.read_csv(path, convert_options=options) for path in paths])
    selected = whole.take(pa.array(rows)).to_pydict()

    def canonical(number: str, smiles: str) -> str:
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:
            raise InputError(f"RDKit {rdBase.rdkitVersion} cannot read the SMILES of {_id(int(number))}: {smiles}")
        return Chem.MolToSmiles(molecule)

    data: dict[str, Any] = {
        "row": rows,
        "index": [int(number) for number in selected["Index"]],
        "smiles": [canonical(*pair) for pair in zip(selected["Index"], selected["SMILES"], strict=True)],
        "numbers": [_numbers(text) for text in selected["Elements"]],
        "positions": [_positions(text) for text in selected["XYZ_Ang"]],
    }
    data |= {column: [float(text) for text in selected[column]] for column, _ in LABELS.values()}
    return pa.table(data, schema=schema()), rdBase.rdkitVersion


def schema() -> pa.Schema:
    """Return the columns of the subset: labels as published, positions in units of 1e-10 Angstrom."""
    import pyarrow as pa

    head = {"row": pa.int32(), "index": pa.int32(), "smiles": pa.string()}
    atoms = {"numbers": pa.list_(pa.uint8()), "positions": pa.list_(pa.int64())}
    return pa.schema({**head, **atoms, **{column: pa.float64() for column, _ in LABELS.values()}})


def to_samples(table: pa.Table) -> list[Sample]:
    """Convert rows to samples with SMILES, atoms and labels.

    Raises:
        ImportError: ase is not installed.
    """
    try:
        from ase import Atoms
    except ImportError as error:
        raise MissingPackageError(f"QM9 needs ase: {install_command('ase')}") from error
    samples = []
    for row in table.to_pylist():
        positions = np.array(row["positions"]).reshape(-1, 3) / SCALE
        labels = {name: row[column] * factor for name, (column, factor) in LABELS.items()}
        # Subtract before the conversion: the difference is exact to the published digits.
        energy = (row["InternalEnergy_0K_au"] - row["ZPVE_au"]) * HARTREE
        samples.append(
            Sample(
                id=_id(row["index"]),
                smiles=row["smiles"],
                atoms=Atoms(numbers=row["numbers"], positions=positions),
                labels={"energy": energy, **labels},
            )
        )
    return samples


def _id(number: int) -> str:
    return f"qm9-{number:06d}"


def _numbers(text: str) -> list[int]:
    return [SYMBOLS[symbol.strip(" '")] for symbol in text.strip("[]").split(",")]


def _positions(text: str) -> list[int]:
    return [round(float(number) * SCALE) for number in text.replace("[", "").replace("]", "").split(",")]


def write_slice(path: Path) -> str:
    """Regenerate the shipped subset and return the version of RDKit that wrote its SMILES."""
    import pyarrow.parquet as pq

    from .registry import draw, fetch_carrier, find_dataset

    info = find_dataset("qm9")
    folder = fetch_carrier(info, notify=print)
    rows = draw(info, info.slice.size, info.slice.seed)
    table, rdkit = read_rows([folder / member for member in info.members], rows)
    table = table.replace_schema_metadata({"rdkit": rdkit, "source": info.carrier, "positions": "1e-10 Angstrom"})
    # Floats compress well only if their high bytes are stored next to each other.
    split = {"positions.list.element": "BYTE_STREAM_SPLIT"}
    split |= dict.fromkeys((column for column, _ in LABELS.values()), "BYTE_STREAM_SPLIT")
    pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=False, column_encoding=split)
    return rdkit


if __name__ == "__main__":
    target = Path(sys.argv[1])
    version = write_slice(target)
    print(f'sha256 = "{file_sha256(target)}"\nrdkit = "{version}"')
