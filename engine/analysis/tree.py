"""A tree of models, by the similarity of their alignments with all others."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from ..base import InputError, MissingPackageError
from ._matrix import alignment_of


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
        newick: with branch lengths and, after resampling, the support of each inner branch in per cent. White space in
            names, such as tabs, is replaced by spaces.
        numbered: the same with t0, t1, ... in place of the names, which every reader keeps whole.
        distances: [m, m], between the profiles of the models.
        models: m names.
    """

    newick: str
    numbered: str
    distances: np.ndarray
    models: tuple[str, ...]

    def drawn(self) -> str:
        """Draw the tree with characters."""
        skbio, _ = require_scikit_bio()
        return str(self._read(skbio).ascii_art())

    def layout(self) -> list[Node]:
        """Compute the layout with the root midway between the two most distant models, every node after its parent."""
        skbio, _ = require_scikit_bio()
        root = self._read(skbio)
        for node in root.traverse():
            node.length = max(node.length or 0.0, 0.0)
        # Where all distances are 0 no two models are the most distant, and the root stays as it is.
        with contextlib.suppress(skbio.tree.TreeError):
            # Support belongs to the branch, whose direction another root may reverse.
            root = root.root_at_midpoint(branch_attrs=["name"])
        order, places = list(root.preorder()), {}
        result: list[Node] = []
        for place, tip in enumerate(root.tips()):
            places[tip] = float(place)
        for node in root.postorder(include_self=True):
            if node not in places:
                places[node] = float(np.mean([places[child] for child in node.children]))
        index = {node: i for i, node in enumerate(order)}
        for node in order:
            parent = index[node.parent] if node.parent is not None else -1
            depth = result[parent].depth + node.length if parent >= 0 else 0.0
            is_inner = bool(node.children)
            has_support = is_inner and parent >= 0 and str(node.name or "").isdigit()
            support = float(node.name) if has_support else float("nan")
            result.append(Node("" if is_inner else node.name, parent, depth, places[node], support))
        return result

    def _read(self, skbio: Any) -> Any:
        root = skbio.TreeNode.read(io.StringIO(self.numbered), convert_underscores=False)
        for tip in root.tips():
            tip.name = self.models[int(tip.name[1:])]
        return root


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
        ImportError: scikit-bio is not installed.

    Source: Edamadaka et al. (2025), arXiv 2512.03750, A.1.3; Saitou & Nei (1987), Mol. Biol. Evol. 4, 406;
    Felsenstein (1985), Evolution 39, 783.
    """
    skbio, nj = require_scikit_bio()
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
    tips = [f"t{i}" for i in range(len(names))]
    root = nj(skbio.DistanceMatrix(distances, tips))
    clades = _inner_nodes(root)
    counts = dict.fromkeys(clades, 0)
    generator = np.random.default_rng(seed)
    all_tips = frozenset(tips)
    for _ in range(resamples):
        columns = generator.integers(0, len(names), len(names))
        resampled = set(_inner_nodes(nj(skbio.DistanceMatrix(profile_distances(values[:, columns]), tips))))
        # The trees are unrooted: a branch is the same from both of its sides.
        resampled |= {all_tips - clade for clade in resampled}
        for clade in clades:
            counts[clade] += clade in resampled
    for clade, node in clades.items():
        node.name = f"{100 * counts[clade] / resamples:.0f}" if resamples else None
    numbered = str(root).strip()
    for tip in root.tips():
        tip.name = " ".join(names[int(tip.name[1:])].split())
    return Tree(str(root).strip(), numbered, distances, tuple(names))


def _inner_nodes(root: Any) -> dict[frozenset[str], Any]:
    """Find the inner nodes of a tree, by the tips below each."""
    return {frozenset(node.subset()): node for node in root.postorder() if not node.is_tip() and not node.is_root()}


def require_scikit_bio() -> tuple[Any, Any]:
    """Import scikit-bio, which enables 64-bit JAX for the whole process, and restore JAX's setting."""
    before = jax.config.read("jax_enable_x64")
    try:
        import skbio
        from skbio.tree import nj
    except ImportError as error:
        raise MissingPackageError("a tree of models needs scikit-bio: pip install scikit-bio") from error
    finally:
        jax.config.update("jax_enable_x64", before)
    return skbio, nj


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
