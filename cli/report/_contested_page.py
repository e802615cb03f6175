"""The page with the samples on which models agree least and most."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..atomic import write_atomically
from ..comparison import number
from ._environment import environment
from ._logos import sequence_logos
from ._matter import Pictured

# Points of the figure, beside those that are listed, and pixels of it.
MOST_POINTS, WIDTH, HEIGHT, MARGIN = 4000, 640, 320, 46


@dataclass(frozen=True)
class Listed:
    """A sample of one end of the list.

    Args:
        one: the sample, or an atom or residue of it.
        row: its number among all samples.
        facts: name -> value, as text.
    """

    one: Pictured
    row: int
    facts: Mapping[str, str]


@dataclass(frozen=True)
class ContestedPage:
    """What the page shows.

    Args:
        title: of the page.
        summary: sentences on all samples.
        facts: how agreement was measured, name -> value.
        agreement: [n], of each sample.
        expected: [n], of samples like it.
        significant: bool [n], the samples that are contested.
        contested: the most contested samples.
        agreed: the most agreed ones.
        kind: what they are, such as ``atom``.
        selected: whether ``contested`` are samples that were selected for labelling.
        explanation: sentences on what contested samples have in common.
    """

    title: str
    summary: Sequence[str]
    facts: Mapping[str, str]
    agreement: np.ndarray
    expected: np.ndarray
    significant: np.ndarray
    contested: Sequence[Listed]
    agreed: Sequence[Listed]
    kind: str
    selected: bool = False
    explanation: Sequence[str] = field(default=())


def write_contested_page(page: ContestedPage, path: Path) -> Path:
    """Write the page, a single file that opens offline, atomically; return its path."""
    ends = {"contested": page.contested, "agreed": page.agreed}
    residues = page.kind == "residue"
    logos = sequence_logos({name: [each.one for each in found] for name, found in ends.items()}) if residues else {}
    text = (
        environment()
        .get_template("contested.html.j2")
        .render(
            version=importlib.metadata.version("hyle"),
            page=page,
            figure=_figure(page),
            logos=logos,
        )
    )
    return write_atomically(path, text.encode("utf-8", "replace"))


def _figure(page: ContestedPage) -> str:
    """Return the SVG of agreement over expected agreement: a point for each sample, or for many a random part."""
    n, listed = len(page.agreement), {each.row for each in (*page.contested, *page.agreed)}
    shown = np.arange(n)
    if n > MOST_POINTS:
        shown = np.sort(np.random.default_rng(0).choice(n, MOST_POINTS, replace=False))
    kept = sorted({*shown.tolist(), *listed, *np.flatnonzero(page.significant).tolist()})
    ends = [float(end(each)) for end in (np.min, np.max) for each in (page.expected, page.agreement)]
    low, high = min(ends), max(ends)
    low, high = (low, high) if high > low else (low - 0.5, low + 0.5)

    def across(value: float) -> float:
        return MARGIN + (WIDTH - MARGIN - 12) * (value - low) / (high - low)

    def up(value: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - MARGIN - 12) * (value - low) / (high - low)

    ticks = [tick for tick in _ticks(low, high) if low <= tick <= high]
    digits = max(0, -int(np.floor(np.log10(ticks[1] - ticks[0]) + 1e-9))) if len(ticks) > 1 else 2
    parts = [
        f'<g class="tick"><text x="{across(tick):.0f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">'
        f'{number(tick, digits)}</text><text x="{MARGIN - 8}" y="{up(tick) + 4:.0f}" text-anchor="end">'
        f"{number(tick, digits)}</text></g>"
        for tick in ticks
    ]
    parts.append(f'<path class="rule" d="M{MARGIN} 12V{HEIGHT - MARGIN}H{WIDTH - 12}"/>')
    parts.append(
        f'<path class="equal" d="M{across(low):.0f} {up(low):.0f}L{across(high):.0f} {up(high):.0f}"/>'
        f'<text class="name" x="{(WIDTH + MARGIN) / 2}" y="{HEIGHT - 8}" text-anchor="middle">expected agreement</text>'
        f'<text class="name" transform="translate(12 {(HEIGHT - MARGIN) / 2}) rotate(-90)" text-anchor="middle">'
        "agreement</text>"
    )
    for row in kept:
        kinds = [*(["low"] if page.significant[row] else []), *(["listed"] if row in listed else [])]
        mark = f' class="{" ".join(kinds)}"' if kinds else ""
        name = f' data-row="{row}"' if row in listed else ""
        x, y = across(float(page.expected[row])), up(float(page.agreement[row]))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3.5 if kinds else 2.2}"{mark}{name}/>')
    title = f"Agreement of {n:,} {page.kind}s over the agreement expected of {page.kind}s like them"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{title}</title>{"".join(parts)}</svg>'


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two, four or so."""
    step = 10 ** np.floor(np.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= 6)
    return [float(tick) for tick in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]
