"""The page docs/distillation.md, written from the results of `python -m bench.distill`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .text import rows_of

Estimate = dict[str, float]
# Arms of the errors, as headings of the table.
ERRORS = {
    "alone": "no teacher",
    "aligned": "CKA + cosine",
    "cosine alone": "cosine",
    "ridge on the student's input": "ridge, fingerprints",
    "ridge on the teacher": "ridge, teacher",
    "ridge on composition": "ridge, atom counts",
    "median": "median",
}
STUDENTS = {"aligned": "CKA + cosine", "cosine alone": "cosine"}


def markdown(results: dict[str, Any]) -> str:
    """Format the page."""
    few, speed = results["few_labels"], results.get("speed")
    lines = [
        "# What distillation is worth",
        "",
        "This page is the output of `python -m bench.distill --store STORE --result result.json`, from "
        "[`bench/results/distill.json`](../bench/results/distill.json), which contains every run.",
        "",
        "## Few labels",
        "",
        *_design(few),
        "",
        "### Limits of aligned training",
        "",
        *_does_not(few),
        "",
        "### What it does",
        "",
        *_does(few),
        "",
        "### Errors",
        "",
        *_errors(few),
        "",
        "### Paired changes",
        "",
        *_changes(few),
        "",
        "### Alignment",
        "",
        *_alignment(few),
    ]
    if speed is not None:
        lines += ["", "## A fast student", "", *_speed(speed)]
    return "\n".join(lines) + "\n"


def _design(few: dict[str, Any]) -> list[str]:
    rows = few["summary"]
    seeds = rows[0]["mae"]["alone"]["seeds"]
    inside, outside = (next(row for row in rows if row["split"].startswith(part)) for part in ("in", "out"))
    large = few["largest"]
    return [
        "The question is whether a student that has few labels predicts better if it is also aligned with a teacher. "
        f"The student, `{few['student']}`, is trained for {few['steps']} steps on {few['labelled']} labels of QM9. A "
        f"second objective aligns it with `{few['teacher']}` on all training molecules, labelled or not. Each of "
        f"{seeds} seeds draws training, labelled and test molecules from {few['samples']:,}. *In distribution*: "
        f"{_span(inside['train'])} training and {inside['test']} test molecules, drawn at random. *Out of "
        f"distribution*: {_span(outside['train'])} training molecules of at most {large} heavy atoms, and "
        f"{outside['test']} test molecules of {large + 1}. Nothing was tuned, and the parameters of the last step are "
        "evaluated.",
        "",
        "Control students have the same molecules, labels, initial parameters and steps. One has no teacher. One is "
        "aligned with the teacher's rows in permuted order, so that each row is that of another molecule "
        "(*permuted*). One has the numbers of H, C, N, O and F atoms as its teacher (*composition*). In addition, "
        "ridge regressions are fitted to the same labels, from the student's own input, log(1 + Morgan counts), from "
        "the teacher's rows and from the atom counts; penalty and scaling are chosen by cross-validation on these "
        "labels (`hyle.engine.analysis.probe`).",
        "",
        "Changes of the mean absolute error on the test molecules are relative and paired by seed. We report the "
        f"mean over seeds and the 95 % interval of Student's t, n = {seeds} seeds. *Significant* means that this "
        "interval excludes 0. The seeds share molecules, which makes the intervals somewhat too narrow, and without "
        "any effect, one interval of 20 excludes 0 by chance.",
    ]


def _does_not(few: dict[str, Any]) -> list[str]:
    rows = few["summary"]
    ridges = {
        "ridge on the student's input": "a ridge regression on the student's own fingerprints",
        "ridge on the teacher": "a ridge regression on the teacher's rows",
        "ridge on composition": "a ridge regression on the numbers of atoms",
    }
    lines = []
    for arm, what in ridges.items():
        beats = any(row["change"][student][arm]["high"] < 0 for row in rows for student in STUDENTS)
        parts = "; the one ".join(f"with {STUDENTS[student]} {_verdict(rows, student, arm)}" for student in STUDENTS)
        opening, end = ("It beats", " only in some tasks") if beats else ("It does not beat", "")
        lines.append(f"- {opening} {what}{end}. Relative to that regression, the student {parts}.")
    lines.append(
        "- The default losses of `hyle distill`, CKA and cosine, are for matching a teacher. Relative to the student "
        f"without a teacher, the one with both {_verdict(rows, 'aligned', 'alone')}."
    )
    parts = [
        f"the one with {STUDENTS[student]} {_verdict(rows, student, control, labels=True)}"
        for student, control in (("cosine alone", "composition, cosine alone"), ("aligned", "composition"))
        if all(control in row["mae"] for row in rows)
    ]
    lines.append(
        f"- Is the gain knowledge of `{few['teacher']}`? Relative to a student with the same losses and the "
        f"composition as its teacher, {'; '.join(parts)}."
    )
    means = {
        part: [100 * row["change"]["cosine alone"]["alone"]["mean"] for row in rows if row["split"].startswith(part)]
        for part in ("in", "out")
    }
    outside = [row for row in rows if row["split"].startswith("out")]
    lines.append(
        "- Out of distribution, relative to the student without a teacher, the one with cosine "
        f"{_verdict(outside, 'cosine alone', 'alone')}. The mean changes of the tasks are {_span(means['out'], 1)} %, "
        f"against {_span(means['in'], 1)} % in distribution."
    )
    chosen = [row for row in rows if "aligned, by label" in row["mae"]]
    if chosen:
        trained = few["labelled"] - few["selecting"]
        lines.append(
            "- Selecting the parameters by their error needs labels too. With CKA + cosine in distribution, the "
            f"reference is training on all {few['labelled']} labels and keeping the last step (`--select last`). "
            f"Training on {trained} labels and selecting by the error on the other {few['selecting']} (`--select "
            f"label`) {_verdict(chosen, 'aligned, by label', 'aligned')}. Training on all labels and selecting by the "
            f"alignment (`--select alignment`) {_verdict(chosen, 'aligned, by alignment', 'aligned')}."
        )
    lines.append(
        f"- Limits: one teacher, one student, one number of labels and one weight of each loss were tested, in "
        f"{len(rows)} tasks."
    )
    return lines


def _does(few: dict[str, Any]) -> list[str]:
    rows = few["summary"]
    inside = [row for row in rows if row["split"].startswith("in")]
    cka = {arm: [row["cka"][arm]["mean"] for row in rows] for arm in ("alone", "aligned", "permuted", "composition")}
    lines = [
        "- In distribution, relative to the student without a teacher, the one with cosine (`--loss cosine`) "
        f"{_verdict(inside, 'cosine alone', 'alone')}.",
    ]
    control = "permuted, cosine alone"
    if all(control in row["mae"] for row in rows):
        lines.append(
            "- It matters which row belongs to which molecule. Relative to the student with permuted rows, the one "
            f"with cosine {_verdict(rows, 'cosine alone', control)}. Permuted rows are a harsh control, since they "
            "teach something wrong."
        )
    lines.append(
        f"- With CKA + cosine the student matches its teacher: the CKA on test molecules is {_span(cka['aligned'])}, "
        f"against {_span(cka['alone'])} without the teacher, {_span(cka['permuted'])} with permuted rows and "
        f"{_span(cka['composition'])} with composition as the teacher."
    )
    return lines


def _errors(few: dict[str, Any]) -> list[str]:
    arms = [arm for arm in ERRORS if arm in few["summary"][0]["mae"]]
    table = [(_task(row), *(_mean_and_half(row["mae"][arm]) for arm in arms)) for row in few["summary"]]
    return [
        "Mean absolute error on the test molecules, mean over seeds ± half of its 95 % interval:",
        "",
        *rows_of(("task", *(ERRORS[arm] for arm in arms)), table),
    ]


def _changes(few: dict[str, Any]) -> list[str]:
    lines = []
    for student, suffix in (("aligned", ""), ("cosine alone", ", cosine alone")):
        arms = {
            "alone": "no teacher",
            f"permuted{suffix}": "permuted",
            f"composition{suffix}": "composition",
            "ridge on the student's input": "ridge, fingerprints",
            "ridge on the teacher": "ridge, teacher",
        }
        known = [arm for arm in arms if all(arm in row["mae"] for row in few["summary"])]
        table = [(_task(row), *(_percent(row["change"][student][arm]) for arm in known)) for row in few["summary"]]
        lines += [
            f"Change of the error of the student with {STUDENTS[student]} relative to each control, negative where the "
            "student is better; *permuted* and *composition* have the same losses:",
            "",
            *rows_of(("task", *(arms[arm] for arm in known)), table),
            "",
        ]
    return lines[:-1]


def _alignment(few: dict[str, Any]) -> list[str]:
    arms = {
        "alone": "no teacher",
        "aligned": "CKA + cosine",
        "cosine alone": "cosine",
        "permuted": "permuted, CKA + cosine",
        "composition": "composition, CKA + cosine",
    }
    table = [(_task(row), *(_fixed(row["cka"][arm]) for arm in arms)) for row in few["summary"]]
    return [
        f"Debiased CKA of the students with `{few['teacher']}` on the test molecules, 0 by chance:",
        "",
        *rows_of(("task", *arms.values()), table),
    ]


def _speed(result: dict[str, Any]) -> list[str]:
    name, (teacher,) = result["name"], result["teachers"]
    speed = result["speed"]
    table = [
        (row["metric"], f"{row['value']:.3f}", f"{row['chance']:.3f}", f"{row['p']:.2g}", f"{row['calibrated']:.3f}")
        for row in result["alignment"]
    ]
    return [
        f"`{result['student']}` was distilled from `{teacher}` on {result['samples']['train']:,} molecules by "
        f"`hyle distill {teacher} -n {sum(result['samples'].values())} --student {result['student']} --steps 350 "
        f"--name {name}`, and measured by `python -m bench.distill --result result.json`. Including the preparation of "
        f"its input, it embeds {speed[name]:,.0f} samples per CPU second, and its teacher {speed[teacher]:,.1f}: it is "
        f"**{speed['ratio'][teacher]:.0f} times as fast**. It has {result['parameters'][name]:,} parameters, the "
        f"teacher {result['parameters'][teacher]:,}. The student was trained once. Its alignment with the teacher on "
        f"{result['samples']['test']:,} held-out molecules:",
        "",
        *rows_of(("metric", "alignment", "chance", "p", "calibrated"), table),
    ]


def _verdict(rows: Sequence[dict[str, Any]], student: str, other: str, *, labels: bool = False) -> str:
    """Say in how many tasks the error of one arm is significantly larger or smaller than that of another.

    Args:
        rows: the tasks.
        student: the arm.
        other: the other arm.
        labels: whether the tasks are named.
    """
    counts = []
    for found in (
        [row for row in rows if row["change"][student][other]["low"] > 0],
        [row for row in rows if row["change"][student][other]["high"] < 0],
    ):
        sizes = [100 * abs(row["change"][student][other]["mean"]) for row in found]
        names = f"{', '.join(_task(row, unit=False) for row in found)}: " if labels else ""
        counts.append((str(len(found)), f" ({names}{_span(sizes, 1)} %)") if found else ("none", ""))
    (larger, by), (smaller, less) = counts
    return (
        f"has a significantly larger error in {larger} of {len(rows)} tasks{by} and a significantly smaller one in "
        f"{smaller}{less}"
    )


def _span(values: Sequence[float], digits: int | None = None) -> str:
    low, high = min(values), max(values)
    if digits is None:
        digits = 0 if isinstance(values[0], int) else 2
    ends = dict.fromkeys(f"{value:,.{digits}f}" for value in (low, high))
    return " to ".join(ends)


def _task(row: dict[str, Any], *, unit: bool = True) -> str:
    name = f"{row['label']} / {row['unit']}" if unit else row["label"]
    return f"{name}, {row['split'].split()[0]}" if unit else f"{name} {row['split'].split()[0]}"


def _mean_and_half(estimate: Estimate) -> str:
    return f"{estimate['mean']:.3g} ± {estimate['high'] - estimate['mean']:.2g}"


def _fixed(estimate: Estimate) -> str:
    return f"{estimate['mean']:.2f} ± {estimate['high'] - estimate['mean']:.2f}"


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate['mean']:+.1f} % ({100 * estimate['low']:+.1f} to {100 * estimate['high']:+.1f})"
