"""Format the numbers and rows of the Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .results import BUSY_LOAD


def seconds(row: dict[str, Any] | None, key: str = "seconds") -> str:
    """Format a time with three digits, and a star if the background load was above `BUSY_LOAD`."""
    if row is None or row.get(key) is None:
        return ""
    value = row[key]
    text = f"{value:.0f} s" if value >= 100 else f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"
    return text + ("\\*" if key == "seconds" and (row.get("others") or 0) > BUSY_LOAD else "")


def memory(row: dict[str, Any] | None, key: str = "peak") -> str:
    """Format a number of bytes."""
    if row is None or row.get(key) is None:
        return ""
    mib = row[key] / 2**20
    return f"{mib / 1024:.1f} GiB" if mib >= 1000 else f"{mib:.0f} MiB"


def times(row: dict[str, Any], other: dict[str, Any] | None) -> str:
    """Format the ratio of two times."""
    if other is None or not other["seconds"]:
        return ""
    ratio = row["seconds"] / other["seconds"]
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.2g}×"


def rows_of(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    escaped = ([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(c) + " |" for c in escaped)]
