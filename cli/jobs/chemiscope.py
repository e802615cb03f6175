"""Write maps in the format of chemiscope, which shows structures and their properties side by side.

Source: Fraux, Cersonsky & Ceriotti (2020), J. Open Source Softw. 5, 2117; https://chemiscope.org.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hyle.zoo import InputError, Sample, shorten

from ..atomic import write_atomically
from ..console import say
from ..report import PointColour
from .map import SampleMap

SUFFIXES = (".json", ".json.gz")
# Radius around an atom that chemiscope shows, in Angstrom.
_CUTOFF = 4.0


def check_chemiscope(path: Path) -> None:
    """Raise InputError unless chemiscope can open a file of this name."""
    if not str(path).lower().endswith(SUFFIXES):
        raise InputError(
            f"--chemiscope {path}: the file is .json or .json.gz, for example {path.stem or 'map'}.json.gz"
        )


def write_chemiscope(result: SampleMap, path: Path) -> Path:
    """Write a map in chemiscope's format, compressed if the name ends with .gz; return the path.

    Raises:
        InputError: a sample has no structure.
        OutputError: the file cannot be written.
    """
    check_chemiscope(path)
    data = chemiscope_data(result)
    for colour in result.colours:
        if _title(colour) not in data["properties"]:
            say(f"{path.name}: {colour.name} is left out, because some samples have no value")
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).encode()
    return write_atomically(path, gzip.compress(text, 6, mtime=0) if path.suffix.lower() == ".gz" else text)


def chemiscope_data(result: SampleMap) -> dict[str, Any]:
    """Return a map as an object of chemiscope's format.

    Samples without coordinates are given those of their structural formula, flat. Properties are both coordinates of
    each map and all colours; values that are missing are left out with the whole property where chemiscope cannot hold
    them. Points that are atoms have target ``atom`` and an environment each.

    Raises:
        InputError: a sample is unknown, has no structure, or points are residues or tokens.
    """
    from hyle.zoo import structure_of

    if result.per not in ("", "atom"):
        raise InputError(f"--chemiscope: points are samples or atoms in its format, and not {result.per}s")
    owners = [result.owner(row) for row in result.ids]
    order = list(dict.fromkeys(name for name, _ in owners))
    unknown = [name for name in order if name not in result.samples]
    if unknown:
        raise InputError(
            f"--chemiscope: {len(unknown)} of {len(order)} samples are unknown, the first is {shorten(unknown[0])!r}: "
            "name a file that has them with --samples FILE"
        )
    structures = [_structure(result.samples[name], structure_of(result.samples[name])) for name in order]
    target = "atom" if result.nodes else "structure"
    properties: dict[str, Any] = {}
    for name, one in result.planes.items():
        for axis in (0, 1):
            kind = f"{result.method.upper()}[{axis + 1}]"
            properties[f"{name} {kind}"] = _property(target, one.place[:, axis], f"{kind} of {name}")
    for colour in result.colours:
        title, units = _title(colour), colour.name.partition(" / ")[2]
        if colour.labels is not None:
            properties[title] = {"target": target, "values": [label or "unknown" for label in colour.labels]}
        elif colour.values is not None and np.isfinite(colour.values).all():
            properties[title] = _property(target, colour.values, title, units)
    if not result.nodes:
        properties["id"] = {"target": target, "values": list(result.ids)}
    axes = list(properties)[:2]
    view = {"x": {"property": axes[0]}, "y": {"property": axes[1]}}
    if result.colours:
        title = _title(result.colours[0])
        view |= {"color": {"property": title}} if title in properties else {}
    made: dict[str, Any] = {
        "meta": {
            "name": f"{len(result.ids)} {'atoms' if result.nodes else 'samples'} in {_models(result)}",
            "description": f"Planar layouts of representations, made by hyle {importlib.metadata.version('hyle')}.",
        },
        "structures": structures,
        "properties": properties,
        "settings": {"map": view},
    }
    if result.nodes:
        place = {name: i for i, name in enumerate(order)}
        made["environments"] = [_environment(structures, place[name], number) for name, number in owners]
    return made


def _title(colour: PointColour) -> str:
    return colour.name.partition(" / ")[0]


def _models(result: SampleMap) -> str:
    names = list(result.recipes)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _property(target: str, values: np.ndarray, description: str, units: str = "") -> dict[str, Any]:
    made = {"target": target, "values": [float(f"{value:.6g}") for value in values], "description": description}
    return made | ({"units": units} if units else {})


def _structure(sample: Sample, found: tuple[Sequence[str], np.ndarray, np.ndarray | None] | None) -> dict[str, Any]:
    if found is None:
        raise InputError(f"--chemiscope: the sample {shorten(sample.id)!r} has no atoms, only a sequence or text")
    names, positions, cell = found
    x, y, z = ([float(f"{value:.5g}") for value in axis] for axis in np.asarray(positions, float).T)
    made: dict[str, Any] = {"size": len(names), "names": list(names), "x": x, "y": y, "z": z}
    return made | ({} if cell is None else {"cell": [float(f"{value:.8g}") for value in np.ravel(cell)]})


def _environment(structures: Sequence[dict[str, Any]], structure: int, number: int | None) -> dict[str, Any]:
    size = structures[structure]["size"]
    if number is None or number >= size:
        raise InputError(f"--chemiscope: atom {number} is not in its structure, which has {size} atoms")
    return {"structure": structure, "center": number, "cutoff": _CUTOFF}
