"""Shared neighbours under permutations along cycles, by Fourier transforms."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.permutation.draw import draw
from hyle.engine.permutation.overlaps import shifted_overlaps


@pytest.mark.parametrize(("n", "k", "count"), [(40, 5, 30), (41, 40, 130), (30, 1, 100), (301, 25, 700)])
def test_counts_are_those_of_each_permutation(n: int, k: int, count: int) -> None:
    rng = np.random.default_rng(n)
    tables = np.stack([[np.delete(rng.permutation(n), 0)[:k] for _ in range(n)] for _ in range(3)])
    for row in range(n):  # no row is its own neighbour
        tables[:, row][tables[:, row] == row] = (row + 1) % n if k == 1 else -1
    sets = [[set(row.tolist()) - {-1, index} for index, row in enumerate(table)] for table in tables]
    filled = np.stack([[np.resize(sorted(s), k) for s in table] for table in sets])
    permutations = draw(n, count)
    assert permutations.cycles
    steps: list[tuple[int, int]] = []
    found = shifted_overlaps(filled.swapaxes(1, 2), permutations, lambda *step: steps.append(step))
    assert found.shape == (len(permutations), 3, 3)
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    for p in rng.permutation(len(permutations))[:5]:
        order = permutations.orders[p]
        inverse = np.argsort(order)
        for a in range(3):
            for b in range(a, 3):
                # Row order[i] of b becomes row i, and so do its neighbours.
                expected = sum(len(sets[a][i] & {int(inverse[j]) for j in sets[b][order[i]]}) for i in range(n))
                assert found[p, a, b] == found[p, b, a] == expected
