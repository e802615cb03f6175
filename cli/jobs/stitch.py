"""Zero-shot stitching of models by shared anchors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import GROUP_KINDS, NODE_GROUP_KINDS, InputError, Representation

from ..comparison import known_groups, number
from ..options import NO_GROUPS, AnchorOptions, CompareOptions
from ..tables import print_table
from .anchors import Anchors, choose_anchors, relative_to
from .compare import by_name
from .groups import with_groups
from .rows import rows_of, rows_word
from .sample_facts import composition_of, find_label

if TYPE_CHECKING:
    from hyle.engine.analysis import HeldOutScore, Stitching

# What is held out together by default: the first of these that is known of the samples.
UNITS = ("sample", "sequence", "formula", "scaffold")


@dataclass(frozen=True)
class Stitched:
    """The result of `stitch`.

    Args:
        label: name and unit.
        anchors: as they were chosen.
        groups_kind: what is held out together, of `hyle.zoo.GROUP_KINDS`; empty for single samples or a file.
        result: of `hyle.engine.analysis.stitching`.
        settings: penalty, standardise, permutations and seed.
        rows: what the rows are of, such as ``samples``.
    """

    label: str
    anchors: Anchors
    groups_kind: str
    result: Stitching
    settings: Mapping[str, Any]
    rows: str = "samples"


def stitch(
    representations: Sequence[Representation],
    label: str,
    anchors: AnchorOptions,
    *,
    dataset: str | None = None,
    id_column: str | None = None,
    groups: Mapping[str, str] | str | None = None,
    penalty: float | None = 0.1,
    standardise: bool = False,
    folds: int = 5,
    permutations: int = 99,
    seed: int = 0,
) -> Stitched:
    """Fit a head to each model's similarities to the anchors, and apply it to those of every model.

    Args:
        representations: at least two.
        label: a label of the data set, or ``FILE[:COLUMN]``.
        anchors: with anchors, which are neither trained on nor tested.
        dataset: of the samples, if their recipes do not name it.
        id_column: of the data set, if it is a file.
        groups: what is held out together, as in `with_groups`; default `UNITS`.
        penalty: as in `hyle.engine.analysis.stitching`.
        standardise: see there.
        folds: see there.
        permutations: see there.
        seed: see there.

    Raises:
        InputError: fewer than two representations, an unknown label, or too few labelled samples or groups.
    """
    from hyle.engine.analysis import stitching

    if len(representations) < 2:
        raise InputError("stitching needs at least two models: name a second one")
    found = find_label(label, representations, dataset, id_column)
    chosen = choose_anchors(representations, anchors)
    relative = relative_to(representations, chosen)
    named, own = by_name(relative), by_name(representations)
    ids = sorted(set.intersection(*(set(each.ids) for each in relative)))
    kind = next((kind for kind in UNITS if known_groups(kind, representations, ids)), "") if groups is None else ""
    asked = CompareOptions(permutations=0, groups=groups if groups is not None else kind or NO_GROUPS)
    units = with_groups(asked, relative)
    labels = units.measure.groups
    missing = [] if not isinstance(labels, Mapping) else [id_ for id_ in ids if id_ not in labels]
    if missing:
        raise InputError(f"--groups: {len(missing)} of {len(ids)} samples have no group: {', '.join(missing[:3])}")
    result = stitching(
        {name: rows_of(each, ids) for name, each in named.items()},
        found.of(ids),
        own={name: rows_of(each, ids) for name, each in own.items()},
        composition=composition_of(representations, ids, dataset, id_column),
        groups=[labels[id_] for id_ in ids] if isinstance(labels, Mapping) else None,
        penalty=penalty,
        standardise=standardise,
        folds=folds,
        permutations=permutations,
        seed=seed,
    )
    settings = {"penalty": penalty, "standardise": standardise, "permutations": permutations, "seed": seed}
    return Stitched(found.title, chosen, units.groups_kind, result, settings, rows_word(representations))


def stitched_data(stitched: Stitched) -> dict[str, Any]:
    """Return the result as plain data."""
    result = stitched.result

    def plain(score: HeldOutScore) -> dict[str, np.ndarray]:
        return {"value": score.value, "low": score.low, "high": score.high}

    return {
        "label": stitched.label,
        "models": list(result.models),
        "n": result.n,
        "groups": result.groups,
        "groups_kind": stitched.groups_kind,
        "folds": result.folds,
        **stitched.settings,
        "r2": plain(result.r2),
        "mae": result.mae,
        "loss": plain(result.loss),
        "p": result.p,
        "beyond_composition": plain(result.beyond),
        "own": plain(result.own) | {"mae": result.own_mae},
        "composition": plain(result.composition) | {"mae": result.composition_mae},
        "median_mae": result.baseline_mae,
        "anchors": stitched.anchors.recipe,
    }


def print_stitched(stitched: Stitched) -> None:
    """Print the matrix of R2, the heads without stitching, and every stitched pair with intervals."""
    result, names = stitched.result, stitched.result.models
    kinds = {**GROUP_KINDS, **NODE_GROUP_KINDS}
    held_out = kinds[stitched.groups_kind][1] if stitched.groups_kind else "groups"
    samples = f"{result.n:,} {stitched.rows}"
    if result.groups < result.n:
        samples += f" of {result.groups:,} {held_out}"
    click.echo(f"R² of {stitched.label} on held-out {held_out}: {samples}, {result.folds} folds")
    click.echo("Rows: the model that the head was fitted to. Columns: the model that it is applied to.")
    matrix = [(name, *(number(float(v), 2) for v in row)) for name, row in zip(names, result.r2.value, strict=True)]
    print_table(("head of", *names), matrix, right=names, keys=1)
    click.echo("\nWithout stitching: R² of heads fitted to the model itself")
    rows = [
        (name, _cell(result.r2, (i, i)), _cell(result.own, i), number(float(result.own_mae[i]), 4))
        for i, name in enumerate(names)
    ]
    if np.isfinite(result.composition.value):
        rows.append(("(composition)", "", _cell(result.composition, ()), number(result.composition_mae, 4)))
    rows.append(("(the median)", "", "", number(result.baseline_mae, 4)))
    print_table(
        ("model", "relative rows", "own rows", "MAE of own rows"),
        rows,
        right=("relative rows", "own rows", "MAE of own rows"),
        keys=1,
    )
    click.echo("\nStitched, the best first")
    pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if i != j]
    pairs.sort(key=lambda pair: (-float(result.r2.value[pair]), pair))
    cells = [
        (
            names[i],
            names[j],
            _cell(result.r2, (i, j)),
            f"{result.p[i, j]:.2g}" if np.isfinite(result.p[i, j]) else "–",
            _cell(result.loss, (i, j)),
            _cell(result.beyond, (i, j)) if np.isfinite(result.beyond.value[i, j]) else "–",
            number(float(result.mae[i, j]), 4),
        )
        for i, j in pairs
    ]
    columns = ("head of", "applied to", "R²", "p", "loss", "beyond composition", "MAE")
    print_table(columns, cells, right=columns[2:], keys=2)
    click.echo("p: of R² under permutations of the anchors of the model that the head is applied to")
    click.echo("loss: R² of the applied model's own relative head minus R²; beyond composition: R² minus that of it")
    click.echo("[ ] 95 % intervals over held-out groups, for the heads as they were fitted")


def _cell(score: HeldOutScore, at: Any) -> str:
    value, low, high = (float(each[at]) for each in score)
    return f"{number(value, 2)} [{number(low, 2)}, {number(high, 2)}]"
