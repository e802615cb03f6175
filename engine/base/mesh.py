"""The devices among which the rows of a comparison are divided."""

from __future__ import annotations

from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import Mesh

from .errors import InputError, InputTypeError


def device_mesh(count: int | Literal["all"] = "all") -> Mesh:
    """Return a mesh of devices for `hyle.engine.compare`.

    Args:
        count: number of devices; ``all`` for those of all processes that `start_processes` has joined.

    Raises:
        ValueError: there are fewer devices, or some of several processes would be left out.

    Example:
        >>> device_mesh(1).size
        1
    """
    devices = jax.devices()
    if count != "all" and (not isinstance(count, int) or isinstance(count, bool)):
        raise InputTypeError(f"devices={count!r} must be a number, or 'all'")
    if count != "all":
        kind = devices[0].platform.upper()
        if not 1 <= count <= len(devices):
            here = "1 device" if len(devices) == 1 else f"{len(devices)} devices"
            most = "1" if len(devices) == 1 else f"1 to {len(devices)}"
            raise InputError(f"devices={count}, but JAX has {here} of platform {kind}: use {most}, or all")
        if jax.process_count() > 1 and count < len(devices):
            raise InputError(f"devices={count}, but several processes have {len(devices)} together: use all")
        devices = devices[:count]
    return Mesh(np.array(devices), ("rows",))


def check_mesh(mesh: Mesh | None) -> None:
    """Check that a mesh has devices of this process alone, or of all processes.

    Raises:
        ValueError: it has devices of some of several processes.
    """
    if mesh is not None and not isinstance(mesh, Mesh):
        raise InputTypeError(f"mesh={mesh!r} must be a Mesh, such as device_mesh()")
    if mesh is None or jax.process_count() == 1:
        return
    owners = {device.process_index for device in mesh.devices.flat}
    if owners != {jax.process_index()} and len(owners) != jax.process_count():
        raise InputError(
            f"the mesh has devices of {len(owners)} of {jax.process_count()} processes: it must have those of all, as "
            "device_mesh() does, or of this process alone"
        )


def several_processes(mesh: Mesh | None) -> bool:
    """Return whether a mesh has devices of several processes."""
    return mesh is not None and len({device.process_index for device in mesh.devices.flat}) > 1


def own_devices(mesh: Mesh | None) -> list[Any]:
    """Return the devices of a mesh that belong to this process; [None] if there is only one, or none."""
    own = [] if mesh is None else [d for d in mesh.devices.flat if d.process_index == jax.process_index()]
    return own if len(own) > 1 else [None]
