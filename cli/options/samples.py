"""Options that say which samples to read."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from hyle.zoo import Dataset, find_dataset, list_datasets, load_dataset

from ..console import say
from .common import F


@dataclass(frozen=True)
class SampleSelection:
    """Which samples: the options of `dataset_options`.

    Args:
        dataset: a built-in data set, or a file or folder.
        samples: how many; None for ``default_n`` of a built-in set and all of a file.
        seed: of the draw.
        first: take the first of a file in place of a draw.
        column: of a table, as `hyle.zoo.read_dataset` takes it; the three below likewise.
        view: what the column holds.
        id_column: where the ids stand.
        as_written: leave SMILES as they stand.
        default_n: samples of a built-in set where nobody says.
    """

    dataset: str
    samples: int | None
    seed: int
    first: bool
    column: str | None
    view: str | None
    id_column: str | None
    as_written: bool
    default_n: int

    @property
    def n(self) -> int | None:
        """How many samples, where that is known before they are read."""
        if self.is_file or self.samples is not None:
            return self.samples
        return min(self.default_n, find_dataset(self.dataset).total)

    @property
    def is_file(self) -> bool:
        """Whether the samples are no built-in data set."""
        return self.dataset not in {info.name for info in list_datasets()}

    def load(self) -> Dataset:
        """Read the samples.

        Raises:
            ValueError: no such data set, or a file that does not hold what was asked for.
        """
        given = {"column": self.column, "view": self.view, "id_column": self.id_column}
        options: dict[str, Any] = {name: value for name, value in given.items() if value}
        if self.as_written:
            options["canonical"] = False
        seed = None if self.first else self.seed
        return load_dataset(self.dataset, n=self.n, seed=seed, notify=say, **options)


def dataset_options(default_n: int) -> Callable[[F], F]:
    """``--dataset``, ``-n``, ``--seed`` and how to read a file, as one argument ``draw`` of type `SampleSelection`."""

    def add(function: F) -> F:
        @functools.wraps(function)
        def read(*args: Any, **given: Any) -> Any:
            names = [field.name for field in dataclasses.fields(SampleSelection) if field.name != "default_n"]
            options = {name: given.pop(name) for name in names}
            return function(*args, draw=SampleSelection(**options, default_n=default_n), **given)

        return _add_dataset_options(read, default_n)  # type: ignore[return-value]

    return add


def _add_dataset_options(function: Callable[..., Any], default_n: int) -> Callable[..., Any]:
    for option in (
        click.option("--as-written", is_flag=True, help="Of a table: take SMILES as they stand, not RDKit's form."),
        click.option("--id-column", help="Of a file: where the ids stand; '#' numbers the samples."),
        click.option(
            "--view", type=click.Choice(["smiles", "selfies", "sequence"]), help="What --column holds, if not its name."
        ),
        click.option("--column", help="Of a table: the column to read. [default: the one called smiles, sequence ...]"),
        click.option("--first", is_flag=True, help="Of a file: the first samples, in place of a draw."),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draw."),
        click.option(
            "-n",
            "--samples",
            type=click.IntRange(1),
            help=f"Samples to draw. [default: {default_n} of a built-in data set, or all it has; all of a file]",
        ),
        click.option(
            "--dataset", default="qm9", show_default=True, help="A data set of `hyle datasets`, or a file or folder."
        ),
    ):
        function = option(function)
    return function
