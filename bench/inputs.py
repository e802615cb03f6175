"""Seeded inputs: every model is a noisy non-linear view of a shared latent and a private latent."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SHARED, PRIVATE, NOISE, OFFSET = 8, 4, 0.2, 0.3
FAR = 200.0


def models(n: int, widths: tuple[int, ...], *, seed: int = 0, far: bool = False) -> list[np.ndarray]:
    """Draw a float32 matrix [n, d] for each width d.

    Columns have a small mean, as in embeddings; with ``far`` all rows are 200 standard deviations from the origin.
    """
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, SHARED))
    arrays = []
    for width in widths:
        latent = np.concatenate([shared, rng.standard_normal((n, PRIVATE))], 1)
        view = np.tanh(latent @ rng.standard_normal((SHARED + PRIVATE, width)) / 2)
        view += NOISE * rng.standard_normal((n, width)) + OFFSET * rng.standard_normal(width)
        if far:
            view += FAR * view.std()
        arrays.append(view.astype(np.float32))
    return arrays


def write(folder: Path, n: int, widths: tuple[int, ...], *, far: bool = False) -> list[str]:
    """Write the inputs if they do not exist, so that every process reads the same bytes; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"n{n}{'far' if far else ''}d{'-'.join(map(str, widths))}"
    paths = [folder / f"{stem}_{i}.npy" for i in range(len(widths))]
    if not all(path.exists() for path in paths):
        for path, array in zip(paths, models(n, widths, far=far), strict=True):
            np.save(path, array)
    return [str(path) for path in paths]
