"""Performance of a model on a set of the benchmark: error of its energies, or of a probe on its embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from hyle.zoo import BenchmarkSet, Dataset, Performance, Representation, Sample

from ..comparison import energy_errors

# The smallest number of labelled samples to fit and test a probe on.
MIN_SAMPLES = 100
REPEATS = 20
PER_ATOM = "energy per atom"


def scores_of(representation: Representation, data: Dataset, bench: BenchmarkSet) -> dict[str, Performance]:
    """Compute the performance of one model on one set, by each kind that is available.

    ``energy``: mean absolute error after the model's own fit of composition, where model and samples have energies.
    ``probe``: R2 of a ridge regression of the label on the embedding, on held-out samples.

    Raises:
        ImportError: the set has a label and scikit-learn is not installed.
    """
    from hyle.engine.analysis import probe

    scores = {}
    energy = energy_errors([representation], data)[0]
    if energy is not None:
        scores["energy"] = Performance("energy", energy.mae, energy.se, "eV", "energy beyond composition", energy.n)
    labels = _labels(data, bench.label)
    labelled = [row for row, name in enumerate(representation.ids) if name in labels]
    if len(labelled) >= MIN_SAMPLES:
        x = np.asarray(_array(representation.embedding), np.float64)[labelled]
        fit = probe(x, [labels[representation.ids[row]] for row in labelled], repeats=REPEATS)
        scores["probe"] = Performance("probe", fit.r2, fit.r2_se, "", bench.label, len(labelled))
    return scores


def _labels(data: Dataset, name: str) -> dict[str, float]:
    def value(sample: Sample) -> float | None:
        if name != PER_ATOM:
            return sample.labels.get(name)
        energy = sample.labels.get("energy")
        return None if energy is None or sample.atoms is None else energy / len(sample.atoms)

    values = {sample.id: value(sample) for sample in data}
    return {name: number for name, number in values.items() if number is not None and np.isfinite(number)}


def _array(embedding: Any) -> np.ndarray:
    return np.asarray(embedding.cpu() if hasattr(embedding, "cpu") else embedding)
