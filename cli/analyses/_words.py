"""Numbers in sentences: no claim beyond what the interval supports."""

from __future__ import annotations

from ..comparison import number


def is_number(value: float) -> bool:
    """Return whether a value is not NaN."""
    return value == value


def interval(low: float, high: float, digits: int = 2) -> str:
    """Return "95 % −0.90 to −0.31", or "no interval" where an end is NaN."""
    if not (is_number(low) and is_number(high)):
        return "no interval"
    return f"95 % {number(low, digits)} to {number(high, digits)}"


def p_value(p: float) -> str:
    """Return "p = 0.003"."""
    return f"p = {p:.2g}" if p >= 0.001 else f"p = {p:.1g}"


def is_significant(low: float, high: float, p: float = 0.0, *, none: float = 0.0) -> bool:
    """Return whether the interval excludes `none`, the value of no effect, and p is at most 0.05."""
    return p <= 0.05 and (low > none or high < none)


def correlation(value: float, low: float, high: float, p: float, n: int, *, of: str = "models") -> str:
    """Return "rank correlation −0.71, 95 % −0.95 to −0.20, p = 0.01, n = 12 models"."""
    return f"rank correlation {number(value, 2)}, {interval(low, high)}, {p_value(p)}, n = {n} {of}"


def significance_note(low: float, high: float, p: float = 0.0, *, none: float = 0.0) -> str:
    """Return the note after a number that is not significantly different from no effect; empty if it is."""
    return "" if is_significant(low, high, p, none=none) else "; not distinguishable from chance"


def join_names(names: list[str] | tuple[str, ...], most: int = 4) -> str:
    """Return "a, b and c", or "a, b, c, d and 3 more"."""
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
