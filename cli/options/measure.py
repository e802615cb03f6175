"""Options that say what to measure."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from hyle.zoo import InputError

from .common import F, split

NeighbourMetric = Literal["cosine", "euclidean", "inner_product"]


@dataclass(frozen=True)
class CompareOptions:
    """What to measure, and how: the options of `metric_options`, by the names that `hyle.engine.compare` has for them.

    Args:
        metrics: names; None for the command's default.
        k: neighbours of the pair metrics.
        dimension_k: neighbours of the intrinsic dimension; None for the engine's default.
        rank_k: neighbours whose ranks the information imbalance takes.
        neighbour_metric: of the pair metrics.
        centre: take off the column means before neighbours are sought.
        block: rows that are visited at once; None for the engine's default.
        permutations: of the samples, behind p-values; 0 for none.
        groups: sample id -> group, within which they change places; None for all.
        jackknife_groups: parts of the samples that are left out in turn, behind standard errors; 0 for none.
    """

    metrics: Sequence[str] | None = None
    k: int = 25
    dimension_k: int | None = None
    rank_k: int = 1
    neighbour_metric: NeighbourMetric = "cosine"
    centre: bool = False
    block: int | None = None
    permutations: int = 0
    groups: Mapping[str, str] | None = None
    jackknife_groups: int = 0

    @classmethod
    def of(cls, metrics: str | None, groups: Path | None = None, **options: Any) -> CompareOptions:
        """Read the words of a command line, and the file of groups.

        Raises:
            ValueError: an unknown metric; names the closest. A file that holds no groups.
        """
        return cls(metrics=metric_names(metrics), groups=None if groups is None else read_groups(groups), **options)

    def check(self, n: int, *, more: str = "") -> None:
        """Raise for more neighbours, or parts for intervals, than n samples have, before anything is computed.

        Args:
            n: samples.
            more: how the user may get more of them, for the message.
        """
        from hyle.engine import DEFAULT_METRICS, find_metric

        metrics = [find_metric(name) for name in self.metrics or DEFAULT_METRICS]
        needs = {need for metric in metrics for need in metric.needs}
        if n < 4:
            raise InputError(f"a comparison needs at least 4 samples; got {n}")
        for need, option, given, least in (
            ("neighbours", "-k", self.k, max(metric.min_k for metric in metrics)),
            ("dimension", "--dimension-k", self.dimension_k, 2),
            ("ranks", "--rank-k", self.rank_k, 1),
        ):
            if need in needs and given is not None and not least <= given <= n - 1:
                amount = "few" if given < least else f"many for {n} samples"
                raise InputError(f"{option} {given} is too {amount}: use {least} to {n - 1}{more}")
        if self.jackknife_groups and not 5 <= self.jackknife_groups <= n:
            raise InputError(
                f"--intervals {self.jackknife_groups}: use 0 for none, or 5 to {n} parts of {n} samples; 20 are usual"
            )


def read_groups(path: Path) -> dict[str, str]:
    """Read a .csv file with a header line: the first column is the sample id, the second its group.

    Raises:
        ValueError: it cannot be read, has no two columns, or an id stands twice or has no group; names the row.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--groups {path} cannot be read as .csv: {error}") from error
    if table.shape[1] < 2:
        raise InputError(f"--groups {path}: a header line and two columns are needed, the sample id and its group")
    ids, labels = table.iloc[:, 0], table.iloc[:, 1]
    for wrong, what in ((ids.duplicated(), "stands twice"), (labels == "", "has no group")):
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise InputError(f"--groups {path}: row {row + 2}: the id {ids[row]!r} {what}")
    return dict(zip(ids, labels, strict=True))


def metric_names(text: str | None) -> list[str] | None:
    """Return the metrics of a comma-separated list, each known to the engine; ``all`` is all of them.

    Raises:
        ValueError: an unknown metric, or none.
    """
    names = split(text)
    if names is None:
        return None
    from hyle.engine import find_metric, list_metrics

    found = [metric for name in names for metric in (list_metrics() if name == "all" else [find_metric(name).name])]
    return list(dict.fromkeys(found))


def metric_options(default: str) -> Callable[[F], F]:
    """``--metrics``, ``-k`` and how to measure them, as one argument ``measure`` of type `CompareOptions`.

    Args:
        default: what the command measures when nobody says, for the help.
    """

    def add(function: F) -> F:
        @functools.wraps(function)
        def read(*args: Any, **given: Any) -> Any:
            options = {field.name: given.pop(field.name) for field in dataclasses.fields(CompareOptions)}
            return function(*args, measure=CompareOptions.of(**options), **given)

        return _add_metric_options(read, default)  # type: ignore[return-value]

    return add


def _add_metric_options(function: Callable[..., Any], default: str) -> Callable[..., Any]:
    for option in (
        click.option(
            "--groups",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A .csv file of sample id and group: permutations keep samples within their group, and intervals "
            "leave groups out whole, as where several have one composition or come from one trajectory.",
        ),
        click.option(
            "--intervals",
            "jackknife_groups",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="Leave out so many parts of the samples in turn, for a 95 % interval of every score; 20 are usual.",
        ),
        click.option(
            "--permutations",
            type=click.IntRange(0),
            default=200,
            show_default=True,
            help="Permutations of the samples, which tell what is chance; 0 for none.",
        ),
        click.option(
            "--block",
            type=click.IntRange(1),
            help="Samples that are visited at once: fewer take less memory. [default: what the free memory holds]",
        ),
        click.option("--centre", is_flag=True, help="Take off column means before neighbours are sought."),
        click.option(
            "--neighbour-metric",
            type=click.Choice(["cosine", "euclidean", "inner_product"]),
            default="cosine",
            show_default=True,
            help="How neighbours are found; CKNNA takes cosine in place of euclidean.",
        ),
        click.option(
            "--rank-k",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Neighbours of the information imbalance.",
        ),
        click.option(
            "--dimension-k",
            type=click.IntRange(2),
            help="Neighbours of the intrinsic dimension. [default: 50, or a tenth of fewer than 500 samples]",
        ),
        click.option(
            "-k", "--neighbours", "k", type=click.IntRange(1), default=25, show_default=True, help="Neighbours."
        ),
        click.option(
            "--metrics",
            help=f"Comma-separated names of `hyle metrics`, or all. [default: {default}]",
        ),
    ):
        function = option(function)
    return function
