"""Say what works on this machine."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

import click

from hyle.zoo import ModelCard, list_models, state_of

from ..console import print_table
from ..options import default_store, json_option, print_json
from .models import meanings

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
    """Hand a torch tensor of each device to JAX and look at the addresses: ``same memory`` or why not."""
    try:
        import torch
    except ImportError:
        return {"cpu": "torch is not installed"}
    from hyle.engine import as_array, copy_reason

    found = {}
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        tensor = torch.ones(64, 64, device=device)
        reason = copy_reason(tensor)
        if reason is None and as_array(tensor, copy=False).unsafe_buffer_pointer() == tensor.data_ptr():
            found[device] = "same memory"
        else:
            found[device] = f"copied: {reason or 'the addresses differ'}"
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Show devices, versions, whether tensors cross without a copy, and which models run here."""
    found = diagnose()
    if as_json:
        print_json(found)
        return
    rows = [("python", f"{found['python']} on {found['platform']}")]
    rows += [("device", f"{d['platform']} {d['id']}: {d['kind']}") for d in found["devices"]]
    rows += [(name, version or "not installed") for name, version in found["versions"].items()]
    rows += [(f"torch -> JAX, {device}", how) for device, how in found["zero_copy"].items()]
    rows += [("float64", "on" if found["x64"] else "off: JAX_ENABLE_X64=1 turns it on"), ("store", found["store"])]
    print_table(("what", "here"), rows)
    models = [(m["name"], m["state"], ", ".join(m["missing"]), m["install"] or m["reason"]) for m in found["models"]]
    print_table(("model", "state", "missing", "to get it"), models)
    click.echo(meanings([m["state"] for m in found["models"]]))
