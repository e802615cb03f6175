"""Groups of samples by what they are, for permutations and jackknife groups."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from hyle.zoo import (
    GROUP_KINDS,
    ID_RULES,
    NODE_GROUP_KINDS,
    ROW_NUMBERS,
    InputError,
    Representation,
    describe_repeats,
    load_dataset,
)
from hyle.zoo.nodes import LABEL_KINDS

from ..comparison import count_repeated, known_groups, split_column, states_of_one_thing
from ..console import say
from ..options import NO_GROUPS, CompareOptions
from .rows import as_nodes, node_kind

# Kinds within which samples are permuted by default: the first that at least this fraction share with another sample.
STRATA, MIN_SHARED_FRACTION = ("formula", "composition", "elements"), 0.2
# The fewest samples whose atoms, residues or tokens can be exchanged, for p-values.
MIN_EXCHANGEABLE = 10
# The fewest groups for a jackknife by default.
MIN_GROUPS = 5


@dataclasses.dataclass(frozen=True)
class SampleGroups:
    """What is independent of what among the samples of a comparison, and how it is reported.

    Args:
        measure: what to measure, with its groups and strata by sample id.
        groups_kind: kind of the groups, empty if there are none or they are from a file.
        strata_kind: kind of the strata, likewise.
        note: what is used by default, in a sentence; empty if nothing is.
        warning: that states of one thing are treated as independent, in a sentence; empty if they are not.
    """

    measure: CompareOptions
    groups_kind: str = ""
    strata_kind: str = ""
    note: str = ""
    warning: str = ""


def with_groups(measure: CompareOptions, representations: Sequence[Representation]) -> SampleGroups:
    """Find the groups that ``--groups`` and ``--beyond`` name, by sample id, or those that the samples are known to be.

    By default, where more than 5 % of the samples are states of one thing (`hyle.zoo.GROUP_STATES`), whole groups are
    exchanged by the permutations and deleted by the jackknife; and samples are permuted within `STRATA` for what models
    share beyond these.

    Args:
        measure: its groups and strata may be a kind of `hyle.zoo.GROUP_KINDS`, ``KIND:DATASET``,
            ``KIND:FILE:ID_COLUMN`` or ``none``.
        representations: of the samples; stored embeddings know the groups of their samples. Rules that were applied to
            their ids are applied to the ids of the groups.

    Raises:
        InputError: the samples are unknown, or have no groups of this kind, or whole groups are to be exchanged where
            there are none.
    """
    ids = sorted(set.intersection(*(set(each.ids) for each in representations)))
    if node_kind(representations):
        found = _of_nodes(measure, representations, ids)
    else:
        found = SampleGroups(_with_labels_together(measure))
    measure = found.measure
    if measure.permutations or measure.jackknife_groups or measure.groups not in (None, NO_GROUPS):
        found = _with_units(found, representations, ids)
    if measure.permutations or measure.strata not in (None, NO_GROUPS):
        found = _with_strata(found, representations, ids)
    measure = found.measure
    groups, strata = (None if each == NO_GROUPS else each for each in (measure.groups, measure.strata))
    outside = None if measure.neighbours_outside == NO_GROUPS else measure.neighbours_outside
    outside = outside if outside is None else _labels("--outside", outside, representations)
    if groups is None and measure.permute in ("whole", "blocks") and measure.permutations:
        raise InputError(
            f"--permute {measure.permute} exchanges groups of samples, and there are none: name them with --groups, or "
            "omit it"
        )
    permute = (measure.permute or "within") if groups is not None else None
    return dataclasses.replace(
        found,
        measure=dataclasses.replace(measure, groups=groups, strata=strata, permute=permute, neighbours_outside=outside),
    )


def _with_labels_together(measure: CompareOptions) -> CompareOptions:
    """Return options whose permutations exchange whole labels where neighbours are those with another label."""
    if measure.neighbours_outside in (None, NO_GROUPS) or measure.groups is not None or not measure.permutations:
        return measure
    strata = NO_GROUPS if measure.strata is None else measure.strata
    permute = measure.permute or "blocks"
    return dataclasses.replace(measure, groups=measure.neighbours_outside, strata=strata, permute=permute)


def _of_nodes(measure: CompareOptions, representations: Sequence[Representation], ids: Sequence[str]) -> SampleGroups:
    """Return the options for rows of atoms, residues or tokens, of which those of one sample depend on each other."""
    per = node_kind(representations)
    representations = as_nodes(representations, per)
    measure = dataclasses.replace(measure, neighbours_outside=measure.neighbours_outside or _outside(measure))
    if measure.groups is not None or not (measure.permutations or measure.jackknife_groups):
        permute = measure.permute or ("blocks" if measure.groups not in (None, NO_GROUPS) else None)
        return SampleGroups(dataclasses.replace(measure, permute=permute))
    note = f"{per}s of one sample are not independent: samples are the units of p-values and intervals"
    if measure.permutations:
        measure, more = _exchanges(measure, per, representations, ids)
        note += more
    groups = "sample" if measure.permutations or measure.jackknife_groups else None
    return SampleGroups(dataclasses.replace(measure, groups=groups), note=note)


def _outside(measure: CompareOptions) -> Mapping[str, str] | str:
    """Return outside of what neighbours are searched by default: the groups, which permutations keep together."""
    return "sample" if measure.groups is None else measure.groups


def _exchanges(
    measure: CompareOptions, per: str, representations: Sequence[Representation], ids: Sequence[str]
) -> tuple[CompareOptions, str]:
    """Return the options for permutations of nodes, and what is exchanged in words; none if too few samples can be."""
    from hyle.engine.permutation import exchangeable_share

    strata, kind = measure.strata, LABEL_KINDS[per]
    if strata is None and known_groups(kind, representations, ids):
        strata = kind
    known = {} if strata in (None, NO_GROUPS) else _labels("--beyond", strata, representations)
    samples = known_groups("sample", representations, ids)
    share, count = exchangeable_share([samples[i] for i in ids], [known.get(i, "") for i in ids])
    what = f"of one {NODE_GROUP_KINDS[kind][0]}" if strata == kind else "of one stratum"
    if strata is None:
        what = f"whatever their {NODE_GROUP_KINDS[kind][0]}, which is unknown (--beyond FILE names it),"
    elif strata == NO_GROUPS:
        what = f"whatever their {NODE_GROUP_KINDS[kind][0]}"
    if count < MIN_EXCHANGEABLE:
        remedy = f"compare {per}s of one {kind}: --where {kind}=..., or --by {kind}"
        why = f"only {count} samples have a counterpart with about as many {per}s of each {kind}"
        return (
            dataclasses.replace(measure, permutations=0, strata=NO_GROUPS, permute=None),
            f"; no p-values, because {why}; {remedy}",
        )
    options = dataclasses.replace(measure, strata=strata, permute=measure.permute or "blocks")
    return options, f"; permutations exchange {per}s {what} between {count} samples, {100 * share:.0f} % of the {per}s"


def _with_units(found: SampleGroups, representations: Sequence[Representation], ids: Sequence[str]) -> SampleGroups:
    """Resolve the groups, or find those of samples that are states of one thing."""
    measure = found.measure
    if measure.groups not in (None, NO_GROUPS):
        assert measure.groups is not None
        labels = _labels("--groups", measure.groups, representations)
        kind = measure.groups.partition(":")[0] if isinstance(measure.groups, str) else ""
        return dataclasses.replace(found, measure=dataclasses.replace(measure, groups=labels), groups_kind=kind)
    kind, labels = states_of_one_thing(representations, ids)
    if not kind:
        return found
    sizes = Counter(labels.values())
    singular, plural = GROUP_KINDS[kind]
    repeats = describe_repeats(len(ids), {kind: len(sizes)})
    # Groups of a size that no other has stay in place under permutation.
    exchangeable = len(set(sizes.values())) < len(sizes)
    if measure.groups == NO_GROUPS or not exchangeable or len(sizes) < MIN_GROUPS:
        advice = "" if measure.groups != NO_GROUPS else f"; if samples of one {singular} are not, omit --groups none"
        warning = f"{repeats}: p-values and intervals treat all samples as independent{advice}"
        return dataclasses.replace(found, warning=warning)
    note = (
        f"{repeats}: {plural} are the units of p-values and intervals; --groups none treats all samples as independent"
    )
    options = dataclasses.replace(measure, groups=labels, permute=measure.permute or "whole")
    return dataclasses.replace(found, measure=options, groups_kind=kind, note=note)


def _with_strata(found: SampleGroups, representations: Sequence[Representation], ids: Sequence[str]) -> SampleGroups:
    """Resolve the strata, or find a kind that enough samples share with others."""
    measure = found.measure
    if measure.strata == NO_GROUPS:
        return found
    if measure.strata is not None:
        labels = _labels("--beyond", measure.strata, representations)
        kind = measure.strata.partition(":")[0] if isinstance(measure.strata, str) else ""
        return dataclasses.replace(found, measure=dataclasses.replace(measure, strata=labels), strata_kind=kind)
    for kind in STRATA:
        labels = known_groups(kind, representations, ids)
        if labels and count_repeated(labels) >= MIN_SHARED_FRACTION * len(ids):
            return dataclasses.replace(found, measure=dataclasses.replace(measure, strata=labels), strata_kind=kind)
    return found


def _labels(option: str, groups: Mapping[str, str] | str, representations: Sequence[Representation]) -> dict[str, str]:
    """Return sample id -> label of groups that were named."""
    if isinstance(groups, str):
        kind, _, dataset = groups.partition(":")
        if not dataset:
            return _of_stored(option, kind, representations)
        labels = _of_dataset(option, kind, dataset, representations)
    else:
        labels = groups
    for rule in representations[0].recipe.get("id_rules", ()):
        labels = {ID_RULES[rule][0](i): label for i, label in labels.items()}
    return dict(labels)


def _of_dataset(option: str, kind: str, name: str, representations: Sequence[Representation]) -> Mapping[str, str]:
    from hyle.engine import check_counting

    path, id_column = split_column(name)
    data = load_dataset(path, notify=say, id_column=id_column) if id_column else load_dataset(path, notify=say)
    if kind not in data.groups:
        kinds = ", ".join(data.groups) or "none"
        raise InputError(f"{option} {kind}:{name}: the samples have no groups by {kind}; they have: {kinds}")
    samples = f"the samples of {data.name}"
    ids = {samples: data.ids, **{each.name: each.ids for each in representations}}
    numbered = [each.name for each in representations if each.row_numbers]
    for note in check_counting(ids, [*numbered, *([samples] if data.ids_from == ROW_NUMBERS else [])]):
        say(f"warning: {note}")
    return data.groups[kind]


def _of_stored(option: str, kind: str, representations: Sequence[Representation]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for each in representations:
        if kind in each.groups:
            labels |= dict(zip(each.ids, each.groups[kind], strict=True))
    common = set.intersection(*(set(each.ids) for each in representations))
    if common <= labels.keys():
        return labels
    known = sorted({kind for each in representations for kind in each.groups})
    if known and kind not in known:
        raise InputError(f"{option} {kind}: the samples have no groups by {kind}; they have: {', '.join(known)}")
    raise InputError(
        f"{option} {kind}: it is unknown what the samples are; name them, {option} {kind}:DATASET, where DATASET is a "
        f"name of `hyle datasets` or a file of samples; with ids in a column: {option} {kind}:FILE:COLUMN"
    )
