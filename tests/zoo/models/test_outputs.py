"""What adapters return: rows in any sensible form are taken, everything else is one clear line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hyle.zoo import Adapter, Model, OperationError, Output, Sample, find_card

torch = pytest.importorskip("torch")
SAMPLES = [Sample(str(i), smiles="C" * (i + 1)) for i in range(3)]
CARD = replace(find_card("composition"), view="smiles", adapter="mine:Mine", pooling="none", layers=("rows",))
ROWS = np.arange(6.0).reshape(3, 2)


def model(make: Callable[[int], Any], **fields: Any) -> Model:
    class Mine(Adapter):
        def forward(self, samples: Any, layer: str) -> Any:
            return make(len(samples))

    card = replace(CARD, **fields)
    return Model(card, Mine(card, {}))


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        ROWS.astype(np.float32),
        ROWS.astype(np.int64),
        torch.tensor(ROWS),
        torch.tensor(ROWS, requires_grad=True),
        torch.tensor(ROWS).long(),
        torch.nn.Parameter(torch.tensor(ROWS)),
        Output(ROWS),
        Output(torch.tensor(ROWS)),
    ],
)
def test_rows_may_be_arrays_tensors_or_an_output(rows: Any) -> None:
    embedding = model(lambda n: rows).embed(SAMPLES).embedding
    np.testing.assert_array_equal(np.asarray(embedding), ROWS)


def test_jax_arrays_are_rows() -> None:
    import jax.numpy as jnp

    embedding = model(lambda n: jnp.asarray(ROWS, "float32")).embed(SAMPLES).embedding
    np.testing.assert_array_equal(np.asarray(embedding), ROWS)


def test_counts_may_be_arrays_or_tensors() -> None:
    rows = np.array([[1.0], [2.0], [4.0], [5.0], [9.0]])
    for counts in ([1, 2, 2], np.array([1, 2, 2]), torch.tensor([1, 2, 2])):
        embedded = model(lambda n, counts=counts: Output(rows, counts), pooling="mean").embed(SAMPLES)
        np.testing.assert_array_equal(np.asarray(embedded.embedding), [[1], [3], [7]])


NEEDED = "it must return Output(rows), or the rows themselves"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (None, f"mine:Mine.forward returned None (is there a return statement?): {NEEDED}"),
        ([[1.0, 2.0]] * 3, f"mine:Mine.forward returned a list: {NEEDED}"),
        ((ROWS, None), f"mine:Mine.forward returned a tuple: {NEEDED}"),
        ({"rows": ROWS}, f"mine:Mine.forward returned a dict: {NEEDED}"),
        (Output([[1.0]] * 3), f"returned Output with a list as rows: {NEEDED}"),
        (np.ones(3), "returned rows of shape (3,) for 3 samples"),
        (np.ones((3, 2, 2)), "returned rows of shape (3, 2, 2) for 3 samples"),
        (np.ones((3, 0)), "returned rows of shape (3, 0) for 3 samples"),
        (np.ones((2, 4)), "returned 2 rows for 3 samples"),
        (np.array([["a"]] * 3), "returned rows of dtype <U1: they must be real numbers"),
        (np.ones((3, 2), complex), "returned rows of dtype complex128: they must be real numbers"),
        (torch.ones(3, 2, dtype=torch.complex64), "dtype torch.complex64: they must be real numbers"),
        (Output(ROWS, [1, 1]), "returned 2 counts with the sum 2 for 3 samples and 3 rows"),
        (Output(ROWS, [3, 0, 0]), "returned 3 counts with the sum 3 for 3 samples and 3 rows"),
        (Output(ROWS, 3), "returned a int as counts: they must be 3 integers"),
        (Output(ROWS, energies=[1.0]), "returned energies of shape (1,) for 3 samples"),
    ],
)
def test_other_outputs_are_one_clear_line(output: Any, message: str) -> None:
    with pytest.raises(OperationError, match=re.escape(message)) as caught:
        model(lambda n: output).embed(SAMPLES)
    assert "\n" not in str(caught.value)


def test_rows_of_different_widths_are_an_error() -> None:
    widths = iter((2, 3))
    with pytest.raises(OperationError, match="rows of 2 and of 3 columns: all rows need the same width"):
        model(lambda n: np.ones((n, next(widths)))).embed(SAMPLES, batch_size=2)


def test_a_reason_is_none_or_text() -> None:
    mine = model(lambda n: ROWS)
    mine.adapter.unsupported = lambda sample: False  # type: ignore[assignment, method-assign, return-value]
    with pytest.raises(OperationError, match=r"mine:Mine.unsupported returned False: it must return None"):
        mine.embed(SAMPLES)


def test_an_error_of_a_hub_model_is_one_line_and_that_of_another_is_kept() -> None:
    def fail(n: int) -> Any:
        raise IndexError("index out of\nrange in self")

    with pytest.raises(OperationError, match=r"^hf:a/b does not run in hyle: IndexError: .* \(test_outputs\.py:\d+\)$"):
        model(fail, name="hf:a/b").embed(SAMPLES)
    with pytest.raises(IndexError):
        model(fail).embed(SAMPLES)
