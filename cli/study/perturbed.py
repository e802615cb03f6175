"""Agreement on the same crystals, before and after a change of their geometry by a known amount."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyle.zoo import Dataset, Representation, Store, find_dataset, load_dataset, perturb

from ..comparison import model_names
from ..console import say
from ..jobs import embed_with_progress
from ..results import PerturbedResult
from .findings import change_of, rows_of_models
from .plan import BESIDE, OF_PERTURBED, PERTURBED, PERTURBED_N, SHIFT, StudyResult
from .statistics import families

METRIC = "cknna"


def perturbed(panel: StudyResult, store: Store) -> list[PerturbedResult]:
    """Change the first crystals of the set in distribution, embed them, and compare them with what they were.

    Args:
        panel: the set, compared.
        store: where representations are kept.
    """
    from hyle.engine import HyleError

    names = [name for name in OF_PERTURBED if name in panel.plan.models]
    data = load_dataset(SHIFT[0], n=min(PERTURBED_N, panel.plan.n, find_dataset(SHIFT[0]).total))
    found = []
    for kind, amounts in PERTURBED.items():
        for amount in amounts:
            representations = embed_perturbed(names, data, kind, amount, store)
            try:
                found.append(measure(panel, kind, amount, representations))
            except HyleError as error:  # the user has chosen too few samples or models for this section
                say(f"{SHIFT[0]}, {kind} {amount:g}: {error}")
    return found


def embed_perturbed(
    names: Sequence[str], data: Dataset, kind: str, amount: float, store: Store
) -> list[Representation]:
    """Embed the changed samples with all models; representations in the store are reused."""
    changed = perturb(data, kind, amount)
    say(f"{changed.name}: {len(changed)} {changed.domain}, {len(names)} models and controls")
    return [embed_with_progress(name, changed, store)[0] for name in names]


def measure(panel: StudyResult, kind: str, amount: float, representations: Sequence[Representation]) -> PerturbedResult:
    """Compare one amount of one change with the same samples before it.

    Args:
        panel: the set, compared.
        kind: of the change.
        amount: of the change.
        representations: of the changed samples.
    """
    from hyle.engine import compare
    from hyle.engine.analysis import beyond_chance, contrast, degree_of_shift, family_codes, family_means

    whole = rows_of_models(panel, BESIDE)
    owners = dict(zip(model_names(panel.comparison), families(panel.comparison), strict=True))
    changed = {one.name: one for one in representations if one.name in whole.rows}
    common = set(whole.ids).intersection(*(one.ids for one in changed.values()))
    ids = [i for i in whole.ids if i in common]
    at = {i: row for row, i in enumerate(whole.ids)}
    rows = [at[i] for i in ids]
    before = {name: whole.rows[name][rows] for name in changed}
    after = {}
    for name, one in changed.items():
        place = {i: row for row, i in enumerate(one.ids)}
        after[name] = np.asarray(one.embedding)[[place[i] for i in ids]]
    every = list(range(len(whole.ids))) if whole.groups is None else list(whole.groups)
    labels = [every[row] for row in rows]
    models = [name for name in changed if name not in BESIDE]
    (found,) = contrast(
        before,
        after,
        (METRIC,),
        inside_groups=labels,
        outside_groups=labels,
        paired=True,
        families=owners,
        controls=BESIDE,
    )
    aucs = [degree_of_shift(before[m], after[m], groups=labels, shifted_groups=labels).auc for m in models]
    kept = []
    for name in models:
        both = compare({"before": before[name], "after": after[name]}, metrics=[METRIC], k=found.k)
        kept.append(beyond_chance(both, METRIC)[0, 1])
    codes = family_codes([owners[name] for name in models])
    change = change_of(found)
    return PerturbedResult(
        kind,
        amount,
        float(np.median(aucs)),
        float(family_means(np.array(kept), codes).mean()),
        found.inside,
        change.value,
        change.low,
        change.high,
        change.units,
        found.n,
        len(ids),
        found.models,
        found.controls,
    )
