"""How well a model does on a set of the benchmark: its energies, or what a probe finds in its embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from hyle.zoo import BenchmarkSet, Dataset, Performance, Representation, Sample

from ..comparison import energy_errors

# Samples with a label, at least, that a probe is fitted and tested on.
MIN_SAMPLES = 100
REPEATS = 20
PER_ATOM = "energy per atom"


def scores_of(representation: Representation, data: Dataset, bench: BenchmarkSet) -> dict[str, Performance]:
    """Score one model on one set, by all kinds that it can be scored by.

    ``energy``: the mean absolute error after the model's own fit of composition, where model and samples have energies.
    ``probe``: R2 of a ridge regression of the label on the embedding, on samples held out.

    Raises:
        ImportError: the set has a label and scikit-learn is not installed.
    """
    from hyle.engine.analysis import probe

    found = {}
    energy = energy_errors([representation], data)[0]
    if energy is not None:
        found["energy"] = Performance("energy", energy.mae, energy.se, "eV", "energy beyond composition", energy.n)
    label = _labels(data, bench.label)
    known = [row for row, name in enumerate(representation.ids) if name in label]
    if len(known) >= MIN_SAMPLES:
        rows = np.asarray(_array(representation.embedding), np.float64)[known]
        one = probe(rows, [label[representation.ids[row]] for row in known], repeats=REPEATS)
        found["probe"] = Performance("probe", one.r2, one.r2_se, "", bench.label, len(known))
    return found


def _labels(data: Dataset, name: str) -> dict[str, float]:
    def value(sample: Sample) -> float | None:
        if name != PER_ATOM:
            return sample.labels.get(name)
        energy = sample.labels.get("energy")
        return None if energy is None or sample.atoms is None else energy / len(sample.atoms)

    found = {sample.id: value(sample) for sample in data}
    return {name: one for name, one in found.items() if one is not None and np.isfinite(one)}


def _array(embedding: Any) -> np.ndarray:
    return np.asarray(embedding.cpu() if hasattr(embedding, "cpu") else embedding)
