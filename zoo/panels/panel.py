"""The reference panel of the benchmark: what known models say of fixed samples, small enough to ship."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError
from .._representation import Representation
from .._text import did_you_mean
from ..datasets import find_dataset
from ..store import to_numpy

# Columns that are kept of an embedding.
PANEL_DIM = 64
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class BenchmarkSet:
    """One set of samples that models are measured on; see ``zoo/panels/sets.toml``.

    Args:
        name: the data set.
        domain: ``molecules``, ``materials`` or ``proteins``.
        role: ``in`` or ``out`` of distribution.
        samples: how many, of the draw of seed 0.
        models: those of the panel.
        label: what a probe must know, empty where the set has nothing to be known.
    """

    name: str
    domain: str
    role: str
    samples: int
    models: Sequence[str]
    label: str = ""

    @property
    def views(self) -> Sequence[str]:
        """The views that every sample has."""
        return find_dataset(self.name).views


@dataclass(frozen=True)
class Performance:
    """How well a model does on a set.

    Args:
        kind: ``energy``, a mean absolute error, or ``probe``, a share of variance explained.
        value: lower is better for ``energy``, higher for ``probe``.
        se: standard error.
        units: eV, or empty.
        label: what is known: the energy beyond composition, or the label of the set.
        n: samples.
    """

    kind: str
    value: float
    se: float
    units: str
    label: str
    n: int

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return self.kind == "probe"


@dataclass(frozen=True)
class Member:
    """One model of the panel on one set.

    Args:
        representation: its embedding, rotated and cut to `PANEL_DIM` columns, with the recipe of the whole one.
        family: models of one family are not independent.
        modality: what it reads; ``control`` is no model.
        parameters: counted from the checkpoint.
        scores: by kind.
        kept: share of the squared length of its rows that is left.
    """

    representation: Representation
    family: str
    modality: str
    parameters: int
    scores: Mapping[str, Performance] = field(default_factory=dict)
    kept: float = 1.0

    @property
    def name(self) -> str:
        """The model."""
        return self.representation.name


@dataclass(frozen=True)
class ReferencePanel:
    """What the models of the panel say of one set.

    Args:
        name: the set.
        version: of its samples, as `Dataset.version` has it.
        ids: of its samples.
        sha256: of the file.
        hyle_version: of the hyle that wrote it.
        members: its models.
    """

    name: str
    version: str
    ids: Sequence[str]
    sha256: str
    hyle_version: str
    members: Sequence[Member]


@functools.cache
def _sets() -> Mapping[str, BenchmarkSet]:
    tables = tomllib.loads((FOLDER / "sets.toml").read_text("utf-8"))
    return {name: BenchmarkSet(name=name, **table) for name, table in tables.items()}


def list_benchmarks() -> list[BenchmarkSet]:
    """Return the sets of the benchmark. Reads no samples."""
    return list(_sets().values())


def find_benchmark(name: str) -> BenchmarkSet:
    """Return one set of the benchmark.

    Raises:
        ValueError: no such set; names them all.
    """
    if name not in _sets():
        raise InputError(f"{name!r} is no set of the benchmark{did_you_mean(name, _sets())} There are {_listed()}")
    return _sets()[name]


def _listed() -> str:
    return ", ".join(_sets())


def truncate_svd(embedding: Any, width: int = PANEL_DIM) -> tuple[np.ndarray, float]:
    """Rotate an embedding onto its main axes and keep the first of them.

    Not centred, so that cosines and distances stay as they are but for what is cut.

    Args:
        embedding: [n, d].
        width: columns to keep.

    Returns:
        float64 [n, min(n, d, width)], and the share of the squared length that is kept.
    """
    matrix = to_numpy(embedding).astype(np.float64)
    left, sizes, _ = np.linalg.svd(matrix, full_matrices=False)
    left = left * np.where(left.sum(0) < 0, -1.0, 1.0)  # the sign of an axis is any
    whole = float((sizes**2).sum())
    return left[:, :width] * sizes[:width], float((sizes[:width] ** 2).sum() / whole) if whole else 1.0


def write_panel(
    name: str, version: str, ids: Sequence[str], members: Sequence[Member], folder: Path = FOLDER
) -> ReferencePanel:
    """Write the panel of one set: NAME.safetensors, and NAME.json with its hash and the facts.

    Embeddings are cut to `PANEL_DIM` columns and kept as float16 deviations from the mean of each column, in units of
    the largest, so that a cloud far from the origin loses nothing. Of the models that ship at least 0.997 of linear CKA
    with the whole and nine in ten of 25 neighbours are left; of the fingerprints 0.996 and eight in ten.

    Args:
        name: of the set.
        version: of its samples.
        ids: of its samples.
        members: with whole embeddings.
        folder: where to; made where it is missing.
    """
    from safetensors.numpy import save

    place = {sample: row for row, sample in enumerate(ids)}
    tensors, facts = {}, []
    for member in members:
        rep = member.representation
        rotated, kept = truncate_svd(rep.embedding)
        middle = rotated.mean(0)
        size = np.abs(rotated - middle).max() or 1.0
        tensors[member.name] = ((rotated - middle) / size).astype(np.float16)
        tensors[f"{member.name}.mean"] = middle.astype(np.float32)
        tensors[f"{member.name}.size"] = np.array([size], np.float32)
        tensors[f"{member.name}.rows"] = np.array([place[one] for one in rep.ids], np.uint16)
        facts.append(
            {
                "name": member.name,
                "family": member.family,
                "modality": member.modality,
                "parameters": member.parameters,
                "kept": round(kept, 6),
                "scores": {kind: asdict(score) for kind, score in member.scores.items()},
                "recipe": dict(rep.recipe),
            }
        )
    content = save(tensors)
    about = {
        "name": name,
        "version": version,
        "hyle_version": importlib.metadata.version("hyle"),
        "sha256": hashlib.sha256(content).hexdigest(),
        "ids": list(ids),
        "members": facts,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, data in ((".safetensors", content), (".json", json.dumps(about, indent=1).encode() + b"\n")):
        scratch = folder / f".{name}{suffix}"
        scratch.write_bytes(data)
        scratch.replace(folder / f"{name}{suffix}")
    return load_panel(name, folder)


def load_panel(name: str, folder: Path = FOLDER) -> ReferencePanel:
    """Read the panel of one set.

    Args:
        name: of the set.
        folder: where it lies; default what ships with hyle.

    Raises:
        ValueError: there is none, or its file is not what its hash says.
    """
    from safetensors.numpy import load

    path, facts = folder / f"{name}.safetensors", folder / f"{name}.json"
    again = "install hyle again, or write it anew: hyle benchmark --rebuild-panel DIR"
    try:
        about, content = json.loads(facts.read_text("utf-8")), path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"the panel of {name} cannot be read from {folder} ({error}): {again}") from error
    if hashlib.sha256(content).hexdigest() != about["sha256"]:
        raise InputError(f"{path} has changed since it was written: {again}")
    tensors, ids, members = load(content), about["ids"], []
    for one in about["members"]:
        model = one["name"]
        embedding = tensors[model].astype(np.float32) * tensors[f"{model}.size"] + tensors[f"{model}.mean"]
        rows = [ids[row] for row in tensors[f"{model}.rows"]]
        scores = {kind: Performance(**score) for kind, score in one["scores"].items()}
        kept = Representation(model, embedding, rows, one["recipe"])
        members.append(Member(kept, one["family"], one["modality"], one["parameters"], scores, one["kept"]))
    return ReferencePanel(name, about["version"], ids, about["sha256"], about["hyle_version"], members)
