"""Numbers in sentences: no claim beyond what the interval supports."""

from __future__ import annotations

from typing import Protocol

from ..comparison import number


class NotSignificant(str):
    """A sentence that reports no significant result, or why nothing could be tested."""


class Tested(Protocol):
    """A number tested over families, as several analyses of the engine return it."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def p(self) -> float: ...
    @property
    def smallest_p(self) -> float: ...
    @property
    def families(self) -> int: ...


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


def is_significant(p: float) -> bool:
    """Return whether p is at most 0.05; no where there is no p."""
    return p <= 0.05


def excludes(low: float, high: float, none: float = 0.0) -> bool:
    """Return whether the interval excludes `none`, the value of no effect; no where there is no interval."""
    return low > none or high < none


def units(models: int, families: int) -> str:
    """Return "12 models of 7 families"."""
    return f"{models} model{'s' * (models != 1)} of {families} famil{'ies' if families != 1 else 'y'}"


def evidence(test: Tested, models: int) -> str:
    """Return "95 % −0.95 to −0.20, p = 0.01, n = 12 models of 7 families", or why there is no p.

    Args:
        test: a result of an analysis with ``low``, ``high``, ``p``, ``smallest_p`` and ``families``.
        models: number of models.
    """
    if is_number(test.p):
        return f"{interval(test.low, test.high)}, {p_value(test.p)}, n = {units(models, test.families)}"
    return inconclusive(models, test.families, test.smallest_p)


def inconclusive(models: int, families: int, smallest_p: float | None = None) -> str:
    """Return why there is no p or interval, and the smallest p that the families could have given, if known."""
    from hyle.engine.analysis import MIN_FAMILIES

    text = f"inconclusive, n = {units(models, families)}"
    if families < MIN_FAMILIES:
        text += f": at least {MIN_FAMILIES} families are needed"
        return text if smallest_p is None else f"{text}, and these give no p below {smallest_p:.2g}"
    return text if smallest_p is None or smallest_p <= 0.05 else f"{text}: these give no p below {smallest_p:.2g}"


def join_names(names: list[str] | tuple[str, ...], most: int = 4) -> str:
    """Return "a, b and c", or "a, b, c, d and 3 more"."""
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
