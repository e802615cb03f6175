"""Networks trained on right and on shuffled labels, for `bench.known_answers`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

STUDENT, WIDTH = "fingerprint-mlp", 64
# With 500 samples to embed, QM9 as it ships with hyle is used up.
TRAINED, STEPS, BATCH, MEASURED = 1000, 1500, 64, 12


def name_of(label: str, seed: int, *, shuffled: bool = False) -> str:
    """Return the name of the network of a label and a seed."""
    return f"{label}, seed {seed}{', shuffled' * shuffled}"


def trained_rows(
    training: Sequence[Any], embedded: Sequence[Any], label: str, seeds: int, steps: int = STEPS
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Train networks on a label and on its values in random order, and embed other molecules with them.

    Args:
        training: samples to train on.
        embedded: other samples.
        label: name of a label that all samples have.
        seeds: number of networks on either; each has its own initial parameters, batches and order.
        steps: of training.

    Returns:
        The rows of the embedded samples by `name_of`, and the squared correlation of label and prediction on these
        samples for each network that was trained on the right labels.
    """
    import jax
    from flax import nnx

    from hyle.engine.training import Settings, distill
    from hyle.zoo.students import find_student, split_params

    cls = find_student(STUDENT)
    options = cls.fit([*training, *embedded])

    def build(seed: int) -> Any:
        return cls(WIDTH, rngs=nnx.Rngs(seed), **options)

    apply, _ = split_params(build(0))
    embed = jax.jit(apply)
    inputs, new = build(0).featurise(training), build(0).featurise(embedded)
    values, truth = (np.array([each.labels[label] for each in samples]) for samples in (training, embedded))
    sizes = np.array([[len(each.atoms), each.atoms.numbers.sum()] for each in training], np.float32)
    measured = np.arange(len(training)) >= len(training) - MEASURED
    rows, right = {}, []
    for seed in range(seeds):
        for shuffled in (False, True):
            labels = np.random.default_rng([seed, 30]).permutation(values) if shuffled else values
            run = distill(
                apply,
                split_params(build(2 * seed + shuffled))[1],
                dict(inputs),
                {"sizes": sizes},  # measured only: no loss aligns with them
                held_out=measured,
                labels=labels,
                settings=Settings(losses={}, steps=steps, batch_size=BATCH, eval_every=steps, seed=seed, select="last"),
            )
            found = np.asarray(embed(run.params, dict(new)))
            rows[name_of(label, seed, shuffled=shuffled)] = found
            if not shuffled:
                assert run.predict is not None
                right.append(float(np.corrcoef(run.predict(found), truth)[0, 1] ** 2))
    return rows, right
