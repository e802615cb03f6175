"""The representations that a command compares."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hyle.zoo import InputError, Representation, Store

from ..console import say
from ..options import FileSelection, RowSelection
from .rows import select_rows
from .sources import check_ids, find_representations


def find_compared(
    sources: Sequence[str],
    store: Store,
    *,
    covariates: str | None = None,
    files: FileSelection | None = None,
    dataset: str | None = None,
    layer: str | None = None,
    pooling: str | None = None,
    rows: RowSelection | None = None,
) -> tuple[list[Representation], Representation | None]:
    """Return the representations to compare, and the covariates.

    Args:
        sources: as `find_representations` takes them.
        store: as `find_representations` takes it.
        covariates: a file or a stored model; without `sources`, it is excluded from what is compared.
        files: how files are read.
        dataset: as `find_representations` takes it; the same for the two below.
        layer: see there.
        pooling: see there.
        rows: which rows; default those of samples.

    Raises:
        InputError: fewer than two representations, or a source that is not found.
    """
    options = () if covariates is None else ("--covariates", covariates)
    command = shlex.join(["hyle", "compare", *sources, *options])
    rows = rows or RowSelection()
    find = partial(
        find_representations,
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        per=rows.per,
        files=files,
        command=command,
    )
    if sources:
        # In one call, so that options apply to whichever file they fit, and the covariates are of the same samples.
        found = find([*sources, *options[1:]], store)
        known = None if covariates is None else found.pop()
    else:
        found = find(sources, store)
        known = None if covariates is None else find([covariates], store, beside=found)[0]
    if known is not None and not sources:
        # Of all stored embeddings, the covariates would leave nothing of themselves to compare.
        found = [rep for rep in found if rep.recipe != known.recipe]
    for note in _given_twice(sources):  # covariates that are a source are a note of the comparison
        say(note)
    if len(found) < 2:
        raise InputError("a comparison needs at least two representations; for a single one: hyle dimension")
    check_ids([*found, known] if known else found)
    return select_rows(found, rows), known


def _given_twice(sources: Sequence[str]) -> list[str]:
    """Return a warning for each file or model that is given more than once, whatever its path is called."""
    places = Counter(str(Path(source).resolve()) if Path(source).exists() else source for source in sources)
    names = {str(Path(source).resolve()): source for source in sources}
    return [
        f"warning: {names.get(place, place)} is given {count} times: its scores with itself say nothing"
        for place, count in places.items()
        if count > 1
    ]
