"""Groups of samples by what they are, for permutations and jackknife groups."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from hyle.zoo import (
    GROUP_KINDS,
    GROUP_STATES,
    ID_RULES,
    ROW_NUMBERS,
    InputError,
    Representation,
    describe_repeats,
    load_dataset,
)

from ..console import say
from ..options import CompareOptions

# Fraction of the samples that share their group with another one, above which there is a warning.
FEW = 0.05


def with_groups(measure: CompareOptions, representations: Sequence[Representation]) -> CompareOptions:
    """Return what to measure with the groups that ``--groups`` names, by sample id.

    Args:
        measure: its groups may be a kind of `hyle.zoo.GROUP_KINDS`, ``KIND:DATASET`` or ``KIND:FILE:ID_COLUMN``.
        representations: of the samples; stored embeddings know the groups of their samples. Rules that were applied to
            their ids are applied to the ids of the groups.

    Raises:
        InputError: the samples are unknown, or have no groups of this kind.
    """
    if measure.groups is None:
        return measure
    if isinstance(measure.groups, str):
        kind, _, dataset = measure.groups.partition(":")
        if not dataset:
            return dataclasses.replace(measure, groups=_of_stored(kind, representations))
        labels = _of_dataset(kind, dataset, representations)
    else:
        labels = measure.groups
    for rule in representations[0].recipe.get("id_rules", ()):
        labels = {ID_RULES[rule][0](i): label for i, label in labels.items()}
    return dataclasses.replace(measure, groups=labels)


def _of_dataset(kind: str, name: str, representations: Sequence[Representation]) -> Mapping[str, str]:
    from hyle.engine import check_counting

    path, _, id_column = name.rpartition(":")
    data = load_dataset(path, notify=say, id_column=id_column) if path else load_dataset(name, notify=say)
    if kind not in data.groups:
        kinds = ", ".join(data.groups) or "none"
        raise InputError(f"--groups {kind}:{name}: the samples have no groups by {kind}; they have: {kinds}")
    samples = f"the samples of {data.name}"
    ids = {samples: data.ids, **{each.name: each.ids for each in representations}}
    numbered = [each.name for each in representations if each.row_numbers]
    for note in check_counting(ids, [*numbered, *([samples] if data.ids_from == ROW_NUMBERS else [])]):
        say(f"warning: {note}")
    return data.groups[kind]


def _of_stored(kind: str, representations: Sequence[Representation]) -> Mapping[str, str]:
    labels: dict[str, str] = {}
    for each in representations:
        if kind in each.groups:
            labels |= dict(zip(each.ids, each.groups[kind], strict=True))
    common = set.intersection(*(set(each.ids) for each in representations))
    if common <= labels.keys():
        return labels
    known = sorted({kind for each in representations for kind in each.groups})
    if known and kind not in known:
        raise InputError(f"--groups {kind}: the samples have no groups by {kind}; they have: {', '.join(known)}")
    raise InputError(
        f"--groups {kind}: it is unknown what the samples are; name them, --groups {kind}:DATASET, where DATASET is a "
        f"name of `hyle datasets` or a file of samples; with ids in a column: --groups {kind}:FILE:COLUMN"
    )


def repeated(representations: Sequence[Representation], ids: Sequence[str]) -> str:
    """Return a note if more than a few samples are states of one thing; "" if they are not, or if it is unknown.

    Args:
        representations: of the samples.
        ids: of the samples that are compared.
    """
    wanted = set(ids)
    for each in representations:
        kind = next((kind for kind in GROUP_STATES if kind in each.groups), None)
        if kind is None or not wanted <= set(each.ids):
            continue
        labels = [label for i, label in zip(each.ids, each.groups[kind], strict=True) if i in wanted]
        counts = Counter(labels)
        if sum(count for count in counts.values() if count > 1) > FEW * len(labels):
            sizes = {kind: len(counts)}
            return (
                f"{describe_repeats(len(labels), sizes)}: p-values and intervals treat all samples as independent; if "
                f"samples of one {GROUP_KINDS[kind][0]} are not, use --groups {kind}"
            )
        return ""
    return ""
