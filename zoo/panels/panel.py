"""Reference panels of the benchmark: embeddings of published models on fixed samples, small enough to ship."""

from __future__ import annotations

import datetime
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

from ..base import InputError, Representation, did_you_mean, output_errors, replace_atomically
from ..datasets import find_dataset
from ..embeddings import to_numpy

# Number of columns that are kept of an embedding.
PANEL_DIM = 64
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class BenchmarkSet:
    """A set of samples on which models are evaluated; see ``zoo/panels/sets.toml``.

    Args:
        name: name of the data set.
        domain: ``molecules``, ``materials`` or ``proteins``.
        role: ``in`` or ``out`` of distribution.
        samples: number of samples, drawn with seed 0.
        models: names of the models of the panel.
        untrained: models of the panel whose architectures are also in it with random weights, as controls.
        label: target of the probe; empty if the set has no suitable label.
    """

    name: str
    domain: str
    role: str
    samples: int
    models: Sequence[str]
    untrained: Sequence[str] = ()
    label: str = ""

    @property
    def views(self) -> Sequence[str]:
        """The views that all samples have."""
        return find_dataset(self.name).views


@dataclass(frozen=True)
class Performance:
    """Performance of a model on a set.

    Args:
        kind: ``energy``, a mean absolute error, or ``probe``, the fraction of variance explained.
        value: lower is better for ``energy``, higher for ``probe``.
        se: standard error of the value.
        units: eV/atom, or empty.
        label: what is predicted: the energy or the label of the set, beyond composition.
        n: number of samples.
    """

    kind: str
    value: float
    se: float
    units: str
    label: str
    n: int

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is better."""
        return self.kind == "probe"


@dataclass(frozen=True)
class Member:
    """A model of the panel on one set.

    Args:
        representation: embedding of the model, rotated and truncated to `PANEL_DIM` columns, with the recipe of the
            full embedding.
        family: model family; models of the same family are not independent.
        modality: input modality of the model; ``control`` marks a control.
        parameters: number of parameters, counted from the checkpoint.
        scores: kind -> performance.
        kept: fraction of the total squared row norm that the kept columns contain.
    """

    representation: Representation
    family: str
    modality: str
    parameters: int
    scores: Mapping[str, Performance] = field(default_factory=dict)
    kept: float = 1.0

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.representation.name


@dataclass(frozen=True)
class ReferencePanel:
    """The representations of the panel's models on one set.

    Args:
        name: name of the set.
        version: `Dataset.version` of its samples.
        ids: ids of its samples.
        sha256: SHA-256 of the file.
        hyle_version: version of hyle that wrote the file.
        members: the models.
        date: day on which the file was written, as YYYY-MM-DD; empty for files of earlier releases.
    """

    name: str
    version: str
    ids: Sequence[str]
    sha256: str
    hyle_version: str
    members: Sequence[Member]
    date: str = ""

    @property
    def versions(self) -> Mapping[str, str]:
        """Library -> its versions when the rows were computed, from the recipes of the members, sorted by name."""
        found: dict[str, set[str]] = {}
        for member in self.members:
            for library, version in member.representation.recipe.get("versions", {}).items():
                found.setdefault(library, set()).add(str(version))
        return {library: ", ".join(sorted(found[library])) for library in sorted(found)}


@functools.cache
def _sets() -> Mapping[str, BenchmarkSet]:
    tables = tomllib.loads((FOLDER / "sets.toml").read_text("utf-8"))
    return {name: BenchmarkSet(name=name, **table) for name, table in tables.items()}


def list_benchmarks() -> list[BenchmarkSet]:
    """Return the sets of the benchmark, without reading any samples."""
    return list(_sets().values())


def find_benchmark(name: str) -> BenchmarkSet:
    """Return one set of the benchmark.

    Raises:
        ValueError: no such set; the message lists all sets.
    """
    if name not in _sets():
        raise InputError(f"{name!r} is not a benchmark set{did_you_mean(name, _sets())} The sets are {_listed()}")
    return _sets()[name]


def _listed() -> str:
    return ", ".join(_sets())


def truncate_svd(embedding: Any, width: int = PANEL_DIM) -> tuple[np.ndarray, float]:
    """Rotate an embedding onto its principal axes and keep the first ones.

    The embedding is not centred, so that cosines and distances change only by the columns that are dropped.

    Args:
        embedding: [n, d].
        width: number of columns to keep.

    Returns:
        float64 [n, min(n, d, width)], and the fraction of the total squared row norm that is kept.
    """
    matrix = to_numpy(embedding).astype(np.float64)
    left, sizes, _ = np.linalg.svd(matrix, full_matrices=False)
    left = left * np.where(left.sum(0) < 0, -1.0, 1.0)  # the SVD leaves the signs free
    total = float((sizes**2).sum())
    return left[:, :width] * sizes[:width], float((sizes[:width] ** 2).sum() / total) if total else 1.0


def write_panel(
    name: str, version: str, ids: Sequence[str], members: Sequence[Member], folder: Path = FOLDER
) -> ReferencePanel:
    """Write the panel of one set: NAME.safetensors, and NAME.json with its hash and the metadata.

    Embeddings are truncated to `PANEL_DIM` columns and stored as float16 deviations from the column means, scaled by
    the largest deviation, so that embeddings far from the origin keep their precision. For the shipped models, linear
    CKA with the full embedding is at least 0.997 and nine in ten of the 25 nearest neighbours are preserved; for the
    fingerprints, 0.996 and eight in ten.

    Args:
        name: name of the set.
        version: version of its samples.
        ids: ids of its samples.
        members: models with their full embeddings.
        folder: output folder; created if it is missing.

    Raises:
        OutputError: a file cannot be written.
    """
    from safetensors.numpy import save

    row_of = {id_: row for row, id_ in enumerate(ids)}
    tensors, metadata = {}, []
    for member in members:
        rep = member.representation
        rotated, kept = truncate_svd(rep.embedding)
        mean = rotated.mean(0)
        size = np.abs(rotated - mean).max() or 1.0
        tensors[member.name] = ((rotated - mean) / size).astype(np.float16)
        tensors[f"{member.name}.mean"] = mean.astype(np.float32)
        tensors[f"{member.name}.size"] = np.array([size], np.float32)
        tensors[f"{member.name}.rows"] = np.array([row_of[id_] for id_ in rep.ids], np.uint16)
        metadata.append(
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
        "date": datetime.date.today().isoformat(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "ids": list(ids),
        "members": metadata,
    }
    about["metadata_sha256"] = _metadata_sha256(about)
    for suffix, data in ((".safetensors", content), (".json", json.dumps(about, indent=1).encode() + b"\n")):
        path = folder / f"{name}{suffix}"
        with output_errors(path):
            folder.mkdir(parents=True, exist_ok=True)
            with replace_atomically(path) as temporary:
                temporary.write_bytes(data)
    return load_panel(name, folder)


def _metadata_sha256(about: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the metadata without this hash itself."""
    rest = {key: value for key, value in about.items() if key != "metadata_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def load_panel(name: str, folder: Path = FOLDER) -> ReferencePanel:
    """Read the panel of one set.

    Args:
        name: name of the set.
        folder: folder of the panel; by default the one that ships with hyle.

    Raises:
        ValueError: no such panel, or its file does not match its hash.
    """
    from safetensors.numpy import load

    path, metadata = folder / f"{name}.safetensors", folder / f"{name}.json"
    remedy = "reinstall hyle, or rebuild the panel: hyle benchmark --rebuild-panel DIR"
    try:
        about, content = json.loads(metadata.read_text("utf-8")), path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"the panel of {name} cannot be read from {folder} ({error}): {remedy}") from error
    for file, whole in (
        (metadata, isinstance(about, dict) and about.get("metadata_sha256") == _metadata_sha256(about)),
        (path, isinstance(about, dict) and about.get("sha256") == hashlib.sha256(content).hexdigest()),
    ):
        if not whole:
            raise InputError(f"{file} has changed since it was written: {remedy}")
    tensors, ids, members = load(content), about["ids"], []
    for entry in about["members"]:
        model = entry["name"]
        embedding = tensors[model].astype(np.float32) * tensors[f"{model}.size"] + tensors[f"{model}.mean"]
        rows = [ids[row] for row in tensors[f"{model}.rows"]]
        scores = {kind: Performance(**score) for kind, score in entry["scores"].items()}
        representation = Representation(model, embedding, rows, entry["recipe"])
        facts = (entry["family"], entry["modality"], entry["parameters"], scores, entry["kept"])
        members.append(Member(representation, *facts))
    return ReferencePanel(
        name, about["version"], ids, about["sha256"], about["hyle_version"], members, about.get("date", "")
    )
