"""Intervals of one column of the table as bars on a common scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..comparison import number

# Half the width of a 95 % interval in standard errors.
_NORMAL = 1.96


class Bar(NamedTuple):
    """An estimate as text, and its place on the scale of its column in per cent.

    Args:
        text: the value; a dash where it is undefined.
        interval: the 95 % interval, empty where it is undefined.
        sort: the value, None where it is undefined.
        at: place of the value.
        start: place of the lower end, that of the value where it is undefined.
        end: place of the upper end.
    """

    text: str
    interval: str
    sort: float | None
    at: float
    start: float
    end: float


class Scale(NamedTuple):
    """The common scale of a column.

    Args:
        low: value at the left end.
        high: value at the right end.
        digits: decimals of the texts.
    """

    low: float
    high: float
    digits: int

    def place(self, value: float) -> float:
        """Return the place of a value in per cent, from 3 to 97 within the scale."""
        return round(3 + 94 * (value - self.low) / (self.high - self.low), 2)

    def bar(self, estimate: Mapping[str, Any] | None) -> Bar:
        """Return the bar of an estimate."""
        if not estimate or estimate["value"] is None:
            return Bar("–", "", None, 0.0, 0.0, 0.0)
        value, low, high = estimate["value"], estimate.get("low"), estimate.get("high")
        text, at = number(value, self.digits), self.place(value)
        if low is None or high is None:
            return Bar(text, "", value, at, at, at)
        interval = f"{number(low, self.digits)} to {number(high, self.digits)}"
        return Bar(text, interval, value, at, self.place(low), self.place(high))


def scale_of(
    estimates: Sequence[Mapping[str, Any] | None], marks: Sequence[float | None] = (), digits: int = 2
) -> Scale:
    """Return the scale that contains all estimates with their intervals, and the marks."""
    ends = [one.get(key) for one in estimates if one for key in ("value", "low", "high")]
    values = [value for value in (*ends, *marks) if value is not None]
    if not values:
        return Scale(0.0, 1.0, digits)
    low, high = min(values), max(values)
    return Scale(low, high if high > low else low + 1.0, digits)


def with_interval(score: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a performance as an estimate, with its 95 % interval from the standard error."""
    if not score:
        return None
    value, se = score["value"], score["se"]
    ends = {"low": None, "high": None} if se is None else {"low": value - _NORMAL * se, "high": value + _NORMAL * se}
    return {"value": value, "se": se} | ends


def span(estimate: Mapping[str, Any] | None, digits: int = 2) -> str:
    """Return an estimate with its interval as text."""
    if not estimate or estimate["value"] is None:
        return "–"
    text = number(estimate["value"], digits)
    if estimate.get("low") is not None and estimate.get("high") is not None:
        text += f" ({number(estimate['low'], digits)} to {number(estimate['high'], digits)})"
    return text
