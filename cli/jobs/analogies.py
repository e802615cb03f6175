"""Quadruples A, B, C, D of samples in which D differs from C as A differs from B."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

# Formulas whose pairs are all compared; of more, so many are drawn.
MOST_FORMULAS = 1500
# Draws of a quadruple for each one that is wanted.
ATTEMPTS = 20
_NOBLE = (2, 10, 18, 36, 54, 86, 118)
_FORMULA = re.compile(r"([A-Z][a-z]?)(\d+)")


def element_counts(formulas: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the elements of formulas such as ``C2H6O1``, and the number of atoms of each, int64 [n, e]."""
    parsed = [{element: int(count) for element, count in _FORMULA.findall(each)} for each in formulas]
    elements = sorted({element for each in parsed for element in each})
    return elements, np.array([[each.get(element, 0) for element in elements] for each in parsed], np.int64)


def formula_quadruples(counts: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Draw quadruples of rows with D = A - B + C in every element: int64 [q, 4], q at most `limit`.

    Differences are equally likely, and then the pairs of formulas that have them, so that the commonest difference is
    not all there is.

    Args:
        counts: int [n, e], distinct rows.
        limit: number of quadruples.
        seed: of the draws.
    """
    generator = np.random.default_rng([seed, len(counts)])
    used = np.arange(len(counts))
    if len(used) < 4:
        return np.zeros((0, 4), np.int64)
    if len(used) > MOST_FORMULAS:
        used = np.sort(generator.choice(used, MOST_FORMULAS, replace=False))
    # Random weights tell differences apart; those that collide are sorted out by the counts.
    weights = np.random.default_rng(0).integers(1 << 40, size=counts.shape[1])
    keys = counts[used] @ weights
    difference = (keys[:, None] - keys[None]).ravel()
    order = np.argsort(difference, kind="stable")
    starts = np.flatnonzero(np.diff(difference[order], prepend=difference[order[0]] - 1))
    sizes = np.diff(np.append(starts, len(order)))
    several = np.flatnonzero((sizes > 1) & (difference[order[starts]] != 0))
    found: dict[tuple[int, ...], None] = {}
    for _ in range(ATTEMPTS * limit if len(several) else 0):
        group = several[generator.integers(len(several))]
        first, second = order[starts[group] + generator.choice(sizes[group], 2, replace=False)]
        a, b, d, c = (int(used[i]) for i in (*divmod(first, len(used)), *divmod(second, len(used))))
        if len({a, b, c, d}) == 4 and (counts[a] - counts[b] + counts[c] == counts[d]).all():
            found[a, b, c, d] = None
        if len(found) == limit:
            break
    return np.array(list(found), np.int64).reshape(-1, 4)


def substituent_quadruples(parts: Mapping[str, set[tuple[str, str]]], limit: int, seed: int) -> list[tuple[str, ...]]:
    """Draw quadruples of ids in which the same two substituents are exchanged at two cores; at most `limit`.

    A and D have the first substituent, B and C the second; A and B have one core, D and C the other. Pairs of
    substituents are equally likely, and then pairs of cores.

    Args:
        parts: id -> pairs of core and substituent, as `hyle.zoo.substituents` returns them.
        limit: number of quadruples.
        seed: of the draws.
    """
    by_core: dict[str, dict[str, str]] = defaultdict(dict)
    for id_ in sorted(parts):
        for core, substituent in sorted(parts[id_]):
            by_core[core].setdefault(substituent, id_)
    exchanges: dict[tuple[str, str], list[str]] = defaultdict(list)
    for core, known in sorted(by_core.items()):
        for pair in combinations(sorted(known), 2):
            exchanges[pair].append(core)
    several = [(pair, cores) for pair, cores in sorted(exchanges.items()) if len(cores) > 1]
    generator = np.random.default_rng([seed, len(parts)])
    found: dict[tuple[str, ...], None] = {}
    for _ in range(ATTEMPTS * limit if several else 0):
        pair, cores = several[generator.integers(len(several))]
        x, y = (cores[i] for i in generator.choice(len(cores), 2, replace=False))
        p, q = pair if generator.integers(2) else pair[::-1]
        four = (by_core[x][p], by_core[x][q], by_core[y][q], by_core[y][p])
        if len(set(four)) == 4:
            found[four] = None
        if len(found) == limit:
            break
    return list(found)


def element_quadruples(numbers: Sequence[int]) -> np.ndarray:
    """Return the rectangles of the periodic table: A and D in one period, B and C in another, A and B in one group.

    Args:
        numbers: n atomic numbers.

    Returns:
        int64 [q, 4], positions in `numbers`. Lanthanides and actinides, which have no group, are in none. Each
            rectangle is there once: its corners are equally well predicted by the others, up to sign.
    """
    at = {place: i for i, number in enumerate(numbers) if (place := _place(number))}
    periods, groups = sorted({p for p, _ in at}), sorted({g for _, g in at})
    found = [
        [at[p, g], at[q, g], at[q, h], at[p, h]]
        for p, q in combinations(periods, 2)
        for g, h in combinations(groups, 2)
        if {(p, g), (q, g), (q, h), (p, h)} <= at.keys()
    ]
    return np.array(found, np.int64).reshape(-1, 4)


def _place(number: int) -> tuple[int, int] | None:
    """Return period and group of an element; None for those of the f block."""
    period = next(i for i, last in enumerate(_NOBLE) if number <= last)
    first = _NOBLE[period - 1] if period else 0
    position, length = number - first, _NOBLE[period] - first
    if position <= 2 and number != 2:
        return period + 1, position
    if length == 32 and position <= 16:
        return None
    return period + 1, 18 - (length - position)
