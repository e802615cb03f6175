"""A sequence logo: which residues sequences have in common around an aligned residue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..base import InputError
from .svg import MUTED, UNIT, frame, text_line

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
# Residues of one chemistry have one colour, legible on white and on dark.
_CHEMISTRY = {"GSTYC": "#2b8a3e", "QN": "#9c36b5", "KRH": "#1c7ed6", "DE": "#e03131", "AVLIPWFM": "currentColor"}
_COLOURS = {letter: colour for letters, colour in _CHEMISTRY.items() for letter in letters}
_FOOT, _LEFT, _TOP = 15, 18, 5  # pixels
# Share of the font size that a capital letter is high.
_CAPITAL = 0.72
_FONT = 10


def information(windows: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the information of each column of aligned sequences, in bits, and the frequencies of its residues.

    Information is log2(20) minus the entropy of the residues, minus (20 - 1) / (2 n ln 2), by which the entropy of n
    random residues is too low on average; 0 where that leaves nothing. The background is uniform.
    Source: Schneider & Stephens (1990), Nucleic Acids Res. 18, 6097.

    Args:
        windows: n sequences of one length c in one-letter codes; other characters are left out of their column.

    Returns:
        [c] in 0 to 4.33 bits, and [c, 20] in the order of `LETTERS`; zeros for a column without residues.

    Raises:
        InputError: no sequences, or of different lengths.
    """
    if len({len(window) for window in windows}) != 1:
        raise InputError("a sequence logo needs sequences of one length")
    bits, shares = np.zeros(len(windows[0])), np.zeros((len(windows[0]), len(LETTERS)))
    for at, column in enumerate(zip(*windows, strict=True)):
        counts = Counter(letter for letter in column if letter in LETTERS)
        n = counts.total()
        if n:
            shares[at] = [counts[letter] / n for letter in LETTERS]
            present = shares[at][shares[at] > 0]
            entropy = -float((present * np.log2(present)).sum())
            bits[at] = max(0.0, np.log2(20) - entropy - 19 / (2 * n * np.log(2)))
    return bits, shares


def window(sequence: str, centre: int, reach: int) -> str:
    """Return the residues around one, with ``-`` beyond the ends: 2 reach + 1 characters.

    Example:
        >>> window("MKV", 0, 2)
        '--MKV'
    """
    padded = "-" * reach + sequence + "-" * reach
    return padded[centre : centre + 2 * reach + 1]


def sequence_logo(windows: Sequence[str], /, *, width: int = 180, height: int = 90, most: float | None = None) -> str:
    """Return the SVG of a sequence logo: the height of a letter is its share of the information of its column.

    Columns are numbered from the middle one, 0. It has no background, and takes the colour of the text around it.

    Args:
        windows: sequences of one odd length, aligned on the residue in the middle; see `window`.
        width: in pixels.
        height: in pixels.
        most: bits of the full height; default log2(20) = 4.32, the information of a column of one residue.

    Raises:
        InputError: no sequences, or of different lengths.
    """
    bits, shares = information(windows)
    count, reach = len(bits), len(bits) // 2
    step, full = UNIT * (width - _LEFT) / count, UNIT * (height - _FOOT - _TOP)
    bottom, most = UNIT * (height - _FOOT), most or float(np.log2(20))
    parts = [
        f'<path d="M{UNIT * _LEFT} {UNIT * _TOP}V{bottom}H{UNIT * width}" fill="none" stroke="{MUTED}" '
        'stroke-width="8"/>'
    ]
    for value in (0, 1) if most < 2 else (0, 2, 4):
        if value > most:
            break
        place = bottom - full * value / most
        parts.append(text_line(str(value), UNIT * (_LEFT - 3), place + 30, size=9, anchor="end"))
    for at in range(count):
        y = float(bottom)
        for letter in np.argsort(shares[at], kind="stable"):
            tall = full * bits[at] * shares[at, letter] / most
            if tall >= 2:
                parts.append(_letter(LETTERS[letter], UNIT * _LEFT + step * at, y, step, tall))
                y -= tall
        if (at - reach) % max(1, reach // 2 + reach % 2) == 0 or at == reach:
            middle = UNIT * _LEFT + step * (at + 0.5)
            number = f"{at - reach:+d}".replace("-", "\N{MINUS SIGN}") if at != reach else "0"
            parts.append(text_line(number, middle, bottom + 110, size=9))
    title = f"sequence logo of {len(windows)} sequences, in bits"
    return frame(f'<g font-family="sans-serif">{"".join(parts)}</g>', width=width, height=height, title=title)


def _letter(letter: str, x: float, y: float, wide: float, tall: float) -> str:
    """Return a letter that fills a box with its lower left corner at x, y."""
    size = _FONT * UNIT
    return (
        f'<text transform="translate({x:.0f} {y:.1f}) scale(1 {tall / (_CAPITAL * size):.3f})" font-size="{size}" '
        f'font-weight="bold" textLength="{0.94 * wide:.0f}" lengthAdjust="spacingAndGlyphs" '
        f'fill="{_COLOURS[letter]}">{letter}</text>'
    )
