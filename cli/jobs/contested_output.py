"""The agreement of models on each sample as plain data, and in files."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import InputError, Sample, split_node_id
from hyle.zoo.nodes import node_id

from ..atomic import write_atomically
from ..options import json_text
from .contested import ContestedSamples
from .contested_page import write_page_of_contested
from .contested_row import sample_row

if TYPE_CHECKING:
    from hyle.engine.analysis import ErrorPrediction

CONTESTED_SUFFIXES = (".html", ".csv", ".json", ".smi", ".xyz")
# The view of a sample that a file of structures needs, by suffix.
STRUCTURES = {".smi": "smiles", ".xyz": "atoms"}


def contested_data(
    result: ContestedSamples,
    samples: Mapping[str, Sample],
    number: int | None = None,
    *,
    selected: Sequence[int] = (),
    errors: ErrorPrediction | None = None,
) -> dict[str, Any]:
    """Return the result as plain data: the whole of it, and the most contested and most agreed samples.

    Args:
        result: as `contested` returns it.
        samples: id -> sample, as far as they are known.
        number: of samples at either end; None for all samples, from the most contested one on.
        selected: rows that were selected for labelling.
        errors: whether disagreement predicts errors, if it was asked.
    """
    found = result.found
    data: dict[str, Any] = {
        "n": len(result.ids),
        "per": result.per or "sample",
        "units": result.units,
        "form": found.form,
        "k": result.k,
        "neighbour_metric": result.neighbour_metric,
        "models": [
            {"model": name, "family": family} for name, family in zip(result.models, result.families, strict=True)
        ],
        "families": found.families,
        "agreement": float(found.agreement.mean()),
        "chance": found.chance,
        "smallest_p": found.smallest_p,
        "reliability": found.reliability._asdict(),
        "n_contested": int((found.q <= 0.05).sum()) if np.isfinite(found.q).all() else None,
        "n_agreed": int((found.agreed_q <= 0.05).sum()) if np.isfinite(found.agreed_q).all() else None,
        "n_beyond": None if found.beyond_q is None else int((found.beyond_q <= 0.05).sum()),
        "strata_kind": result.strata_kind,
        "sample_hash": result.sample_hash,
        "hyle_version": version("hyle"),
        "notes": list(result.notes),
    }
    if number is None:
        data["samples"] = [sample_row(result, int(row), samples) for row in result.contested]
    else:
        data["contested"] = [sample_row(result, int(row), samples) for row in result.contested[:number]]
        data["agreed"] = [sample_row(result, int(row), samples) for row in result.agreed[:number]]
    if selected:
        data["selected"] = [result.ids[row] for row in selected]
    if errors is not None:
        data["errors"] = {
            **{name: getattr(errors, name) for name in ("verdict", "n", "units", "partial")},
            "predictions": [dataclasses.asdict(each) for each in errors.predictions.values()],
            "gain": {
                name: dict(zip(("value", "low", "high"), each, strict=True)) for name, each in errors.gain.items()
            },
        }
    return data


def write_contested(
    result: ContestedSamples,
    path: Path,
    samples: Mapping[str, Sample],
    *,
    number: int,
    selected: Sequence[int] = (),
    errors: ErrorPrediction | None = None,
    explanation: Sequence[str] = (),
) -> Path:
    """Write a page (.html), all samples as a table (.csv) or plain data (.json), or structures of some (.smi, .xyz).

    Args:
        result: as `contested` returns it.
        path: the file.
        samples: id -> sample, as far as they are known.
        number: of the most contested samples whose structures are written, unless some were selected.
        selected: rows that were selected for labelling.
        errors: whether disagreement predicts errors, for .json.
        explanation: sentences on what contested samples have in common, for .html.

    Raises:
        InputError: a sample whose structure is to be written has none.
        OutputError: the file cannot be written.
    """
    if path.suffix == ".json":
        return write_atomically(
            path, json_text(contested_data(result, samples, selected=selected, errors=errors)).encode()
        )
    if path.suffix == ".html":
        return write_page_of_contested(result, samples, path, count=number, selected=selected, explanation=explanation)
    if path.suffix == ".csv":
        return write_atomically(path, _table(result, samples, selected).encode())
    rows = [int(row) for row in (selected or result.contested[:number])]
    return write_atomically(path, _structures(result, rows, samples, path).encode())


def check_structures(path: Path, samples: Mapping[str, Sample], ids: Sequence[str]) -> None:
    """Check that samples have the view that a file of structures needs, before anything is computed.

    Raises:
        InputError: not all of them have it.
    """
    view = STRUCTURES.get(path.suffix)
    missing = [i for i in ids if view and (i not in samples or getattr(samples[i], view) is None)]
    if missing and view:
        if not samples:
            raise InputError(
                f"--output {path}: it is unknown what the samples are; name them with --samples DATASET, a name of "
                "`hyle datasets` or a file"
            )
        raise InputError(
            f"--output {path}: {len(missing)} of {len(ids)} have no {view}, such as {missing[0]!r}; write "
            ".csv, or name samples that have them with --samples"
        )


def _table(result: ContestedSamples, samples: Mapping[str, Sample], selected: Sequence[int]) -> str:
    import pandas as pd

    rows = []
    chosen = {row: place for place, row in enumerate(selected, 1)}
    for at, row in enumerate(result.contested, 1):
        known = sample_row(result, int(row), samples)
        by_model = {f"agreement of {name}": value for name, value in known.pop("by_model").items()}
        known |= {"selected": chosen.get(int(row)), **by_model}
        facts = {"form": result.found.form, "k": result.k, "neighbour_metric": result.neighbour_metric}
        own = {"sample_hash": result.sample_hash, "hyle_version": version("hyle")}
        rows.append({"rank": at, **known, **facts, **own})
    table = pd.DataFrame(rows)
    table["selected"] = table["selected"].astype("Int64")
    return str(table.to_csv(index=False))


def _structures(result: ContestedSamples, rows: Sequence[int], samples: Mapping[str, Sample], path: Path) -> str:
    """Return samples as lines of SMILES and ids, or as extended XYZ with id and agreement of each.

    Of atoms, each structure is written once, with the numbers of its atoms that are listed.
    """
    check_structures(path, samples, [result.ids[row] for row in rows])
    if result.per == "atom":
        return _structures_of_atoms(result, rows, samples, path)
    if path.suffix == ".smi":
        return "".join(f"{samples[result.ids[row]].smiles} {result.ids[row]}\n" for row in rows)
    from ase.io import write

    frames = []
    for row in rows:
        atoms = samples[result.ids[row]].view("atoms").copy()
        facts = sample_row(result, row, samples)
        kept = ("agreement", "expected", "deviation", "p", "q")
        atoms.info |= {"id": result.ids[row], **{name: facts[name] for name in kept if np.isfinite(facts[name])}}
        frames.append(atoms)
    text = io.StringIO()
    write(text, frames, format="extxyz")
    return text.getvalue()


def _structures_of_atoms(
    result: ContestedSamples, rows: Sequence[int], samples: Mapping[str, Sample], path: Path
) -> str:
    """Return each structure with listed atoms once; in extended XYZ these are 1 in the column ``listed``, others 0."""
    numbers: dict[str, list[int]] = {}
    owners: dict[str, Sample] = {}
    for row in rows:
        sample, number = split_node_id(result.ids[row])
        numbers.setdefault(sample, []).append(number)
        owners[sample] = samples[result.ids[row]]
    if path.suffix == ".smi":
        return "".join(
            f"{owners[i].smiles} {' '.join(node_id(i, number) for number in each)}\n" for i, each in numbers.items()
        )
    from ase.io import write

    frames = []
    for i, each in numbers.items():
        atoms = owners[i].view("atoms").copy()
        atoms.info |= {"id": i}
        listed = np.zeros(len(atoms), int)
        listed[each] = 1
        atoms.set_array("listed", listed)
        frames.append(atoms)
    text = io.StringIO()
    write(text, frames, format="extxyz")
    return text.getvalue()
