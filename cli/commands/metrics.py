"""List the metrics, and what each asks."""

from __future__ import annotations

import fnmatch
from typing import Any

import click

from hyle.engine import Metric, find_metric, list_metrics

from ..console import print_table
from ..options import json_option, print_json

BETTER = {True: "higher", False: "lower", None: "-"}


def metric_facts(metric: Metric) -> dict[str, Any]:
    """Return the facts of a metric as plain data; an infinite bound is None."""
    return {
        "name": metric.name,
        "long_name": metric.long_name,
        "kind": metric.kind,
        "meaning": metric.meaning,
        "symmetric": metric.symmetric,
        "bounds": [None if abs(bound) == float("inf") else bound for bound in metric.bounds],
        "higher_is_better": metric.higher_is_better,
        "chance": metric.chance,
        "needs": list(metric.needs),
        "citation": metric.citation,
    }


@click.command()
@click.argument("patterns", nargs=-1)
@json_option
def command(patterns: tuple[str, ...], as_json: bool) -> None:
    """List the metrics, or those that match a name or pattern; all facts of one where only one does.

    \b
    hyle metrics                all of them
    hyle metrics 'cknna*'       some
    hyle metrics cycle_knn      everything about one
    """
    for pattern in patterns:
        if not fnmatch.filter(list_metrics(), pattern):
            find_metric(pattern)
    chosen = [
        metric
        for name, metric in list_metrics().items()
        if not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    ]
    if as_json:
        print_json([metric_facts(metric) for metric in chosen])
    elif len(chosen) == 1:
        print_table(("what", "of this metric"), _lines(chosen[0]))
    else:
        rows = [(m.name, m.long_name, BETTER[m.higher_is_better], "" if m.symmetric else "yes") for m in chosen]
        print_table(("metric", "in words", "better", "directed"), rows)
        click.echo(f"what one asks, its chance level and its source: hyle metrics {chosen[0].name}")


def _lines(metric: Metric) -> list[tuple[str, str]]:
    of = {
        "pair": "a pair of models" + ("" if metric.symmetric else ", one way and the other"),
        "single": "each model by itself",
    }
    low, high = metric.bounds
    return [
        ("name", metric.name),
        ("in words", metric.long_name),
        ("asks", metric.meaning),
        ("of", of[metric.kind]),
        ("scale", f"{low:g} to {high:g}; an estimate may lie beyond"),
        ("more alike", {True: "the higher", False: "the lower", None: "neither"}[metric.higher_is_better]),
        ("chance level", metric.chance),
        ("made from", ", ".join(metric.needs) or "the rows themselves, outside the pass"),
        ("source", metric.citation),
    ]
