"""Repetition of the study's comparisons on models that run here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from hyle.zoo import Dataset, Representation, Store, find_card, find_dataset, load_dataset

from ..comparison import CONTROL, add_energy_errors, add_labels, add_samples
from ..console import TerminalProgress, say
from ..jobs import compare_with_progress, embed_together_with_progress, embed_with_progress
from ..options import CompareOptions
from ..results import PerturbedResult
from .attributes import AttributeResult, attributes, check_packages
from .findings import Finding, findings
from .perturbed import perturbed
from .plan import DEFAULT, MIDDLE, POOLINGS, SHIFT, StudyResult, StudyResults, StudySet
from .rules import Claim, load_rules
from .specifications import Specification, specifications
from .verdict import Verdict, judge

METRICS = (
    *("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance"),
    *("intrinsic_dimension", "intrinsic_dimension_twonn"),
)


@dataclass(frozen=True)
class Judged:
    """A registered claim, what is found on it, and the verdict.

    Args:
        claim: as registered.
        finding: the estimates, in numbers and words.
        verdict: by the registered rules.
    """

    claim: Claim
    finding: Finding
    verdict: Verdict


def make_panel(plan: StudySet, store: Store, *, permutations: int = 200, jackknife_groups: int = 20) -> StudyResult:
    """Embed and compare one set; representations in the store are reused.

    Args:
        plan: the samples and models.
        store: where representations are kept.
        permutations: number of permutations for p-values.
        jackknife_groups: number of groups of the delete-a-group jackknife.
    """
    data = load_dataset(plan.dataset, n=min(plan.n, find_dataset(plan.dataset).total), notify=say)
    say(f"{plan.dataset}: {len(data)} {data.domain}, {len(plan.models)} models and controls")
    representations, variants = _embed(plan, data, store)
    # 25 neighbours would be a large share of so few samples.
    k = 25 if len(data) >= 500 else 10
    measure = CompareOptions(metrics=METRICS, k=k, permutations=permutations, jackknife_groups=jackknife_groups)
    title = f"{len(data)} {data.domain} of {plan.dataset}: {plan.role}"
    facts = {"title": title, "domain": data.domain, "dataset_source": data.source}
    comparison = compare_with_progress(representations, measure, attributes=facts)
    add_samples(comparison, representations)
    add_labels(comparison, data)
    add_energy_errors(comparison, representations, data)
    return StudyResult(plan, data, representations, comparison, variants)


def _embed(
    plan: StudySet, data: Dataset, store: Store
) -> tuple[list[Representation], dict[tuple[str, str], list[Representation]]]:
    """Embed a set with all models, and with other layers and poolings of those that are not controls, in one pass."""
    representations: list[Representation] = []
    variants: dict[tuple[str, str], list[Representation]] = {}
    for name in plan.models:
        card = find_card(name)
        if card.modality == CONTROL:
            representations.append(embed_with_progress(name, data, store)[0])
            continue
        middle = card.layers[len(card.layers) // 2] if len(card.layers) >= 3 else None
        layers = {DEFAULT: None, MIDDLE: middle} if middle else {DEFAULT: None}
        poolings = (None,) if card.pooling == "none" else (None, *POOLINGS)
        made = embed_together_with_progress(
            name, data, store, list(layers.values()), lambda each, _: each, pooling=poolings
        )
        rows = dict(zip(itertools.product(layers, (DEFAULT, *poolings[1:])), made, strict=True))
        default = rows[DEFAULT, DEFAULT]
        representations.append(default)
        for layer, pooling in itertools.product((DEFAULT, MIDDLE), (DEFAULT, *POOLINGS)):
            known = layer if (layer, DEFAULT) in rows else DEFAULT, pooling if len(poolings) > 1 else DEFAULT
            variants.setdefault((layer, pooling), []).append(rows[known])
    del variants[DEFAULT, DEFAULT]
    return representations, variants


def judged(panels: StudyResults) -> list[Judged]:
    """Return the verdict on every registered claim whose sets are there, in the order of the rules."""
    rules = load_rules()
    found = findings(panels)
    verdicts = judge({one.name: one.estimates for one in found}, rules)
    return [Judged(rules.claims[one.name], one, verdicts[one.name]) for one in found]


@dataclass(frozen=True)
class StudyOutcome:
    """Everything that the study finds.

    Args:
        judged: each claim with its verdict.
        panels: the compared sets that the findings are based on.
        specifications: the claims under other choices.
        perturbed: agreement on the same crystals, before and after a change.
        attributes: agreement against what makes samples unusual.
    """

    judged: Sequence[Judged]
    panels: StudyResults
    specifications: Sequence[Specification] = ()
    perturbed: Sequence[PerturbedResult] = ()
    attributes: Sequence[AttributeResult] = ()


def study(plans: Sequence[StudySet], store: Store, **options: int) -> StudyOutcome:
    """Embed and compare every set, judge each claim of the study, and repeat it under other specifications."""
    check_packages([plan.dataset for plan in plans])
    panels = {plan.dataset: make_panel(plan, store, **options) for plan in plans}
    sets_of = {name: claim.sets for name, claim in load_rules().claims.items()}
    return StudyOutcome(
        judged(panels),
        panels,
        specifications(panels, sets_of, progress=TerminalProgress()),
        perturbed(panels[SHIFT[0]], store) if SHIFT[0] in panels else (),
        attributes(panels),
    )
