"""Heat maps of all pair metrics as static SVG: shared labels and dendrogram, and the two halves of each metric."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import CONTROL, UNRESOLVED, PairScores, marked_names, modalities, model_names, number
from ..figures import ABOVE_STEPS, BELOW_STEPS, Clustering, modality_scale, shorten_name
from ._rows import marks

if TYPE_CHECKING:
    import xarray as xr

_WIDTH = 1060.0
"""Width of the drawing in pixels, which is that of its card on a desktop."""
PRINTED = 24
"""The largest number of models whose scores still fit into their cells."""
_LETTER = 7.0


@dataclass(frozen=True)
class Layout:
    """Sizes of the heat maps in pixels: cells, labels, dendrogram, and the whole; and the angle of the names."""

    count: int
    cell: tuple[float, float]
    left: float
    top: float
    tree: float
    turn: int

    @property
    def width(self) -> float:
        """Width of the whole drawing."""
        return self.left + self.count * self.cell[0] + self.tree

    @property
    def height(self) -> float:
        """Height of the whole drawing."""
        return self.top + self.count * self.cell[1] + 4

    @property
    def font(self) -> float:
        """Size of the labels."""
        return max(8.5, min(13.0, 0.86 * self.cell[1]))


def layout(names: Sequence[str], *, tree: bool) -> Layout:
    """Return the layout of the heat maps of these models."""
    count = len(names)
    longest = max(len(shorten_name(name)) for name in names)
    tree_width = 92.0 if tree else 8.0
    left = _LETTER * longest + 24
    across = min(108.0, (_WIDTH - left - tree_width) / count)
    cell = (across, min(across, 44.0))
    turn = 0 if across > _LETTER * longest + 6 else 90 if across < 19 else 45
    letter = _LETTER * max(8.5, min(13.0, 0.86 * cell[1])) / 13.0
    top = {0: 36.0, 45: 0.72 * letter * longest + 30, 90: letter * longest + 18}[turn]
    return Layout(count, cell, left, top, tree_width, turn)


def matrix_parts(comparison: xr.Dataset, scores: Mapping[str, PairScores], clustering: Clustering) -> dict[str, Any]:
    """Return what the template needs to draw the heat maps.

    ``labels``, ``diagonal`` and ``tree`` are SVG that all metrics share; ``halves`` has the lower and the upper half of
    each metric, by ``lower-NAME`` and ``upper-NAME``; ``data`` is JSON for the script.
    """
    names, kinds = marked_names(comparison), modalities(comparison)
    plain = model_names(comparison)
    place = [plain.index(name) for name in clustering.order]
    shown = [names[i] for i in place]
    size = layout(shown, tree=bool(clustering.merges))
    domain = modality_scale(kinds)[0]
    halves = {}
    for name, score in scores.items():
        halves[f"lower-{name}"] = _half(score, place, size, lower=True)
        halves[f"upper-{name}"] = _half(score, place, size, lower=False)
    return {
        "size": size,
        "labels": _labels(shown, [kinds[i] for i in place], domain, size),
        "diagonal": _diagonal(size),
        "tree": _tree(clustering, size),
        "unplaced": len(names) - len(clustering.merges) - 1 if clustering.merges else 0,
        "halves": halves,
        "data": _data(shown, [plain[i] for i in place], scores, place, size),
    }


def _half(score: PairScores, place: Sequence[int], size: Layout, *, lower: bool) -> str:
    """Return the cells on one side of the diagonal: one path for each colour, and the printed values."""
    wide, high = size.cell
    gap = 1.5 if size.count <= PRINTED else 0.4
    strength, mark_of, paths, texts = score.strength, marks(score), defaultdict(list), []
    box = f"h{_short(wide - gap)}v{_short(high - gap)}h{_short(gap - wide)}z"
    for row, i in enumerate(place):
        for column in range(row) if lower else range(row + 1, size.count):
            j = place[column]
            x, y = size.left + column * wide, size.top + row * high
            level = _level(strength[i, j])
            paths[level].append(f"M{_short(x + gap / 2)} {_short(y + gap / 2)}{box}")
            mark = mark_of[i][j]
            if size.count <= PRINTED:
                texts.append(_printed(score.values[i, j], x + wide / 2, y + high / 2, level, mark, size))
            elif mark:
                paths[f"d{level}"].append(f"M{_short(x + wide / 2)} {_short(y + high / 2)}h0")
    drawn = [f'<path class="{_class(name)}" d="{"".join(parts)}"/>' for name, parts in paths.items()]
    return "".join(drawn + texts)


def _level(strength: float) -> str:
    """Return the step of the colour scale: ``a0`` to ``a32`` from chance to best, ``b1`` to ``b8`` below chance."""
    if not np.isfinite(strength):
        return "none"
    if strength >= 0:
        return f"a{min(round(float(strength) * ABOVE_STEPS), ABOVE_STEPS)}"
    return f"b{min(max(round(-4 * float(strength) * BELOW_STEPS), 1), BELOW_STEPS)}"


def _class(name: str) -> str:
    return f"dot-mark s{name[1:]}" if name[0] == "d" else name


def _printed(value: float, x: float, y: float, level: str, mark: str, size: Layout) -> str:
    if not np.isfinite(value):
        return f'<text class="tnone" x="{_short(x)}" y="{_short(y)}">–</text>'
    ring = ""
    if mark:
        across, up = min(0.42 * size.cell[0], 19.0), min(0.40 * size.cell[1], 13.5)
        dashed = " open" if mark == UNRESOLVED else ""
        place = f'cx="{_short(x)}" cy="{_short(y)}" rx="{_short(across)}" ry="{_short(up)}"'
        ring = f'<ellipse class="ring{dashed} s{level}" {place}/>'
    return f'<text class="t{level}" x="{_short(x)}" y="{_short(y)}">{brief(value)}</text>{ring}'


def brief(value: float) -> str:
    """Return a score with two digits and without the zero before the point, such as .43; 1.00 is 1."""
    shown = number(value, 2)
    if shown.lstrip("−") == "1.00":
        return shown.replace("1.00", "1")
    return shown.replace("0.", ".", 1) if shown.lstrip("−").startswith("0.") else shown


def _labels(names: Sequence[str], kinds: Sequence[str], domain: Sequence[str], size: Layout) -> str:
    wide, high = size.cell
    colour = [f"k{domain.index(kind)}" for kind in kinds]
    known = set(kinds) != {"unknown"}
    parts = []
    for i, name in enumerate(names):
        title, text = f"<title>{escape(name)}</title>", escape(shorten_name(name))
        control = " control" if kinds[i] == CONTROL else ""
        x, y = size.left + (i + 0.5) * wide, size.top + (i + 0.5) * high
        at = f'x="{_short(size.left - 14)}" y="{_short(y)}"'
        above = f'x="{_short(x)}" y="{_short(size.top - (14 if size.turn else 20))}"'
        turn = f'transform="rotate(-{size.turn} {_short(x)} {_short(size.top - 14)})"' if size.turn else ""
        flat = "" if size.turn else " flat"
        parts.append(f'<text class="row{control}" data-i="{i}" {at}>{title}{text}</text>')
        parts.append(f'<text class="column{flat}{control}" data-i="{i}" {above} {turn}>{title}{text}</text>')
        if known:
            down, across = max(high - 3, 2), max(wide - 3, 2)
            parts.append(_strip(colour[i], size.left - 9, y - down / 2, 5, down))
            parts.append(_strip(colour[i], x - across / 2, size.top - 9, across, 5))
    return "".join(parts)


def _strip(colour: str, x: float, y: float, width: float, height: float) -> str:
    """Return the rectangle that shows the modality of a model."""
    box = f'x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"'
    return f'<rect class="{colour}" {box} rx="1.5"/>'


def _diagonal(size: Layout) -> str:
    wide, high = size.cell
    box = f"h{_short(wide - 1)}v{_short(high - 1)}h{_short(1 - wide)}z"
    cells = (
        f"M{_short(size.left + i * wide + 0.5)} {_short(size.top + i * high + 0.5)}{box}" for i in range(size.count)
    )
    return f'<path class="self" d="{"".join(cells)}"/>'


def _tree(clustering: Clustering, size: Layout) -> str:
    """Return the dendrogram to the right of the rows, its root to the right."""
    if not clustering.merges:
        return ""
    start, deepest = size.left + size.count * size.cell[0] + 8, max(merge.height for merge in clustering.merges) or 1.0

    def x(height: float) -> str:
        return _short(start + (size.tree - 14) * height / deepest)

    def y(place: float) -> str:
        return _short(size.top + (place + 0.5) * size.cell[1])

    lines = [
        f"M{x(merge.heights[0])} {y(merge.places[0])}H{x(merge.height)}V{y(merge.places[1])}H{x(merge.heights[1])}"
        for merge in clustering.merges
    ]
    return f'<path class="branch" d="{"".join(lines)}"/>'


def _data(
    shown: Sequence[str], names: Sequence[str], scores: Mapping[str, PairScores], place: Sequence[int], size: Layout
) -> dict[str, Any]:
    """Return the scores in the order of the map, for the tooltips: rounded, row by row; null where undefined."""

    def flat(matrix: np.ndarray, digits: int = 3) -> list[float | None] | None:
        values = matrix[np.ix_(place, place)].ravel()
        if not np.isfinite(values).any():
            return None
        return [round(float(v), digits) if np.isfinite(v) else None for v in values]

    return {
        "models": list(names),
        "shown": list(shown),
        "cell": [round(v, 3) for v in size.cell],
        "corner": [size.left, size.top],
        "metrics": [
            {
                "name": score.name,
                "label": score.label,
                "directed": score.directed,
                "value": flat(score.values),
                "chance": flat(score.chance) if score.chance_differs else _level_of(score),
                "q": None if (q := flat(score.q, 9)) is None else [None if v is None else float(f"{v:.2g}") for v in q],
                "low": flat(score.low),
                "high": flat(score.high),
                "beyond": flat(score.beyond),
            }
            for score in scores.values()
        ],
    }


def _level_of(score: PairScores) -> float | None:
    return round(score.level, 3) if np.isfinite(score.level) else None


def _short(value: float) -> str:
    """Return a coordinate with one decimal, without a trailing zero."""
    return f"{value:.1f}".removesuffix(".0")


def as_json(data: Any) -> str:
    """Return JSON that is safe inside a script element: no `<`, `>`, `&`, and no line separators of JavaScript."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
