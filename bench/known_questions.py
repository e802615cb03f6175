"""Questions with known answers about real models, and how every measure answers them, for `bench.known_answers`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click
import numpy as np

from .known_relations import Domain
from .known_training import TRAINED, name_of, trained_rows

KS = (10, 25, 50)
# Networks that are trained on right labels, and as many on shuffled ones.
SEEDS = 4


@dataclass(frozen=True)
class Answer:
    """The score of one subject on one test by one measure.

    Args:
        domain: molecules, materials or proteins.
        test: of `TESTS` or `LIKELY`.
        subject: model or models that the questions are about.
        measure: metric, with its number of neighbours and centring.
        share: of its questions that are answered rightly; a tie is half right.
        questions: their number.
    """

    domain: str
    test: str
    subject: str
    measure: str
    share: float
    questions: int


def measures(rows: Mapping[str, np.ndarray], skip: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Return the alignment [m, m] of models by every measure, higher for more similar, by its name."""
    from hyle.engine import compare, list_metrics
    from hyle.engine.analysis import alignment_of

    every = [m for m in list_metrics().values() if m.kind == "pair" and m.name not in skip]
    local = [m.name for m in every if "neighbours" in m.needs]
    n = len(next(iter(rows.values())))
    found = {}
    for k in [k for k in KS if k < n / 2]:
        for centre in (False, True):
            first = k == KS[0] and not centre
            names = [m.name for m in every] if first else local
            comparison = compare(dict(rows), metrics=names, k=k, centre=centre)
            for name in names:
                words = f"{name}, k = {k}{', centred' * centre}" if name in local else name
                found[words] = alignment_of(comparison, name)
    return found


def layer_answers(aligned: np.ndarray) -> tuple[float, int]:
    """Return the share of right orders of layers, and the number of questions.

    Args:
        aligned: [l, l], of the layers in the order of their depth.
    """
    right = []
    for i, j, k in itertools.combinations(range(len(aligned)), 3):
        right += [_right(aligned[i, j], aligned[i, k]), _right(aligned[j, k], aligned[i, k])]
    return _share(right)


def nearer_answers(
    aligned: np.ndarray, names: Sequence[str], pairs: Sequence[tuple[str, str]], others: Sequence[str]
) -> tuple[float, int]:
    """Return the share of questions whether two models are nearer to each other than to others."""
    at, right = {name: i for i, name in enumerate(names)}, []
    for a, b in pairs:
        for c, one in itertools.product(others, (a, b)):
            right.append(_right(aligned[at[a], at[b]], aligned[at[one], at[c]]))
    return _share(right)


def untrained_answers(
    aligned: np.ndarray, names: Sequence[str], untrained: str, trained: Sequence[str], others: Sequence[str]
) -> tuple[float, int]:
    """Return the share of questions whether a trained network is nearer to others than the untrained one is."""
    at = {name: i for i, name in enumerate(names)}
    right = [_right(aligned[at[t], at[c]], aligned[at[untrained], at[c]]) for t in trained for c in others]
    return _share(right)


def error_answers(aligned: np.ndarray, alike: np.ndarray, families: Sequence[str]) -> tuple[float, int]:
    """Return the share of two pairs of families whose alignment and likeness of errors have the same order."""
    from hyle.engine.analysis import family_codes

    codes = family_codes(families)
    pairs = [(i, j) for i, j in itertools.combinations(range(len(codes)), 2) if codes[i] != codes[j]]
    right = []
    for (a, b), (c, d) in itertools.combinations(pairs, 2):
        if alike[a, b] != alike[c, d]:
            higher = (aligned[a, b], aligned[c, d]) if alike[a, b] > alike[c, d] else (aligned[c, d], aligned[a, b])
            right.append(_right(*higher))
    return _share(right)


def _right(larger: float, smaller: float) -> float:
    """Return 1 for a right answer, 0 for a wrong one and 0.5 for a tie or an undefined score."""
    if not (np.isfinite(larger) and np.isfinite(smaller)) or abs(larger - smaller) <= 1e-7:
        return 0.5
    return float(larger > smaller)


def _share(right: Sequence[float]) -> tuple[float, int]:
    return (float(np.mean(right)), len(right)) if right else (np.nan, 0)


def rows_of_common(stored: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the rows of representations for the samples that all of them have, in one order."""
    ids = sorted(set.intersection(*(set(each.ids) for each in stored.values())))
    rows = {}
    for name, each in stored.items():
        place = {id_: row for row, id_ in enumerate(each.ids)}
        rows[name] = np.asarray(each.embedding)[[place[id_] for id_ in ids]]
    return rows


def members_of(model: str, count: int, data: Any) -> Iterator[tuple[str, Any]]:
    """Embed a data set with further members of an ensemble, whose first is the model itself."""
    from hyle.zoo import load
    from hyle.zoo.models import Model, weights_files

    first = load(model)
    for member in range(1, count):
        card = replace(first.card, options={**first.card.options, "member": member})
        yield f"{model}, member {member}", Model(card, type(first.adapter)(card, weights_files(card))).embed(data)


def answers(name: str, domain: Domain, n: int, skip: Sequence[str]) -> Iterator[Answer]:
    """Embed the models of a domain and answer all questions about them by every measure."""
    from hyle.cli.jobs import embed_together_with_progress
    from hyle.cli.options import default_store
    from hyle.zoo import Store, find_dataset, load_dataset

    data = load_dataset(domain.dataset, n=min(n, find_dataset(domain.dataset).total))
    store = Store(default_store())

    def embedded(model: str, layers: Sequence[str | None]) -> list[Any]:
        return embed_together_with_progress(model, data, store, layers, lambda each, _: each)

    for model, layers in domain.layers.items():
        rows = rows_of_common(dict(zip(layers, embedded(model, layers), strict=True)))
        for measure, aligned in measures(rows, skip).items():
            yield Answer(name, "layers", model, measure, *layer_answers(aligned))
        click.echo(f"{name}: layers of {model}")
    for label in domain.trained:
        training = load_dataset(domain.dataset, n=n + TRAINED).samples[n:]
        rows, right = trained_rows(training, data.samples, label, SEEDS)
        pairs = list(itertools.combinations([name_of(label, seed) for seed in range(SEEDS)], 2))
        others = [name_of(label, seed, shuffled=True) for seed in range(SEEDS)]
        for measure, aligned in measures(rows, skip).items():
            found = nearer_answers(aligned, list(rows), pairs, others)
            yield Answer(name, "shuffled labels", f"trained on {label}", measure, *found)
        click.echo(f"{name}: trained on {label}, r^2 {min(right):.2f} to {max(right):.2f} on other samples")
    models = {model: embedded(model, [None])[0] for model in domain.models}
    ensembles = {model: dict(members_of(model, count, data)) for model, count in domain.members.items()}
    yield from model_answers(name, domain, data, models, ensembles, skip)


def model_answers(
    name: str,
    domain: Domain,
    data: Any,
    models: Mapping[str, Any],
    ensembles: Mapping[str, Mapping[str, Any]],
    skip: Sequence[str],
) -> Iterator[Answer]:
    """Answer the questions about several models.

    Args:
        name: of the domain.
        domain: what is known of its models.
        data: the data set.
        models: the representation of each model.
        ensembles: model -> the representations of the further members of its ensemble, by name.
        skip: metrics to leave out.
    """
    from hyle.cli.comparison import energy_errors
    from hyle.zoo import find_card

    rows = rows_of_common({**models, **{key: each for one in ensembles.values() for key, each in one.items()}})
    names, kept = list(rows), domain.untrained.keys()
    families = {model: find_card(model).family for model in models}
    signed = {}
    if domain.energies:
        errors = energy_errors(list(models.values()), data)
        signed = {model: one.signed for model, one in zip(models, errors, strict=True) if one and model not in kept}

    def others(model: str) -> list[str]:
        return [c for c in models if families[c] != families[model] and c not in kept]

    for measure, aligned in measures(rows, skip).items():
        for group in [*domain.retrained, *([model, *members] for model, members in ensembles.items())]:
            pairs = list(itertools.combinations(group, 2))
            subject = f"{group[0]}, members" if group[0] in ensembles else group[0]
            yield Answer(name, "retrained", subject, measure, *nearer_answers(aligned, names, pairs, others(group[0])))
        for child, parent in domain.fine_tuned.items():
            found = nearer_answers(aligned, names, [(child, parent)], others(child))
            yield Answer(name, "fine-tuned", child, measure, *found)
        for control, trained in domain.untrained.items():
            found = untrained_answers(aligned, names, control, trained, others(trained[0]))
            yield Answer(name, "untrained", control, measure, *found)
        if len(signed) > 3:
            place = [names.index(model) for model in signed]
            alike = np.corrcoef(np.stack(list(signed.values())))
            found = error_answers(aligned[np.ix_(place, place)], alike, [families[model] for model in signed])
            yield Answer(name, "errors", domain.dataset, measure, *found)
    click.echo(f"{name}: {len(names)} models")
