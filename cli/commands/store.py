"""`hyle store`: look after the folder in which embeddings are stored."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hyle.zoo import InputError, Store
from hyle.zoo.store import remove_folder

from ..console import print_table, say
from ..interrupts import INTERRUPTS
from ..jobs import (
    merge_complete,
    remove_leftovers,
    store_status,
    store_words,
    verify_with_progress,
)
from ..options import json_option, print_json, store_option

# The exit code if something is damaged.
DAMAGED = 2


@click.group(short_help="Check, complete and clean up stored embeddings.")
def command() -> None:
    """Look after the folder in which `hyle embed` and other commands store embeddings."""


@command.command("status", short_help="List what is stored and what is unfinished.")
@store_option
@json_option
def status_command(store_path: Path, as_json: bool) -> None:
    """List the embeddings that are stored, and the extractions that are unfinished.

    An extraction is unfinished until all samples of the data set are embedded, by one process or by several
    (`hyle embed --shard`).
    """
    store = _existing(store_path)
    status = store_status(store)
    if as_json:
        print_json(status)
        return
    if status["stored"]:
        headings = ("model", "data set", "layer", "pooling", "n x d", "size")
        rows = [
            (each["model"], each["dataset"], each["layer"], each["pooling"], " x ".join(map(str, each["shape"])),
             _size(each["bytes"]))
            for each in status["stored"]
        ]  # fmt: skip
        print_table(headings, rows, right=("n x d", "size"), drop=("pooling",))
    elif not status["damaged"]:
        click.echo(f"{status['store']} has no embeddings; to make some: {_command('embed MODEL', store)}")
    for folder in status["damaged"]:
        click.echo(f"{folder} is damaged: {_command('store verify', store)} says how to repair it")
    if status["unfinished"]:
        merge = _command("store merge", store)
        click.echo(f"\nunfinished extractions ({merge} completes those without missing samples):\n")
        print_table(
            ("model", "data set", "layer", "samples done", "last write"),
            [
                (each["model"], each["dataset"], each["layer"], _done(each), each["last_write"])
                for each in status["unfinished"]
            ],
            right=("samples done",),
            drop=("layer",),
        )


@command.command("verify", short_help="Compare all arrays with their hashes.")
@store_option
@json_option
def verify_command(store_path: Path, as_json: bool) -> None:
    """Read all stored arrays, also of unfinished extractions, and compare them with their hashes.

    Each damaged folder is listed with the command that repairs it; the exit code is then 2.
    """
    total, damaged = verify_with_progress(_existing(store_path))
    if as_json:
        print_json({"folders": total, "damaged": damaged})
    else:
        for each in damaged:
            click.echo(f"{each['folder']} is damaged: {each['problem']}\n  to repair it: {each['repair']}")
        click.echo(f"folders read: {total}; damaged: {len(damaged)}")
    if damaged:
        sys.exit(DAMAGED)


@command.command("merge", short_help="Store extractions whose samples are all embedded.")
@store_option
@json_option
def merge_command(store_path: Path, as_json: bool) -> None:
    """Store the extractions whose samples are all embedded, and say what the others lack.

    The last process of `hyle embed --shard` does this by itself, unless it is killed before.
    """
    results = []
    store = _existing(store_path)
    for each in merge_complete(store):
        results.append(each)
        say(_outcome(each, store))
    if as_json:
        print_json(results)
    elif not results:
        say(f"{store.root} has no unfinished extractions")
    if any(each["error"] for each in results):
        sys.exit(DAMAGED)


@command.command("gc", short_help="Remove unfinished extractions and left-overs.")
@click.option(
    "--days",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="Remove only what has not been written to for this number of days.",
)
@click.option("--dry-run", is_flag=True, help="List what would be removed.")
@store_option
@json_option
def gc_command(days: int, dry_run: bool, store_path: Path, as_json: bool) -> None:
    """Remove unfinished extractions and what killed processes have left. Stored embeddings are never removed."""
    removed = remove_leftovers(_existing(store_path), days=days, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "removed": removed})
        return
    verb = "would remove" if dry_run else "removed"
    for each in removed:
        click.echo(f"{verb} {each['path']} ({each['what']}, {_size(each['bytes'])})")
    items = "1 item" if len(removed) == 1 else f"{len(removed)} items"
    click.echo(f"{verb} {items}, {_size(sum(each['bytes'] for each in removed))}")


@command.command("remove", short_help="Remove one representation or one shard.")
@click.argument("name")
@store_option
@json_option
def remove_command(name: str, store_path: Path, as_json: bool) -> None:
    """Remove the representation or the shard NAME, a path as `hyle store verify` prints it.

    In a folder, this is the same as removing the folder NAME. In an object store, the object that names the data is
    removed before the data, so that no process reads a part of them.
    """
    store = _existing(store_path)
    path = name if name.startswith(str(store.root)) else f"{store.root}/{name}"
    with INTERRUPTS.unwinding():
        removed = str(remove_folder(store.root, path))
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo(f"removed {removed}")


def _existing(path: Path) -> Store:
    store = Store(path)
    if not store.exists():
        raise InputError(f"there is no store at {store.root}; {_command('embed MODEL', store)} makes one")
    return store


def _command(words: str, store: Store) -> str:
    return " ".join(["hyle", words, *map(shlex.quote, store_words(store))])


def _outcome(each: Mapping[str, Any], store: Store) -> str:
    name = f"{each['model']} on {each['dataset']}"
    if each["merged"]:
        return f"{name}: stored"
    if each["error"]:
        return f"{name}: cannot be stored: {each['error']}"
    if each["stored"]:
        return f"{name}: stored already; {_command('store gc', store)} removes what is left of the extraction"
    if each["missing"] is None:
        return f"{name}: {each['done']} samples are embedded; continue with the same hyle embed command"
    return f"{name}: {_done(each)} samples are embedded; to embed the others: {each['command']}"


def _done(each: Mapping[str, Any]) -> str:
    if each["missing"] is None:
        return f"{each['done']} of ?"
    return f"{each['done']} of {each['done'] + each['missing']}"


def _size(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"
