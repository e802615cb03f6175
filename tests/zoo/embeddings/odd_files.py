"""The embeddings that the odd files contain, and the checks of what is read."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, Representation, read_embeddings

N, D = 12, 5
TRUTH = np.random.default_rng(1).normal(size=(N, D)).round(3)
IDS = [f"mol-{chr(97 + i)}" for i in range(N)]
NAMES = [f"f{i}" for i in range(D)]


def check(got: Representation, want: np.ndarray = TRUTH, ids: list[str] = IDS) -> None:
    assert list(got.ids) == list(ids)
    np.testing.assert_allclose(np.asarray(got.embedding, "f8"), want, rtol=1e-6, equal_nan=True)


def refused(path: Path, message: str, **options: object) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_embeddings(path, **options)  # type: ignore[arg-type]
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def table(header: str, rows: object = None, delimiter: str = ",") -> str:
    """Return a text table with ids in the first column."""
    rows = [[i, *x] for i, x in zip(IDS, TRUTH.tolist(), strict=True)] if rows is None else rows
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    return header + "\n" + stream.getvalue()


HEADER = ",".join(["id", *NAMES])


def lines(items: list[dict]) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)
