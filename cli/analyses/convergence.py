"""Whether better models are more similar to the best one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import InputError

from ..comparison import CONTROL, TRAINED, number, per_model, trained_on_samples
from ..console import print_table
from ..results import ConvergenceResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, evidence, is_number, is_significant, join_names, units

if TYPE_CHECKING:
    from hyle.engine.analysis import Convergence

    from ..figures import Figure

QUESTION = "Are better models more similar to the best one?"


def compute(question: AnalysisInput) -> ConvergenceResult | None:
    """Correlate the errors of models with their alignment to the best model.

    The errors are those of energies, or else those of a probe of the label. None where fewer than two models have
    errors.

    Raises:
        ValueError: a reference was requested, and fewer than two models have errors.
    """
    from hyle.engine.analysis import convergence

    comparison, error, best_by = question.comparison, "energy_mae", "energy"
    axis, recipe = "energy error / eV", "energies after each model's own fit of composition, cross-fitted ridge"
    if _count(question, error) < 2:
        if sum(question.kinds.get(name) != CONTROL for name in question.probes) < 2:
            if question.reference is not None:
                raise InputError(
                    "--reference requires energy errors, or probe errors by --label, of at least two models"
                )
            return None
        error, best_by, axis = "probe_mae", f"a probe of {question.label}", f"error of a probe of {question.label}"
        maes = [
            question.probes[n].mae if n in question.probes else np.nan for n in map(str, comparison["model"].values)
        ]
        comparison, recipe = comparison.assign({error: ("model", maes)}), "ridge probe, mean over 5 random splits"
    options: dict[str, Any] = {"error": error, "top": question.top, "reference": question.reference}
    runs = {
        name: convergence(comparison, question.metric, other_families=other, **options)
        for name, other in (("all", False), ("other_families", True))
    }
    attrs = comparison[error].attrs
    if "largest_leverage" in attrs:
        recipe += (
            f"; {attrs['elements']} elements in {attrs['n']} samples, largest leverage {attrs['largest_leverage']}"
        )
    trained = trained_on_samples(comparison)
    return ConvergenceResult(runs, question.score.label, axis, best_by, question.kinds, recipe, trained)


def _count(question: AnalysisInput, error: str) -> int:
    values = per_model(question.comparison, error)
    return sum(
        value is not None and kind != CONTROL for value, kind in zip(values, question.kinds.values(), strict=True)
    )


def summarise(result: ConvergenceResult) -> list[str]:
    """Return whether better models lie closer, as far as it is distinguishable from chance, or why it is not tested."""
    one = result.runs["other_families"]
    reference = f"{join_names(one.reference)}, the best by {result.best_by}"
    question = f"Whether better models lie closer to {reference}"
    if not is_number(one.p):
        return [NotSignificant(f"{question} is {_numbers(one)}.")]
    if not is_significant(one.p):
        return [NotSignificant(f"{question} is not distinguishable from chance ({_numbers(one)}).")]
    closer = "closer to" if one.correlation < 0 else "further from"
    return [f"Models with a lower {result.error.partition(' /')[0]} lie {closer} {reference} ({_numbers(one)})."]


def _numbers(one: Convergence) -> str:
    """Return the correlation over families with its test, or why there is none."""
    if not is_number(one.p):
        return evidence(one, one.n)
    return f"rank correlation over families {number(one.correlation, 2)}, {evidence(one, one.n)}"


def print_result(result: ConvergenceResult) -> None:
    """Print errors and alignments, with n, interval and p-value."""
    runs = dict(result.runs)
    if runs["all"].models == runs["other_families"].models:
        del runs["all"]
    for name, one in runs.items():
        noun = "models" if name == "all" else "models of other families"
        click.echo(f"Alignment to {', '.join(one.reference)}, the best by {result.best_by}: {one.n} {noun}")
        names = [f"{name} {TRAINED}" if name in result.trained else name for name in one.models]
        columns = (names, (number(e, 4) for e in one.error), (number(a, 4) for a in one.alignment))
        print_table(
            ("model", result.error, result.metric), list(zip(*columns, strict=True)), right=(result.error,), keys=1
        )
        if name == "all":
            n = units(one.n, one.families)
            click.echo(f"{n}; not tested, since the best model's own family is similar to it by construction\n")
        else:
            note = "; not distinguishable from chance" if is_number(one.p) and not is_significant(one.p) else ""
            click.echo(f"{_numbers(one)}{note}\n")


def to_dict(result: ConvergenceResult) -> dict[str, Any]:
    """Return both runs as plain data."""
    return {
        name: dataclasses.asdict(one) | {"trained_on_samples": [model in result.trained for model in one.models]}
        for name, one in result.runs.items()
    }


def make_figures(result: ConvergenceResult) -> dict[str, Figure]:
    """Return error against alignment; nothing where the families are too few for a test."""
    from ..figures import NOT_SIGNIFICANT, SIGNIFICANT, Figure, convergence_scatter

    one = result.runs["other_families"]
    if not is_number(one.p):
        return {}

    caption = f"Each point is a model: {result.error.partition(' /')[0]} against alignment to the best model."
    if result.runs["all"].models != result.runs["other_families"].models:
        caption += " Rings are models of the best model's own family, which are similar by construction."
    if result.trained:
        caption += f" {TRAINED} marks models that were trained on data that contain the samples."
    recipe = f"{result.metric}; {result.recipe}; p by permutation of families, interval after Bonett & Wright"
    shown = SIGNIFICANT if is_significant(one.p) else NOT_SIGNIFICANT
    return {"convergence": Figure(convergence_scatter(result), QUESTION, caption, recipe, shown)}


ANALYSIS = Analysis(
    name="convergence",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
