"""On which samples models agree, and on which they do not."""

from __future__ import annotations

import dataclasses
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import InputError, Representation, list_models
from hyle.zoo.nodes import LABEL_KINDS

from ..comparison import CONTROL, dependent_groups, known_groups, read_table, sizes_of_groups
from ..console import SILENT, SilentProgress, say, with_progress
from ..options import NO_GROUPS, CompareOptions
from .compare import by_name
from .groups import SampleGroups, with_groups
from .rows import node_kind

if TYPE_CHECKING:
    from hyle.engine.analysis import ErrorPrediction, Form, SampleAgreement
    from hyle.engine.block_pass import Search
    from hyle.engine.neighbours import NeighbourMetric

# Samples that are candidates for a selection, for each one that is selected, from the most contested one on.
CANDIDATES = 5
# Number of neighbours for the dimension around a sample.
DIMENSION_K = 20


@dataclass(frozen=True)
class ContestedSamples:
    """The agreement of models on each sample.

    Args:
        ids: of the n samples, in the order of the rows of all arrays.
        models: m names.
        families: of the models; a model without one is a family of its own.
        rows: m matrices [n, d_m].
        found: what the engine measured.
        k: number of neighbours; None for another form than neighbours.
        neighbour_metric: likewise.
        groups: id -> label of samples that are states of one thing, or atoms of one sample; empty if there are none.
        strata_kind: of the strata within which samples were permuted as well, such as ``formula``; empty if there are
            none, or if they are from a file.
        per: ``atom``, ``residue`` or ``token`` for rows of these; empty for rows of samples.
        labels: id -> element, residue type or token of such rows, as far as it is known.
        notes: what a user has to know of the samples, a line each.
        sample_hash: of the ids.
    """

    ids: Sequence[str]
    models: Sequence[str]
    families: Sequence[str]
    rows: Sequence[np.ndarray]
    found: SampleAgreement
    k: int | None
    neighbour_metric: str | None
    groups: Mapping[str, str]
    strata_kind: str
    per: str
    labels: Mapping[str, str]
    notes: Sequence[str]
    sample_hash: str

    @property
    def contested(self) -> np.ndarray:
        """The rows from the most contested one on, by deviation, then by agreement; int [n]."""
        return np.lexsort((self.found.agreement, self.found.deviation))

    @property
    def agreed(self) -> np.ndarray:
        """The rows from the highest agreement on; int [n]."""
        return np.argsort(-self.found.agreement, kind="stable")

    @property
    def units(self) -> int:
        """The number of samples, or groups of samples, that are independent of each other."""
        return len(set(self.groups.values())) if self.groups else len(self.ids)


def contested(
    representations: Sequence[Representation],
    *,
    form: Form = "neighbours",
    k: int | None = None,
    neighbour_metric: NeighbourMetric = "cosine",
    search: Search = "exact",
    families: Mapping[str, str] | None = None,
    strata: Mapping[str, str] | str | None = None,
    seed: int = 0,
    progress: SilentProgress = SILENT,
) -> ContestedSamples:
    """Measure how far models agree on each sample that all of them have.

    Args:
        representations: of two or more models.
        form: see `hyle.engine.analysis.sample_agreement`; the next ones as well.
        k: number of neighbours; default 25, or half of the samples if there are fewer than 50.
        neighbour_metric: of the neighbours.
        search: ``exact`` or ``hnsw``.
        families: name -> family, for models whose family is not that of their card.
        strata: sample id -> stratum, a kind of groups or ``none``, see `with_groups`; default the first of formula,
            composition and elements that a fifth of the samples share with another one, and the element or residue
            type of atoms and residues.
        seed: of the permutations.
        progress: shows a progress bar; default nothing.

    Raises:
        InputError: fewer than two models or families, or 20 common samples; k is out of range; an unknown name.
    """
    from hyle.engine.analysis import sample_agreement
    from hyle.engine.comparison import JoinWarning, join

    named = by_name(representations)
    known = model_families(named, families or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JoinWarning)  # it is among the notes
        joined = join(named)
    n, per = len(joined.ids), node_kind(representations)
    rows = f"{per or 'sample'}s"
    for name, x in zip(joined.names, joined.arrays, strict=True):
        if (np.asarray(x) == np.asarray(x)[:1]).all():
            raise InputError(
                f"{name}: all {n} rows are equal, so that no {per or 'sample'} differs from another; omit it"
            )
    if form == "neighbours":
        k = min(25, max(2, n // 2)) if k is None else k
        if not 1 <= k <= n - 1:
            raise InputError(f"-k {k} is too many for {n} {rows}: use 1 to {n - 1}")
    chosen = _strata(representations, strata)
    labels = chosen.measure.strata if isinstance(chosen.measure.strata, Mapping) else None
    groups = dependent_groups(representations, joined.ids)
    with progress.bar("comparing samples") as update:
        found = sample_agreement(
            joined.arrays,
            families=[known[name] for name in named],
            form=form,
            k=k or 1,
            neighbour_metric=neighbour_metric,
            search=search,
            covariates=sizes_of_groups(groups, joined.ids),
            strata=None if labels is None else [labels.get(i, f"{i} alone") for i in joined.ids],
            neighbours_outside=[groups[i] for i in joined.ids] if per and groups else None,
            seed=seed,
            progress=update,
        )
    repeats = chosen.warning.partition(": ")[0]
    if per:
        nothing = np.full(n, np.nan)
        found = dataclasses.replace(found, agreed_p=nothing, agreed_q=nothing, beyond_p=None, beyond_q=None)
    notes = [
        *(
            [f"{per}s of one sample are not independent, so that no {per} is tested for agreement above chance"]
            if per
            else []
        ),
        *(re.sub(r"\bsamples\b", rows, note) for note in (*joined.notes, joined.warning) if note),
        *([f"{repeats}: p-values treat all samples as independent"] if repeats and not per else []),
        *_copies(joined.names, joined.arrays),
    ]
    return ContestedSamples(
        joined.ids,
        joined.names,
        [known[name] for name in named],
        [np.asarray(x) for x in joined.arrays],
        found,
        k if form == "neighbours" else None,
        neighbour_metric if form == "neighbours" else None,
        groups,
        chosen.strata_kind,
        per,
        known_groups(LABEL_KINDS[per], representations, joined.ids) if per else {},
        notes,
        joined.sample_hash,
    )


contested_with_progress = with_progress(contested)


def _copies(names: Sequence[str], arrays: Sequence[Any]) -> list[str]:
    """Return a line for each two representations with the same rows, whose agreement means nothing."""
    rows = [np.asarray(x) for x in arrays]
    return [
        f"{names[a]} and {names[b]} have the same rows, and agree on all of them: omit one of them"
        for a, b in itertools.combinations(range(len(rows)), 2)
        if rows[a].shape == rows[b].shape and np.array_equal(rows[a], rows[b])
    ]


def _strata(representations: Sequence[Representation], strata: Mapping[str, str] | str | None) -> SampleGroups:
    """Return the strata within which samples are permuted, as `hyle compare` finds them."""
    per = node_kind(representations)
    if per and strata is None and any(LABEL_KINDS[per] in each.groups for each in representations):
        strata = LABEL_KINDS[per]
    # The number of permutations is another one here; it has to be above 0 for strata by default.
    return with_groups(CompareOptions(permutations=1, groups=NO_GROUPS, strata=strata), representations)


def without_controls(representations: Sequence[Representation]) -> list[Representation]:
    """Return representations without those of controls, which know nothing to agree on; they are named in a line."""
    controls = {card.name for card in list_models() if card.modality == CONTROL}
    found = [each for each in representations if str(each.recipe.get("model", "")) not in controls]
    left_out = [each.name for each in representations if str(each.recipe.get("model", "")) in controls]
    if left_out:
        say(f"without the controls {', '.join(left_out)}; name the models to include some")
    return found


def model_families(representations: Mapping[str, Representation], given: Mapping[str, str]) -> dict[str, str]:
    """Return the family of each representation: the given one, else that of its model's card, else its own name.

    Raises:
        InputError: a family is given for a name that is not compared.
    """
    for name in given:
        if name not in representations:
            raise InputError(f"--families: {name!r} is not compared; compared are {', '.join(representations)}")
    cards = {card.name: card.family for card in list_models()}
    return {
        name: given.get(name) or cards.get(str(each.recipe.get("model", "")), "") or name
        for name, each in representations.items()
    }


def select_for_labelling(result: ContestedSamples, count: int) -> list[int]:
    """Return rows of contested samples that differ from each other, in the order in which they were chosen.

    Candidates are the most contested samples, `CANDIDATES` for each that is selected; the first is the most contested,
    and each further one is the farthest from those before it in the joint space of all models.

    Raises:
        InputError: count is larger than the number of samples.
    """
    from hyle.engine.analysis import farthest_samples

    if count > len(result.ids):
        raise InputError(f"--select {count}: there are only {len(result.ids)} {result.per or 'sample'}s")
    candidates = result.contested[: CANDIDATES * count]
    return [int(i) for i in farthest_samples(result.rows, count, candidates=candidates, families=result.families)]


def errors_of(path: Path, models: Sequence[str], ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the errors of models from a .csv file: sample id, then one column of errors per model.

    Args:
        path: the file.
        models: names of the models that are compared.
        ids: of the compared samples.

    Returns:
        name -> errors [n] in the order of the ids, NaN for samples without an error.

    Raises:
        InputError: the file cannot be read, a column is not a model that is compared, or no id is a compared sample.
    """
    table = read_table(path, what="--errors")
    unknown = [name for name in table if name not in models]
    if unknown:
        raise InputError(f"--errors {path}: {unknown[0]!r} is not compared; compared are {', '.join(models)}")
    errors = {name: np.array([column.get(i, np.nan) for i in ids]) for name, column in table.items()}
    if not any(np.isfinite(values).any() for values in errors.values()):
        some = ", ".join(repr(i) for i in list(next(iter(table.values())))[:3])
        raise InputError(f"--errors {path}: no id is that of a compared sample: {some}, and {ids[0]!r}")
    return errors


def predict_errors(
    result: ContestedSamples,
    errors: Mapping[str, np.ndarray],
    sizes: Sequence[float] | None = None,
    training: np.ndarray | None = None,
) -> ErrorPrediction:
    """Correlate the disagreement on each sample with the errors of models, beside other facts on the samples.

    Args:
        result: as `contested` returns it.
        errors: name -> [n], as `errors_of` returns them.
        sizes: [n], numbers of atoms, which are held fixed.
        training: [m, n], the distance of each sample from the training data in each model, of all that are compared.

    The others are: how much less models agree than expected; the disagreement of each model with the others; the
    distance from the mean, to the nearest neighbours and from the training data in the space of the model; how few
    dimensions its representation has around the sample; and the spread of the predictions, where signed errors of two
    or more models are given.
    """
    from hyle.engine.analysis import disagreement_error, local_dimension, prediction_spread

    found, names = result.found, list(errors)
    place = [list(result.models).index(name) for name in names]
    values = np.stack([errors[name] for name in names])
    others = {
        "less agreement than expected": -found.deviation,
        "disagreement of the model with the others": -found.by_model[place],
        "distance from the mean, in the model": np.stack([_from_mean(result.rows[i]) for i in place]),
    }
    if found.radius is not None:
        others["distance to the neighbours, in the model"] = found.radius[place]
    if training is not None:
        others["distance to the training data, in the model"] = training[place]
    groups = [result.groups[i] for i in result.ids] if result.groups else None
    largest = max(Counter(groups).values()) if groups else 1
    k = min(DIMENSION_K, len(result.ids) - largest)
    if k >= 3:
        others["few dimensions around the sample, in the model"] = -np.stack(
            [local_dimension(result.rows[i], k=k, outside=groups) for i in place]
        )
    if len(names) > 1 and (values < 0).any():
        others["spread of the predictions"] = prediction_spread(values)
    return disagreement_error(
        -found.agreement,
        values,
        others=others,
        covariates=None if sizes is None or len(set(sizes)) < 2 else np.asarray(sizes)[:, None],
        groups=groups,
        families=[result.families[i] for i in place],
    )


def _from_mean(rows: np.ndarray) -> np.ndarray:
    centred = np.asarray(rows, np.float64)
    return np.asarray(np.linalg.norm(centred - centred.mean(0), axis=1))
