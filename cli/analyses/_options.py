"""What `hyle analyse` and `hyle report` are told of a question."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

from hyle.zoo import InputError, Store

from ..comparison import LABEL, find_embeddings, joined, model_names, read_column, read_scores, read_table
from ..options import renamed_option, store_option
from ._question import AnalysisInput

if TYPE_CHECKING:
    import xarray as xr

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class AnalysisOptions:
    """The options of `question_options`, as the command line has them."""

    metric: str | None
    top: int
    reference: str | None
    against: Path | None
    embeddings: tuple[Path, ...]
    against_embeddings: tuple[Path, ...]
    label: str | None
    n_labels: int
    errors: Path | None
    classes: Path | None
    sizes: str | None
    scales: bool
    umap: bool
    store_path: Path

    def question(self, comparison: xr.Dataset, path: Path) -> AnalysisInput:
        """Read the files that were named, and find the embeddings that are at hand.

        Raises:
            ValueError: no pair metric, a file that does not hold what was asked for, or a label that nothing has.
        """
        from hyle.engine import load_comparison

        scores = read_scores(comparison)
        if not scores:
            raise InputError(f"{path} has no pair metric: make it by hyle compare --metrics cknna")
        if self.umap and importlib.util.find_spec("umap") is None:
            raise InputError("--umap needs umap-learn: pip install 'hyle[map]', or leave the maps to PCA")
        store = Store(self.store_path)
        against = None if self.against is None else load_comparison(self.against)
        found = find_embeddings(comparison, store, self.embeddings)
        ids, rows = joined(comparison, found)
        outside = (
            {} if against is None else joined(against, find_embeddings(against, store, self.against_embeddings))[1]
        )
        question = AnalysisInput(
            comparison,
            self.metric or ("cknna" if "cknna" in scores else next(iter(scores))),
            top=self.top,
            reference=self.reference,
            against=against,
            ids=ids,
            embeddings=rows,
            outside=outside,
            n_labels=self.n_labels,
            scales=self.scales,
            method="umap" if self.umap else "pca",
        )
        question.score  # noqa: B018 - an unknown metric is told before anything is computed
        if self.label is not None:
            question.label, question.values = self._label(question)
        if self.errors is not None:
            question.errors = _rows(read_table(self.errors, what="--errors"))
        if self.classes is not None:
            question.classes, question.truth = _classes(self.classes)
        if self.sizes is not None:
            question.size, question.sizes = _sizes(self.sizes, model_names(comparison))
        return question

    def _label(self, question: AnalysisInput) -> tuple[str, np.ndarray]:
        said = str(self.label)
        if not question.embeddings:
            raise InputError(
                f"--label {said}: no embeddings of the comparison are at hand: give --store or --embeddings"
            )
        name = f"{LABEL}{said}"
        if name in question.comparison:
            column = question.comparison[name]
            numbers = dict(
                zip(map(str, question.comparison["sample"].values), column.values.astype(float), strict=True)
            )
            units = column.attrs.get("units", "")
            title = f"{said} / {units}" if units else said
        else:
            file, _, column_name = said.partition(":")
            known = [str(n).removeprefix(LABEL) for n in question.comparison.data_vars if str(n).startswith(LABEL)]
            if not Path(file).is_file():
                raise InputError(
                    f"--label {said} is neither a label of the comparison ({', '.join(known) or 'it has none'}) nor "
                    "a .csv file of sample id and number, as FILE or FILE:COLUMN"
                )
            title, numbers = read_column(Path(file), column_name or None, what="--label")
        values = np.array([numbers.get(i, np.nan) for i in question.ids])
        if np.isfinite(values).sum() < 20:
            raise InputError(f"--label {said}: {np.isfinite(values).sum()} samples have it, and at least 20 are needed")
        return title, values


def question_options(function: F) -> F:
    """Add the options of `AnalysisOptions`, as one argument ``asked``."""
    import dataclasses
    import functools

    @functools.wraps(function)
    def read(*args: Any, **given: Any) -> Any:
        options = {field.name: given.pop(field.name) for field in dataclasses.fields(AnalysisOptions)}
        return function(*args, asked=AnalysisOptions(**options), **given)

    wrapped: Any = store_option(read)
    for option in (
        click.option("--umap", is_flag=True, help="Draw the maps by UMAP in place of PCA."),
        click.option("--scales", is_flag=True, help="Estimate the dimension at growing scales, too."),
        click.option(
            "--sizes",
            metavar="FILE[:COLUMN]",
            help="A .csv file of model and size, such as training steps, for trends. [default: parameters]",
        ),
        click.option(
            "--classes",
            type=_FILE,
            help="What classifiers predict: a .csv of sample id, truth and a column a model, or an .npz of `truth` and "
            "probabilities [n, c] a model.",
        ),
        click.option(
            "--errors",
            type=_FILE,
            help="A .csv file of sample id and the signed errors of a model in each column. [default: of energies]",
        ),
        renamed_option(
            "--n-labels",
            old="--few",
            type=click.IntRange(10),
            default=50,
            show_default=True,
            help="Labels to choose a model by.",
        ),
        click.option(
            "--label",
            metavar="NAME|FILE[:COLUMN]",
            help="What samples are labelled with, for probes and the choice of a model: a label of the data set, or a "
            ".csv file of sample id and number.",
        ),
        click.option(
            "--against-embeddings",
            type=click.Path(path_type=Path),
            multiple=True,
            help="The same of the second comparison, for the degree of shift.",
        ),
        click.option(
            "--embeddings",
            type=click.Path(path_type=Path),
            multiple=True,
            help="A file that was compared, for what needs its rows; models are looked up in the store.",
        ),
        click.option(
            "--against",
            type=_FILE,
            help="A second comparison of the same models, such as out of distribution: what changes?",
        ),
        click.option("--reference", help="The model that alignment is to. [default: that of least error]"),
        click.option(
            "--top", type=click.IntRange(1), default=1, show_default=True, help="Best models to average over."
        ),
        click.option("--metric", help="A pair metric of the comparison. [default: cknna, else its first]"),
    ):
        wrapped = option(wrapped)
    return wrapped


def _rows(table: dict[str, dict[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.array(list(column.values())) for name, column in table.items()}


def _classes(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError) as error:
            raise InputError(f"--classes {path} cannot be read as .npz: {error}") from error
    else:
        arrays = _rows(read_table(path, what="--classes"))
    truth = arrays.pop("truth", None)
    if truth is None or len(arrays) < 2:
        raise InputError(f"--classes {path}: `truth` and at least two models are needed; it has {', '.join(arrays)}")
    if not np.isfinite(truth).all() or len({one.shape for one in arrays.values()}) > 1:
        raise InputError(f"--classes {path}: a truth for each sample and arrays of one shape are needed")
    return arrays, truth.astype(np.int64)


def _sizes(said: str, models: list[str]) -> tuple[str, dict[str, float]]:
    file, _, column = said.partition(":")
    if not Path(file).is_file():
        raise InputError(f"--sizes {file} does not exist: a .csv file of model and size is needed")
    name, sizes = read_column(Path(file), column or None, what="--sizes")
    unknown = [model for model in sizes if model not in models]
    if unknown:
        raise InputError(f"--sizes {file}: the comparison has no model {unknown[0]!r}; it has {', '.join(models)}")
    return name, {model: size for model, size in sizes.items() if size > 0}
