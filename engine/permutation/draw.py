"""Random permutations of the samples, from which null distributions of scores are estimated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, Threads, of_all, own_share

# Number of permutations per call of a compiled function.
AT_ONCE = 8
# Up to this number of samples, drawn orders are compared with each other: of more samples, no two are ever equal.
MAX_CHECKED = 20
# Permutations are drawn one by one where this many times (K + 1)^2 exceeds n!, so that cycles would often coincide.
RARE = 16


@dataclass(frozen=True)
class Cycle:
    """Permutations that shift the samples of one representation against those of another along a cycle.

    Args:
        first: int32 [n], the samples of the first representation in the order of the cycle.
        second: int32 [n], those of the second.
        shifts: int32 [c], distinct; row ``first[t]`` is compared with row ``second[t + shifts[p]]``, modulo n.
    """

    first: np.ndarray
    second: np.ndarray
    shifts: np.ndarray

    @property
    def orders(self) -> np.ndarray:
        """The permutations, int32 [c, n], as in `Permutations`."""
        n = len(self.first)
        orders = np.empty((len(self.shifts), n), np.int32)
        orders[:, self.first] = self.second[(np.arange(n) + self.shifts[:, None]) % n]
        return orders


@dataclass(frozen=True)
class Permutations:
    """K ways to pair the rows of one representation with those of another.

    Args:
        orders: int32 [K, n]; row ``orders[p, i]`` of the second representation is compared with row i of the first.
        cycles: the same permutations, in the same order, as shifts along cycles; all cycles have the same ``first``.
            Empty if the permutations are not shifts.
    """

    orders: np.ndarray
    cycles: tuple[Cycle, ...] = ()

    def __len__(self) -> int:
        return len(self.orders)

    @property
    def inverses(self) -> np.ndarray:
        """The inverse permutations, int32 [K, n]: ``inverses[p, orders[p, i]] == i``."""
        return np.argsort(self.orders, axis=1).astype(np.int32)

    def map(
        self,
        function: Callable[[Any], Any] | Sequence[Callable[[Any], Any]],
        progress: Callable[[int, int], None] | None = None,
        *,
        shared: bool = False,
    ) -> np.ndarray:
        """Apply a function to all permutations, in threads.

        Args:
            function: of orders [c, n], c <= `AT_ONCE`; returns an array [c, ...]. Or such functions that compute the
                same on different devices, in turn.
            progress: called with (permutations done, total).
            shared: whether several processes divide the permutations among them; all call this and have the result.

        Returns:
            [K, ...] in float64.
        """
        functions, count = [function] if callable(function) else function, len(self)
        size = min(AT_ONCE, -(-count // jax.process_count()) if shared else count)
        starts = list(range(0, count, size))
        own = own_share(starts) if shared else starts
        # A process without permutations computes some to know the shape.
        computed = own or starts[:1]
        values: np.ndarray | None = None
        with Threads() as pool:

            def of_chunk(start: int, function: Callable[[Any], Any]) -> np.ndarray:
                # The last chunk is padded to full size, so that nothing is compiled for it.
                rows = np.minimum(np.arange(start, start + size), count - 1)
                return np.asarray(function(jnp.asarray(self.orders[rows])), np.float64)[: count - start]

            chunks = pool.map(of_chunk, computed, itertools.cycle(functions))
            for done, (start, chunk) in enumerate(zip(computed, chunks, strict=True), 1):
                values = np.zeros((count, *chunk.shape[1:])) if values is None else values
                if own:
                    values[start : start + size] = chunk
                if progress is not None:
                    progress(min(count, -(-count * done // len(computed))), count)
        assert values is not None
        return of_all(values).sum(0) if shared else values


def draw(n: int, count: int, *, groups: Sequence[Any] | None = None, seed: int = 0) -> Permutations:
    """Draw distinct permutations of n samples, none of which is the identity.

    Without groups, the permutations are shifts along random cycles through all samples, since kernel scores under all
    shifts along a cycle follow from Fourier transforms. Up to n - 1 are shifts along one cycle: with the identity, all
    shifts form a group, which is all that a permutation test requires (Hemerik & Goeman 2018, TEST 27, 811,
    theorem 2). More permutations need more cycles. On each further one, the samples of the second representation are in
    another random order, and all n shifts are drawn: a coset of the cyclic group by a uniformly random permutation.

    The p-value (1 + permutations at least as aligned) / (1 + K) stays valid with any number of cycles. If the samples
    are exchangeable, the order in which the data came is one more uniformly random permutation, so that the coset that
    contains the identity is distributed as the others, and the identity as any member of it. The last coset is a random
    subset if K + 1 is not a multiple of n. The identity is in a coset with a probability in proportion to its size.
    Hence it is exchangeable with the K permutations, and its rank is uniform (the exchangeability argument of Besag &
    Clifford 1989, Biometrika 76, 633; with random cosets: Hemerik & Goeman 2018, section 3).

    Where cosets would overlap, for few samples, permutations are drawn one by one without replacement, which the same
    theorem covers. If no more than ``count`` exist, all are returned, and p is that of the full permutation test.

    Args:
        n: number of samples, at least 2.
        count: number of permutations. Fewer are returned if fewer exist: there are n! - 1 without groups, and one less
            than the product of the factorials of the sizes with groups.
        groups: n labels; samples are permuted within groups of equal labels.
        seed: of the random generator.

    Raises:
        ValueError: ``count`` is less than 1, or every group contains one sample only.
    """
    if count < 1:
        raise InputError(f"permutations={count}: at least 1 is required; 200 is usual")
    generator = np.random.default_rng([seed, n])
    if groups is not None:
        _, labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)
        members = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
        movable = [rows for rows in members if len(rows) > 1]
        if not movable:
            raise InputError(
                f"each of the {n} samples is in a separate group: no samples can be permuted within groups"
            )
        return Permutations(distinct_orders(n, count, movable, generator))
    if count >= n and (n <= 2 or math.lgamma(n + 1) < math.log(RARE) + 2 * math.log(count + 1)):
        return Permutations(distinct_orders(n, count, [np.arange(n)], generator))
    while True:
        cycles = _cycles(n, count, generator)
        orders = np.concatenate([cycle.orders for cycle in cycles])
        if n > MAX_CHECKED or len(np.unique([np.arange(n), *orders], axis=0)) == count + 1:
            return Permutations(orders, tuple(cycles))


def _cycles(n: int, count: int, generator: np.random.Generator) -> list[Cycle]:
    """Draw cycles with ``count`` shifts in all, of which those along the first do not include the identity."""
    first = generator.permutation(n).astype(np.int32)
    if count < n:
        return [Cycle(first, first, 1 + generator.permutation(n - 1)[:count].astype(np.int32))]
    rest = (count + 1) % n
    sizes = np.array([n] * ((count + 1) // n) + [rest] * (rest > 0))
    own = generator.choice(len(sizes), p=sizes / (count + 1))  # the coset of the identity
    cycles = [Cycle(first, first, 1 + generator.permutation(n - 1)[: sizes[own] - 1].astype(np.int32))]
    cycles += [
        Cycle(first, generator.permutation(n).astype(np.int32), generator.permutation(n)[:size].astype(np.int32))
        for size in np.delete(sizes, own)
    ]
    return [cycle for cycle in cycles if len(cycle.shifts)]


def distinct_orders(n: int, count: int, blocks: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """Draw permutations without replacement, none of which is the identity; return all if there are no more.

    Without replacement, since otherwise p could be 1 / (count + 1) where fewer than count + 1 permutations exist.

    Args:
        n: number of samples.
        count: number of permutations.
        blocks: int [c] each, rows that change places with each other.
        generator: random generator.

    Returns:
        int32 [count, n], or fewer if fewer exist.
    """
    identity = np.arange(n, dtype=np.int32)
    if sum(math.lgamma(len(rows) + 1) for rows in blocks) < math.log(count + 1.5):
        return np.stack([order for order in _all(identity, blocks) if (order != identity).any()])
    orders: dict[bytes, np.ndarray] = {identity.tobytes(): identity}
    while len(orders) <= count:
        order = identity.copy()
        for rows in blocks:
            order[rows] = generator.permutation(rows)
        orders.setdefault(order.tobytes(), order)
    return np.stack(list(orders.values())[1:])


def _all(identity: np.ndarray, blocks: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    for images in itertools.product(*(itertools.permutations(range(len(rows))) for rows in blocks)):
        order = identity.copy()
        for rows, image in zip(blocks, images, strict=True):
            order[rows] = rows[list(image)]
        yield order
