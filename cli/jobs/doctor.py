"""Diagnose the installation."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

from hyle.zoo import ModelCard, list_models, state_of

from ..options import default_store

PACKAGES = ("hyle", "jax", "jaxlib", "numpy", "xarray", "orbax-checkpoint", "torch", "ase", "rdkit", "transformers")


def diagnose() -> dict[str, Any]:
    """Return devices, versions, whether torch tensors reach JAX without a copy, and the state of every model."""
    import jax

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": [{"platform": d.platform, "kind": d.device_kind, "id": d.id} for d in jax.devices()],
        "x64": bool(jax.config.read("jax_enable_x64")),
        "versions": {name: _version(name) for name in PACKAGES},
        "zero_copy": zero_copy(),
        "store": str(default_store()),
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


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
