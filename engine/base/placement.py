"""Where arrays are on the devices of a mesh: the same on all of them, or a share of the rows on each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .mesh import several_processes
from .rows import pad_width

# Name of the one axis of a mesh, along which rows or other work are divided.
AXIS = "rows"


def mesh_of(points: Any) -> Mesh:
    """Return the mesh of the device or devices on which an array is; of the default device for a NumPy array."""
    devices = points.devices() if isinstance(points, jax.Array) else jax.local_devices()[:1]
    return Mesh(sorted(devices, key=lambda device: device.id), (AXIS,))


def own_mesh(mesh: Mesh | None, points: Any) -> Mesh:
    """Return the devices of a mesh that belong to this process, as a mesh; without one, that of an array."""
    if mesh is None:
        return mesh_of(points)
    return Mesh([d for d in mesh.devices.flat if d.process_index == jax.process_index()], (AXIS,))


def width_classes(widths: Sequence[int]) -> tuple[list[int], list[tuple[int, list[int]]]]:
    """Group models of so many columns by the width to which they are padded.

    Returns:
        The models in the order of their widths; and for each width its models, as positions in that order.
    """
    by_width = defaultdict(list)
    for model, width in enumerate(widths):
        by_width[pad_width(width)].append(model)
    order = [model for width in sorted(by_width) for model in by_width[width]]
    position = {model: at for at, model in enumerate(order)}
    return order, [(width, [position[model] for model in by_width[width]]) for width in sorted(by_width)]


def shared_out(arrays: Sequence[Any], width: int, rows: int, mesh: Mesh) -> jax.Array:
    """Place models of one width on the devices, so many rows on each: [g, rows of all, width], padded with zeros."""
    total, sharding = rows * mesh.size, NamedSharding(mesh, PartitionSpec(None, AXIS))
    if all(isinstance(x, jax.Array) for x in arrays) and not several_processes(mesh):
        padded = [jnp.pad(x, ((0, total - len(x)), (0, width - x.shape[1]))) for x in arrays]
        return jax.device_put(jnp.stack(padded), sharding)
    on_host = [np.asarray(x) for x in arrays]

    def part(index: Any) -> np.ndarray:
        first, last, _ = index[1].indices(total)
        found = np.zeros((len(on_host), last - first, width), on_host[0].dtype)
        for model, array in enumerate(on_host):
            own = array[first:last]
            found[model, : len(own), : own.shape[1]] = own
        return found

    return jax.make_array_from_callback((len(arrays), total, width), sharding, part)


def copied(value: Any, mesh: Mesh) -> jax.Array:
    """Place the same value on every device."""
    sharding = NamedSharding(mesh, PartitionSpec())
    if isinstance(value, jax.Array) and not several_processes(mesh):
        return jax.device_put(value, sharding)
    array = np.asarray(value)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
