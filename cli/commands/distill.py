"""`hyle distill`: train a small model to match the representations of other models."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from hyle.zoo import Store, registered_dir

from ..comparison import NOT_SIGNIFICANT, number
from ..console import TerminalProgress, count, print_table, say
from ..jobs import (
    check_draw,
    check_student_name,
    checkpoint_folder,
    distill,
    evaluate,
    find_teachers,
    save_result,
    student_name,
)
from ..options import (
    FileSelection,
    SampleSelection,
    SectionedCommand,
    TeacherSelection,
    dataset_options,
    json_option,
    print_json,
    store_option,
    teacher_file_options,
    teacher_options,
    training_options,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hyle.engine.training import Settings


@click.command(cls=SectionedCommand, short_help="Train a small model to match other models.")
@click.argument("teachers", nargs=-1, required=True)
@click.option(
    "--student",
    help="Architecture of the new model: smiles-transformer, atoms-invariant, fingerprint-mlp, or a class of your own "
    "(MODULE:CLASS). [default: smiles-transformer, or atoms-invariant for samples without SMILES]",
)
@click.option("--name", help="Name of the new model. [default: student-of-TEACHER]")
@dataset_options(default_n=500)
@teacher_options
@teacher_file_options
@training_options
@click.option(
    "--label",
    help="Also learn this label, as a linear function of the student's rows: a label of the data set, or a column or "
    "property of a file.",
)
@click.option(
    "--label-samples",
    type=click.IntRange(2),
    help="Number of labels to use; with --select label a fifth of them select the parameters. [default: all]",
)
@click.option(
    "--width", type=click.IntRange(2), help="Width of the student's rows. [default: that of the teacher, 512 at most]"
)
@click.option("--restart", is_flag=True, help="Start again, without the checkpoints of an interrupted run.")
@click.option("--replace", is_flag=True, help="Replace the registered model of the same name.")
@store_option
@json_option
def command(
    teachers: tuple[str, ...],
    student: str | None,
    name: str | None,
    draw: SampleSelection,
    selection: TeacherSelection,
    files: FileSelection,
    settings: Settings,
    label: str | None,
    label_samples: int | None,
    width: int | None,
    restart: bool,
    replace: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """Train a small, fast model (the student) to match the representations of other models (the teachers).

    TEACHERS are models that `hyle embed` has embedded, or files of embeddings. The student is registered as a model:
    use its name in `hyle embed` and the other commands.

    A fifth of the samples is the test set, on which the student is evaluated at the end. An interrupted run continues
    from its last checkpoint when the same command is run again.

    \b
    Examples:
      hyle embed aimnet2 -n 4000
      hyle distill aimnet2 -n 4000
      hyle embed student-of-aimnet2 --dataset mine.smi   uses the student
      hyle distill aimnet2 -n 4000 --label gap --label-samples 100
      hyle distill aimnet2 minimol -n 4000 --student atoms-invariant
    """
    name = name or student_name(teachers)
    check_student_name(name, replace=replace)
    if not (draw.is_file or draw.perturb):
        check_draw(teachers, draw.dataset, draw.n or draw.default_n, draw.seed, Store(store_path))
    data = draw.load(labels=() if label is None else (label,))
    representations = find_teachers(teachers, data, Store(store_path), selection, files)
    folder = checkpoint_folder(name)
    if restart:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        say(f"{name} was interrupted: continuing from its last checkpoint; to start again: --restart")
    card, split, distilled = distill(
        representations,
        data,
        name,
        student=student,
        settings=settings,
        width=width,
        label=label,
        label_samples=label_samples,
        folder=folder,
        progress=TerminalProgress(),
    )
    reason = {
        "label": "the smallest error of the label on the validation samples",
        "alignment": "the best alignment on the validation samples",
        "last": "the last step",
    }[distilled.select]
    say(f"{name}: {distilled.stopped}; the parameters of step {distilled.step} are kept ({reason})")
    result = evaluate(card, representations, data, split, distilled, label=label)
    save_result(name, result)
    if as_json:
        print_json(result)
    else:
        _print_card(result)
    history = registered_dir() / name / "history.nc"
    say(f"to use it: hyle embed {name} --dataset ...; to see its training curves: hyle report {history}")


def _print_card(result: Mapping[str, Any]) -> None:
    """Print the result of `hyle.cli.jobs.evaluate`."""
    name, sizes = result["name"], result["samples"]
    click.echo(
        f"{name}, a {result['student']} trained on {sizes['train']} samples; on the {sizes['test']} test samples:\n"
    )
    rows = [
        (
            score["teacher"],
            score["metric"] if score["k"] is None else f"{score['metric']} (k = {score['k']})",
            number(score["value"], 3) + ("" if score["significant"] else f" {NOT_SIGNIFICANT}"),
            number(score["chance"], 3),
            f"{score['q']:.2g}",
            number(score["calibrated"], 3),
        )
        for score in result["alignment"]
    ]
    headings = ("teacher", "metric", "alignment", "chance", "q", "calibrated")
    print_table(headings, rows, right=headings[2:], keys=2)
    click.echo()
    unmatched = sorted({score["teacher"] for score in result["alignment"] if not score["significant"]})
    if unmatched:
        click.echo(
            f"{NOT_SIGNIFICANT}: not significantly above chance (false discovery rate 5 %); the student does not match "
            f"{', '.join(unmatched)}.\n"
        )
    print_probes(name, result["probes"])
    if result["readout"]:
        readout = result["readout"]
        labels, validation, unit = result["labels"], readout["validation"], readout["unit"]
        on_test = "no test sample has the label"
        if readout["mae"] is not None:
            on_test = f"mean absolute error {_significant(readout['mae'])} {unit} on {readout['n']} test samples"
        click.echo(
            f"{readout['label']}, learned by the student from {labels['train']} labels: {on_test}; on the "
            f"{labels['validation']} labelled validation samples {_significant(validation['kept'])} {unit} at the kept "
            f"step {result['step']} and {_significant(validation['last'])} {unit} at the last step\n"
        )
    speed, parameters = result["speed"], result["parameters"]
    lines = [
        (
            model,
            count(parameters[model]) if model in parameters else "–",
            f"{speed[model]:.0f}" if model in speed else "–",
            f"{speed['ratio'][model]:.1f}" if speed["ratio"].get(model) else "",
        )
        for model in (name, *result["teachers"])
    ]
    columns = ("model", "parameters", "samples / s", "speed-up by the student")
    print_table(columns, lines, right=columns[1:], keys=1)


def print_probes(name: str, probes: list[dict[str, Any]]) -> None:
    """Print the error of a ridge regression from each model to each label, to four significant digits of the best."""
    if not probes:
        return
    models = list(dict.fromkeys(probe["model"] for probe in probes))
    table: dict[str, dict[str, Any]] = {}
    for probe in probes:
        table.setdefault(f"{probe['label']} / {probe['unit']}", {})[probe["model"]] = probe
    lines = []
    for label, of in table.items():
        digits = _decimals(min(probe["mae"] for probe in of.values()))
        cells = (f"{number(of[model]['mae'], digits)} ± {number(of[model]['se'], digits)}" for model in models)
        lines.append((label, *cells, number(of[name]["baseline"], digits)))
    click.echo("Mean absolute error of a ridge regression from the embeddings to each label")
    print_table(("label", *models, "median only"), lines, right=(*models, "median only"), keys=1)
    click.echo()


def _significant(value: float) -> str:
    return number(value, _decimals(value))


def _decimals(value: float) -> int:
    """Return how many decimals show four significant digits of an error, whatever its unit."""
    return max(0, 3 - math.floor(math.log10(abs(value)))) if value and math.isfinite(value) else 3
