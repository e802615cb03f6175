"""`hyle.compare`: `hyle.engine.compare` that also reads files of embeddings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyle.engine import Comparison

# Messages about files name options of the command line.
_OPTION = re.compile(r"--(ids|id-column|key|columns)\b")
_IN_PYTHON = "in Python: hyle.read_embeddings(path, number_rows=True), or with ids_path=, id_column=, key= or columns="


def compare(*representations: Any, covariates: Any = None, **options: Any) -> Comparison:
    """Compare representations of the same samples, all with all.

    Args:
        representations: several arguments, one list, or one mapping name -> representation. Each is a file of
            embeddings (see `hyle.read_embeddings`), a `Representation` of the zoo, a tensor [n, d] of NumPy, JAX or
            torch, or a DataFrame, whose index is the sample ids unless all have the default index. Rows are joined by
            sample id, those of plain tensors by position. A file is called by its name without the suffix, tensors
            "array 1", "array 2" and so on.
        covariates: regressed out of every representation first; a file, a tensor or a DataFrame as well.
        options: of `hyle.engine.compare`, such as ``metrics=["cka", "mutual_knn"]``, ``k=10`` or ``permutations=200``.

    Returns:
        The scores of all pairs with their chance levels, a `hyle.engine.Comparison`. Its method ``to_frame`` returns a
        pandas DataFrame.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that cannot be read or leaves a choice; and as `hyle.engine.compare`.
        TypeError: as `hyle.engine.compare`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(60, 8))
        >>> compare(x, x[:, :4], metrics=["mutual_knn"], k=5).model.values.tolist()
        ['array 1', 'array 2']
    """
    from hyle import engine

    read = [_read(value) for value in representations]
    return engine.compare(*read, covariates=_read_file(covariates), **options)


def _read(value: Any) -> Any:
    """Return an argument with every path in it read."""
    if isinstance(value, Mapping):
        return {name: _read_file(each) for name, each in value.items()}
    if isinstance(value, list | tuple | Iterator):
        return [_read_file(each) for each in value]
    return _read_file(value)


def _read_file(value: Any) -> Any:
    if not isinstance(value, str | os.PathLike):
        return value
    from hyle.zoo import HyleError, read_embeddings

    _check_exists(os.fspath(value))
    try:
        return read_embeddings(value)
    except HyleError as error:
        if not _OPTION.search(str(error)):
            raise
        raise type(error)(f"{error} ({_IN_PYTHON})") from None


def _check_exists(name: str) -> None:
    """Raise an error that says what to write if a name is that of a metric or a model and of no file."""
    from hyle.engine import list_metrics
    from hyle.zoo import MissingFileError, list_models

    if os.path.exists(name):  # noqa: PTH110 (a name may be no valid path)
        return
    if name in list_metrics():
        raise MissingFileError(f"{name} is not a file but a metric: use metrics=[{name!r}]")
    if any(name == card.name for card in list_models()):
        raise MissingFileError(f"{name} is not a file but a model: use hyle.load({name!r}).embed(samples)")
