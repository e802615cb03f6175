"""What changes in a Comparison when the rows that are norm outliers are excluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
import numpy as np

from ..tables import print_table
from .columns import pairs_in_order, score_columns
from .numbers import estimate, number
from .outliers import listed
from .scores import errors, model_names, read_scores, single_metrics
from .units import row_words

if TYPE_CHECKING:
    import xarray as xr

# A score that changes by less is not printed.
CHANGE = 0.02
# Changes that are printed; all are in the JSON.
SHOWN = 12
Row = tuple[str, str, str, str]


def print_outliers(comparison: xr.Dataset, outliers: Mapping[str, Sequence[str]], others: xr.Dataset | None) -> None:
    """Print which rows are norm outliers, and the scores that change without them.

    Args:
        comparison: of all rows.
        outliers: name -> ids of its outliers.
        others: the Comparison without these rows; None if there is none.
    """
    if outliers:
        click.echo()
    for name, ids in outliers.items():
        click.echo(f"{name}: outliers, over 4 times as far from the mean as a typical row: {listed(ids)}")
    if others is None:
        return
    rows = [*changed_scores(comparison, others), *changed_dimensions(comparison, others)]
    where = f"without these rows, on the other {others.attrs['n']} {row_words(others)}"
    if not rows:
        click.echo(f"{where}, no score changes by more than {CHANGE}")
        return
    click.echo(f"{where}, these scores change by more than {CHANGE}:")
    print_table(("models", "metric", "with", "without"), rows[:SHOWN], right=("with", "without"), keys=2)
    if len(rows) > SHOWN:
        click.echo(f"and {len(rows) - SHOWN} more; all of them: --json")


def changed_scores(comparison: xr.Dataset, others: xr.Dataset) -> list[Row]:
    """Return a row for each pair and metric whose score changes by more than `CHANGE`, the largest change first."""
    names, after = model_names(comparison), read_scores(others)
    scores = [score for name, score in read_scores(comparison).items() if name in after]
    found = []
    for column in score_columns(scores):
        new = after[column.score.name].values
        for pair in pairs_in_order(scores, len(names)):
            i, j = pair[::-1] if column.arrow == "←" else pair
            old, now = float(column.score.values[i, j]), float(new[i, j])
            if abs(now - old) > CHANGE or np.isnan(now) != np.isnan(old):
                models = f"{names[pair[0]]}, {names[pair[1]]}"
                before, now_shown = (estimate(value, float("nan"), column.digits) for value in (old, now))
                found.append((abs(now - old), (models, column.name, before, now_shown)))
    return [row for _, row in sorted(found, key=lambda each: -np.nan_to_num(each[0], nan=np.inf))]


def changed_dimensions(comparison: xr.Dataset, others: xr.Dataset) -> list[Row]:
    """Return a row for each model and single metric that changes by more than twice its standard error."""
    rows = []
    for metric in single_metrics(others):
        if metric not in comparison:
            continue
        values = zip(model_names(comparison), comparison[metric].values, others[metric].values, strict=True)
        for (name, old, new), error in zip(values, errors(comparison, metric), strict=True):
            least = 2 * error if np.isfinite(error) else 0.05 * abs(old)
            if abs(new - old) > max(least, CHANGE):
                rows.append((name, metric, number(float(old), 2), number(float(new), 2)))
    return rows
