"""The page with maps in which each point shows its sample."""

from __future__ import annotations

import base64
import gzip
import importlib.metadata
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyle.zoo import Geometry, Sample, draw, find_geometry, shorten

from ..atomic import write_atomically
from ..console import SILENT, SilentProgress
from ..figures import ABOVE_STEPS, category_colours, score_ramps
from ._environment import environment

# Samples that are drawn; the others are shown as text.
MOST_DRAWN = 3_000
# Pictures that the page unpacks at once.
_CHUNK = 48
# Atoms up to which a structure is shown in 3D.
_MOST_ATOMS = 1_500
# Steps of the colours of numbers; the last code is that of a missing value.
_FIRST_STEP, MISSING = 8, 255
_VENDOR = Path(__file__).parent.parent / "templates" / "vendor"


@dataclass(frozen=True)
class PointColour:
    """What colours the points of a map: a number or a category of each.

    Args:
        name: as it is shown, with the unit after a slash.
        values: float [n], NaN where missing.
        labels: n categories, empty where missing.
    """

    name: str
    values: np.ndarray | None = None
    labels: Sequence[str] | None = None


@dataclass(frozen=True)
class DrawnPoints:
    """The pictures of the samples of a map.

    Args:
        order: sample -> number of its picture.
        pictures: for each picture the SVG, the places of atoms or residues, and the geometry, as `_packed_geometry`
            returns it, or None.
        left_out: number of known samples that are not drawn, because there are too many.
    """

    order: Mapping[str, int]
    pictures: Sequence[tuple[str, Mapping[int, tuple[int, int]], dict[str, Any] | None]]
    left_out: int = 0

    @property
    def in_space(self) -> bool:
        """Whether any sample has a geometry."""
        return any(geometry for _, _, geometry in self.pictures)


def draw_points(
    owners: Sequence[tuple[str, int | None]],
    samples: Mapping[str, Sample],
    *,
    progress: SilentProgress = SILENT,
) -> DrawnPoints:
    """Draw the samples of a map once each, at most `MOST_DRAWN` of them, chosen at random.

    Args:
        owners: sample of each point, and the number of the atom or residue that is marked in its picture.
        samples: id -> sample; the others are not drawn.
        progress: shows a bar.
    """
    numbers: dict[str, list[int]] = {}
    for name, number in owners:
        if name in samples:
            numbers.setdefault(name, []).extend([] if number is None else [number])
    names = list(numbers)
    if len(names) > MOST_DRAWN:
        kept = np.sort(np.random.default_rng(0).permutation(len(names))[:MOST_DRAWN])
        names = [names[i] for i in kept]
    pictures = []
    with progress.bar("drawing", len(names)) as update:
        for i, name in enumerate(names):
            drawing = draw(samples[name], nodes=numbers[name])
            geometry = find_geometry(samples[name])
            packed = None if geometry is None or len(geometry.numbers) > _MOST_ATOMS else _packed_geometry(geometry)
            pictures.append((drawing.svg, drawing.places if numbers[name] else {}, packed))
            update(i + 1, name)
    return DrawnPoints({name: i for i, name in enumerate(names)}, pictures, len(numbers) - len(names))


def _packed_geometry(geometry: Geometry) -> dict[str, Any]:
    """Return a geometry as plain data: lengths are integers in units of 0.01 Angstrom."""
    centre = geometry.positions.mean(0)
    packed: dict[str, Any] = {
        "z": geometry.numbers.tolist(),
        "p": np.rint(100 * (geometry.positions - centre)).astype(int).ravel().tolist(),
    }
    if len(geometry.bonds):
        packed["b"] = geometry.bonds.ravel().tolist()
    if len(geometry.edges):
        packed["e"] = np.rint(100 * (geometry.edges - centre)).astype(int).ravel().tolist()
    if geometry.sequence:
        packed["s"] = geometry.sequence
    if not np.array_equal(geometry.owners, np.arange(len(geometry.owners))):
        packed["o"] = geometry.owners.tolist()
    return packed


def write_map_page(
    path: Path,
    *,
    ids: Sequence[str],
    owners: Sequence[tuple[str, int | None]],
    what: Mapping[str, str],
    planes: Mapping[str, tuple[np.ndarray, tuple[float, float]]],
    shared: str,
    chance: tuple[float, float],
    colours: Sequence[PointColour],
    method: str,
    total: int,
    drawn: DrawnPoints | None,
    recipes: Mapping[str, Mapping[str, Any]],
    rows: str = "samples",
) -> Path:
    """Write the page, a single file that opens offline, atomically; return its path.

    Args:
        path: of the file.
        ids: of the n points.
        owners: sample of each point, and the number of the node.
        what: sample -> SMILES, formula or sequence.
        planes: map -> places [n, 2] and the shares of both directions, NaN if there are none.
        shared: name of the map of what all models share.
        chance: its shares by chance, NaN if there are none.
        colours: what colours the points, the first one at first.
        method: ``pca`` or ``umap``.
        total: number of points that all models have.
        drawn: the pictures; None for a page without structures.
        recipes: model -> recipe of its representation.
        rows: what the points are, in the plural.
    """
    in_space = drawn is not None and drawn.in_space
    elements, radii = _elements() if in_space else ([], [])
    picture_of = [-1 if drawn is None else drawn.order.get(name, -1) for name, _ in owners]
    names = {
        "ids": [shorten(i, 80) for i in ids],
        "what": [what.get(name, "") for name, _ in owners],
        "number": [number for _, number in owners] if any(number is not None for _, number in owners) else None,
        "values": [_plain_values(colour) for colour in colours],
    }
    light, dark = (score_ramps(dark=night)[0][_FIRST_STEP:] for night in (False, True))
    chosen, other = category_colours(), category_colours(dark=True)
    data = {
        "n": len(ids),
        "one": rows.removesuffix("s"),
        "maps": [
            {"name": name, "shared": name == shared, "x": _places(place[:, 0]), "y": _places(-place[:, 1])}
            for name, (place, _) in planes.items()
        ],
        "colours": [_coded(colour, len(chosen)) for colour in colours],
        "pictures": _base64(np.array(picture_of, "<i2").tobytes()),
        "chunk": _CHUNK,
        "elements": elements,
        "radii": radii,
        "light": {"ramp": light, "kinds": chosen, "grey": "#a9b1b9", "plain": "#3e97c6"},
        "dark": {"ramp": dark, "kinds": other, "grey": "#5b646e", "plain": "#43b4c7"},
    }
    chunks = []
    if drawn is not None:
        parts = [[svg, places, geometry] for svg, places, geometry in drawn.pictures]
        chunks = [_zipped(parts[start : start + _CHUNK]) for start in range(0, len(parts), _CHUNK)]
    page = (
        environment()
        .get_template("map.html.j2")
        .render(
            version=importlib.metadata.version("hyle"),
            maps=[
                {"name": name, "shared": name == shared, "shares": [s for s in shares if s == s]}
                for name, (_, shares) in planes.items()
            ],
            chance=[share for share in chance if share == share],
            models=len(recipes),
            n=len(ids),
            total=total,
            what=rows,
            method=method,
            colours=[colour.name for colour in colours],
            drawn=drawn,
            in_space=in_space,
            data=_json(data),
            names=_zipped(names),
            chunks=chunks,
            viewer=_base64((_VENDOR / "3Dmol-min.js.gz").read_bytes()) if in_space else "",
            licence=(_VENDOR / "3Dmol-LICENSE.txt").read_text("utf-8") if in_space else "",
            recipes={name: _recipe(recipe) for name, recipe in recipes.items()},
        )
    )
    return write_atomically(path, page.encode("utf-8", "replace"))


def _places(values: np.ndarray) -> str:
    """Return coordinates as 16-bit integers that fill their range, in base64."""
    low, high = float(values.min()), float(values.max())
    share = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    return _base64(np.rint(65535 * share).astype("<u2").tobytes())


def _coded(colour: PointColour, most: int) -> dict[str, Any]:
    """Return the step or the category of each point as a byte, and what the legend shows."""
    if colour.labels is not None:
        counts = Counter(label for label in colour.labels if label)
        kinds = [label for label, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]]
        place = {label: i for i, label in enumerate(kinds)}
        kind_codes = bytes(place.get(label, MISSING) for label in colour.labels)
        rest = sum(counts.values()) - sum(counts[kind] for kind in kinds)
        shown = [shorten(kind, 24) for kind in kinds]
        return {"name": colour.name, "kinds": shown, "rest": rest, "codes": _base64(kind_codes)}
    values = np.asarray(colour.values, float)
    finite = values[np.isfinite(values)]
    steps = ABOVE_STEPS - _FIRST_STEP
    # A few extreme samples must not take up the whole scale.
    low, high = (float(v) for v in np.quantile(finite, [0.02, 0.98])) if len(finite) else (0.0, 1.0)
    share = np.clip((np.nan_to_num(values, nan=low) - low) / ((high - low) or 1.0), 0, 1)
    codes = np.where(np.isfinite(values), np.rint(steps * share), MISSING).astype(np.uint8).tobytes()
    return {"name": colour.name, "ends": [_shown(low), _shown(high)], "codes": _base64(codes)}


def _plain_values(colour: PointColour) -> list[Any]:
    if colour.labels is not None:
        return [shorten(label, 60) for label in colour.labels]
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in np.asarray(colour.values, float)]


def _shown(value: float) -> str:
    """Return a number with three significant digits, without an exponent unless it is very small or large."""
    rounded = float(f"{value:.3g}")
    text = f"{rounded:,.12g}" if 1e-3 <= abs(rounded) < 1e7 or not rounded else f"{rounded:.3g}"
    return text.replace("-", "−")


def _recipe(recipe: Mapping[str, Any]) -> str:
    """Return what was embedded, and how, in a line."""
    parts = [
        f"{key.replace('_', ' ')} {recipe[key]}" for key in ("dataset", "layer", "pooling", "per") if key in recipe
    ]
    return ", ".join(parts) or "from a file"


def _elements() -> tuple[list[str], list[float]]:
    """Return the symbols of all elements by atomic number, and their covalent radii in Angstrom."""
    from ase.data import chemical_symbols, covalent_radii

    return list(chemical_symbols), [round(float(radius), 2) for radius in covalent_radii]


def _json(value: Any) -> str:
    """Return JSON for a script element, in which no text can end the element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _zipped(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return _base64(gzip.compress(text.encode(), 6, mtime=0))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
