"""What a comparison will take, before it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from hyle.zoo import Representation

from ..options import CompareOptions
from ..tables import print_table
from .compare import by_name, engine_options
from .groups import with_groups
from .rows import node_kind

# Options that do not change the work, or that `hyle.engine.estimate` does not take.
_NOT_ESTIMATED = ("metrics", "groups", "strata", "permute", "neighbours_outside")


def estimate_comparison(representations: Sequence[Representation], measure: CompareOptions) -> dict[str, Any]:
    """Estimate the work and the memory of a comparison, as plain data; see `hyle.engine.estimate`.

    Args:
        representations: that are to be compared.
        measure: what to measure and how.

    Raises:
        InputError: the comparison would be refused for its size.
    """
    from hyle.engine import estimate

    named, options = by_name(representations), engine_options(with_groups(measure, representations).measure)
    common = sorted(set.intersection(*(set(each.ids) for each in named.values())))
    n = len(common)
    widths = [each.embedding.shape[1] for each in named.values()]
    found = estimate(
        n,
        widths,
        options["metrics"],
        grouped=options["groups"] is not None or options["strata"] is not None,
        **{name: value for name, value in options.items() if name not in _NOT_ESTIMATED},
    )
    # Rows in another order than that of the ids, or of another dtype, are copied.
    copied = [each for each in named.values() if list(each.ids) != common or "float32" not in str(each.embedding.dtype)]
    memory = found.memory + sum(4 * n * each.embedding.shape[1] for each in copied)
    return {**asdict(found), "memory": memory, "models": list(named), "per": node_kind(representations) or "sample"}


def print_estimate(found: dict[str, Any]) -> None:
    """Print an estimate: the size, a table of the stages, the time and the memory."""
    widths = sorted(set(found["widths"]))
    columns = f"{widths[0]}" if len(widths) == 1 else f"{widths[0]} to {widths[-1]}"
    click.echo(f"{len(found['models'])} models of {found['n']:,} {found['per']}s and {columns} columns")
    if found["linear"]:
        click.echo(f"linear kernels by {found['linear']}")
    rows = [
        (stage["name"], f"{stage['products'] / 1e9:.3g}", f"{stage['passes'] / 1e9:.3g}") for stage in found["stages"]
    ]
    print_table(("stage", "multiplications, 1e9", "passes over numbers, 1e9"), rows, keys=1)
    click.echo(
        f"\n{_duration(found['seconds'])} of CPU time on this processor, within a factor of two to three, and "
        f"{found['memory'] / 2**20:,.0f} MiB of memory beyond the embeddings; starting hyle and compiling take some "
        "seconds more. Nothing was computed."
    )


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "less than 1 s"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
