"""Inspect a store of embeddings, complete what is unfinished in it, and clean it up."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hyle.zoo import ROW_NUMBERS, InputError, Store, list_datasets
from hyle.zoo.store import (
    Address,
    Damage,
    DamagedFolderError,
    Unfinished,
    count_folders,
    find_damage,
    find_leftovers,
    find_stored,
    find_unfinished,
    last_write,
    remove_leftover,
    size_of,
)

from ..console import SILENT, SilentProgress, with_progress
from ..interrupts import INTERRUPTS
from ..options import default_store

DAY = 24 * 3600
# Origins of ids that are no column.
MADE = ("the file", "file names", ROW_NUMBERS)


def store_status(store: Store) -> dict[str, Any]:
    """Return what a store contains, as plain data: ``store``, ``stored``, ``damaged`` (folders) and ``unfinished``.

    No matrix is read, so that not all damage is found: `verify_store` does that.
    """
    entries, damaged = find_stored(store.root)
    stored = [
        {
            "model": entry.key.model,
            "dataset": entry.key.dataset,
            "layer": entry.key.layer,
            "pooling": entry.key.pooling,
            "libraries": entry.key.libraries,
            "shape": [entry.n, entry.d],
            "dtype": entry.dtype,
            "dropped": entry.dropped,
            "bytes": size_of(entry.path),
            "folder": str(entry.path),
        }
        for entry in entries
    ]
    unfinished = [_unfinished_data(each, store) for each in find_unfinished(store.root)]
    return {"store": str(store.root), "stored": stored, "damaged": list(map(str, damaged)), "unfinished": unfinished}


def _unfinished_data(each: Unfinished, store: Store) -> dict[str, Any]:
    missing = each.missing
    return {
        "model": each.model,
        "dataset": each.dataset,
        "layer": each.plan.key.layer if each.plan else None,
        "pooling": each.plan.key.pooling if each.plan else None,
        "done": len(each.finished),
        "missing": None if missing is None else len(missing),
        "last_write": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(each.written)),
        "stored": each.stored,
        "folder": str(each.path),
        "command": embed_command(each.plan.recipe, len(each.plan.ids), store) if each.plan else None,
    }


def verify_store(store: Store, *, progress: SilentProgress = SILENT) -> tuple[int, list[dict[str, Any]]]:
    """Read all arrays of a store and compare them with their hashes.

    Args:
        store: the store.
        progress: shows a progress bar; default nothing.

    Returns:
        The number of folders that were read, and the damaged ones as plain data: ``folder``, ``problem``, ``repair``.
    """
    total = count_folders(store.root)
    with progress.bar("verify", total) as update:
        found = [_damage_data(damage, store) for damage in find_damage(store.root, lambda done: update(done, ""))]
    return total, found


verify_with_progress = with_progress(verify_store)


def _damage_data(damage: Damage, store: Store) -> dict[str, Any]:
    if damage.recipe:
        repair = repair_command(damage.path, embed_command(damage.recipe, damage.samples, store))
    else:
        repair = f"{_remove_command(damage.path)}, and the same hyle embed command again"
    return {"folder": str(damage.path), "problem": damage.problem, "repair": repair}


def repair_command(path: Path | Address, embed: str) -> str:
    """Return the commands that remove a damaged folder and embed its samples again."""
    return f"{_remove_command(path)} && {embed}"


def _remove_command(path: Path | Address) -> str:
    if isinstance(path, Address):
        return shlex.join(["hyle", "store", "remove", path.inside, "--store", path.root])
    return f"rm -r {shlex.quote(str(path))}"


def merge_complete(store: Store) -> Iterator[dict[str, Any]]:
    """Store the representations whose samples are all embedded, one by one.

    Yields:
        For each unfinished extraction: what `store_status` returns of it, and ``merged``: whether it is stored now;
        with ``error`` if it is complete but cannot be stored.
    """
    for each in find_unfinished(store.root):
        data = _unfinished_data(each, store) | {"merged": False, "error": None}
        if each.plan is not None and not each.missing and not each.stored:
            plan = each.plan
            try:
                with (
                    INTERRUPTS.unwinding(),
                    store.extraction(plan.key, plan.ids, plan.recipe, plan.groups, shared=True) as extraction,
                ):
                    extraction.commit()
                data["merged"] = True
            except DamagedFolderError as error:
                repair = repair_command(error.path, data["command"])
                data["error"] = f"{error.path} is damaged; to repair it: {repair}"
            except InputError as error:
                data["error"] = str(error)
        yield data


def remove_leftovers(store: Store, *, days: float, dry_run: bool) -> list[dict[str, Any]]:
    """Remove unfinished extractions, and what killed processes left, that nothing was written to for some days.

    Args:
        store: the store; its representations are never removed.
        days: the age.
        dry_run: only list them.

    Returns:
        What was removed, as plain data: ``path``, ``what``, ``bytes`` and ``last_write``.
    """
    limit = time.time() - days * DAY
    removed: list[dict[str, Any]] = []
    gone: list[Path | Address] = []
    for path, what in list(find_leftovers(store.root)):
        written = last_write(path)
        if not 0 < written < limit or any(_is_in(path, folder) for folder in gone):
            continue
        size = size_of(path)
        if not dry_run:
            with INTERRUPTS.unwinding():
                if not 0 < last_write(path) < limit:  # a process continues it since
                    continue
                remove_leftover(path)
        gone.append(path)
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(written))
        removed.append({"path": str(path), "what": what, "bytes": size, "last_write": when})
    return removed


def _is_in(path: Path | Address, folder: Path | Address) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def store_words(store: Store) -> list[str]:
    """Return the option of a command that names a store; nothing if it is the default."""
    return [] if store.root == Store(default_store()).root else ["--store", str(store.root)]


def embed_command(recipe: Mapping[str, Any], samples: int, store: Store) -> str:
    """Return the command that embeds the samples of a recipe, as far as the recipe tells.

    Args:
        recipe: provenance of a representation.
        samples: number of samples that the model was given.
        store: where they are stored.
    """
    dataset, source = str(recipe["dataset"]), str(recipe.get("dataset_source", ""))
    words = ["hyle", "embed", str(recipe["model"]), "--dataset", dataset]
    seed = re.search(r"\bseed (\d+)", source)
    if dataset in {info.name for info in list_datasets()}:
        words += ["-n", str(samples), *(("--seed", seed[1]) if seed else ())]
    else:
        first, drawn = re.search(r"\bthe first (\d+)", source), re.search(r"\b(\d+) of \d+, seed (\d+)", source)
        words += ["-n", first[1], "--first"] if first else []
        words += ["-n", drawn[1], "--seed", drawn[2]] if drawn else []
        column, ids = re.search(r", column ([^,]+)", source), str(recipe.get("ids", MADE[0]))
        words += ["--column", column[1]] if column else []
        words += [] if any(made in ids for made in MADE) else ["--id-column", ids]
    words += ["--layer", str(recipe["layer"])]
    words += ["--pooling", str(recipe["pooling"])] if recipe["pooling"] != "none" else []
    words += [word for name in ("per", "dtype") if name in recipe for word in (f"--{name}", str(recipe[name]))]
    return shlex.join([*words, *store_words(store)])
