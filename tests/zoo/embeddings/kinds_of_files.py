"""The embeddings that the files contain, and the checks of what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, Representation, read_embeddings

N, D = 60, 6
TRUTH = np.random.default_rng(0).normal(size=(N, D)).astype("float32")
IDS = [f"P{i:05d}" for i in range(N)]
FEATURES = {f"f{i}": TRUTH[:, i] for i in range(D)}
NAMES = [*FEATURES]


def check(got: Representation, read_as: str, *, atol: float = 0, ids: list[str] = IDS) -> None:
    assert list(got.ids) == ids
    np.testing.assert_allclose(np.asarray(got.embedding, np.float64), TRUTH[: len(ids)], rtol=0, atol=atol)
    assert got.recipe["read_as"] == read_as


def refused(path: Path, message: str, **options: object) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_embeddings(path, **options)  # type: ignore[arg-type]
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1500
    assert "\n" not in str(caught.value)


def vectors() -> list[list[float]]:
    return TRUTH.tolist()


def csv_text(delimiter: str = ",", decimal: str = ".", *, last: bool = False, ids: list[str] = IDS) -> str:
    rows = [
        ["id", *NAMES],
        *([i, *(repr(float(v)).replace(".", decimal) for v in row)] for i, row in zip(ids, TRUTH, strict=True)),
    ]
    return "".join(delimiter.join([*row[1:], row[0]] if last else row) + "\n" for row in rows)
