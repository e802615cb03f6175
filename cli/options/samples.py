"""Options that select samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from hyle.zoo import (
    PERTURBATIONS,
    Dataset,
    did_you_mean,
    find_card,
    find_dataset,
    list_datasets,
    load_dataset,
    perturb,
    shorten,
)

from ..console import say
from .common import Decorator, option_group


class PerturbationType(click.ParamType):
    """A value ``KIND=AMOUNT``, such as ``rattle=0.1``."""

    name = "kind=amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check and convert the value of the option; the range of the amount is checked with the samples."""
        if isinstance(value, tuple):
            return value
        kind, _, amount = str(value).partition("=")
        if kind not in PERTURBATIONS:
            hint = did_you_mean(kind, PERTURBATIONS)
            self.fail(f"no perturbation is called {kind!r}{hint} There are {', '.join(PERTURBATIONS)}.", param, ctx)
        try:
            return kind, float(amount)
        except ValueError:
            what = f"the {PERTURBATIONS[kind].meaning}" + (f", in {unit}" if (unit := PERTURBATIONS[kind].unit) else "")
            self.fail(f"{value!r} has no amount ({what}), such as {kind}=0.5", param, ctx)


@dataclass(frozen=True)
class SampleSelection:
    """Which samples to read: the values of `dataset_options`.

    Args:
        dataset: the name of a built-in data set, or the path of a file or folder.
        samples: number of samples; None for ``default_n`` of a built-in data set and all of a file.
        seed: seed of the random selection.
        first: take the first samples of a file instead of a random selection.
        column: column of a table that holds the samples; see `hyle.zoo.read_dataset`.
        view: what the column contains; see `hyle.zoo.read_dataset`.
        id_column: column that holds the ids; see `hyle.zoo.read_dataset`.
        energy_key: property of a structure with its energy; see `hyle.zoo.read_dataset`.
        as_written: keep SMILES as they are written instead of RDKit's canonical form.
        perturb: kinds and amounts of changes to make to the structures, in order; see `hyle.zoo.perturb`.
        default_n: default number of samples of a built-in data set.
    """

    dataset: str
    samples: int | None
    seed: int
    first: bool
    column: str | None
    view: str | None
    id_column: str | None
    energy_key: str | None
    as_written: bool
    perturb: Sequence[tuple[str, float]]
    default_n: int

    @property
    def n(self) -> int | None:
        """The number of samples, or None where it is unknown until the file is read."""
        if self.is_file or self.samples is not None:
            return self.samples
        return min(self.default_n, find_dataset(self.dataset).total)

    @property
    def is_file(self) -> bool:
        """Whether the samples come from a file or folder rather than a built-in data set."""
        return self.dataset not in {info.name for info in list_datasets()}

    def load(self, labels: Sequence[str] = (), models: Sequence[str] = ()) -> Dataset:
        """Read the samples.

        Args:
            labels: columns or properties of a file that become labels; a built-in data set has its own.
            models: models that will read the samples; ``all`` for all of hyle. All atoms of proteins are read from
                files only for models that need them.

        Raises:
            ValueError: no such data set, or a file without what the options ask for.
        """
        values = {
            "column": self.column,
            "view": self.view,
            "id_column": self.id_column,
            "energy_key": self.energy_key,
        }
        options: dict[str, Any] = {name: value for name, value in values.items() if value}
        if self.as_written:
            options["canonical"] = False
        if labels and self.is_file:
            options["labels"] = tuple(labels)
        if self.is_file and any(name == "all" or find_card(name).view == "protein_atoms" for name in models):
            options["protein_atoms"] = True
        seed = None if self.first else self.seed
        data = load_dataset(self.dataset, n=self.n, seed=seed, notify=say, **options)
        for kind, amount in self.perturb:
            before, data = data, perturb(data, kind, amount)
            if len(data) < len(before):
                gone = next(i for i in data.left_out if i not in before.left_out)
                say(
                    f"{len(before) - len(data)} of {len(before)} samples were left out, such as {shorten(gone)} "
                    f"({data.left_out[gone]})"
                )
        return data


def dataset_options(default_n: int) -> Decorator:
    """Add ``--dataset``, ``-n``, ``--seed`` and the options of files, as one argument ``draw``: a `SampleSelection`.

    Args:
        default_n: default number of samples of a built-in data set.
    """
    return option_group(
        SampleSelection,
        "draw",
        click.option(
            "--dataset",
            default="qm9",
            show_default=True,
            help="Where the samples come from: a name of `hyle datasets`, or a file or folder of your own.",
        ),
        click.option(
            "-n",
            "--samples",
            type=click.IntRange(1),
            help=f"Number of samples, chosen at random. [default: {default_n} of a built-in data set, or all if it "
            "has fewer; all of a file]",
        ),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random selection."
        ),
        click.option("--first", is_flag=True, help="For a file: take the first samples instead of random ones."),
        click.option(
            "--column", help="For a table: the column to read. [default: the one called smiles, sequence, ...]"
        ),
        click.option(
            "--view",
            type=click.Choice(["smiles", "selfies", "sequence"]),
            help="For a table: what --column contains; sequence also for nucleotides in FASTA. [default: what its name "
            "says]",
        ),
        click.option(
            "--id-column", help="For a file: the column or field that contains the ids; '#' numbers the samples."
        ),
        click.option(
            "--energy-key",
            help="For structures: the property with the energy. [default: energy, REF_energy, dft_energy, ...]",
        ),
        click.option(
            "--as-written",
            is_flag=True,
            help="For a table: keep SMILES as they are written. [default: RDKit's canonical form]",
        ),
        click.option(
            "--perturb",
            multiple=True,
            type=PerturbationType(),
            metavar="KIND=AMOUNT",
            help="For structures: change them by a known amount, to compare with what they were. rattle=0.1: random "
            "displacements of 0.1 Angstrom; volume=0.9: crystals of 0.9 times the volume; swap=0.2: 20 % of the atoms "
            "change places with other elements; cleave=5: a gap of 5 Angstrom, as at a surface. May be repeated.",
        ),
        default_n=default_n,
    )
