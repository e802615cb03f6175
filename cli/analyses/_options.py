"""Options of `hyle analyse` and `hyle report`."""

from __future__ import annotations

import importlib.util
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from hyle.zoo import InputError, Store, install_command

from ..comparison import (
    LABEL,
    find_column,
    find_embeddings,
    joined,
    model_names,
    read_scores,
    read_table,
    states_of_one_thing,
)
from ..console import say
from ..options import LocalPath, option_group, renamed_option, store_option
from ._question import AnalysisInput

if TYPE_CHECKING:
    import xarray as xr

_FILE = LocalPath(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class AnalysisOptions:
    """Values of the options that `question_options` adds."""

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
        """Read the named files, and find the embeddings of the comparison.

        Raises:
            ValueError: the comparison has no pair metric, a file does not contain the requested data, or the label is
                unknown.
        """
        from hyle.engine import load_comparison

        scores = read_scores(comparison)
        if not scores:
            raise InputError(f"{path} has no pair metric: add one with hyle compare --metrics cknna")
        if self.umap and importlib.util.find_spec("umap") is None:
            raise InputError(f"--umap needs umap-learn: {install_command('umap-learn')}; or drop --umap to use PCA")
        store = Store(self.store_path)
        against = None if self.against is None else load_comparison(self.against)
        facts = ("sample_hash", "dataset_version")
        if against is not None and all(against.attrs.get(key, "") == comparison.attrs.get(key, "") for key in facts):
            say(f"note: --against {self.against} has the same samples as {path}; it should be a comparison on others")
        representations = find_embeddings(comparison, store, self.embeddings)
        ids, rows = joined(comparison, representations)
        groups_kind, labels = states_of_one_thing(list(representations.values()), ids)
        others = {} if against is None else find_embeddings(against, store, self.against_embeddings)
        outside_ids, outside = ([], {}) if against is None else joined(against, others)
        outside_kind, outside_labels = states_of_one_thing(list(others.values()), outside_ids)
        question = AnalysisInput(
            comparison,
            self.metric or ("cknna" if "cknna" in scores else next(iter(scores))),
            top=self.top,
            reference=self.reference,
            against=against,
            ids=ids,
            embeddings=rows,
            outside=outside,
            outside_ids=outside_ids,
            outside_groups=[outside_labels[i] for i in outside_ids] if outside_kind else None,
            n_labels=self.n_labels,
            scales=self.scales,
            method="umap" if self.umap else "pca",
            groups=[labels[i] for i in ids] if groups_kind else None,
            groups_kind=groups_kind,
        )
        question.score  # noqa: B018 - report an unknown metric before anything is computed
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
        label = str(self.label)
        if not question.embeddings:
            raise InputError(
                f"--label {label}: no embeddings of the comparison were found: pass --store or --embeddings"
            )
        name = f"{LABEL}{label}"
        if name in question.comparison:
            column = question.comparison[name]
            numbers = dict(
                zip(map(str, question.comparison["sample"].values), column.values.astype(float), strict=True)
            )
            units = column.attrs.get("units", "")
            title = f"{label} / {units}" if units else label
        else:
            found = find_column(label, what="--label")
            labels = [str(n).removeprefix(LABEL) for n in question.comparison.data_vars if str(n).startswith(LABEL)]
            if found is None:
                raise InputError(
                    f"--label {label} is neither a label of the comparison ({', '.join(labels) or 'it has none'}) nor "
                    "a .csv file of sample ids and numbers, as FILE or FILE:COLUMN"
                )
            title, numbers = found
        values = np.array([numbers.get(i, np.nan) for i in question.ids])
        if np.isfinite(values).sum() < 20:
            raise InputError(
                f"--label {label}: {np.isfinite(values).sum()} samples have it, and at least 20 are needed"
            )
        return title, values


# Passed on as one argument ``asked``, an `AnalysisOptions`.
question_options = option_group(
    AnalysisOptions,
    "asked",
    click.option(
        "--metric", help="Primary metric: a pair metric of the comparison. [default: cknna, or else its first]"
    ),
    click.option(
        "--top",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Measure alignment as the mean over this many of the best models.",
    ),
    click.option("--reference", help="Measure alignment to this model. [default: the model of lowest energy error]"),
    click.option(
        "--against",
        type=_FILE,
        help="A second comparison (.nc) of the same models, such as one on samples out of distribution: shows what "
        "changes.",
    ),
    click.option(
        "--embeddings",
        type=LocalPath(path_type=Path),
        multiple=True,
        help="A file of embeddings of the comparison; repeat it for each file. Embeddings of models are found in the "
        "store.",
    ),
    click.option(
        "--against-embeddings",
        type=LocalPath(path_type=Path),
        multiple=True,
        help="The same for the comparison of --against, to measure the degree of shift.",
    ),
    click.option(
        "--label",
        metavar="NAME|FILE[:COLUMN]",
        help="A label of the samples, for probes and model selection: a label of the data set, or a .csv file "
        "(sample id, number).",
    ),
    renamed_option(
        "--n-labels",
        old="--few",
        type=click.IntRange(10),
        default=50,
        show_default=True,
        help="Number of labelled samples for model selection.",
    ),
    click.option(
        "--errors",
        type=_FILE,
        help="A .csv file (sample id, then one column of signed errors per model), for blind spots. [default: the "
        "energy errors of the comparison]",
    ),
    click.option(
        "--classes",
        type=_FILE,
        help="Predicted classes, for blind spots: a .csv file (sample id, truth, then one column per model), or an "
        ".npz file with `truth` and one array of probabilities [n, c] per model.",
    ),
    click.option(
        "--sizes",
        metavar="FILE[:COLUMN]",
        help="A .csv file (model, size), such as the number of training steps, for trends with size. [default: the "
        "numbers of parameters]",
    ),
    click.option("--scales", is_flag=True, help="Also estimate the intrinsic dimension at several scales."),
    click.option("--umap", is_flag=True, help="Draw the maps with UMAP instead of PCA."),
    store_option,
)


def _rows(table: dict[str, dict[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.array(list(column.values())) for name, column in table.items()}


def _classes(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(f"--classes {path} cannot be read as .npz: {error}") from error
    else:
        arrays = _rows(read_table(path, what="--classes"))
    truth = arrays.pop("truth", None)
    if truth is None or len(arrays) < 2:
        raise InputError(f"--classes {path}: `truth` and at least two models are needed; it has {', '.join(arrays)}")
    if not np.isfinite(truth).all() or len({array.shape for array in arrays.values()}) > 1:
        raise InputError(
            f"--classes {path}: `truth` must be finite for each sample, and all arrays must have the same shape"
        )
    return arrays, truth.astype(np.int64)


def _sizes(source: str, models: list[str]) -> tuple[str, dict[str, float]]:
    found = find_column(source, what="--sizes")
    if found is None:
        raise InputError(f"--sizes {source} does not exist: a .csv file of models and sizes is needed")
    name, sizes = found
    unknown = [model for model in sizes if model not in models]
    if unknown:
        raise InputError(f"--sizes {source}: the comparison has no model {unknown[0]!r}; it has {', '.join(models)}")
    return name, {model: size for model, size in sizes.items() if size > 0}
