"""Performance of a model on a set of the benchmark, of two kinds that are never ranked together.

``probe``: what the rows tell of a label beyond composition. The label is first predicted from composition alone (linear
and Gaussian ridge regression on element or residue fractions and size); a ridge regression on the rows predicts what
remains. Composition itself therefore scores 0 by construction, apart from noise. A fold never separates samples of one
formula or sequence, so that nothing of a group of test samples is known in training. All models are reduced to their
first 64 principal axes, so that rotations, appended copies and the width of the rows do not matter, and both the axes
as they are and axes of equal variance are tried, so that whitening does not matter.

``energy``: error of the model's own energies per atom, only where the model and the labels have the same level of
theory, see `hyle.zoo.LEVELS`.

The standard errors of both are over groups: formulas, or sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyle.zoo import PANEL_DIM, BenchmarkSet, Dataset, Performance, Representation, Sample, find_dataset, load

from ..comparison import energy_errors
from .kernel_ridge import (
    cross_predict,
    fit_predict,
    fold_by_group,
    gaussian_kernel,
    linear_kernels,
    principal_axes,
)

# The smallest number of labelled samples to fit and test a probe on.
MIN_SAMPLES = 100
FOLDS, REPEATS = 5, 4
PER_ATOM = "energy per atom"
# Kinds of groups that stay in one fold: the first that a set has.
GROUPS = ("formula", "sequence")


@dataclass(frozen=True)
class Fold:
    """One split of the labelled samples of a set, with the label beyond composition.

    Args:
        train: ids of the training samples.
        test: ids of the test samples.
        label: id -> label minus its prediction from composition, by fits that contain neither the sample, nor any of
            its group, nor a test sample.
    """

    train: Sequence[str]
    test: Sequence[str]
    label: Mapping[str, float]


@dataclass(frozen=True)
class Targets:
    """The label of a set beyond composition.

    Args:
        name: name of the label, empty if the set has none.
        folds: `FOLDS` folds for each of `REPEATS` repeats.
        groups: id -> group; errors of samples of one group are not independent.
        composition: id -> principal axes of its composition and size.
    """

    name: str
    folds: Sequence[Sequence[Fold]]
    groups: Mapping[str, str]
    composition: Mapping[str, np.ndarray]


def composition_of(data: Dataset) -> Representation:
    """Return the composition of each sample of a data set: element fractions, or residue fractions of sequences."""
    return load("composition").embed(data)


def targets_of(data: Dataset, bench: BenchmarkSet) -> Targets:
    """Predict the label of a set from composition, and return what remains; no folds if the set has no label."""
    labels = _labels(data, bench.label) if bench.label else {}
    if len(labels) < MIN_SAMPLES:
        return Targets("", (), {}, {})
    composition = composition_of(data)
    rows = [row for row, name in enumerate(composition.ids) if name in labels]
    ids = [composition.ids[row] for row in rows]
    sizes = {sample.id: _size(sample) for sample in data}
    fractions = np.asarray(_array(composition.embedding), np.float64)[rows]
    axes = principal_axes(np.column_stack([fractions, np.log([sizes[name] for name in ids])]))
    kernels = [*linear_kernels(axes), gaussian_kernel(axes)]
    groups = _groups_of(data, ids)
    y = np.array([[labels[name]] for name in ids])
    folds = [_folds(kernels, y, ids, groups, repeat) for repeat in range(REPEATS)]
    by_id = dict(zip(ids, groups, strict=True)), dict(zip(ids, axes, strict=True))
    return Targets(f"{bench.label} beyond composition", folds, *by_id)


def _folds(
    kernels: Sequence[np.ndarray], y: np.ndarray, ids: Sequence[str], groups: Sequence[str], seed: int
) -> list[Fold]:
    fold, folds = fold_by_group(groups, FOLDS, seed), []
    for number in range(FOLDS):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        inner = [kernel[np.ix_(train, train)] for kernel in kernels]
        of_train = [groups[row] for row in train.tolist()]
        within = fold_by_group(of_train, FOLDS, seed)
        predicted = cross_predict(inner, y[train], within, groups=of_train)
        residual = dict(zip(train, (y[train] - predicted)[:, 0], strict=True))
        residual |= zip(test, (y[test] - fit_predict(kernels, y, train, test, groups=groups))[:, 0], strict=True)
        label = {ids[int(row)]: float(value) for row, value in residual.items()}
        folds.append(Fold([ids[row] for row in train.tolist()], [ids[row] for row in test.tolist()], label))
    return folds


def scores_of(
    representation: Representation, data: Dataset, targets: Targets, *, level: str = ""
) -> dict[str, Performance]:
    """Compute the performance of one model on one set, by each kind that is available.

    Args:
        representation: of the model; rows are joined by id.
        data: the samples of the set.
        targets: as returned by `targets_of`.
        level: level of theory of the model's energies, of `hyle.zoo.LEVELS`; empty where it is unknown.
    """
    scores = {}
    if energy := _energy(representation, data, level):
        scores["energy"] = energy
    if targets.folds and (probe := probe_beyond_composition(representation, targets)):
        scores["probe"] = probe
    return scores


def _energy(representation: Representation, data: Dataset, level: str) -> Performance | None:
    if not level or level != level_of(data.name):
        return None
    from hyle.engine.analysis import mean_se

    energy = energy_errors([representation], data)[0]
    if energy is None:
        return None
    atoms = [len(s.atoms) for s in data if s.atoms is not None and "energy" in s.labels]
    ids = [s.id for s in data if s.atoms is not None and "energy" in s.labels]
    error = np.abs(energy.signed) / atoms
    used = np.isfinite(error)
    se = mean_se(error[used], np.array(_groups_of(data, ids))[used])
    return Performance("energy", float(error[used].mean()), se, "eV/atom", "energy beyond composition", int(used.sum()))


def _groups_of(data: Dataset, ids: Sequence[str]) -> list[str]:
    """Return the group of each sample, whose errors are not independent; its id where the set has no such groups."""
    kind = next((kind for kind in GROUPS if kind in data.groups), "")
    return [data.groups[kind][name] if kind else name for name in ids]


def level_of(dataset: str) -> str:
    """Return the level of theory of the energies of a built-in data set; empty if it has none."""
    return find_dataset(dataset).level


def probe_beyond_composition(representation: Representation, targets: Targets) -> Performance | None:
    """Return the share of the variance of a label beyond composition that rows predict, on held-out groups.

    The standard error is over groups of samples, with the fits held fixed. None if fewer than `MIN_SAMPLES` rows have a
    label.
    """
    row_of = {name: row for row, name in enumerate(representation.ids) if name in targets.groups}
    if len(row_of) < MIN_SAMPLES:
        return None
    rows = list(row_of.values())
    place = {name: i for i, name in enumerate(row_of)}
    axes = principal_axes(np.asarray(_array(representation.embedding), np.float64)[rows], PANEL_DIM)
    composition = linear_kernels(np.array([targets.composition[name] for name in row_of]))[0]
    kernels = [composition]
    for kernel in linear_kernels(axes) if axes.shape[1] else []:
        kernels += [kernel, kernel + composition]
    of_rows = [targets.groups[name] for name in row_of]
    error, total = np.zeros(len(rows)), np.zeros(len(rows))
    for folds in targets.folds:
        for fold in folds:
            train = np.array([place[name] for name in fold.train if name in place])
            test = np.array([place[name] for name in fold.test if name in place])
            if not len(train) or not len(test):
                continue
            y = np.array([[fold.label[name]] for name in row_of])
            error[test] += (y[test] - fit_predict(kernels, y, train, test, groups=of_rows))[:, 0] ** 2
            total[test] += (y[test, 0] - y[train, 0].mean()) ** 2
    r2 = 1 - error.sum() / total.sum()
    groups: dict[str, float] = {}
    for name, influence in zip(row_of, (error - (1 - r2) * total) / total.sum(), strict=True):
        groups[targets.groups[name]] = groups.get(targets.groups[name], 0.0) + influence
    se = float((len(groups) / (len(groups) - 1) * sum(value**2 for value in groups.values())) ** 0.5)
    return Performance("probe", float(r2), se, "", targets.name, len(rows))


def _labels(data: Dataset, name: str) -> dict[str, float]:
    def value(sample: Sample) -> float | None:
        if name != PER_ATOM:
            return sample.labels.get(name)
        energy = sample.labels.get("energy")
        return None if energy is None or sample.atoms is None else energy / len(sample.atoms)

    values = {sample.id: value(sample) for sample in data}
    return {name: number for name, number in values.items() if number is not None and np.isfinite(number)}


def _size(sample: Sample) -> int:
    """Return the number of atoms or residues of a sample, else the length of its string."""
    for view in (sample.atoms, sample.sequence, sample.smiles, sample.selfies):
        if view is not None and len(view):
            return len(view)
    return 1


def _array(embedding: Any) -> np.ndarray:
    return np.asarray(embedding.cpu() if hasattr(embedding, "cpu") else embedding)
