"""How far samples are from the data that models were trained on."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hyle.zoo import InputError, Representation, Sample, Store, list_datasets, list_models

from ..comparison import dependent_groups, find_samples
from ..console import say
from .contested import ContestedSamples
from .sources import find_representations

# Number of the neighbour whose distance counts.
K = 10


@dataclass(frozen=True)
class TrainingData:
    """Samples of the data that models were trained on.

    Args:
        name: of the data set.
        rows: name of the compared model -> [t, d], the embeddings of these samples by the same layer of the model.
        groups: name of the compared model -> [t], what these samples are states or atoms of; nothing for models whose
            samples are independent of each other.
        samples: id -> sample, as far as they are known.
    """

    name: str
    rows: Mapping[str, np.ndarray]
    groups: Mapping[str, Sequence[str]]
    samples: Mapping[str, Sample]


def find_training_data(
    name: str, named: Mapping[str, Representation], ids: Sequence[str], store: Store, *, per: str | None = None
) -> TrainingData:
    """Find the stored embeddings of a data set by the models that are compared.

    Files of embeddings have no model, so that nothing is found for them. Models that are not known to be trained on the
    data set are named in a line.

    Args:
        name: of the data set, as `hyle embed --dataset` takes it.
        named: name -> the compared representations.
        ids: of the compared samples.
        store: where embeddings are looked up.
        per: ``atom``, ``residue`` or ``token`` for rows of these.

    Raises:
        InputError: a model has no embeddings of the data set, or they are of other columns or of the compared samples.
    """
    models = {each: str(rep.recipe.get("model", "")) for each, rep in named.items()}
    rows: dict[str, np.ndarray] = {}
    groups: dict[str, list[str]] = {}
    found: list[Representation] = []
    for each, model in models.items():
        if not model:
            continue
        recipe = named[each].recipe
        try:
            (training,) = find_representations(
                [model],
                store,
                dataset=name,
                layer=str(recipe["layer"]) if "layer" in recipe else None,
                pooling=str(recipe["pooling"]) if "pooling" in recipe else None,
                per=per,
                command="hyle contested",
            )
        except InputError as error:
            missing = shlex.join(["hyle", "embed", *dict.fromkeys(filter(None, models.values())), "--dataset", name])
            raise InputError(f"--training-data {name}: {error}. To embed it by all models: {missing}") from error
        if np.shape(training.embedding)[1] != np.shape(named[each].embedding)[1]:
            raise InputError(f"--training-data {name}: {each} has other columns there; embed both sets by one version")
        found.append(training)
        rows[each] = np.asarray(training.embedding)
        if labels := dependent_groups([training], training.ids):
            groups[each] = [labels[i] for i in training.ids]
    if not rows:
        raise InputError(f"--training-data {name}: all sources are files; only models of the store are known there")
    known = list(dict.fromkeys(i for training in found for i in training.ids))
    if shared := set(ids) & set(known):
        raise InputError(
            f"--training-data {name}: {len(shared)} of the compared samples are in it, such as {min(shared)!r}: name "
            "another data set than the compared one"
        )
    _say_untrained(name, models)
    return TrainingData(name, rows, groups, find_samples(found, known))


def training_distances(result: ContestedSamples, training: TrainingData) -> np.ndarray:
    """Return the distance of each sample to its tenth-nearest neighbour in the training data, in each model.

    Returns:
        [m, n], divided by the median distance of the training data to each other, which is that to other materials or
        samples where there are several states or atoms of one; NaN for files of embeddings.
    """
    from hyle.engine.analysis import degree_of_shift

    distances = np.full((len(result.models), len(result.ids)), np.nan)
    for at, name in enumerate(result.models):
        if name in training.rows:
            reference, groups = training.rows[name], training.groups.get(name)
            largest = max(Counter(groups).values()) if groups else 1
            if largest == len(reference):
                raise InputError(f"--training-data {training.name}: all of it is of one sample")
            k = min(K, len(reference) - largest)
            distances[at] = degree_of_shift(reference, result.rows[at], k=k, groups=groups).distance
    return distances


def _say_untrained(name: str, models: Mapping[str, str]) -> None:
    known_as = {info.name: info.known_as or info.name for info in list_datasets()}.get(name, name)
    cards = {card.name: card.trained_on for card in list_models()}
    others = [each for each, model in models.items() if model and known_as not in cards.get(model, ())]
    if others:
        say(f"note: {', '.join(others)}: not known to be trained on {name}")
