"""Parts of the SVGs: the frame with its title, compact paths, and boxes of text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from html import escape

from ..base import shorten

# Units of a viewBox per pixel of the requested size, so that all coordinates are short integers.
UNIT = 10
# Marks the node that is highlighted; visible on white and on the dark card of a page.
ACCENT = "#e8590c"
MUTED = "#7d8894"

_PAIRS = {"M": 1, "L": 1, "Q": 2, "C": 3}
_TOKEN = re.compile(r"[MLQCZ]|-?\d+(?:\.\d+)?(?:e-?\d+)?")


def frame(content: str, *, width: int, height: int, title: str) -> str:
    """Return an SVG of a size in pixels, with a title for screen readers; `content` is in units of 1 / `UNIT` pixel."""
    box = f"0 0 {width * UNIT} {height * UNIT}"
    name = escape(shorten(title, 200), quote=False)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img"><title>{name}</title>{content}</svg>'


def compact_path(path: str) -> str:
    """Return an absolute path of RDKit, in pixels, as a relative one in units of 1 / `UNIT` pixel.

    Args:
        path: of the commands M, L, Q, C and Z.
    """
    parts: list[str] = []
    x = y = start_x = start_y = 0
    command = written = ""
    tokens = _TOKEN.findall(path)
    at = 0
    while at < len(tokens):
        if tokens[at].isalpha():
            command = tokens[at]
            at += 1
            if command == "Z":
                parts.append("z")
                x, y, written = start_x, start_y, "z"
                continue
        count = 2 * _PAIRS[command]
        ends = [round(UNIT * float(token)) for token in tokens[at : at + count]]
        at += count
        steps = [end - (y if i % 2 else x) for i, end in enumerate(ends)]
        # The first move is absolute; a line after a relative move needs no letter.
        letter = command.lower() if parts else "M"
        implied = (letter == written and letter != "m") or (letter == "l" and written == "m")
        parts.append(_joined("" if implied else letter, ends if letter == "M" else steps))
        x, y = ends[-2:]
        if command == "M":
            start_x, start_y = x, y
        written = letter
    return "".join(parts)


def _joined(letter: str, values: Sequence[int]) -> str:
    """Return numbers after a command; a minus sign separates as well as a blank does."""
    text = "".join(f"{value}" if value < 0 else f" {value}" for value in values)
    return letter + (text.lstrip() if letter else text)


def circle(x: float, y: float, radius: float, **style: str) -> str:
    """Return a circle; underscores in the names of attributes become hyphens."""
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<circle cx="{round(x)}" cy="{round(y)}" r="{round(radius)}"{attributes}/>'


def ring(x: float, y: float, radius: float) -> str:
    """Return the mark of a highlighted node."""
    return circle(x, y, radius, fill=ACCENT, fill_opacity=".25", stroke=ACCENT, stroke_width="18")


def text_line(text: str, x: float, y: float, *, size: int = 11, anchor: str = "middle", **style: str) -> str:
    """Return a line of text; `size` in pixels, the position in units of the viewBox."""
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    place = f'x="{round(x)}" y="{round(y)}" font-size="{size * UNIT}" text-anchor="{anchor}"'
    return f'<text {place} fill="currentColor"{attributes}>{escape(text, quote=False)}</text>'


def text_box(lines: Sequence[str], *, width: int, height: int, title: str) -> str:
    """Return a box of text that stands in for a picture: the first line is what the sample is."""
    size, leading = 11, 15
    most, fitting = max(8, int((width - 16) / (0.56 * size))), max(1, int((height - 12) / leading))
    broken = [part for line in lines for part in textwrap.wrap(shorten(line, 600), most) or [""]]
    if len(broken) > fitting:
        broken = [*broken[: fitting - 1], shorten(broken[fitting - 1] + "……", most)]
    top = (height - leading * len(broken)) / 2 + 11
    edge = f'<rect x="10" y="10" width="{UNIT * width - 20}" height="{UNIT * height - 20}" rx="60" fill="none"'
    content = [f'{edge} stroke="{MUTED}" stroke-opacity=".5" stroke-width="10" stroke-dasharray="40 30"/>']
    content += [
        text_line(line, UNIT * width / 2, UNIT * (top + leading * i), size=size) for i, line in enumerate(broken)
    ]
    return frame(f'<g font-family="sans-serif">{"".join(content)}</g>', width=width, height=height, title=title)
