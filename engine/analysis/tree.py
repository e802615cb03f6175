"""A tree of models, by how alike their alignments to all others are."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from scipy.spatial.distance import jensenshannon

from ..base import InputError, MissingPackageError
from ._matrix import alignment_of


class Node(NamedTuple):
    """Where a node of a tree is drawn.

    Args:
        name: of the model; empty where branches meet.
        parent: index of the node that it hangs from, -1 for the root.
        depth: distance from the root.
        place: models are 0 to m - 1, and a node lies amid those that hang from it.
        support: of the branch above it, in per cent; NaN for a model, the root, and where none was asked for.
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
        newick: with branch lengths, and the support of each inner branch in per cent where resampling was asked for.
        distances: [m, m], between row profiles.
        models: m names.
    """

    newick: str
    distances: np.ndarray
    models: tuple[str, ...]

    def drawn(self) -> str:
        """Draw it with characters."""
        skbio, _ = require_scikit_bio()
        return str(self._read(skbio).ascii_art())

    def layout(self) -> list[Node]:
        """Lay it out with the root midway between the two models farthest apart, every node after its parent."""
        skbio, _ = require_scikit_bio()
        whole = self._read(skbio)
        for node in whole.traverse():
            node.length = max(node.length or 0.0, 0.0)
        # Where all models are alike no two are farthest apart, and the root stays.
        with contextlib.suppress(skbio.tree.TreeError):
            # The support is one of the branch, which another root may turn round.
            whole = whole.root_at_midpoint(branch_attrs=["name"])
        order, places = list(whole.preorder()), {}
        found: list[Node] = []
        for place, tip in enumerate(whole.tips()):
            places[tip] = float(place)
        for node in whole.postorder(include_self=True):
            if node not in places:
                places[node] = float(np.mean([places[child] for child in node.children]))
        index = {node: i for i, node in enumerate(order)}
        for node in order:
            parent = index[node.parent] if node.parent is not None else -1
            depth = found[parent].depth + node.length if parent >= 0 else 0.0
            inner = bool(node.children)
            known = inner and parent >= 0 and str(node.name or "").isdigit()
            support = float(node.name) if known else float("nan")
            found.append(Node("" if inner else node.name, parent, depth, places[node], support))
        return found

    def _read(self, skbio: Any) -> Any:
        return skbio.TreeNode.read(io.StringIO(self.newick), convert_underscores=False)


def tree(comparison: xr.Dataset, metric: str = "cknna", /, *, resamples: int = 100, seed: int = 0) -> Tree:
    """Join models by neighbour joining of the distances between their profiles.

    The profile of a model is its alignment to all models, its own included, below 0 taken as 0, and divided by its
    sum; the distance of two is the square root of the Jensen-Shannon divergence, base 2. The support of a branch is the
    share of trees that have it, of profiles over models drawn with replacement.

    Args:
        comparison: as `hyle.engine.compare` gives it, of at least three models.
        metric: a pair metric of it.
        resamples: 0 for no support.
        seed: of resampling.

    Raises:
        ValueError: fewer than three models, a pair without a score, no such metric; ImportError without scikit-bio.

    Source: Edamadaka et al. (2025), arXiv 2512.03750, A.1.3; Saitou & Nei (1987), Mol. Biol. Evol. 4, 406;
    Felsenstein (1985), Evolution 39, 783.
    """
    skbio, nj = require_scikit_bio()
    names = [str(name) for name in comparison["model"].values]
    values = alignment_of(comparison, metric)
    if len(names) < 3:
        raise InputError(f"a tree needs at least three models; got {len(names)}")
    if not np.isfinite(values).all():
        lost = [name for name, row in zip(names, values, strict=True) if not np.isfinite(row).any()]
        raise InputError(f"{metric} is not defined for all pairs: leave out {', '.join(lost) or 'models without it'}")
    values = np.clip(values, 0, None)
    distances = profile_distances(values)
    # Short names, which no Newick reader takes apart.
    tips = [f"t{i}" for i in range(len(names))]
    whole = nj(skbio.DistanceMatrix(distances, tips))
    parts = {frozenset(node.subset()): node for node in whole.postorder() if not node.is_tip() and not node.is_root()}
    counts = dict.fromkeys(parts, 0)
    generator = np.random.default_rng(seed)
    everyone = frozenset(tips)
    for _ in range(resamples):
        columns = generator.integers(0, len(names), len(names))
        drawn = nj(skbio.DistanceMatrix(profile_distances(values[:, columns]), tips))
        found = {frozenset(node.subset()) for node in drawn.postorder() if not node.is_tip() and not node.is_root()}
        found |= {everyone - part for part in found}
        for part in parts:
            counts[part] += part in found
    for part, node in parts.items():
        node.name = f"{100 * counts[part] / resamples:.0f}" if resamples else None
    for tip in whole.tips():
        tip.name = names[int(tip.name[1:])]
    return Tree(str(whole).strip(), distances, tuple(names))


def require_scikit_bio() -> tuple[Any, Any]:
    """Import scikit-bio, which turns on JAX's 64 bits for the whole process, and leave JAX as it was."""
    before = jax.config.read("jax_enable_x64")
    try:
        import skbio
        from skbio.tree import nj
    except ImportError as error:
        raise MissingPackageError("a tree of models needs scikit-bio: pip install 'hyle[study]'") from error
    finally:
        jax.config.update("jax_enable_x64", before)
    return skbio, nj


def profile_distances(values: np.ndarray) -> np.ndarray:
    """Square root of the Jensen-Shannon divergence, base 2, of the rows of [m, c], each divided by its sum; [m, m]."""
    total = values.sum(1, keepdims=True)
    # A row of nothing is alike to nobody: as good as even.
    profiles = np.where(total > 0, values / np.where(total > 0, total, 1), 1 / values.shape[1])
    found = jensenshannon(profiles[:, None, :], profiles[None, :, :], base=2, axis=2)
    found = np.nan_to_num((found + found.T) / 2)
    np.fill_diagonal(found, 0)
    return np.asarray(found)
