"""`hyle doctor`: show what works on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..jobs import diagnose, meanings, verdict
from ..options import json_option, print_json
from ..tables import print_table


@click.command(short_help="Check this installation.")
@click.option("--all", "everything", is_flag=True, help="Also list all versions and the state of every model.")
@json_option
def command(everything: bool, as_json: bool) -> None:
    """Check this installation: which models run here, and what to do for the others.

    With --all, the command also shows for each model that does not run here what is missing and how to get it, and
    whether torch tensors are passed to JAX without a copy.
    """
    facts = diagnose(everything=everything or as_json)
    if as_json:
        print_json(facts)
        return
    for line in verdict(facts):
        click.echo(line)
    click.echo()
    print_table(("what", "here"), _rows(facts) if everything else _first_rows(facts))
    if everything:
        click.echo()
        models = [
            (m["name"], m["state"], ", ".join(m["missing"]), m["install"] or m["reason"]) for m in facts["models"]
        ]
        headings = ("model", "state", "missing", "how to get it")
        print_table(headings, models, text=headings[2:], drop=("missing", "how to get it"))
        click.echo(f"\n{meanings([m['state'] for m in facts['models']])}")
    else:
        click.echo("\nfor all versions and models: hyle doctor --all")


def _first_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the rows that fit on the first screen."""
    wanted = {"python", "device", "hyle", "jax", "torch", "store"}
    return [row for row in _rows(facts) if row[0] in wanted]


def _rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("python", f"{facts['python']} on {facts['platform']}")]
    rows += [("device", f"{d['platform']} {d['id']}: {d['kind']}") for d in facts["devices"]]
    rows += [(name, version or "not installed") for name, version in facts["versions"].items()]
    rows += [(f"torch -> JAX, {device}", how) for device, how in facts.get("zero_copy", {}).items()]
    rows += [("float64", "on" if facts["x64"] else "off; to turn it on: JAX_ENABLE_X64=1"), ("store", facts["store"])]
    return rows
