"""Style rules of the score colours, in light and dark."""

from __future__ import annotations

from ..figures import contrast, score_ramps


def score_styles() -> str:
    """Return the rules for the cells of heat maps: fill, and for each fill the ink with the higher contrast.

    Classes are ``a0`` to ``a32`` above chance and ``b1`` to ``b8`` below; ``t…`` is the ink of a number on it, and
    ``s…`` that of a ring.
    """
    dark = _rules(dark=True)
    return f"{_rules(dark=False)}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _rules(*, dark: bool) -> str:
    above, below = score_ramps(dark=dark)
    colours = {f"a{step}": colour for step, colour in enumerate(above)}
    colours |= {f"b{step}": colour for step, colour in enumerate(below) if step}
    lines = []
    for name, colour in colours.items():
        ink = max(("#000", "#fff"), key=lambda one: contrast(colour, one[0] + one[1:] * 2))
        lines.append(f".{name}{{fill:{colour};--c:{colour}}}.t{name}{{fill:{ink}}}.s{name}{{stroke:{ink}}}")
    return "".join(lines)
