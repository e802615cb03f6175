"""Maps of representations in which each point shows its sample."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import (
    GROUP_KINDS,
    InputError,
    Representation,
    Sample,
    describe_sample,
    frequent_element,
    group_samples,
    shorten,
)

from ..comparison import find_column
from ..console import SILENT, SilentProgress
from ..report import PointColour, draw_points, write_map_page
from .compare import by_name
from .matter import marked_number, sample_of
from .neighbours import ids_in_common
from .rows import node_kind, rows_of, rows_word

if TYPE_CHECKING:
    from hyle.engine.analysis import Plane

SHARED = "shared space of all models"
# Samples up to which disagreement is computed unasked, labels that the page offers, and neighbours that are compared.
_QUICK, _MOST_LABELS, _K = 5_000, 6, 10


@dataclass(frozen=True)
class SampleMap:
    """Planar layouts of the same samples, one for each model and one of what all models share.

    Args:
        ids: of the n samples or nodes that are shown.
        total: number of those that all models have.
        planes: name -> layout of n points; with two models or more, `SHARED` comes first.
        colours: what colours the points, the chosen one first.
        method: ``pca`` or ``umap``.
        per: ``atom``, ``residue`` or ``token``, empty if the points are samples.
        samples: id of the sample -> sample, for those that are known.
        recipes: name -> recipe of the representation.
    """

    ids: Sequence[str]
    total: int
    planes: Mapping[str, Plane]
    colours: Sequence[PointColour]
    method: str
    per: str = ""
    samples: Mapping[str, Sample] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def chance(self) -> tuple[float, float]:
        """The shares of the shared space after the samples of each model have been permuted; NaN without them."""
        return getattr(self.planes.get(SHARED), "chance", (float("nan"),) * 2)

    @property
    def nodes(self) -> bool:
        """Whether the points are atoms, residues or tokens."""
        return bool(self.per)

    def owner(self, row: str) -> tuple[str, int | None]:
        """Return the id of the sample of a point, and the number of the node."""
        return sample_of(row, nodes=self.nodes)


def make_map(
    representations: Sequence[Representation],
    samples: Mapping[str, Sample],
    *,
    units: Mapping[str, str] | None = None,
    method: str = "pca",
    colour: str | None = None,
    points: int | None = None,
    seed: int = 0,
    progress: SilentProgress = SILENT,
) -> SampleMap:
    """Lay out the samples that all representations have.

    Args:
        representations: one or more, of samples or of nodes.
        samples: id -> sample; others are shown by their ids.
        units: label -> unit.
        method: ``pca`` or ``umap``.
        colour: a label of the data set, a kind of group such as ``scaffold``, ``element``, ``disagreement``, or a .csv
            file as FILE or FILE:COLUMN; by default the first of these that there is.
        points: the most samples that are shown, drawn at random; default all.
        seed: of the draw and of UMAP.
        progress: shows a bar with the models.

    Raises:
        InputError: fewer than three samples in common, an unknown colour, or a model without any difference between
            samples.
        ImportError: umap-learn is not installed.
    """
    from hyle.engine.analysis import plane, shared_plane

    named = by_name(representations)
    ids, words = ids_in_common(named), rows_word(representations)
    if len(ids) < 3:
        raise InputError(f"a map needs three {words} or more that all models have; these have {len(ids)}")
    total = len(ids)
    if points is not None and total > points:
        kept = np.sort(np.random.default_rng(seed).permutation(total)[:points])
        ids = [ids[i] for i in kept]
    rows = {name: rows_of(each, ids) for name, each in named.items()}
    for name, each in rows.items():
        if not (np.ptp(each, axis=0) > 0).any():
            raise InputError(f"{name}: all {words} have the same embedding, so that there is nothing to show")
    per = node_kind(representations)
    # An unknown colour is an error before anything is computed.
    colours = _colours(colour, representations, ids, samples, units or {}, list(rows.values()), bool(per))
    planes: dict[str, Plane] = {}
    chosen: Any = method
    with progress.bar("laying out", len(rows) + (len(rows) > 1)) as update:
        if len(rows) > 1:
            update(0, SHARED)
            planes[SHARED] = shared_plane(list(rows.values()), method=chosen, seed=seed)
        for name, each in rows.items():
            update(len(planes), name)
            planes[name] = plane(each, method=chosen, seed=seed)
    recipes = {name: dict(each.recipe) for name, each in named.items()}
    return SampleMap(ids, total, planes, colours, method, per, samples, recipes)


def write_map(result: SampleMap, path: Path, *, structures: bool = True, progress: SilentProgress = SILENT) -> Path:
    """Write the page with all maps, a single file that opens offline; return its path.

    Args:
        result: as `make_map` returns it.
        path: of the .html file.
        structures: whether points show their samples; else the page has neither pictures nor the 3D viewer.
        progress: shows a bar with the pictures.

    Raises:
        OutputError: the file cannot be written.
    """
    owners = []
    for name, number in map(result.owner, result.ids):
        owners.append((name, marked_number(number, result.samples.get(name), result.per)))
    drawn = None
    if structures and result.samples:
        drawn = draw_points(owners, result.samples, progress=progress)
    what = {name: describe_sample(sample, 90) for name, sample in result.samples.items()}
    return write_map_page(
        path,
        ids=result.ids,
        owners=owners,
        what=what,
        planes={name: (one.place, one.shares) for name, one in result.planes.items()},
        chance=result.chance,
        shared=SHARED,
        colours=result.colours,
        method=result.method,
        total=result.total,
        drawn=drawn,
        recipes=result.recipes,
        rows=f"{result.per or 'sample'}s",
    )


def map_data(result: SampleMap) -> dict[str, Any]:
    """Return the coordinates of all points and their colours as plain data."""
    return {
        "method": result.method,
        "samples": list(result.ids),
        "total": result.total,
        "maps": {
            name: {"place": one.place, "shares": list(one.shares)}
            | ({"chance": list(result.chance)} if name == SHARED else {})
            for name, one in result.planes.items()
        },
        "colours": {
            colour.name: list(colour.labels) if colour.labels is not None else colour.values
            for colour in result.colours
        },
        "recipe": {name: dict(recipe) for name, recipe in result.recipes.items()},
        "hyle_version": importlib.metadata.version("hyle"),
    }


def _colours(
    wanted: str | None,
    representations: Sequence[Representation],
    ids: Sequence[str],
    samples: Mapping[str, Sample],
    units: Mapping[str, str],
    rows: Sequence[np.ndarray],
    nodes: bool,
) -> list[PointColour]:
    """Return what can colour the points: the wanted colour, then labels, elements and disagreement."""
    owners = [sample_of(row, nodes=nodes)[0] for row in ids]
    found: dict[str, PointColour] = {}
    labels = dict.fromkeys(name for sample in samples.values() for name in sample.labels)
    for name in labels:
        values = np.array([samples[i].labels.get(name, np.nan) if i in samples else np.nan for i in owners], float)
        if (name == wanted or len(found) < _MOST_LABELS) and np.isfinite(values).any():
            title = name.replace("_", " ") + (f" / {units[name]}" if units.get(name) else "")
            if name == wanted or np.nanmin(values) < np.nanmax(values):
                found[name] = PointColour(title, values=values)
    groups = {kind for each in representations for kind in each.groups}
    kinds: list[str] = [kind for kind in ("element", "residue", "token") if nodes and kind in groups]
    kinds += [wanted] if wanted in groups and wanted not in kinds and wanted not in found else []
    for kind in kinds:
        found[kind] = PointColour(kind, labels=_grouped(kind, representations, ids))
    if wanted is not None and wanted in GROUP_KINDS and wanted not in found:
        labels_of_group = group_samples(samples.values()).get(wanted, {})
        if labels_of_group:
            found[wanted] = PointColour(wanted, labels=[labels_of_group.get(i, "") for i in owners])
    if not nodes and samples and "element" not in found:
        elements = {i: frequent_element(sample) for i, sample in samples.items()}
        if any(elements.values()):
            labels_of = [elements.get(i) or "" for i in owners]
            found["element"] = PointColour("most frequent element but H and C", labels=labels_of)
    if len(rows) > 1 and (wanted == "disagreement" or len(ids) <= _QUICK):
        found["disagreement"] = _disagreement(rows)
    if wanted is not None and wanted not in found:
        found[wanted] = _of_file(wanted, owners, ids, found, rows)
    # Of atoms and residues, what they are comes before the labels of their samples.
    first = wanted or next((kind for kind in kinds if nodes), None)
    return sorted(found.values(), key=lambda colour: first is None or colour is not found[first])


def _disagreement(rows: Sequence[np.ndarray]) -> PointColour:
    from hyle.engine.analysis import neighbour_disagreement

    k = min(_K, len(rows[0]) - 1)
    return PointColour(f"disagreement of the models (k = {k})", values=neighbour_disagreement(rows, k=k))


def _grouped(kind: str, representations: Sequence[Representation], ids: Sequence[str]) -> list[str]:
    of: dict[str, str] = {}
    for each in representations:
        if kind in each.groups:
            of.update(zip(each.ids, each.groups[kind], strict=True))
    return [str(of.get(i, "")) for i in ids]


def _of_file(
    wanted: str, owners: Sequence[str], ids: Sequence[str], known: Mapping[str, PointColour], rows: Sequence[np.ndarray]
) -> PointColour:
    read = find_column(wanted, what="--colour")
    if read is None:
        if wanted == "disagreement" and len(rows) < 2:
            raise InputError("--colour disagreement needs two models or more")
        names = ", ".join([*known, *(["disagreement"] if len(rows) > 1 and "disagreement" not in known else [])])
        raise InputError(
            f"--colour {shorten(wanted)}: neither a file nor a label of these samples, which have: {names or 'none'}"
        )
    name, values = read
    found = np.array([values.get(row, values.get(owner, np.nan)) for row, owner in zip(ids, owners, strict=True)])
    if not np.isfinite(found).any():
        raise InputError(f"--colour {wanted}: none of its ids is among those of the models, such as {ids[0]!r}")
    return PointColour(name, values=found)
