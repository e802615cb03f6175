"""Seeded inputs behind values.json: `cases()` maps a case's name to two float64 arrays X [n, dx] and Y [n, dy].

inputs.npz holds the arrays that the values belong to; made anew they agree with them to 1e-12, not to the bit, since
matrix products differ in their last bits between processors. Run as a script to write it.
"""

from pathlib import Path

import numpy as np


def shared_latent(seed, n, dx, dy, latent, noise):
    """Two noisy tanh views, [n, dx] and [n, dy], of one Gaussian latent of dimension `latent`."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, latent))
    x = np.tanh(z @ rng.standard_normal((latent, dx))) + noise * rng.standard_normal((n, dx))
    y = np.tanh(z @ rng.standard_normal((latent, dy))) + noise * rng.standard_normal((n, dy))
    return x, y


def swiss_roll():
    """A 2-d sheet rolled up in 20-d, and the same sheet laid flat in 10-d; 500 points."""
    rng = np.random.default_rng(5)
    t = 1.5 * np.pi * (1 + 2 * rng.random(500))
    h = 21 * rng.random(500)
    roll = np.stack([t * np.cos(t), h, t * np.sin(t)], 1)
    basis, _ = np.linalg.qr(rng.standard_normal((20, 3)))
    return roll @ basis.T, np.stack([t, h], 1) @ rng.standard_normal((2, 10))


def cases():
    null = np.random.default_rng(2)
    dup_x, dup_y = shared_latent(6, 100, 10, 10, 4, 0.2)
    dup_x[90:], dup_y[95:] = dup_x[:10], dup_y[5:10]
    return {
        "shared64": shared_latent(0, 64, 8, 12, 3, 0.1),
        "null300": (null.standard_normal((300, 24)), null.standard_normal((300, 24))),
        "wide40": shared_latent(4, 40, 96, 128, 4, 0.2),
        "swiss500": swiss_roll(),
        "dups100": (dup_x, dup_y),
    }


if __name__ == "__main__":
    arrays = {f"{name}_{side}": array for name, pair in cases().items() for side, array in zip("XY", pair, strict=True)}
    np.savez_compressed(Path(__file__).with_name("inputs.npz"), **arrays)
