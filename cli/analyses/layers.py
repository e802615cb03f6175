"""Where in their depth models agree: every layer of every model against every other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import list_models

from ..comparison import CONTROL, PairScores, model_names, number, read_scores, text
from ..console import print_table
from ..results import LayerResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, interval, is_number, units

if TYPE_CHECKING:
    import xarray as xr

    from ..figures import Figure

QUESTION = "Where in their depth do models agree?"
LEVEL = 0.05
QUARTILE = 0.25
# A relative depth that is printed as 0 %.
FIRST = 0.005
# A card names its default layer first, then the others from the last to the first. These come after the default.
AFTER_THE_DEFAULT = frozenset({"mlp.layers.3", "mlp.layers.5", "node_feats", "reduce_input_to_hidden"})


def compute(question: AnalysisInput) -> LayerResult | None:
    """Compute at which depth agreement arises; None where no model was compared with several layers."""
    from hyle.engine.analysis import layer_atlas

    comparison = question.comparison if question.layers is None else question.layers
    scores = read_scores(comparison)
    score = scores.get(question.metric) or next(iter(scores.values()))
    order = depth_order(comparison, [i for i, name in enumerate(model_names(comparison)) if "@" in name])
    kinds, families = (_facts(comparison, fact) for fact in ("modality", "family"))
    order = [i for i in order if kinds[i] != CONTROL]
    names = [model_names(comparison)[i] for i in order]
    models = [name.partition("@")[0] for name in names]
    # A model of no family is one of its own, with all of its layers.
    of = [families[i] or model for i, model in zip(order, models, strict=True)]
    if len(set(models)) == len(models) or len(set(of)) < 2:
        return None
    index = np.ix_(order, order)
    excess, tested, beyond = _above_chance(comparison, score, index, models)
    atlas = layer_atlas(excess, models, of, significant=tested)
    labels = dict(zip(models, of, strict=True))
    return LayerResult(
        atlas,
        [name.partition("@")[2] for name in names],
        score.values[index],
        score.excess[index],
        dict(zip(models, (kinds[i] or "unknown" for i in order), strict=True)),
        labels,
        score.label,
        beyond,
        _recipe(score),
    )


def _above_chance(
    comparison: xr.Dataset, score: PairScores, index: tuple[np.ndarray, ...], models: list[str]
) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Return the scores of pairs of layers above chance, which are significant, and beyond what they are.

    Models share the formula of the samples from their first layer on, so that what they share beyond the formula, or
    another kind of strata, is taken where it is known.
    """
    if np.isfinite(score.beyond[index]).any():
        kind = text(comparison.attrs, "strata_kind") or "strata"
        return score.beyond[index], _significant(score.strata_p[index], models), kind
    tested = ~(score.not_significant & ~score.unresolved)[index] if score.permutations else None
    return score.excess[index], tested, ""


def _significant(p: np.ndarray, models: list[str]) -> np.ndarray:
    """Return for all layers of two models whether these share something, bool [L, L].

    The p-value of two models is the lower quartile of those of their pairs of layers, divided by 1/4, which holds for
    p-values that depend on each other in any way (Meinshausen, Meier & Bühlmann 2009, JASA 104, 1671, theorem 3.1).
    """
    of = {model: [i for i, name in enumerate(models) if name == model] for model in models}
    found = np.zeros(p.shape, bool)
    for first in of.values():
        for second in of.values():
            block = p[np.ix_(first, second)]
            known = block[np.isfinite(block)]
            if known.size:
                found[np.ix_(first, second)] = np.quantile(known, QUARTILE, method="higher") / QUARTILE <= LEVEL
    return found


def depth_order(comparison: xr.Dataset, entries: Sequence[int]) -> list[int]:
    """Return entries of the Comparison, models in their order and the layers of each from the first to the last.

    Layers that are not in the card of their model, and those of models without a card, stay in their order.
    """
    names = [model_names(comparison)[i].partition("@") for i in entries]
    cards = {card.name: list(card.layers) for card in list_models()}
    models = list(dict.fromkeys(model for model, _, _ in names))

    def place(at: int) -> tuple[int, int, int]:
        model, _, layer = names[at]
        layers = cards.get(model, [])
        deepest = [name for name in layers if name in AFTER_THE_DEFAULT]
        ordered = [*(name for name in layers[::-1] if name not in deepest), *deepest[::-1]]
        return models.index(model), ordered.index(layer) if layer in ordered else len(ordered), at

    return [entries[at] for at in sorted(range(len(entries)), key=place)]


def summarise(result: LayerResult) -> list[str]:
    """Return the depth at which agreement arises, or why it is not known."""
    mean = result.atlas.mean
    what = f" beyond the {result.beyond}" if result.beyond else ""
    if not is_number(mean.value):
        line = f"At which depth models agree{what} is not known: no two families share more than chance in any layer."
        return [NotSignificant(line)]
    low, high = result.atlas.spread
    where = f"reaches half of its maximum at {number(100 * mean.value, 0)} % of the depth on average"
    if mean.value < FIRST:
        where = "is at half of its maximum or more in the first layers already"
    ends = interval(mean.low, mean.high) if is_number(mean.low) else "fewer than six families give no interval"
    line = (
        f"Agreement between families{what} {where} ({ends}; the middle half of the pairs of families: "
        f"{number(100 * low, 0)} to {number(100 * high, 0)} %; n = {units(mean.models, mean.families)})."
    )
    return [line if is_number(mean.low) else NotSignificant(line)]


def print_result(result: LayerResult) -> None:
    """Print, for each model, at which depth it starts to agree with other families and where it agrees most."""
    atlas = result.atlas
    beyond = f" beyond the {result.beyond}" if result.beyond else ""
    click.echo(
        f"Where models agree with models of other families{beyond}, by {result.metric}; depth 0 is the first layer, 1 "
        "the last"
    )
    rows = []
    for i, model in enumerate(atlas.models):
        own = np.flatnonzero(atlas.model_of == i)
        curve = atlas.agreement[own]
        most = own[np.nanargmax(curve)] if np.isfinite(curve).any() else None
        rows.append(
            (
                model,
                result.kinds[model],
                len(own),
                _number(atlas.by_model[i]),
                "–" if most is None else result.layers[most],
                "–" if most is None else _number(atlas.depth[most]),
                "–" if most is None else _number(atlas.agreement[most]),
                "–" if most is None else _number(atlas.best_depth[most]),
            )
        )
    headings = (
        *("model", "modality", "layers", "half of the maximum at", "agrees most", "at depth"),
        *(f"beyond {result.beyond}" if result.beyond else "above chance", "with depth of others"),
    )
    print_table(headings, rows, right=(*headings[2:4], *headings[5:]), keys=1, drop=("modality",))
    for kind, value in by_modality(result).items():
        if is_number(value):
            click.echo(f"{kind}: half of the maximum at depth {_number(value)} on average")


def by_modality(result: LayerResult) -> dict[str, float]:
    """Return, for each modality, the depth at which agreement arises: the mean over families of its models."""
    found = {}
    for kind in dict.fromkeys(result.kinds.values()):
        means: dict[str, list[float]] = {}
        for model, depth in zip(result.atlas.models, result.atlas.by_model, strict=True):
            if result.kinds[model] == kind and is_number(float(depth)):
                means.setdefault(result.families[model], []).append(float(depth))
        found[kind] = float(np.mean([np.mean(each) for each in means.values()])) if means else float("nan")
    return found


def to_dict(result: LayerResult) -> Any:
    """Return the atlas as plain data, the layers of each model in the order of their depth."""
    atlas = result.atlas
    models = {
        model: {
            "modality": result.kinds[model],
            "family": result.families[model],
            "half_of_maximum_at": float(atlas.by_model[i]),
            "layers": [
                {
                    "layer": result.layers[row],
                    "depth": float(atlas.depth[row]),
                    "agreement": float(atlas.agreement[row]),
                    "best_depth_of_others": float(atlas.best_depth[row]),
                }
                for row in np.flatnonzero(atlas.model_of == i)
            ],
        }
        for i, model in enumerate(atlas.models)
    }
    mean = atlas.mean
    return {
        "metric": result.metric,
        "beyond": result.beyond,
        "half_of_maximum_at": {
            **{"mean": mean.value, "low": mean.low, "high": mean.high, "families": mean.families},
            **{"quartiles_of_pairs": atlas.spread, "by_modality": by_modality(result), "pairs": atlas.emergence},
        },
        "models": models,
    }


def make_figures(result: LayerResult) -> dict[str, Figure]:
    """Return the heat map of all layers, and the agreement of each model with depth."""
    from ..figures import Figure, layer_curves, layer_map

    count = len(result.layers)
    caption = (
        f"{result.metric} of {count} layers of {len(result.atlas.models)} models with each other. The layers of a "
        "model are in the order of their depth, downwards and to the right; lines separate models. White is the chance "
        "level."
    )
    unit = f"beyond the {result.beyond}, where 0 is the mean of samples permuted within it" if result.beyond else ""
    depth = (
        f"Agreement of each layer with the best-matching layer of models of other families{unit and ', '}{unit}: the "
        "mean over these families, against its relative depth. Rings are where it reaches half of its maximum. The "
        "second panel has the relative depth of that best-matching layer: on the diagonal, models agree at the same "
        "relative depth."
    )
    recipe = result.recipe
    return {
        "layers": Figure(layer_map(result), "The layer atlas", caption, recipe),
        "layers_depth": Figure(layer_curves(result), QUESTION, depth, recipe),
    }


def _facts(comparison: xr.Dataset, name: str) -> list[str]:
    if name not in comparison.variables:
        return [""] * comparison.sizes["model"]
    return [str(value) for value in comparison[name].values]


def _recipe(score: PairScores) -> str:
    facts = (score.label, score.estimator, f"n = {score.n}" if score.n else "", f"k = {score.k}" if score.k else "")
    return ", ".join(dict.fromkeys(filter(None, facts)))


def _number(value: float) -> str:
    return number(float(value), 2) if is_number(float(value)) else "–"


ANALYSIS = Analysis(
    name="layers",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
