"""The shared part of a panel of representations, and what it predicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import InputError, Representation, list_models, shorten

from ..comparison import CONTROL
from ..console import SILENT, SilentProgress, with_progress
from ..options import NO_GROUPS, CompareOptions
from .compare import by_name
from .groups import with_groups
from .rows import node_kind, rows_of, rows_word
from .sources import check_ids

if TYPE_CHECKING:
    from hyle.engine.analysis import Consensus, LabelProbe


@dataclass(frozen=True)
class SharedPart:
    """What a panel shares, on the samples that all of its representations have.

    Args:
        result: of the engine.
        representation: the shared coordinates, with their recipe; None if nothing is shared.
        ids: the n sorted ids.
        rows: name -> [n, d].
        families: [m], the family of each model, which has one vote; empty if it is unknown.
        groups: [n], groups of samples that are not independent; None if all are.
        groups_kind: what the samples of a group have in common; empty if unknown.
        row_words: what the rows are of, such as ``atoms``.
    """

    result: Consensus
    representation: Representation | None
    ids: Sequence[str]
    rows: Mapping[str, np.ndarray]
    families: Sequence[str]
    groups: Sequence[str] | None
    groups_kind: str
    row_words: str = "samples"


def shared_part(
    representations: Sequence[Representation],
    *,
    siblings: Sequence[Sequence[str]] = (),
    groups: Mapping[str, str] | str | None = None,
    rank: int | None = None,
    ridge: float | None = None,
    permutations: int = 99,
    seed: int = 0,
    progress: SilentProgress = SILENT,
) -> SharedPart:
    """Compute what representations share; see `hyle.engine.analysis.consensus`.

    Models of one family, layers of one model and copies of one file have one vote together. Controls have none.

    Args:
        representations: of at least two families; they are joined by sample id.
        siblings: names that are to be taken for one family, for each such family.
        groups: as `hyle.cli.options.CompareOptions` takes them; by default also the samples of atoms, residues or
            tokens.
        rank: number of shared coordinates; by default it is tested.
        ridge: penalty; by default it is chosen.
        permutations: of the test.
        seed: of folds and permutations.
        progress: shows a progress bar, and notes on the samples; default nothing.

    Raises:
        InputError: too few families or samples, or a row that is not finite; names it.
    """
    from hyle.engine.analysis import consensus

    named = by_name(representations)
    if len(named) < 2:
        raise InputError("what models share needs at least two representations")
    check_ids(representations)
    families, votes = _families(named, siblings)
    count = len({family for family, vote in zip(families, votes, strict=True) if vote})
    if count < 2:
        raise InputError(
            f"what models share needs two families, and {'one has' if count else 'none has'} a vote: controls have "
            "none, and models of one family have one together; add a model of another family"
        )
    ids = sorted(set.intersection(*(set(rep.ids) for rep in named.values())))
    rows = {name: np.asarray(rows_of(rep, ids), np.float64) for name, rep in named.items()}
    per = node_kind(representations)
    if per and groups is None:
        groups = "sample"
    # One permutation, so that default groups of samples are looked for.
    asked = CompareOptions(permutations=0 if per else 1, groups=groups, strata=NO_GROUPS)
    found = with_groups(asked, list(named.values()))
    if found.warning:
        progress.say(f"warning: {found.warning}")
    if found.note:
        progress.say(f"note: {found.note}")
    by_id = found.measure.groups
    missing = [i for i in ids if i not in by_id] if isinstance(by_id, Mapping) else []
    if missing:
        one = per or "sample"
        raise InputError(f"--groups: the {one} {shorten(missing[0])!r} has no group; name one for each {one}")
    labels = [by_id[i] for i in ids] if isinstance(by_id, Mapping) else None
    with progress.bar("shared part") as update:
        result = consensus(
            rows,
            families=families,
            votes=votes,
            groups=labels,
            rank=rank,
            ridge=ridge,
            permutations=permutations,
            seed=seed,
            progress=lambda stage, share: update(share, stage),
        )
    recipe = _recipe(named, families, result, ids, found.groups_kind, permutations, seed)
    made = None
    if result.rank:
        kinds = next((rep.groups for rep in named.values() if rep.groups), {})
        made = Representation("consensus", result.coordinates.astype(np.float32), ids, recipe)
        source = next((rep for rep in named.values() if rep.groups is kinds), None)
        if source is not None:
            place = {i: row for row, i in enumerate(source.ids)}
            made = dataclasses.replace(
                made, groups={kind: [each[place[i]] for i in ids] for kind, each in kinds.items()}
            )
    shown = ["" if family.startswith(_UNKNOWN) else family for family in families]
    return SharedPart(result, made, ids, rows, shown, labels, found.groups_kind, rows_word(representations))


shared_part_with_progress = with_progress(shared_part)

# Before the name of a family that has no name.
_UNKNOWN = "\0"


def _families(named: Mapping[str, Representation], siblings: Sequence[Sequence[str]]) -> tuple[list[str], list[bool]]:
    """Return the family of each representation, and whether it has a vote."""
    cards = {card.name: card for card in list_models()} if any(r.recipe.get("model") for r in named.values()) else {}
    families, votes = [], []
    for name, rep in named.items():
        model = str(rep.recipe.get("model", ""))
        card = cards.get(model)
        alone = _UNKNOWN + (model or str(rep.recipe.get("content", "")) or name)
        families.append(card.family or alone if card else alone)
        votes.append(card is None or card.modality != CONTROL)
    names = list(named)
    for each in siblings:
        for name in each:
            if name not in named:
                raise InputError(f"--siblings {','.join(each)}: there is no {name!r}; there are {', '.join(names)}")
        joined = {families[names.index(name)] for name in each}
        families = [_UNKNOWN + "+".join(each) if family in joined else family for family in families]
    return families, votes


def _recipe(
    named: Mapping[str, Representation],
    families: Sequence[str],
    result: Consensus,
    ids: Sequence[str],
    groups_kind: str,
    permutations: int,
    seed: int,
) -> dict[str, Any]:
    """Return the recipe of the shared coordinates."""
    import hashlib

    sets = {
        tuple(str(rep.recipe.get(f"dataset{key}", "")) for key in ("", "_version", "_source")) for rep in named.values()
    }
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
    dataset, number, source = next(iter(sets)) if len(sets) == 1 else ("", "", "")
    return {
        "method": "MAXVAR generalised canonical correlation analysis with ridge, cross-fitted over five folds",
        "dataset": dataset,
        "dataset_version": number or f"ids {digest}",
        "dataset_source": source,
        "ids": str(next(iter(named.values())).recipe.get("ids", "the files")),
        "id_rules": list(next(iter(named.values())).recipe.get("id_rules", ())),
        "rank": result.rank,
        "rank_by": f"sequential permutation test, {permutations} permutations, level 0.05"
        if result.tested
        else "given",
        "ridge": result.ridge,
        "groups": groups_kind or ("given" if result.groups < len(ids) else "samples"),
        "seed": seed,
        **({"per": per} if (per := node_kind(list(named.values()))) else {}),
        "models": {name: dict(rep.recipe) for name, rep in named.items()},
        "families": {
            name: family.removeprefix(_UNKNOWN) if code >= 0 else "no vote"
            for name, family, code in zip(named, families, result.families, strict=True)
        },
        "hyle_version": version("hyle"),
    }


def probe_labels(
    part: SharedPart, labels: Mapping[str, np.ndarray], *, progress: SilentProgress = SILENT
) -> dict[str, LabelProbe]:
    """Probe each label; see `hyle.engine.analysis.probe_consensus`.

    Args:
        part: of at least rank 1.
        labels: name -> [n].
        progress: shows a progress bar; default nothing.

    Raises:
        InputError: a label that cannot be probed; names it.
    """
    from hyle.engine.analysis import probe_consensus
    from hyle.engine.base import InputError as EngineError

    found = {}
    with progress.bar("probing") as update:
        for done, (name, values) in enumerate(labels.items()):

            def advance(share: float, name: str = name, done: int = done) -> None:
                update((done + share) / len(labels), name)

            try:
                found[name] = probe_consensus(part.result, part.rows, values, groups=part.groups, progress=advance)
            except EngineError as error:
                raise InputError(f"--probe {name}: {error}") from error
    return found


probe_labels_with_progress = with_progress(probe_labels)


def consensus_data(part: SharedPart, probes: Mapping[str, LabelProbe]) -> dict[str, Any]:
    """Return a shared part and its probes as plain data."""
    result = part.result
    return {
        "n": len(part.ids),
        "per": part.row_words.removesuffix("s"),
        "groups": result.groups,
        "groups_kind": part.groups_kind,
        "families": len(set(result.families[result.families >= 0])),
        "rank": result.rank,
        "rank_tested": result.tested,
        "eigenvalues": result.eigenvalues,
        "threshold": result.threshold,
        "p": result.p,
        "carried_by": result.carriers,
        "ridge": result.ridge,
        "ridges": {f"{ridge:.3g}": value for ridge, value in result.ridges.items()},
        "models": {
            name: {
                "family": part.families[i],
                "vote": bool(result.families[i] >= 0),
                "width": part.rows[name].shape[1],
                "recovered": float(result.recovered[i].mean()) if result.rank else None,
                "recovered_by_coordinate": result.recovered[i],
                "explained": float(result.explained[i]) if result.rank else None,
            }
            for i, name in enumerate(result.models)
        },
        "probes": {name: dataclasses.asdict(probe) | {"verdict": probe.verdict} for name, probe in probes.items()},
        "recipe": dict(part.representation.recipe) if part.representation else {},
        "hyle_version": version("hyle"),
    }
