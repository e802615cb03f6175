"""Diagnose the installation."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyle.zoo import ModelCard, install_command, installed_version, list_models, state_of

from ..options import default_store

PACKAGES = ("hyle", "jax", "jaxlib", "numpy", "xarray", "orbax-checkpoint", "torch", "ase", "rdkit", "transformers")


# What most models need; without them, few run.
LIBRARIES = ("torch", "ase", "rdkit")


def diagnose(*, everything: bool = True) -> dict[str, Any]:
    """Return devices, versions, the store, and the state of every model.

    Args:
        everything: also return whether torch tensors reach JAX without a copy, which takes seconds, since torch and the
            engine are imported.
    """
    import jax

    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": [{"platform": d.platform, "kind": d.device_kind, "id": d.id} for d in jax.devices()],
        "x64": bool(jax.config.read("jax_enable_x64")),
        "versions": {name: installed_version(name) for name in PACKAGES},
        "store": str(default_store()),
        "store_writable": _writable(default_store()),
        "models": [
            {
                "name": card.name,
                "state": state_of(card),
                "missing": card.missing(),
                "install": _remedy(card),
                "reason": card.reason,
            }
            for card in list_models()
        ],
    }
    return facts | ({"zero_copy": zero_copy()} if everything else {})


def verdict(facts: Mapping[str, Any]) -> list[str]:
    """Return what a user has to know of the facts of `diagnose`: what runs, and what to do, a line each."""
    states = [model["state"] for model in facts["models"]]
    problems = [
        f"{name} is not installed: {install_command(name)}" for name in LIBRARIES if not facts["versions"][name]
    ]
    if not facts["store_writable"]:
        problems.append(f"{facts['store']} cannot be written: set HYLE_STORE to another folder")
    lines = [f"{states.count('runs')} models run; {'to do:' if problems else 'nothing to do'}", *problems]
    later = states.count("needs-environment") + states.count("needs-weights")
    if later:
        lines.append(f"{later} more run when they are first used: hyle embed downloads what they need")
    return lines


def _writable(folder: Path | str) -> bool:
    """Return whether a folder, or the folder in which it would be made, can be written; an address is not tried."""
    if isinstance(folder, str):
        return True
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK)


def _remedy(card: ModelCard) -> str | None:
    if card.missing():
        return card.install_command()
    return card.fetch_command() if state_of(card) == "needs-weights" else None


def zero_copy() -> dict[str, str]:
    """Pass a torch tensor of each device to JAX and compare addresses: device -> ``same memory``, or why not."""
    try:
        import torch
    except ImportError:
        return {"cpu": "torch is not installed"}
    from hyle.engine import as_array, copy_reason

    result = {}
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        tensor = torch.ones(64, 64, device=device)
        reason = copy_reason(tensor)
        if reason is None and as_array(tensor, copy=False).unsafe_buffer_pointer() == tensor.data_ptr():
            result[device] = "same memory"
        else:
            result[device] = f"copied: {reason or 'the addresses differ'}"
    return result
