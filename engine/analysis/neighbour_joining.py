"""Neighbour joining, and what is done with the unrooted tree that it gives: splits, support, root, Newick."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

# Characters with a meaning in Newick, and the underscore, which readers replace by a space in labels without quotes.
_SPECIAL = re.compile(r"[\s_:;,()\[\]'\"{}]")


@dataclass(frozen=True)
class Branches:
    """A tree as the branches above its nodes. The tips are the nodes 0 to ``tips`` - 1.

    Args:
        parent: of each node, -1 for the root.
        length: of the branch above each node, 0 for the root.
        support: of that branch, in per cent; NaN for tips, the root, and where there is none.
        tips: their number.
    """

    parent: tuple[int, ...]
    length: tuple[float, ...]
    support: tuple[float, ...]
    tips: int

    @property
    def root(self) -> int:
        """The node without a parent."""
        return self.parent.index(-1)

    def children(self) -> list[list[int]]:
        """Return the children of each node, in the order of their numbers."""
        below: list[list[int]] = [[] for _ in self.parent]
        for node, parent in enumerate(self.parent):
            if parent >= 0:
                below[parent].append(node)
        return below

    def preorder(self) -> list[int]:
        """Return all nodes, each after its parent, the whole tree below a child before the next child."""
        below, order, left = self.children(), [], [self.root]
        while left:
            order.append(left.pop())
            left += reversed(below[order[-1]])
        return order

    def splits(self) -> dict[int, int]:
        """Return inner branch -> the node below it. A branch is the set of tips on its side without tip 0, as bits."""
        members = [1 << node if node < self.tips else 0 for node in range(len(self.parent))]
        for node in reversed(self.preorder()[1:]):
            members[self.parent[node]] |= members[node]
        whole = (1 << self.tips) - 1
        sides = {whole & ~side if side & 1 else side: node for node, side in enumerate(members)}
        # Both parts of the branch of a tip, where the root divides it, are of that tip only.
        return {side: node for side, node in sides.items() if 2 <= side.bit_count() <= self.tips - 2}

    def newick(self, labels: Sequence[str]) -> str:
        """Write the tree in Newick, lengths to six digits, the support of a branch as label of the node below it."""
        below = self.children()

        def text(node: int) -> str:
            label = f"{self.support[node]:.0f}" if self.support[node] >= 0 else ""
            label = quoted(labels[node]) if node < self.tips else f"({','.join(map(text, below[node]))}){label}"
            return f"{label}:{self.length[node]:.6g}" if self.parent[node] >= 0 else label

        return text(self.root) + ";"

    def rooted_midway(self) -> Branches:
        """Place the root midway between the two tips that are farthest apart, if any two are apart."""
        depth = np.zeros(len(self.parent))
        for node in self.preorder()[1:]:
            depth[node] = depth[self.parent[node]] + self.length[node]
        lines = [self._ancestors(tip) for tip in range(self.tips)]
        above, apart = [set(line) for line in lines], np.zeros((self.tips, self.tips))
        for a, b in zip(*np.triu_indices(self.tips, 1), strict=True):
            meeting = next(node for node in lines[a] if node in above[b])
            apart[a, b] = depth[a] + depth[b] - 2 * depth[meeting]
        half = apart.max() / 2
        if half <= 0:
            return self
        # The midpoint is above the deeper of the two tips.
        node = max(divmod(int(apart.argmax()), self.tips), key=lambda tip: float(depth[tip]))
        while self.length[node] <= half and self.parent[self.parent[node]] >= 0:
            half -= self.length[node]
            node = self.parent[node]
        return self._with_root_above(node, min(half, self.length[node]))

    def _ancestors(self, node: int) -> list[int]:
        line = [node]
        while self.parent[line[-1]] >= 0:
            line.append(self.parent[line[-1]])
        return line

    def _with_root_above(self, node: int, distance: float) -> Branches:
        """Insert a root on the branch above a node; at its upper end, the node there becomes the root."""
        line = self._ancestors(node)[1:]
        parent, length, support = list(self.parent), list(self.length), list(self.support)
        # Branches from the new to the old root are reversed; each keeps its length and its support.
        for upper, lower in zip(line[1:][::-1], line[:-1][::-1], strict=True):
            parent[upper], length[upper], support[upper] = lower, self.length[lower], self.support[lower]
        rest = self.length[node] - distance
        if rest <= 1e-12 * self.length[node]:
            parent[line[0]], length[line[0]], support[line[0]] = -1, 0.0, np.nan
        else:
            root = len(parent)
            parent[node], length[node] = root, distance
            parent[line[0]], length[line[0]], support[line[0]] = root, rest, self.support[node]
            parent, length, support = [*parent, -1], [*length, 0.0], [*support, np.nan]
        return Branches(tuple(parent), tuple(length), tuple(support), self.tips)

    def with_support(self, support: dict[int, float]) -> Branches:
        """Return the tree with the support of inner branches, in per cent, as `splits` names them."""
        values = [np.nan] * len(self.parent)
        for split, node in self.splits().items():
            values[node] = support[split]
        return replace(self, support=tuple(values))


def quoted(label: str) -> str:
    """Return a label as Newick needs it: in quotes if it has characters with a meaning."""
    return "'" + label.replace("'", "''") + "'" if not label or _SPECIAL.search(label) else label


def neighbour_joining(distances: np.ndarray) -> Branches:
    """Join the tips of a tree whose branch lengths add up to distances, as well as a tree can.

    Args:
        distances: [m, m], symmetric, m >= 3.

    Returns:
        The unrooted tree, with a root of three branches. Negative lengths are set to 0.

    Cost O(m^3).
    Source: Saitou & Nei (1987), Mol. Biol. Evol. 4, 406; Studier & Keppler (1988), Mol. Biol. Evol. 5, 729.
    """
    m = len(distances)
    table, nodes = np.array(distances, np.float64), list(range(m))
    parent, length = [-1] * (2 * m - 2), [0.0] * (2 * m - 2)
    for joined in range(m, 2 * m - 3):
        n, total = len(nodes), table.sum(0)
        score = (n - 2) * table - total[:, None] - total
        np.fill_diagonal(score, np.inf)
        a, b = sorted(divmod(int(score.argmin()), n))
        above = table[a, b] / 2 + (total[a] - total[b]) / (2 * (n - 2))
        for at, value in ((a, above), (b, table[a, b] - above)):
            parent[nodes[at]], length[nodes[at]] = joined, max(float(value), 0.0)
        row = (table[a] + table[b] - table[a, b]) / 2
        row[a] = 0
        table[a], table[:, a] = row, row
        kept = np.arange(n) != b
        table, nodes[a] = table[kept][:, kept], joined
        del nodes[b]
    for at, (b, c) in enumerate(((1, 2), (0, 2), (0, 1))):
        parent[nodes[at]] = 2 * m - 3
        length[nodes[at]] = max(float(table[at, b] + table[at, c] - table[b, c]) / 2, 0.0)
    return Branches(tuple(parent), tuple(length), (np.nan,) * (2 * m - 2), m)
