"""Options that select metrics and how they are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hyle.zoo import GROUP_KINDS, NODE_GROUP_KINDS, InputError

from .common import Decorator, option_group, split

if TYPE_CHECKING:
    from hyle.engine.neighbours import NeighbourMetric


# In place of a kind of groups: every sample is independent.
NO_GROUPS = "none"
# The fewest queries, `hyle.engine.context.MIN_QUERIES`: the engine takes long to import.
MIN_QUERIES = 40


class PermutationsType(click.ParamType):
    """A number of permutations from 0, or ``auto``."""

    name = "number|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or ``auto`` as it is."""
        return "auto" if value == "auto" else int(click.IntRange(0).convert(value, param, ctx))


@dataclass(frozen=True)
class CompareOptions:
    """What to measure and how: the values of `metric_options`, named as the arguments of `hyle.engine.compare`.

    Args:
        metrics: names of metrics; None for the command's default.
        k: number of neighbours of the pair metrics.
        dimension_k: number of neighbours of the intrinsic dimension; None for the engine's default.
        rank_k: number of neighbours whose ranks enter the information imbalance.
        neighbour_metric: how neighbours of the pair metrics are found.
        centre: subtract the column means before neighbours are searched.
        block: number of samples that are processed at once; None for the engine's default.
        queries: number of samples that are drawn and compared with all; None for all. ``auto`` permutations are none
            then.
        search: how neighbours are found, as in `hyle.engine.CompareConfig`.
        precision: of the products on GPUs and TPUs, as there.
        permutations: permutations of the samples, for p-values; 0 for none, ``auto`` for 200, or as many as
            the number of pairs needs, see `hyle.engine.comparison.Inference`.
        groups: sample id -> group of samples that are not independent; a kind of `hyle.zoo.GROUP_KINDS`,
            ``KIND:DATASET`` or ``none``, see `hyle.cli.jobs.with_groups`. None for what the samples are known to be.
        permute: ``within``, ``whole`` or ``blocks``, what permutations do with groups; None for ``within`` where groups
            are given, ``whole`` for those that are known, and ``blocks`` for rows of nodes.
        strata: sample id -> stratum within which samples are permuted for what models share beyond it; otherwise as
            `groups`.
        fdr: how p-values are adjusted for the number of pairs, as in `hyle.engine.Inference`.
        jackknife_groups: groups of the delete-a-group jackknife, for standard errors; 0 for none.
        neighbours_outside: sample id -> label, or as `groups`: the neighbours of a row in the pair metrics are those
            with another label; None for those of other samples where rows are of nodes.
    """

    metrics: Sequence[str] | None = None
    k: int = 25
    dimension_k: int | None = None
    rank_k: int = 1
    neighbour_metric: NeighbourMetric = "cosine"
    centre: bool = False
    block: int | None = None
    queries: int | None = None
    search: str = "exact"
    precision: str = "highest"
    permutations: int | Literal["auto"] = 0
    groups: Mapping[str, str] | str | None = None
    permute: str | None = None
    strata: Mapping[str, str] | str | None = None
    fdr: str = "bh"
    jackknife_groups: int = 0
    neighbours_outside: Mapping[str, str] | str | None = None

    def __post_init__(self) -> None:
        if self.queries is not None and self.permutations == "auto":
            object.__setattr__(self, "permutations", 0)

    def metric_names(self) -> list[str]:
        """Return the metrics, by default `hyle.engine.DEFAULT_METRICS`: with queries, those that these can estimate."""
        from hyle.engine import DEFAULT_METRICS

        return list(self.metrics or self.possible(DEFAULT_METRICS))

    def left_out(self) -> list[str]:
        """Return the default metrics that need all pairs of samples, where these are not compared."""
        from hyle.engine import DEFAULT_METRICS

        return [] if self.metrics else [name for name in DEFAULT_METRICS if name not in self.possible(DEFAULT_METRICS)]

    def possible(self, metrics: Sequence[str]) -> tuple[str, ...]:
        """Return the metrics that can be computed from queries, or by an approximate search, if one is asked for."""
        from hyle.engine import find_metric
        from hyle.engine.context import needs_all_pairs

        found = [find_metric(name) for name in metrics]
        if self.queries is not None:
            found = [metric for metric in found if metric.queries != "refused"]
        if self.search == "hnsw":
            found = [metric for metric in found if not needs_all_pairs(metric.needs)]
        return tuple(metric.name for metric in found)

    def check(self, n: int, *, more: str = "") -> None:
        """Check the numbers of neighbours and of jackknife groups before anything is computed.

        Args:
            n: number of samples.
            more: how the user can get more samples; it ends the message.

        Raises:
            InputError: n samples are too few, or have too few neighbours or jackknife groups; an option that cannot be
                combined with queries.
        """
        from hyle.engine import find_metric

        metrics = [find_metric(name) for name in self.metric_names()]
        if self.search == "hnsw":
            refused = sorted({metric.name for metric in metrics} - {*self.possible([m.name for m in metrics])})
            if refused and self.queries is None:
                raise InputError(
                    f"--search hnsw finds neighbours only, and {', '.join(refused)} need all pairs of samples: leave "
                    "them out of --metrics, or omit --search"
                )
            if self.queries is not None:
                raise InputError("--queries are compared with all samples: use either --queries or --search hnsw")
        if self.queries is not None:
            self._check_queries(n, [metric.name for metric in metrics if metric.queries == "refused"])
        needs = {need for metric in metrics for need in metric.needs}
        if n < 4:
            raise InputError(f"a comparison needs at least 4 samples; got {n}")
        for need, option, value, least in (
            ("neighbours", "-k", self.k, max(metric.min_k for metric in metrics)),
            ("dimension", "--dimension-k", self.dimension_k, 2),
            ("ranks", "--rank-k", self.rank_k, 1),
        ):
            if need in needs and value is not None and not least <= value <= n - 1:
                amount = "few" if value < least else f"many for {n} samples"
                raise InputError(f"{option} {value} is too {amount}: use {least} to {n - 1}{more}")
        if self.jackknife_groups and not 5 <= self.jackknife_groups <= n:
            raise InputError(
                f"--intervals {self.jackknife_groups}: use 0 for none, or 5 to {n} jackknife groups for {n} samples; "
                "20 is common"
            )

    def _check_queries(self, n: int, metrics: Sequence[str]) -> None:
        """Raise for these metrics, which need all pairs of samples, and for what queries cannot be combined with."""
        assert self.queries is not None
        if self.queries < MIN_QUERIES:
            raise InputError(f"--queries {self.queries} are too few for an interval: use at least {MIN_QUERIES}")
        if self.queries >= n:
            raise InputError(f"--queries {self.queries}: there are only {n} samples; omit --queries to compare all")
        if metrics:
            raise InputError(
                f"--queries {self.queries}: {', '.join(metrics)} cannot be estimated from some of the samples; leave "
                "them out of --metrics, or omit --queries"
            )
        given = {
            "--permutations": self.permutations,
            "--intervals": self.jackknife_groups,
            "--groups": self.groups not in (None, NO_GROUPS),
            "--beyond": self.strata not in (None, NO_GROUPS),
        }
        refused = [option for option, value in given.items() if value]
        if refused:
            raise InputError(
                f"--queries {self.queries} cannot be combined with {', '.join(refused)}: permuted samples would have "
                "neighbours that are not searched, and the intervals are those of drawing the queries. Compare the "
                "intervals with the chance level, and omit the other options (--difference and --ceiling use "
                "--intervals); or omit --queries"
            )


def fit_default_k(measure: CompareOptions, n: int) -> CompareOptions:
    """Return options whose number of neighbours is at most half of n samples, unless the user gave ``-k``."""
    source = click.get_current_context().get_parameter_source("k")
    if source is not click.core.ParameterSource.DEFAULT:
        return measure
    return replace(measure, k=min(measure.k, max(2, n // 2)))


def read_groups(path: Path, option: str = "--groups") -> dict[str, str]:
    """Read the groups of samples from a .csv file with a header line: first column the sample id, second its group.

    Args:
        path: the file.
        option: by which it was given, for messages.

    Raises:
        InputError: the file cannot be read, has fewer than two columns, or has an id that is duplicated or has no
            group; names the row.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{option} {path} cannot be read as .csv: {error}") from error
    if table.shape[1] < 2:
        raise InputError(f"{option} {path}: a header line and two columns are needed, the sample id and its group")
    ids, labels = table.iloc[:, 0], table.iloc[:, 1]
    for wrong, problem in ((ids.duplicated(), "is duplicated"), (labels == "", "has no group")):
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise InputError(f"{option} {path}: row {row + 2}: the id {ids[row]!r} {problem}")
    return dict(zip(ids, labels, strict=True))


def parse_groups(text: str | None, option: str = "--groups") -> Mapping[str, str] | str | None:
    """Return the groups of a file, or a kind of groups or ``none`` as it is written.

    Raises:
        InputError: neither a file nor a kind; and as `read_groups`.
    """
    if text is None or text == NO_GROUPS or text.partition(":")[0] in {**GROUP_KINDS, **NODE_GROUP_KINDS}:
        return text
    if not Path(text).is_file():
        kinds = ", ".join([*GROUP_KINDS, *NODE_GROUP_KINDS, NO_GROUPS])
        raise InputError(f"{option} {text} is neither a file nor a kind of groups: {kinds}")
    return read_groups(Path(text), option)


def metric_names(text: str | None) -> list[str] | None:
    """Return the metrics of a comma-separated list; ``all`` is every metric of the engine, and None stays None.

    Raises:
        InputError: an unknown metric, or an empty list.
    """
    names = split(text)
    if names is None:
        return None
    from hyle.engine import find_metric, list_metrics

    metrics = [metric for name in names for metric in (list_metrics() if name == "all" else [find_metric(name).name])]
    return list(dict.fromkeys(metrics))


def metric_options(default: str) -> Decorator:
    """Add ``--metrics``, ``-k`` and how metrics are computed, as one argument ``measure``: a `CompareOptions`.

    Args:
        default: the metrics of the command by default, for the help.
    """
    return option_group(
        CompareOptions,
        "measure",
        click.option(
            "--metrics",
            callback=lambda _context, _option, value: metric_names(value),
            help=f"Metrics, comma-separated: names of `hyle metrics`, or all. [default: {default.replace(',', ', ')}]",
        ),
        click.option(
            "-k",
            "--neighbours",
            "k",
            type=click.IntRange(1),
            default=25,
            show_default=True,
            help="Number of nearest neighbours, for mutual_knn, cknna and the other neighbour metrics.",
        ),
        click.option(
            "--dimension-k",
            type=click.IntRange(2),
            help="Number of nearest neighbours, for the intrinsic dimension. [default: 50, or n / 10 if n < 500]",
        ),
        click.option(
            "--rank-k",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Number of nearest neighbours, for the information imbalance.",
        ),
        click.option(
            "--neighbour-metric",
            type=click.Choice(["cosine", "euclidean", "inner_product"]),
            default="cosine",
            show_default=True,
            help="Similarity or distance by which neighbours are found. With euclidean, CKNNA still uses cosine.",
        ),
        click.option("--centre", is_flag=True, help="Subtract the column means before neighbours are searched."),
        click.option(
            "--block",
            type=click.IntRange(1),
            help="Number of samples that are processed at once; fewer need less memory. [default: as many as fit into "
            "the free memory]",
        ),
        click.option(
            "--queries",
            type=click.IntRange(1),
            metavar="N",
            help="For 100,000 samples and more: draw N of them at random and compare these with all samples. Scores "
            "are then estimates for all samples, with 95 % intervals of the drawing instead of p-values; linear CKA "
            "stays exact. Only for metrics that can be estimated like this. [default: all samples]",
        ),
        click.option(
            "--search",
            type=click.Choice(["exact", "hnsw"]),
            default="exact",
            show_default=True,
            help="How neighbours are found. hnsw searches a graph of faiss (pip install faiss-cpu), which is faster "
            "from about 100,000 samples on. The share of the neighbours that it finds is measured and printed; below "
            "0.99 it is an error.",
        ),
        click.option(
            "--precision",
            type=click.Choice(["highest", "tf32x3", "bf16x3"]),
            default="highest",
            show_default=True,
            help="Of the products of all pairs of samples on GPUs (any) and TPUs (bf16x3). Neighbours are exact at any "
            "precision; other scores change little, see docs/scale.md.",
        ),
        click.option(
            "--permutations",
            type=PermutationsType(),
            default="auto",
            show_default=True,
            help="Number of permutations of the samples, for the p-value of each score; 0 for no p-values. auto draws "
            "200, and if these leave a pair open, as many as a single aligned pair needs to be significant among all: "
            "the number of pairs / 0.05, at most 9,999.",
        ),
        click.option(
            "--fdr",
            type=click.Choice(["bh", "by"]),
            default="bh",
            show_default=True,
            help="How p-values are adjusted for the number of pairs: bh by Benjamini and Hochberg, or by by Benjamini "
            "and Yekutieli, which holds however pairs depend on each other.",
        ),
        click.option(
            "--intervals",
            "jackknife_groups",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="Number of groups of a delete-a-group jackknife, for a 95 % interval of each score; 0 for no "
            "intervals, 20 is common.",
        ),
        click.option(
            "--groups",
            metavar="FILE|KIND",
            callback=lambda _context, _option, text: parse_groups(text),
            help="For samples that are not independent: permutations respect the groups (see --permute), and the "
            f"jackknife deletes whole groups. A .csv file (sample id, group), or {', '.join(GROUP_KINDS)}: what the "
            "samples of a group have in common. For files of embeddings with the samples: KIND:DATASET. With none, "
            "all samples are independent. [default: for stored embeddings with over 5 % repeated samples, whole "
            "molecular graphs, sequences or formulas]",
        ),
        click.option(
            "--permute",
            type=click.Choice(["within", "whole", "blocks"]),
            help="What permutations do with groups: within permutes samples within their group, and tests what models "
            "share beyond the groups; whole exchanges groups of equal size; blocks exchanges samples within the groups "
            "of --beyond, and keeps those of one of --groups together. [default: within for --groups, whole for groups "
            "by default, blocks for --per]",
        ),
        click.option(
            "--outside",
            "neighbours_outside",
            metavar="FILE|KIND",
            callback=lambda _context, _option, text: parse_groups(text, "--outside"),
            help="Search the neighbours of a row only among rows with another label of this kind, for mutual, Jaccard "
            "and cycle k-NN and CKNNA. As --groups, or none. [default: sample for --per: atoms of one sample are "
            "neighbours of each other in any model]",
        ),
        click.option(
            "--beyond",
            "strata",
            metavar="FILE|KIND",
            callback=lambda _context, _option, text: parse_groups(text, "--beyond"),
            help="Also permute samples within groups of this kind, for what models share beyond it: 0 for the mean "
            "within groups, 1 for the best score. As --groups, or none. [default: formula, composition or elements, "
            "the first that at least 20 % of the samples share with "
            "another one]",
        ),
    )
