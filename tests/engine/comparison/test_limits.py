"""What is refused because of its size is refused before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.metrics.rsa import MOST_ROWS


def models(n: int, m: int = 2) -> dict[str, np.ndarray]:
    return {f"m{i}": np.random.default_rng(i).normal(size=(n, 2)).astype(np.float32) for i in range(m)}


def refused(n: int, m: int = 2, **options: Any) -> str:
    """Return the message of a comparison that must fail before it reports any progress."""
    seen: list[str] = []
    with pytest.raises(ValueError, match="samples") as error:
        compare(models(n, m), progress=lambda stage, _: seen.append(stage), **options)
    assert seen == []
    return str(error.value)


def test_rsa_of_too_many_samples_is_refused_first() -> None:
    message = refused(MOST_ROWS + 1, metrics=["mutual_knn", "rsa"])
    assert message.startswith(f"rsa is computed for at most {MOST_ROWS:,} samples, and there are {MOST_ROWS + 1:,}")
    assert "leave rsa out" in message


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyle.engine.permutation.kernels.HELD_BYTES", 2**21)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("metric", ["cka_rbf", "distance_correlation"])
@pytest.mark.parametrize("keyword", ["groups", "strata"])
def test_kernels_within_groups_of_too_many_samples_are_refused_first(metric: str, keyword: str) -> None:
    message = refused(600, metrics=["cka", metric], permutations=20, **{keyword: [str(i // 3) for i in range(600)]})
    assert "permutations within groups keep the kernels of all models in memory" in message
    assert "linear CKA and neighbour metrics, which keep none" in message


@pytest.mark.usefixtures("little_memory")
def test_the_message_is_true_of_linear_cka_and_neighbours() -> None:
    groups = [str(i // 3) for i in range(600)]
    found = compare(models(600), metrics=["cka", "mutual_knn"], k=3, permutations=19, groups=groups)
    assert found.attrs["permutations"] == 19
