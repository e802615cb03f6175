"""Random exchanges of whole groups of samples of similar size, for tests whose unit is the group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Fewest groups that exchange places; sizes with fewer are joined with the next smaller ones.
MIN_CLASS = 5
# Numbers of samples in a block of permutations: 64 MB of indices.
BLOCK = 8_000_000


def exchanges(codes: np.ndarray, count: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield random permutations in which each group takes the place of another one of similar size.

    Sizes that differ by less than a factor of two form a class (1, 2 to 3, 4 to 7, ...), in which groups are exchanged.
    A class of fewer than `MIN_CLASS` groups is joined with the next smaller one. The members of a group keep their
    order on a circle, which starts at a random member: what neighbours in it have in common stays. A group that takes
    the place of a larger one is repeated, and only a part of it takes the place of a smaller one. For groups of one
    sample these are permutations of the samples.

    Under the hypothesis that groups of one class are exchangeable and the start of a group is arbitrary, p-values are
    exact for groups of equal size and approximate otherwise.

    Args:
        codes: [n], group of each sample as an index from 0.
        count: number of permutations.
        generator: random generator.

    Yields:
        int [c, n]: sample ``orders[p, i]`` takes the place of sample i. Cost O(count n).

    Source: whole-block exchangeability, Winkler et al. (2015), NeuroImage 123, 253; shifts on a circle as on
        a torus, Lotwick & Silverman (1982), J. R. Stat. Soc. B 44, 406.
    """
    n = len(codes)
    places = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    at_once = max(1, BLOCK // max(n, 1))
    classes = size_classes(sizes)
    for done in range(0, count, at_once):
        block = min(at_once, count - done)
        orders = np.empty((block, n), np.int64)
        for members in classes:
            own = sizes[members]
            owner = np.repeat(np.arange(len(members)), own)
            number = np.arange(len(owner)) - np.repeat(np.cumsum(own) - own, own)
            source = generator.permuted(np.tile(np.arange(len(members)), (block, 1)), axis=1)
            first = (generator.random(source.shape) * own[source]).astype(np.int64)
            chosen = members[source[:, owner]]
            step = (first[:, owner] + number) % sizes[chosen]
            orders[:, places[starts[members][owner] + number]] = places[starts[chosen] + step]
        yield orders


def size_classes(sizes: np.ndarray) -> list[np.ndarray]:
    """Return the groups of each class of similar sizes; `exchanges` says which."""
    octave = np.log2(np.maximum(sizes, 1)).astype(int)
    octave[sizes == 0] = -1
    classes = [np.flatnonzero(octave == level) for level in range(octave.max(initial=0), -1, -1)]
    joined: list[np.ndarray] = []
    rest = np.empty(0, np.int64)
    for members in classes:
        rest = np.concatenate([rest, members])
        if len(rest) >= MIN_CLASS:
            joined.append(rest)
            rest = np.empty(0, np.int64)
    if len(rest):  # the smallest groups are fewer, so that they are joined with the next larger ones
        last = joined.pop() if joined else np.empty(0, np.int64)
        joined.append(np.concatenate([last, rest]))
    return joined
