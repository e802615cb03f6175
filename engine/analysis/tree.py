"""A tree of models, by the similarity of their alignments with all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from ..base import InputError
from ._matrix import alignment_of
from .neighbour_joining import Branches, neighbour_joining


class Node(NamedTuple):
    """Position of a node in the drawing of a tree.

    Args:
        name: of the model; empty for an inner node.
        parent: index of the parent node, -1 for the root.
        depth: distance from the root.
        place: 0 to m - 1 for models; for an inner node the mean of its children.
        support: of the branch above it, in per cent; NaN for a model, the root, and where there is no support.
    """

    name: str
    parent: int
    depth: float
    place: float
    support: float


@dataclass(frozen=True)
class Tree:
    """An unrooted tree.

    Args:
        branches: of the tree, with their support in per cent after resampling.
        distances: [m, m], between the profiles of the models.
        models: m names.
    """

    branches: Branches
    distances: np.ndarray
    models: tuple[str, ...]

    @property
    def newick(self) -> str:
        """The tree in Newick. White space in names, such as tabs, is replaced by spaces."""
        return self.branches.newick([" ".join(name.split()) for name in self.models])

    def layout(self) -> list[Node]:
        """Compute the layout with the root midway between the two most distant models, every node after its parent."""
        rooted = self.branches.rooted_midway()
        order, below = rooted.preorder(), rooted.children()
        index = {node: at for at, node in enumerate(order)}
        place = {tip: float(at) for at, tip in enumerate(node for node in order if node < rooted.tips)}
        for node in reversed(order):
            if node not in place:
                place[node] = float(np.mean([place[child] for child in below[node]]))
        result: list[Node] = []
        for node in order:
            parent = index.get(rooted.parent[node], -1)
            depth = result[parent].depth + rooted.length[node] if parent >= 0 else 0.0
            name = self.models[node] if node < rooted.tips else ""
            result.append(Node(name, parent, depth, place[node], rooted.support[node]))
        return result

    def drawn(self, width: int = 78) -> str:
        """Draw the layout with ASCII characters, two lines for each model, with the support of branches."""
        nodes = self.layout()
        names = [" ".join(node.name.split()) for node in nodes]
        room = max(width - max(map(len, names)) - 2, 12)
        deepest = max(node.depth for node in nodes) or 1.0
        column: list[int] = []
        for node in nodes:  # a branch has at least one character
            column.append(max(round(node.depth / deepest * (room - 1)), column[node.parent] + 1 if column else 0))
        canvas = [[" "] * (max(column) + 1) for _ in range(2 * len(self.models) - 1)]
        line = [round(2 * node.place) for node in nodes]
        for at, node in enumerate(nodes):
            if node.parent < 0:
                continue
            start, end = column[node.parent], column[at]
            canvas[line[at]][start + 1 : end + 1] = "-" * (end - start)
            low, high = sorted((line[at], line[node.parent]))
            for row in range(low, high + 1):
                canvas[row][start] = (
                    "+" if row == line[at] else "|" if canvas[row][start] == " " else canvas[row][start]
                )
            support = f"{node.support:.0f}" if node.support >= 0 else ""
            if len(support) < end - start - 1:
                canvas[line[at]][end - len(support) : end] = support
        text = ["".join(row) for row in canvas]
        for at, name in enumerate(names):
            if name:
                text[line[at]] = text[line[at]].rstrip() + f" {name}"
        return "\n".join(row.rstrip() for row in text)


def tree(comparison: xr.Dataset, metric: str = "cknna", /, *, resamples: int = 100, seed: int = 0) -> Tree:
    """Build a tree by neighbour joining of the distances between the models' profiles.

    The profile of a model is its alignment with all models, itself included, with values below 0 set to 0, divided by
    its sum. The distance between two profiles is the square root of their Jensen-Shannon divergence, base 2. The
    support of a branch is the share of bootstrap trees that contain it, where the models over which profiles are taken
    are drawn with replacement.

    Args:
        comparison: result of `hyle.engine.compare` for at least three models.
        metric: name of a pair metric in it.
        resamples: number of bootstrap trees; 0 for no support.
        seed: of the resampling.

    Raises:
        ValueError: fewer than three models, a pair without a score, or no such metric.

    Source: Edamadaka et al. (2025), arXiv 2512.03750, A.1.3; Saitou & Nei (1987), Mol. Biol. Evol. 4, 406;
    Felsenstein (1985), Evolution 39, 783.
    """
    names = [str(name) for name in comparison["model"].values]
    values = alignment_of(comparison, metric)
    if len(names) < 3:
        raise InputError(f"a tree needs at least three models; got {len(names)}")
    if not np.isfinite(values).all():
        undefined = [name for name, row in zip(names, values, strict=True) if not np.isfinite(row).any()]
        excess = ", ".join(undefined) or "models without it"
        raise InputError(f"{metric} is not defined for all pairs: leave out {excess}")
    values = np.clip(values, 0, None)
    distances = profile_distances(values)
    branches = neighbour_joining(distances)
    counts = dict.fromkeys(branches.splits(), 0)
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        columns = generator.integers(0, len(names), len(names))
        resampled = neighbour_joining(profile_distances(values[:, columns])).splits()
        for split in counts:
            counts[split] += split in resampled
    if resamples:
        branches = branches.with_support({split: 100 * count / resamples for split, count in counts.items()})
    return Tree(branches, distances, tuple(names))


def profile_distances(values: np.ndarray) -> np.ndarray:
    """Compute the square root of the Jensen-Shannon divergence, base 2, of all pairs of rows.

    Args:
        values: [m, c], from 0; each row is divided by its sum.

    Returns:
        [m, m].
    """
    total = values.sum(1, keepdims=True)
    # A row of zeros is similar to no other: a uniform profile is used for it.
    profiles = np.where(total > 0, values / np.where(total > 0, total, 1), 1 / values.shape[1])
    with np.errstate(invalid="ignore"):  # rounding can make the divergence of equal profiles negative
        from scipy.spatial.distance import jensenshannon  # imported here because it takes a tenth of a second

        distances = jensenshannon(profiles[:, None, :], profiles[None, :, :], base=2, axis=2)
    distances = np.nan_to_num((distances + distances.T) / 2)
    np.fill_diagonal(distances, 0)
    return np.asarray(distances)
