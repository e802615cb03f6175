"""`python -m bench.known_answers`: which measures order real models as they have to be ordered.

Every pair metric, at several numbers of neighbours and with and without centring, is asked questions with known answers
about published models: of three layers, the middle one is nearer to either end than the ends are to each other; two
trainings of one architecture, and a fine-tuned model and its parent, are nearer to each other than to other
architectures; two networks that are trained here on the same labels are nearer to each other than to one that is
trained on these labels in random order. Two more questions have likely answers, which are no part of the score: a
trained network is nearer to trained ones of other families than an untrained network is, and pairs of models whose
energy errors are more alike are more aligned.

The score of a subject (a model, a pair of trainings) on a test is the share of its questions that are answered
rightly: 0.5 for a measure that knows nothing, since every question compares two scores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from .known_questions import KS, Answer, answers
from .known_relations import DOMAINS
from .results import FOLDER, machine
from .text import rows_of

TESTS = ("layers", "retrained", "fine-tuned", "shuffled labels")
# Likely answers, which are shown beside the score and are no part of it.
LIKELY = ("untrained", "errors")
# Metrics that hyle compares by default, named in the tables whatever their place.
DEFAULT = ("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance")
SPLITS = 200
# Of Student's distribution with ten degrees of freedom, about as many as the subjects give.
T_QUANTILE = 2.23


def score_table(found: Sequence[Answer]) -> tuple[list[str], list[tuple[str, str, str]], np.ndarray]:
    """Return the measures, the subjects (domain, test, subject), and the scores [measures, subjects]."""
    asked = [each for each in found if each.questions and each.test in TESTS]
    names = list(dict.fromkeys(each.measure for each in asked))
    subjects = sorted({(each.domain, each.test, each.subject) for each in asked})
    row, column = ({key: i for i, key in enumerate(keys)} for keys in (names, subjects))
    shares = np.full((len(names), len(subjects)), np.nan)
    for each in asked:
        shares[row[each.measure], column[each.domain, each.test, each.subject]] = each.share
    return names, subjects, shares


def overall(shares: np.ndarray, tests: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Return the mean over tests, each the mean over some of its subjects, [measures].

    Args:
        shares: [measures, subjects]; NaN for a subject that a measure was not asked about.
        tests: int [subjects], the test of each.
        which: bool [subjects].
    """
    parts = [shares[:, which & (tests == test)] for test in np.unique(tests[which])]
    return np.asarray(np.mean([np.nanmean(part, 1) for part in parts], 0))


def overall_error(shares: np.ndarray, tests: np.ndarray) -> np.ndarray:
    """Return the standard error of `overall` over the subjects of each test, [measures].

    Raises:
        ValueError: a test has a single subject.
    """
    parts = [shares[:, tests == test] for test in np.unique(tests)]
    counts = [np.isfinite(part).sum(1) for part in parts]
    if any((count < 2).any() for count in counts):
        raise ValueError("a test has a single subject, whose score has no error")
    variances = [np.nanvar(part, 1, ddof=1) / count for part, count in zip(parts, counts, strict=True)]
    return np.asarray(np.sqrt(np.sum(variances, 0)) / len(parts))


def summary(found: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return for each measure its score on each test and domain, and over all, the best first.

    The score of a test is the mean over its subjects; that over all tests is the mean over tests, of which each counts
    the same. Intervals, also of the difference to the best measure, take the subjects of a test as independent of each
    other; some models are subjects of several tests.
    """
    names, subjects, shares = score_table(found)
    names_of_tests = [test for test in TESTS if any(subject[1] == test for subject in subjects)]
    tests = np.array([names_of_tests.index(subject[1]) for subject in subjects])
    of_domain = np.array([subject[0] for subject in subjects])
    every = np.ones(len(subjects), bool)
    value = overall(shares, tests, every)
    best = int(value.argmax())
    error = overall_error(shares, tests)
    error_behind = overall_error(shares[best] - shares, tests)
    rows = []
    for at in np.argsort(-value, kind="stable").tolist():
        gap = float(value[best] - value[at])
        rows.append(
            {
                "measure": names[at],
                "score": float(value[at]),
                "low": float(value[at] - T_QUANTILE * error[at]),
                "high": min(1.0, float(value[at] + T_QUANTILE * error[at])),
                "behind": gap,
                "behind_low": gap - T_QUANTILE * float(error_behind[at]),
                "behind_high": gap + T_QUANTILE * float(error_behind[at]),
                "tests": {test: float(np.nanmean(shares[at, tests == i])) for i, test in enumerate(names_of_tests)}
                | {
                    test: float(np.mean([e.share for e in found if (e.test, e.measure) == (test, names[at])]))
                    for test in LIKELY
                    if any(e.test == test and e.questions for e in found)
                },
                "domains": {
                    domain: float(overall(shares[at : at + 1], tests, of_domain == domain)[0])
                    for domain in dict.fromkeys(of_domain.tolist())
                },
            }
        )
    return rows


def held_back(found: Sequence[Answer], splits: int = SPLITS, seed: int = 0) -> dict[str, float]:
    """Choose the best measure by one half of the subjects, and score it on the other half, on average over splits.

    Returns:
        ``chosen``, its score on the subjects held back, and that of each of `DEFAULT` at its smallest number of
        neighbours on the same subjects; ``same``, how often the most frequent choice is made.
    """
    generator = np.random.default_rng(seed)
    names, subjects, shares = score_table(found)
    tests = np.array([TESTS.index(subject[1]) for subject in subjects])

    totals: dict[str, list[float]] = {"chosen": [], **{name: [] for name in _defaults(names)}}
    picked = []
    for _ in range(splits):
        first = np.zeros(len(subjects), bool)
        for test in range(len(TESTS)):  # half of the subjects of every test
            of_test = generator.permutation(np.flatnonzero(tests == test))
            first[of_test[: (len(of_test) + generator.integers(2)) // 2]] = True
        train, test_scores = overall(shares, tests, first), overall(shares, tests, ~first)
        best = int(np.argmax(train))
        picked.append(best)
        totals["chosen"].append(float(test_scores[best]))
        for name in _defaults(names):
            totals[name].append(float(test_scores[names.index(name)]))
    counts = np.bincount(picked)
    return {name: float(np.mean(values)) for name, values in totals.items()} | {
        "same": float(counts.max() / splits),
        "most_often": names[int(counts.argmax())],  # type: ignore[dict-item]
    }


def _defaults(names: Sequence[str]) -> list[str]:
    """Return the measures of the default metrics at their smallest number of neighbours, not centred."""
    return [
        next(n for n in names if n == name or n == f"{name}, k = {KS[0]}")
        for name in DEFAULT
        if any(n == name or n == f"{name}, k = {KS[0]}" for n in names)
    ]


def tables(rows: Sequence[Mapping[str, Any]], back: Mapping[str, Any]) -> list[str]:
    """Return the tables as Markdown."""
    tests = [test for test in (*TESTS, *LIKELY) if any(test in row["tests"] for row in rows)]
    domains = list(dict.fromkeys(d for row in rows for d in row["domains"]))
    head = ["measure", "score", "95 %", "behind the best", *tests, *domains]
    cells = [
        [
            row["measure"],
            f"{row['score']:.3f}",
            f"{row['low']:.2f} to {row['high']:.2f}",
            f"{row['behind']:.3f} ({row['behind_low']:.2f} to {row['behind_high']:.2f})" if row is not rows[0] else "",
            *(f"{row['tests'][test]:.2f}" if test in row["tests"] else "" for test in tests),
            *(f"{row['domains'][domain]:.2f}" if domain in row["domains"] else "" for domain in domains),
        ]
        for row in rows
    ]
    others = "; ".join(
        f"{name} {value:.3f}" for name, value in back.items() if name not in ("chosen", "same", "most_often")
    )
    return [
        *rows_of(head, cells),
        "",
        f"The best measure by half of the subjects has a score of {back['chosen']:.3f} on those held back (mean of "
        f"{SPLITS} random halves); the same one, {back['most_often']}, is chosen in {100 * back['same']:.0f} %. On the "
        f"same subjects: {others}.",
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--domain", "domains", multiple=True, type=click.Choice(list(DOMAINS)), help="Only this; may be repeated."
)
@click.option("-n", type=click.IntRange(60), default=250, help="Number of samples of each data set.")
@click.option("--skip", multiple=True, help="Leave out this metric; may be repeated.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(domains: tuple[str, ...], n: int, skip: tuple[str, ...], write: bool) -> None:
    """Ask every measure questions with known answers about real models."""
    found: list[Answer] = []
    for name in domains or DOMAINS:
        found += answers(name, DOMAINS[name], n, skip)
    rows, back = summary(found), held_back(found)
    lines = tables(rows, back)
    click.echo("\n".join(lines))
    if write:
        write_results(found, rows, back, n, lines)


def write_results(
    found: Sequence[Answer],
    rows: Sequence[Mapping[str, Any]],
    back: Mapping[str, Any],
    n: int,
    lines: Sequence[str],
    folder: Path = FOLDER,
) -> None:
    """Write all answers as JSON and the tables as Markdown."""
    info = machine()
    data = {"n": n, "answers": [asdict(each) for each in found], "summary": rows, "held_back": back, "machine": info}
    (folder / "known_answers.json").write_text(json.dumps(data, indent=1) + "\n")
    _, subjects, _ = score_table(found)
    questions = sum(each.questions for each in found if each.measure == rows[0]["measure"])
    caption = (
        "Share of questions with a known answer that each measure answers rightly: 0.5 for a measure that knows "
        f"nothing. {len(subjects)} subjects, {questions:,} questions, {n} samples of each data set or all of fewer. "
        "The score is the mean over the first four tests, of which each is the mean over its subjects, with 95 % "
        "intervals over subjects; the other tests have likely answers only. What is asked: "
        "`bench/known_relations.py`."
    )
    text = ["# Questions with known answers", "", caption, "", *lines, ""]
    text.append(f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}.")
    (folder / "known_answers.md").write_text("\n".join(text) + "\n")
    click.echo(f"wrote {folder / 'known_answers.json'} and {folder / 'known_answers.md'}")


if __name__ == "__main__":
    main()
