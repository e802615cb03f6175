"""`hyle metrics`: list the metrics and what each measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..console import print_table
from ..jobs import select_metrics
from ..options import json_option, print_json

BETTER = {True: "higher", False: "lower", None: "-"}


@click.command(short_help="List the metrics and what each measures.")
@click.argument("patterns", nargs=-1)
@json_option
def command(patterns: tuple[str, ...], as_json: bool) -> None:
    """List the metrics, or those that match PATTERNS (names, with * as a wildcard).

    A single metric is shown with all its facts: its meaning, range, chance level and source.

    \b
    Examples:
      hyle metrics                all metrics
      hyle metrics 'cknna*'       some
      hyle metrics cycle_knn      everything about one
    """
    metrics = select_metrics(patterns)
    if as_json:
        print_json(metrics)
    elif len(metrics) == 1:
        print_table(("what", "of this metric"), _lines(metrics[0]))
    else:
        rows = [
            (m["name"], m["long_name"], BETTER[m["higher_is_better"]], "" if m["symmetric"] else "yes") for m in metrics
        ]
        print_table(("metric", "in words", "better", "directed"), rows, text=("in words",), drop=("in words",))
        click.echo(f"for the meaning, chance level and source of one: hyle metrics {metrics[0]['name']}")


def _lines(metric: Mapping[str, Any]) -> list[tuple[str, str]]:
    kinds = {
        "pair": "a pair of models" + ("" if metric["symmetric"] else ", in each direction"),
        "single": "a single model",
    }
    low, high = ("infinity" if bound is None else f"{bound:g}" for bound in metric["bounds"])
    return [
        ("name", metric["name"]),
        ("in words", metric["long_name"]),
        ("meaning", metric["meaning"]),
        ("compares", kinds[metric["kind"]]),
        ("range", f"{low} to {high}; an estimate may lie outside"),
        ("more similar", {True: "higher", False: "lower", None: "neither"}[metric["higher_is_better"]]),
        ("chance level", metric["chance"]),
        ("computed from", ", ".join(metric["needs"]) or "the rows themselves, outside the shared pass"),
        ("source", metric["citation"]),
    ]
