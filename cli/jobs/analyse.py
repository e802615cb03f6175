"""Analyse a Comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyle.zoo import InputError, did_you_mean

from ..analyses import ANALYSES, findings
from ..options import split


def analysis_names(words: str | None) -> list[str] | None:
    """Return the analyses of a comma-separated list; None, for all of them, stays None.

    Raises:
        InputError: an unknown analysis; names the closest.
    """
    names = split(words)
    for name in names or ():
        if name not in ANALYSES:
            close = did_you_mean(name, list(ANALYSES))
            raise InputError(f"no analysis is called {name!r}{close} (there are: {', '.join(ANALYSES)})")
    return names


def analyses_data(metric: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of `hyle.cli.analyses.run_analyses` as plain data, None for an analysis that was skipped."""
    plain = {name: ANALYSES[name].to_dict(results[name]) if name in results else None for name in ANALYSES}
    plain["factors"] = plain["factors"] or []
    return {"metric": metric, **plain, "changes": plain["regimes"], "findings": findings(results)}
