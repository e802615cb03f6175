"""What the samples on which models agree or disagree have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hyle.zoo import Dataset, InputError, Sample, split_node_id

if TYPE_CHECKING:
    from hyle.engine.analysis import Enrichments
    from hyle.zoo.descriptors import SampleDescriptors

    from .contested import ContestedSamples

AGREEMENT = ("models agree more", "models agree less")
EXPECTED = ("models agree more than expected", "models agree less than expected")


@dataclass(frozen=True)
class Explanation:
    """The descriptors of samples that go with a score.

    Args:
        found: the tests.
        descriptors: of the samples that have a score.
        unit: what the groups are, in the plural; empty if each sample is one.
        words: what a high and a low score mean, such as "models agree more" and "models agree less".
    """

    found: Enrichments
    descriptors: SampleDescriptors
    unit: str
    words: tuple[str, str]


def explain_scores(
    scores: Mapping[str, float],
    samples: Dataset | Mapping[str, Sample],
    groups: Mapping[str, str] | None = None,
    *,
    per: str = "",
    labels: Mapping[str, str] | None = None,
    unit: str = "groups",
    words: tuple[str, str] = AGREEMENT,
    training: Iterable[Sample] = (),
    alpha: float = 0.05,
    seed: int = 0,
) -> Explanation:
    """Find what samples with a high or a low score have in common; see `hyle.engine.analysis.enrichment`.

    Args:
        scores: id -> score of a sample, such as the agreement of models on it, or of an atom, residue or token.
        samples: the data set of the samples, or id -> sample for each id in `scores`.
        groups: id -> label of samples that are not independent; default: each sample is a group of its own, and the
            atoms, residues or tokens of one sample are a group.
        per: ``atom``, ``residue`` or ``token`` if the scores are of these, else empty.
        labels: id -> text of each token; for tokens only.
        unit: what the groups are, in the plural, such as ``formulas``.
        words: what a high and a low score mean, as the beginning of a sentence.
        training: samples of the data that models were trained on, for descriptors of the distance to them; not used for
            atoms, residues and tokens.
        alpha: false discovery rate.
        seed: of the permutations.

    Raises:
        InputError: a sample is missing, an id has no group, or too few samples have a score.
        ImportError: a package that describes such samples is not installed.
    """
    from hyle.engine.analysis import enrichment
    from hyle.zoo.descriptors import describe_nodes, describe_samples

    finite = {id_: float(score) for id_, score in scores.items() if np.isfinite(score)}
    owners = {id_: split_node_id(id_)[0] if per else id_ for id_ in finite}
    subset = _subset(owners, samples)
    if per:
        texts = None if labels is None else [labels[id_] for id_ in finite]
        described = describe_nodes(subset, list(finite), per, texts)
        if groups is None:
            groups, unit = owners, "samples"
    else:
        described = describe_samples(subset, training)
    if groups is not None and (missing := [id_ for id_ in described.ids if id_ not in groups]):
        raise InputError(
            f"{len(missing)} of {len(described.ids)} samples have no group, the first of them {missing[0]!r}"
        )
    found = enrichment(
        [finite[id_] for id_ in described.ids],
        {each.name: each.values for each in described.descriptors},
        binary={each.name for each in described.descriptors if each.binary},
        groups=None if groups is None else [groups[id_] for id_ in described.ids],
        alpha=alpha,
        seed=seed,
    )
    return Explanation(found, described, unit if found.groups < found.n else "", words)


def explain_contested(
    result: ContestedSamples,
    samples: Mapping[str, Sample],
    *,
    per: str = "",
    labels: Mapping[str, str] | None = None,
    training: Iterable[Sample] = (),
    seed: int = 0,
) -> Explanation:
    """Find what contested samples have in common: those on which models agree less than expected.

    Samples that are not known are left out.

    Args:
        result: as `contested` returns it.
        samples: id -> sample, as `find_samples` returns them.
        per: ``atom``, ``residue`` or ``token`` if the rows are of these, else empty.
        labels: id -> text of each token; for tokens only.
        training: as `explain_scores` takes them.
        seed: of the permutations.

    Raises:
        InputError: no sample is known, or too few.
        ImportError: a package that describes such samples is not installed.
    """
    known = [(i, id_) for i, id_ in enumerate(result.ids) if id_ in samples]
    if not known:
        raise InputError(
            "--explain: it is unknown what the samples are; name them with --samples DATASET or --samples FILE"
        )
    return explain_scores(
        {id_: float(result.found.deviation[i]) for i, id_ in known},
        {id_: samples[id_] for _, id_ in known},
        result.groups or None,
        per=per,
        labels=labels,
        unit="samples" if per else "groups",
        words=EXPECTED,
        training=training,
        seed=seed,
    )


def _subset(owners: Mapping[str, str], samples: Dataset | Mapping[str, Sample]) -> Dataset:
    """Return a data set of the samples that have a score, by id -> id of the sample."""
    wanted = set(owners.values())
    if isinstance(samples, Dataset):
        known: dict[str, Sample] = {sample.id: sample for sample in samples if sample.id in wanted}
        missing: Sequence[str] = sorted(wanted - known.keys())
        where = f"the data set {samples.name!r}"
    else:
        missing, where = [id_ for id_ in owners if id_ not in samples], "the mapping of samples"
        # Ids may have been changed to join embeddings.
        known = {owner: replace(samples[id_], id=owner) for id_, owner in owners.items() if id_ in samples}
    if missing:
        raise InputError(
            f"{where} lacks {len(missing)} of {len(wanted)} samples, the first of them {missing[0]!r}: name the data "
            "set or the file that the samples come from"
        )
    if isinstance(samples, Dataset):
        return replace(samples, samples=list(known.values()))
    return Dataset("samples", list(known.values()), "", "", "")
