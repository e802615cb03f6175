"""The bandwidth of the RBF kernel of each model: the median of its non-zero distances."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from ..base import Threads, multiply_each, of_all, own_devices, own_share, release_memory, several_processes
from ..gram import Prepared, fits_one_block, median_of_prepared


def bandwidths(
    representations: Sequence[Prepared], *, numpy: bool, mesh: Mesh | None, report: Callable[[int, int], None]
) -> np.ndarray:
    """Compute the bandwidth of each model, [m].

    Args:
        representations: m, of the same n samples.
        numpy: whether NumPy computes them, in its threads.
        mesh: devices that compute those of different models; its processes divide the models among them.
        report: called with (models done, m).
    """
    m, shared = len(representations), several_processes(mesh)
    own, devices = own_share(representations) if shared else representations, own_devices(mesh)
    found: list[Any] = []

    def median_on(one: Prepared, device: Any) -> Any:
        whole = device is None or isinstance(one.rows, np.ndarray)
        return median_of_prepared(one if whole else jax.device_put(one, device))

    if numpy:
        widths, small = [one.rows.shape[1] for one in own], fits_one_block(len(own[0].rows))
        found = multiply_each(median_of_prepared, own, widths, beside=small, done=lambda done: report(done, m))
        release_memory()
    else:
        with Threads() as pool:
            for sigma in pool.map(median_on, own, itertools.cycle(devices)):
                found.append(sigma)
                report(len(found), m)
    values = np.array([np.asarray(sigma) for sigma in found])
    if not shared:
        return values
    every = np.zeros(m, values.dtype)
    every[own_share(range(m))] = values
    return of_all(every).sum(0, dtype=every.dtype)
