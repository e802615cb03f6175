"""A structure of atoms as balls and sticks, drawn from back to front in the direction in which atoms overlap least."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Geometry
from .svg import UNIT, circle, frame, ring

# Directions of view that are tried.
_VIEWS = 64
# Atoms of which the overlap is measured; of more, every few are taken.
_MEASURED = 60
# Of the covalent radius: molecules show their bonds, crystals their packing.
_BALL, _BALL_IN_CELL = 0.45, 0.5
# Pixels per Angstrom at most, so that an atom alone does not fill the picture.
_LARGEST_SCALE = 24.0
_MARGIN = 6  # pixels
# Atoms far from the viewer are mixed with this colour, in steps, up to this share.
_HAZE, _STEPS, _MOST_HAZE = (140, 147, 155), 5, 0.5
# Atoms up to which each one is painted by itself; more are painted in layers of equal depth, which takes less text.
_DETAILED, _LAYERS = 40, 8
_MOST_BONDS = 200
MOST_ATOMS = 700
_STICK, _CELL = "#8d959e", "#8d959e"


@dataclass(frozen=True)
class _Projection:
    """Atoms on the page, in units of the viewBox; depth grows towards the viewer."""

    places: np.ndarray
    depths: np.ndarray
    radii: np.ndarray
    edges: np.ndarray
    edge_depths: np.ndarray


def draw_structure(
    shape: Geometry, *, width: int, height: int, title: str, highlight: int | None = None
) -> tuple[str, np.ndarray]:
    """Return the SVG of a structure, and the places of its atoms [n, 2] in units of the viewBox.

    Elements have the colours of Jmol; atoms further back are paler. Bonds are those of `Geometry`, and the edges of a
    periodic cell are thin lines.

    Args:
        shape: of at least one atom.
        width: in pixels.
        height: in pixels.
        title: for screen readers.
        highlight: number of an atom of the sample.
    """
    seen = _project(shape, width, height)
    colours = _colours(shape.numbers, seen.depths)
    behind = seen.edge_depths < np.median(seen.depths)
    content = [_cell_lines(seen.edges[behind])]
    content += _painted(shape, seen, colours)
    content.append(_cell_lines(seen.edges[~behind]))
    # The original comes first, before its images.
    first = {int(owner): i for i, owner in reversed(list(enumerate(shape.owners)))}
    places = np.array([seen.places[first[owner]] for owner in sorted(first)])
    if highlight is not None:
        at = first[highlight]
        content.append(ring(seen.places[at, 0], seen.places[at, 1], seen.radii[at] + 28))
    return frame("".join(content), width=width, height=height, title=title), np.rint(places).astype(int)


def best_view(positions: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return the unit vector towards the viewer along which spheres [n, 3] with radii [n] overlap least.

    It is one of `_VIEWS` directions of a Fibonacci lattice on the upper half of the sphere; of equally good ones the
    first. The overlap of two spheres is the depth of their penetration on the page, as a share of the sum of radii.
    """
    golden = np.pi * (3 - np.sqrt(5))
    heights = 1 - (np.arange(_VIEWS) + 0.5) / _VIEWS
    angles = golden * np.arange(_VIEWS)
    flat = np.sqrt(1 - heights**2)
    views = np.stack([flat * np.cos(angles), flat * np.sin(angles), heights], 1)
    step = max(1, -(-len(positions) // _MEASURED))
    positions, radii = positions[::step], radii[::step]
    i, j = np.triu_indices(len(positions), 1)
    between, reach = positions[i] - positions[j], radii[i] + radii[j]
    along = between @ views.T
    apart = np.sqrt(np.maximum((between**2).sum(1)[:, None] - along**2, 0))
    overlap = np.maximum(0, 1 - apart / reach[:, None]) ** 2
    # Rounded, so that views that are equal but for rounding errors are a tie on every machine.
    return np.asarray(views[int(np.round(overlap.sum(0), 6).argmin())])


def _project(shape: Geometry, width: int, height: int) -> _Projection:
    from ase.data import covalent_radii

    periodic = len(shape.edges) > 0
    radii = covalent_radii[shape.numbers] * (_BALL_IN_CELL if periodic else _BALL)
    view = best_view(shape.positions, np.maximum(radii, 0.3))
    axes = _page_axes(shape, view)
    flat, edges = shape.positions @ axes.T, shape.edges @ axes.T
    low = np.min([(flat - radii[:, None]).min(0), *edges.reshape(-1, 2)], 0)
    high = np.max([(flat + radii[:, None]).max(0), *edges.reshape(-1, 2)], 0)
    inner = np.array([width - 2 * _MARGIN, height - 2 * _MARGIN])
    scale = UNIT * min(_LARGEST_SCALE, float((inner / np.maximum(high - low, 1e-9)).min()))
    centre, middle = (low + high) / 2, UNIT * np.array([width, height]) / 2
    flip = np.array([scale, -scale])
    return _Projection(
        middle + (flat - centre) * flip,
        shape.positions @ view,
        radii * scale,
        middle + (edges - centre) * flip,
        (shape.edges @ view).mean(1) if periodic else np.empty(0),
    )


def _page_axes(shape: Geometry, view: np.ndarray) -> np.ndarray:
    """Return the directions to the right and up on the page, [2, 3].

    The last vector of a cell points up; without one, the longest axis lies along the page.
    """
    if shape.cell is not None:
        up = shape.cell[2] - (shape.cell[2] @ view) * view
        if np.linalg.norm(up) > 0.2 * np.linalg.norm(shape.cell[2]):
            up = up / np.linalg.norm(up)
            return np.stack([np.cross(up, view), up])
    helper = np.eye(3)[int(np.abs(view).argmin())]
    right = np.cross(helper, view)
    right = right / np.linalg.norm(right)
    axes = np.stack([right, np.cross(view, right)])
    flat = shape.positions @ axes.T
    spread = np.cov(flat.T, bias=True) if len(flat) > 1 else np.zeros((2, 2))
    angle = 0.5 * np.arctan2(2 * spread[0, 1], spread[0, 0] - spread[1, 1])
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, sin], [-sin, cos]]) @ axes


def _colours(numbers: np.ndarray, depths: np.ndarray) -> list[tuple[str, str]]:
    """Return the fill and the outline of each atom."""
    from ase.data.colors import jmol_colors

    span = np.ptp(depths) or 1.0
    # A flat molecule is not paler at one end.
    most = _MOST_HAZE * min(1.0, float(np.ptp(depths)) / 3)
    steps = np.rint((1 - (depths - depths.min()) / span) * (_STEPS - 1)) / (_STEPS - 1)
    found = []
    for number, step in zip(numbers, steps, strict=True):
        base = 255 * jmol_colors[min(int(number), len(jmol_colors) - 1)]
        fill = base + most * step * (np.array(_HAZE) - base)
        found.append((_hex(fill), _hex(0.58 * fill)))
    return found


def _hex(colour: np.ndarray) -> str:
    return "#" + "".join(f"{round(float(part)):02x}" for part in colour)


def _painted(shape: Geometry, seen: _Projection, colours: list[tuple[str, str]]) -> list[str]:
    """Return balls and sticks in the order in which they are painted, from back to front."""
    bonds = shape.bonds if len(shape.bonds) <= _MOST_BONDS else shape.bonds[:0]
    middles = seen.depths[bonds].mean(1) if len(bonds) else np.empty(0)
    if len(seen.depths) > _DETAILED:
        content = _in_layers(seen, bonds, middles, colours)
    else:
        # Of equal depth, sticks are painted before balls.
        depths = np.round(np.concatenate([middles, seen.depths]), 6)
        content = []
        for at in np.argsort(depths, kind="stable").tolist():
            i = at - len(middles)
            if i < 0:
                content.append(_sticks(_line(seen.places[bonds[at]])))
            else:
                (x, y), (fill, outline) = seen.places[i], colours[i]
                content.append(circle(x, y, seen.radii[i], fill=fill, stroke=outline))
    return ['<g fill="none" stroke-width="8" stroke-linecap="round">', *content, "</g>"]


def _in_layers(seen: _Projection, bonds: np.ndarray, middles: np.ndarray, colours: list[tuple[str, str]]) -> list[str]:
    """Return many balls and sticks: in each layer the sticks, then the balls of one colour in one path."""
    low, span = seen.depths.min(), np.ptp(seen.depths) or 1.0
    of_atoms, of_bonds = (
        np.minimum(((each - low) / span * _LAYERS).astype(int), _LAYERS - 1) for each in (seen.depths, middles)
    )
    content = []
    for layer in range(_LAYERS):
        content.append(_sticks("".join(_line(seen.places[bonds[i]]) for i in np.flatnonzero(of_bonds == layer))))
        balls: dict[tuple[str, str, int], list[str]] = {}
        for i in np.flatnonzero(of_atoms == layer).tolist():
            x, y = np.rint(seen.places[i]).astype(int).tolist()
            balls.setdefault((*colours[i], round(2 * seen.radii[i])), []).append(f"M{x} {y}h0")
        for (fill, outline, size), places in balls.items():
            path = "".join(places)
            content.append(f'<path stroke="{outline}" stroke-width="{size + 8}" d="{path}"/>')
            content.append(f'<path stroke="{fill}" stroke-width="{max(1, size - 8)}" d="{path}"/>')
    return content


def _sticks(path: str) -> str:
    return f'<path stroke="{_STICK}" stroke-width="22" d="{path}"/>' if path else ""


def _cell_lines(edges: np.ndarray) -> str:
    paths = "".join(_line(edge) for edge in edges)
    return f'<path fill="none" stroke="{_CELL}" stroke-width="8" d="{paths}"/>' if paths else ""


def _line(ends: np.ndarray) -> str:
    (x, y), (u, v) = np.rint(ends).astype(int).tolist()
    return f"M{x} {y}l{u - x} {v - y}".replace(" -", "-")
