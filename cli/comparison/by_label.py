"""Comparisons of the rows of each label alone, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..tables import print_table
from .listing import notes
from .numbers import number
from .scores import PairScores, model_names, read_scores, single_metrics
from .table import long_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# Labels that are printed, the most frequent ones; all are in the files.
SHOWN = 10


@dataclass(frozen=True)
class ByLabel:
    """Comparisons of the rows of each label.

    Args:
        kind: what the labels are of, such as ``element``.
        comparisons: label -> Comparison, the most frequent label first.
        counts: label -> number of rows, also of labels that are not compared.
        reasons: label -> why it is not compared, where it is not the number of rows.
    """

    kind: str
    comparisons: Mapping[str, xr.Dataset]
    counts: Mapping[str, int]
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The labels that were compared, with their numbers of rows."""
        return [f"{label} ({self.counts[label]:,})" for label in self.comparisons]

    @property
    def skipped(self) -> dict[str, int]:
        """The labels that were not compared, with their numbers of rows."""
        return {label: count for label, count in self.counts.items() if label not in self.comparisons}

    def scores(self, metric: str) -> list[PairScores]:
        """Return the scores by a metric for each label."""
        return [read_scores(each)[metric] for each in self.comparisons.values()]

    def table(self) -> pd.DataFrame:
        """Return every score as a row, with the label in a column."""
        import pandas as pd

        tables = [long_table(each).assign(**{self.kind: label}) for label, each in self.comparisons.items()]
        return pd.concat(tables, ignore_index=True)


def print_by_label(result: ByLabel) -> None:
    """Print a table for each metric, with a column for each label."""
    whole, most = result, dict(list(result.comparisons.items())[:SHOWN])
    result = replace(result, comparisons=most)
    first = next(iter(result.comparisons.values()))
    names, columns = model_names(first), result.columns
    shown: list[PairScores] = []
    for metric in read_scores(first):
        scores = result.scores(metric)
        shown += scores
        order = np.argsort([-np.nanmean([each.strength[pair] for each in scores]) for pair in scores[0].pairs()])
        pairs = [scores[0].pairs()[i] for i in order.tolist()]
        rows = [(names[i], names[j], *(_cell(each, (i, j)) for each in scores)) for i, j in pairs]
        click.echo(scores[0].label)
        print_table(("model", "other", *columns), rows, right=columns, keys=2)
        click.echo()
    for metric in single_metrics(first):
        click.echo(str(first[metric].attrs.get("long_name", metric)))
        values = [each[metric].values for each in result.comparisons.values()]
        singles = [(name, *(number(float(each[i]), 2) for each in values)) for i, name in enumerate(names)]
        print_table(("model", *columns), singles, right=columns, keys=1)
        click.echo()
    lines = ["( ) chance level of the pair", *(line for line in notes(shown) if not line.startswith("→"))]
    more = len(whole.comparisons) - len(most)
    lines += [f"and {more} more of {whole.kind}: --json, or -o FILE"] if more else []
    result = whole
    if result.skipped:
        few = [f"{label} ({count})" for label, count in result.skipped.items() if label not in result.reasons]
        lines += [f"too few rows: {', '.join(few[:8])}{', ...' * (len(few) > 8)}"] if few else []
        lines += [f"{label} is not compared: {reason}" for label, reason in result.reasons.items()]
    click.echo("".join(f"{line}\n" for line in lines), nl=False)


def _cell(score: PairScores, pair: tuple[int, int]) -> str:
    value, chance = score.values[pair], score.chance[pair]
    if not np.isfinite(value):
        return "–"
    level = f" ({number(chance, 2)})" if np.isfinite(chance) else ""
    error = f" ± {number(score.se[pair], 2)}" if np.isfinite(score.se[pair]) else ""
    return f"{number(value, 2)}{error}{score.mark(pair)}{level}"


def by_label_data(result: ByLabel) -> dict[str, Any]:
    """Return the scores as plain data: every score as a row, and the number of rows of each label."""
    table = result.table().astype(object)
    return {
        "by": result.kind,
        "rows": dict(result.counts),
        "skipped": result.skipped,
        "reasons": dict(result.reasons),
        "results": table.where(lambda t: t.notna(), None).to_dict("records"),
    }
