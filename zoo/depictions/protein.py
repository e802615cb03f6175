"""A protein as the trace of its backbone and the beginning of its sequence."""

from __future__ import annotations

import colorsys
from html import escape
from itertools import pairwise

import numpy as np

from .svg import ACCENT, UNIT, frame, ring, text_line

_MOST_POINTS = 160
_PIECES = 20
_MARGIN = 9  # pixels
_LETTERS = 14  # pixels at the foot, for the sequence
_FONT = 10
# Share of the font size that a letter of a monospaced font is wide.
_LETTER_WIDTH = 0.61


def draw_protein(
    trace: np.ndarray | None,
    sequence: str,
    *,
    width: int,
    height: int,
    title: str,
    start: int | None = 0,
    highlight: int | None = None,
) -> tuple[str, np.ndarray]:
    """Return the SVG of a protein, and the places of its residues [n, 2] in units of the viewBox.

    The trace is blue at the N terminus and red at the C terminus, smoothed, and seen along the direction in which it is
    flattest. Without a trace, the letters of the sequence fill the picture, and there are no places.

    Args:
        trace: [residues, 3], positions of the alpha carbons in Angstrom, or None.
        sequence: letters, empty if unknown.
        width: in pixels.
        height: in pixels.
        title: for screen readers.
        start: number in the sequence of the first residue of the trace; None if that is unknown.
        highlight: number of a residue in the sequence.
    """
    if trace is None or len(trace) < 2:
        content = _letters(sequence, width, height, highlight)
        return frame(content, width=width, height=height, title=title), np.empty((0, 2), int)
    flat, depths = _project(np.asarray(trace, np.float64), width, height - (_LETTERS if sequence else 0))
    content = _ribbon(flat, depths)
    if highlight is not None and start is not None and 0 <= highlight - start < len(flat):
        content += ring(flat[highlight - start, 0], flat[highlight - start, 1], 45)
    if sequence:
        content += _foot(sequence, width, height, highlight)
    return frame(content, width=width, height=height, title=title), np.rint(flat).astype(int)


def _project(trace: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the smoothed trace on the page, in units of the viewBox, and its depths."""
    kernel = np.array([1, 2, 1]) / 4
    padded = np.concatenate([trace[:1], trace, trace[-1:]])
    smooth = np.stack([np.convolve(padded[:, axis], kernel, "valid") for axis in range(3)], 1)
    centred = smooth - smooth.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    # The sign of an axis is arbitrary: the chain begins on the left, above.
    signs = np.where(axes @ centred[0] > 0, -1.0, 1.0)
    turned = centred @ (axes[:3] * signs[: len(axes), None]).T
    turned = np.pad(turned, ((0, 0), (0, 3 - turned.shape[1])))
    flat, depths = turned[:, :2], turned[:, 2]
    low, high = flat.min(0), flat.max(0)
    inner = np.array([width - 2 * _MARGIN, height - 2 * _MARGIN])
    scale = UNIT * min(8.0, float((inner / np.maximum(high - low, 1e-9)).min()))
    middle = UNIT * np.array([width, height]) / 2
    return middle + (flat - (low + high) / 2) * scale, depths


def _ribbon(flat: np.ndarray, depths: np.ndarray) -> str:
    """Return the trace in pieces of one colour each, from back to front, over a rim in the colour of the page."""
    kept = np.unique(np.rint(np.linspace(0, len(flat) - 1, min(len(flat), _MOST_POINTS))).astype(int))
    points, depths = np.rint(flat[kept]).astype(int), depths[kept]
    ends = np.unique(np.rint(np.linspace(0, len(points) - 1, min(_PIECES, len(points) - 1) + 1)).astype(int))
    pieces = []
    for i, (start, end) in enumerate(pairwise(ends.tolist())):
        steps = np.diff(points[start : end + 1], axis=0).tolist()
        line = f"M{points[start, 0]} {points[start, 1]}l" + " ".join(f"{x} {y}" for x, y in steps).replace(" -", "-")
        share = i / max(1, len(ends) - 2)
        pieces.append((float(depths[start : end + 1].mean()), i, line, _spectrum(share)))
    content = []
    for _, _, line, colour in sorted(pieces):
        rim = f'<path d="{line}" stroke-width="58" style="stroke:var(--card,#fff)"/>'
        content.append(f'{rim}<path d="{line}" stroke="{colour}"/>')
    group = '<g fill="none" stroke-width="34" stroke-linejoin="round" stroke-linecap="round">'
    return f"{group}{''.join(content)}</g>"


def _spectrum(share: float) -> str:
    """Return a colour from blue (0) to red (1), legible on white and on dark."""
    red, green, blue = colorsys.hls_to_rgb(0.6 * (1 - share), 0.5, 0.62)
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))


def _foot(sequence: str, width: int, height: int, highlight: int | None) -> str:
    """Return one line with the beginning and the end of a sequence, or with what surrounds a residue."""
    fitting = max(7, int((width - 8) / (_FONT * _LETTER_WIDTH)))
    if highlight is not None:
        return _around(sequence, width, height, highlight, fitting)
    text = sequence
    if len(sequence) > fitting:
        tail = (fitting - 1) // 3
        text = f"{sequence[: fitting - 1 - tail]}…{sequence[-tail:]}"
    return _line(text, UNIT * width / 2, UNIT * (height - 4))


def _around(sequence: str, width: int, height: int, highlight: int, fitting: int) -> str:
    half = (fitting - 3) // 2
    first, last = max(0, highlight - half), min(len(sequence), highlight + half + 1)
    before = ("…" if first else "") + sequence[first:highlight]
    after = sequence[highlight + 1 : last] + ("…" if last < len(sequence) else "")
    marked = f'<tspan fill="{ACCENT}" font-weight="bold">{escape(sequence[highlight], quote=False)}</tspan>'
    line = _line(f"{before}\0{after}", UNIT * width / 2, UNIT * (height - 4))
    return line.replace("\0", marked)


def _letters(sequence: str, width: int, height: int, highlight: int | None) -> str:
    """Return a sequence in lines of groups of ten letters, cut to what fits."""
    columns = max(1, int((width - 12) / (_FONT * _LETTER_WIDTH * 11))) * 10
    lines = max(1, int((height - 22) / 14))
    page = (highlight or 0) // (columns * lines) * columns * lines
    shown = sequence[page : page + columns * lines]
    rows = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    content = []
    for number, row in enumerate(rows):
        groups = " ".join(row[i : i + 10] for i in range(0, len(row), 10))
        at = None if highlight is None else highlight - page - number * columns
        if at is not None and 0 <= at < len(row):
            at += at // 10
            marked = f'<tspan fill="{ACCENT}" font-weight="bold">{escape(groups[at], quote=False)}</tspan>'
            line = _line(f"{groups[:at]}\0{groups[at + 1 :]}", 60, UNIT * (16 + 14 * number), anchor="start")
            content.append(line.replace("\0", marked))
        else:
            content.append(_line(groups, 60, UNIT * (16 + 14 * number), anchor="start"))
    foot = f"{len(sequence)} residues" + ("" if len(shown) == len(sequence) else f", {page + 1} to {page + len(shown)}")
    content.append(text_line(foot, 60, UNIT * (height - 6), size=_FONT, anchor="start", opacity=".7"))
    return "".join(content)


def _line(text: str, x: float, y: float, *, anchor: str = "middle") -> str:
    return text_line(text, x, y, size=_FONT, anchor=anchor, font_family="ui-monospace,monospace")
