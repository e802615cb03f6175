"""`hyle doctor`: show what works on this machine."""

from __future__ import annotations

import click

from ..console import print_table
from ..jobs import diagnose, meanings
from ..options import json_option, print_json


@click.command(short_help="Check this machine: devices, versions, and what models need.")
@json_option
def command(as_json: bool) -> None:
    """Check this machine: devices, versions of packages, and which models run here.

    For a model that does not run here, the command shows what is missing and how to get it. It also checks whether
    torch tensors are passed to JAX without a copy.
    """
    result = diagnose()
    if as_json:
        print_json(result)
        return
    rows = [("python", f"{result['python']} on {result['platform']}")]
    rows += [("device", f"{d['platform']} {d['id']}: {d['kind']}") for d in result["devices"]]
    rows += [(name, version or "not installed") for name, version in result["versions"].items()]
    rows += [(f"torch -> JAX, {device}", how) for device, how in result["zero_copy"].items()]
    rows += [("float64", "on" if result["x64"] else "off; to turn it on: JAX_ENABLE_X64=1"), ("store", result["store"])]
    print_table(("what", "here"), rows)
    models = [(m["name"], m["state"], ", ".join(m["missing"]), m["install"] or m["reason"]) for m in result["models"]]
    print_table(("model", "state", "missing", "how to get it"), models)
    click.echo(meanings([m["state"] for m in result["models"]]))
