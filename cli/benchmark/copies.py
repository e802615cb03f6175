"""Members of a panel that the rows of a model contain: copies, retrainings, and rows made of several members.

The test is asymmetric. The rows of a copy predict those of the member, whatever rotation, scaling, whitening or smooth
function was applied and whatever columns were appended; a symmetric score would not find all of these. How well models
predict each other of which none was made from the other differs from member to member. The scale is therefore relative:
0 is the value of the best model of another family in the panel, 1 that of the member itself. It is computed for the
share of the variance of the member's rows that is predicted, for the share of their 16 principal axes with equal
weight, and for the share of common nearest neighbours, which strongly nonlinear functions preserve. The largest counts.

On the shipped panels, copies have 0.99 or more; models of one family, retrained from another seed or fine-tuned, 0.55
to 0.95, except for those that were trained on other tasks; models of different families up to 0.45, and more than
0.25 for one other family at most. `tests/cli/benchmark/test_copies.py` checks these numbers. Models outside of the
panels may reach more, without being made from a member: DPA-3 0.53 for CHGNet, and 0.76 GCNdesign for ProteinMPNN, the
only family of its panel that reads backbones. For the models of hyle, whose weights are verified, only `same` counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hyle.zoo import Member

from ..comparison import CONTROL
from .kernel_ridge import explained_shares, gaussian_kernel, linear_kernels, principal_axes

# Principal axes of a member's rows that are predicted, and nearest neighbours that are compared.
AXES, NEIGHBOURS = 16, 10
# Excess over models of other families from which a member is contained, and from which it is the same model.
CONTAINED, SAME = 0.5, 0.98
# Rows with this excess for three families, or that contain members of two, are made of members: no independent model
# has this excess for more than one family, or contains any.
COMPOSITE, FAMILIES = 0.25, 3

Shares = Mapping[str, np.ndarray]
# Of rows and a member, by their hashes: those of the members of a panel with each other are the same for every model.
_CACHE: dict[tuple[str, str], np.ndarray] = {}


@dataclass(frozen=True)
class Containment:
    """How much of a member's rows a model predicts.

    Args:
        model: name of the member.
        family: its family.
        share: share of the variance or of the principal axes of the member's rows that the model's rows predict, by
            cross-validation, or of the nearest neighbours; whichever is furthest above ``independent``.
        independent: the largest such share of a model of another family in the panel.
    """

    model: str
    family: str
    share: float
    independent: float

    @property
    def bar(self) -> float:
        """The share from which the member is contained."""
        return self.independent + CONTAINED * (1 - self.independent)

    @property
    def excess(self) -> float:
        """The share, where 0 is the best model of another family and 1 the member itself."""
        return (self.share - self.independent) / max(1 - self.independent, 1e-6)

    @property
    def contained(self) -> bool:
        """Whether the rows contain the member, as those of a copy or of a retraining do."""
        return self.excess >= CONTAINED

    @property
    def same(self) -> bool:
        """Whether the rows contain so much of the member that it is the same model."""
        return self.excess >= SAME


def find_contained(
    rows: np.ndarray, members: Sequence[Member], embeddings: Mapping[str, np.ndarray]
) -> list[Containment]:
    """Measure how much of each model of a panel the rows of another model contain.

    Args:
        rows: [n, d], of the model.
        members: of the panel; controls are ignored.
        embeddings: name of a member -> [n, d], of the same samples in the same order.

    Returns:
        One entry per member that is no control, in the order of the panel.
    """
    models = [one for one in members if one.modality != CONTROL]
    own = contained_shares(rows, models, embeddings)
    of_members = {one.name: contained_shares(embeddings[one.name], models, embeddings) for one in models}
    found = []
    for one in models:
        others = [of_members[other.name][one.name] for other in models if other.family != one.family]
        independent = np.clip(np.max(others or [np.zeros(3)], 0), 0, 1)
        view = int(((own[one.name] - independent) / np.maximum(1 - independent, 1e-6)).argmax())
        found.append(Containment(one.name, one.family, float(own[one.name][view]), float(independent[view])))
    return found


def contained_shares(rows: np.ndarray, models: Sequence[Member], embeddings: Mapping[str, np.ndarray]) -> Shares:
    """Return the shares [3] of each model that rows [n, d] contain: of variance, of axes, and of neighbours."""
    key = _digest(rows)
    keys = {one.name: (key, _digest(embeddings[one.name])) for one in models}
    missing = [name for name, pair in keys.items() if pair not in _CACHE]
    if missing:
        targets = {name: principal_axes(embeddings[name], AXES) for name in missing}
        predicted, own = predicted_shares(rows, targets), nearest(rows)
        for name in missing:
            common = (own & nearest(embeddings[name])).sum() / own.sum()
            _CACHE[keys[name]] = np.append(predicted[name], common)
    return {name: _CACHE[pair] for name, pair in keys.items()}


def _digest(rows: np.ndarray) -> str:
    return hashlib.sha256(f"{rows.shape} {rows.dtype}".encode() + np.ascontiguousarray(rows).tobytes()).hexdigest()


def nearest(rows: np.ndarray) -> np.ndarray:
    """Return which samples are among the nearest neighbours of each sample, by Euclidean distance; bool [n, n]."""
    x = np.asarray(rows, np.float64) - np.mean(rows, 0, dtype=np.float64)
    squares = (x**2).sum(1)
    distances = squares[:, None] + squares - 2 * x @ x.T
    np.fill_diagonal(distances, np.inf)
    k = min(NEIGHBOURS, len(x) - 1)
    found = np.zeros(distances.shape, bool)
    np.put_along_axis(found, np.argsort(distances, 1, kind="stable")[:, :k], values=True, axis=1)
    return found


def predicted_shares(rows: np.ndarray, targets: Mapping[str, np.ndarray]) -> Shares:
    """Return which share of targets rows [n, d] predict, by the best of three kernels.

    Args:
        rows: [n, d].
        targets: name -> [n, q], principal axes.

    Returns:
        name -> [2]: share of the variance of the target, and mean share over its axes.
    """
    axes = principal_axes(rows)
    if not axes.shape[1]:
        return {name: np.zeros(2) for name in targets}
    both = {(name, 0): target for name, target in targets.items()}
    both |= {(name, 1): target / target.std(0) for name, target in targets.items()}
    shares = explained_shares([*linear_kernels(axes), gaussian_kernel(axes)], both)
    return {name: np.array([shares[name, 0], shares[name, 1]]) for name in targets}


def composite_of(found: Sequence[Containment], family: str = "") -> list[str]:
    """Return the families of the members that rows are made of, if they are made of several; else nothing.

    Args:
        found: as returned by `find_contained`.
        family: family of the model, whose members may be near.
    """
    near = {one.family for one in found if one.excess >= COMPOSITE and one.family != family}
    inside = {one.family for one in found if one.contained}
    return sorted(near) if len(near) >= FAMILIES else sorted(inside) if len(inside) > 1 else []
