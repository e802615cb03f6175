"""Rows of representations by their ids, and the labels of atoms."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.cli.jobs import panel_labels, rows_of
from hyle.cli.jobs.sample_facts import Label
from hyle.zoo import InputError, Representation, load_dataset


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rows_are_those_of_the_ids_in_their_dtype(dtype: str) -> None:
    rows = np.arange(8, dtype=dtype).reshape(4, 2)
    found = rows_of(Representation("m", rows, list("abcd")), ["d", "b"])
    assert found.dtype == dtype
    assert found.tolist() == [[6, 7], [2, 3]]


def test_rows_that_are_not_finite_are_named_if_they_are_asked_for() -> None:
    rows = np.ones((6, 2))
    rows[[1, 2, 4, 5], 1] = np.nan, np.inf, -np.inf, np.nan
    representation = Representation("m", rows, list("abcdef"))
    assert rows_of(representation, ["d", "a"]).tolist() == [[1, 1], [1, 1]]
    with pytest.raises(InputError, match=r"^m: 1 of 2 rows contain NaN or infinite numbers: 'c'; remove them from"):
        rows_of(representation, ["c", "a"])
    with pytest.raises(InputError, match=r"4 of 6 rows contain NaN or infinite numbers: 'b', 'c', 'e', \.\.\.; remove"):
        rows_of(representation, list("abcdef"))


def test_atoms_have_the_labels_of_their_samples() -> None:
    label = Label("x", {"CC": 1.0, "b#1": 2.0, "b": 3.0})
    # CC#N is a molecule of its own.
    np.testing.assert_array_equal(label.of(["CC", "CC#0", "CC#N", "b#1", "b#0"]), [1, 1, np.nan, 2, 3])
    data = load_dataset("qm9", n=25)
    ids = [f"{i}#{number}" for i in data.ids for number in (0, 3)]
    atoms = Representation("m", np.ones((len(ids), 2)), ids, {"dataset": "qm9", "per": "atom"})
    gaps = {sample.id: sample.labels["gap"] for sample in data}
    assert panel_labels("gap", ids, [atoms])["gap"].tolist() == [gaps[i] for i in data.ids for _ in range(2)]
