"""Structures in parsed JSON: where they are, and how they become atoms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base import InputError, shorten
from .elements import ISOTOPES, atomic_number

IDS = ("material_id", "entry_id", "jid", "mat_id", "task_id", "sample_id", "id", "_id")
# In this order, keys of a document that contain its structure.
STRUCTURES = ("structure", "molecule", "atoms", "final_structure", "output_structure", "initial_structure")
# Keys of lists of documents in a response or a table.
LISTS = ("data", "structures", "entries", "results", "docs")
FULL = 0.99


@dataclass(frozen=True)
class Document:
    """A structure in a document.

    Args:
        id: id of the document, or the key or row label under which it is; may be empty.
        structure: as parsed.
        facts: the other values of the document.
    """

    id: str
    structure: Any
    facts: Mapping[str, Any] = field(default_factory=dict)

    def atoms(self, remarks: dict[str, str]) -> Any:
        """Convert the structure to ASE atoms.

        Raises:
            ValueError: sites that are partially occupied, or have no element.
        """
        if self.facts.get("correction"):
            remarks["energies are without the correction of the entry"] = ""
        if not self.structure:
            raise InputError("the row is missing")
        if "sites" in self.structure:
            return _pymatgen(self.structure, remarks)
        if "lattice_mat" in self.structure:
            return _jarvis(self.structure, remarks)
        return _ase(self.structure)


def documents(value: Any) -> list[Document]:
    """Return the structures in parsed JSON, in order."""
    if isinstance(value, Mapping) and isinstance(value.get("ids"), list) and "nextid" in value:  # a database of ASE
        return [_row_of_ase(value.get(str(id_))) for id_ in value["ids"]]
    return list(_documents(value, ""))


def _documents(value: Any, key: str) -> Iterator[Document]:
    if isinstance(value, list):
        for item in value:
            yield from _documents(item, "")
    if not isinstance(value, Mapping):
        return
    if _is_structure(value):
        yield Document(key, value, _facts(value))
        return
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        # Of a data frame in orientation split.
        yield from _table(value)
        return
    own = next((str(value[name]) for name in IDS if isinstance(value.get(name), (str, int))), "")
    id_ = own or key
    output = value.get("output")  # of a calculation, next to its input
    name = next((name for name in STRUCTURES if _is_structure(value.get(name))), None)
    if name is None and isinstance(output, Mapping) and _is_structure(output.get("structure")):
        structure = output["structure"]
        yield Document(id_, structure, {**_facts(structure), **_facts(value), **_facts(output)})
        return
    if name is not None:
        yield Document(id_, value[name], {**_facts(value[name]), **_facts(value)})
        return
    lists = [value[name] for name in LISTS if isinstance(value.get(name), (list, Mapping))]
    for item in lists or value.items():
        yield from _documents(item, "") if lists else _documents(item[1], own or str(item[0]))


def _table(value: Mapping[str, Any]) -> Iterator[Document]:
    columns = [str(name) for name in value["columns"]]
    rows = value["data"]
    labels = value.get("index")
    if not isinstance(labels, list) or len(labels) != len(rows):
        labels = list(range(len(rows)))
    for label, row in zip(labels, rows, strict=True):
        if not isinstance(row, list) or len(row) != len(columns):
            raise InputError(f"row {shorten(label)} of its table has not one value for each of {len(columns)} columns")
        cells = dict(zip(columns, row, strict=True))
        structure = next((cell for cell in row if _is_structure(cell)), None)
        if structure is not None:
            id_ = next((str(cells[name]) for name in IDS if isinstance(cells.get(name), (str, int))), str(label))
            yield Document(id_, structure, {**_facts(structure), **_facts(cells)})


def _is_structure(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    if isinstance(value.get("sites"), list):  # of pymatgen
        return "lattice" in value or "Molecule" in str(value.get("@class")) or "spin_multiplicity" in value
    return {"lattice_mat", "coords", "elements"} <= set(value) or {"numbers", "positions"} <= set(value)


def _facts(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): item for key, item in value.items() if isinstance(item, (str, int, float)) and item is not None}


def _pymatgen(structure: Mapping[str, Any], remarks: dict[str, str]) -> Any:
    from ase import Atoms

    sites = structure["sites"]
    numbers = [_species(site, i, remarks) for i, site in enumerate(sites)]
    lattice = structure.get("lattice")
    if lattice is None:
        return Atoms(numbers, [site["xyz"] for site in sites])
    cell = np.array(lattice["matrix"], float)
    atoms = Atoms(numbers, cell=cell, pbc=lattice.get("pbc", True))
    positions = [site["abc"] @ cell if "abc" in site else site["xyz"] for site in sites]
    atoms.positions[:] = np.array(positions, float).reshape(-1, 3)
    return atoms


def _species(site: Mapping[str, Any], index: int, remarks: dict[str, str]) -> int:
    species = [one for one in site["species"] if one.get("occu", 1) > 1 - FULL]
    if len(species) != 1 or species[0].get("occu", 1) < FULL:
        raise InputError(f"it has partially occupied sites: make an ordered structure first (site {index + 1})")
    symbol = str(species[0]["element"])
    number = atomic_number(symbol.rstrip("0123456789+-.")) if not symbol.isdigit() else None
    if number is None:
        raise InputError(f"the species {shorten(symbol)!r} of site {index + 1} is no element")
    _note_isotope(symbol, remarks)
    return number


def _note_isotope(symbol: str, remarks: dict[str, str]) -> None:
    if symbol.strip().rstrip("0123456789+-.") in ISOTOPES:
        remarks["deuterium and tritium are read as hydrogen"] = ""


def _jarvis(structure: Mapping[str, Any], remarks: dict[str, str]) -> Any:
    from ase import Atoms

    numbers = []
    for symbol in structure["elements"]:
        number = atomic_number(str(symbol).strip())
        if number is None:
            raise InputError(f"{shorten(symbol)!r} is no element")
        _note_isotope(str(symbol), remarks)
        numbers.append(number)
    coordinates, cell = np.array(structure["coords"], float), np.array(structure["lattice_mat"], float)
    cartesian = str(structure.get("cartesian", False)).casefold() == "true"
    return Atoms(numbers, coordinates if cartesian else coordinates @ cell, cell=cell, pbc=True)


def _row_of_ase(row: Any) -> Document:
    if not isinstance(row, Mapping):
        return Document("", {})
    facts = {**_facts(row), **_facts(row.get("data")), **_facts(row.get("key_value_pairs"))}
    return Document("", row, facts)


def _ase(structure: Mapping[str, Any]) -> Any:
    from ase import Atoms
    from ase.db.row import AtomsRow
    from ase.io.jsonio import decode

    decoded = decode(json.dumps(structure))
    if isinstance(decoded, Atoms):
        return decoded
    numbers, positions = np.array(decoded["numbers"]), np.array(decoded["positions"], float)
    if numbers.ndim != 1 or positions.shape != (len(numbers), 3):
        raise InputError("the numbers of elements and of positions differ")
    return AtomsRow({**decoded, "numbers": numbers, "positions": positions}).toatoms()
