"""The forms in which `compare` takes representations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hyle.engine import compare, mutual_knn, sweep

rng = np.random.default_rng(1)
X = rng.normal(size=(40, 6))
Y = X[:, :4] + 0.1 * rng.normal(size=(40, 4))
IDS = [f"m{i}" for i in range(40)]
SCORE = float(mutual_knn(X, Y, k=5))
ORDER = rng.permutation(40)


@dataclass
class Named:
    name: str
    embedding: Any
    ids: list[str]


def score(*given: Any, **options: Any) -> tuple[list[str], float]:
    comparison = compare(*given, **{"metrics": "mutual_knn", "k": 5} | options)
    return comparison.model.values.tolist(), float(comparison.mutual_knn[0, 1])


@pytest.mark.parametrize(
    "given",
    [(X, Y), ([X, Y],), ((X, Y),), (iter([X, Y]),), (X.tolist(), Y.tolist()), ([X.tolist(), Y],)],
    ids=["arguments", "list", "tuple", "iterator", "lists", "mixed"],
)
def test_arrays_are_called_by_their_position(given: tuple[Any, ...]) -> None:
    names, value = score(*given)
    assert names == ["array 1", "array 2"]
    assert value == pytest.approx(SCORE)


def test_tensors_of_torch() -> None:
    torch = pytest.importorskip("torch")
    assert score(torch.tensor(X), torch.tensor(Y)) == (["array 1", "array 2"], pytest.approx(SCORE))


def test_a_mapping_keeps_its_names() -> None:
    assert score({"b": X, "a": Y})[0] == ["b", "a"]
    arrays = xr.Dataset({"x": (("n", "d"), X), "y": (("n", "e"), Y)})
    assert score(arrays) == (["x", "y"], pytest.approx(SCORE))


def test_objects_keep_their_names_and_repeated_names_are_numbered() -> None:
    x, y = Named("m", X, IDS), Named("m", Y[ORDER], [IDS[i] for i in ORDER])
    assert score(x, y) == (["m", "m (2)"], pytest.approx(SCORE))
    assert score([x, y, Named("m (2)", X, IDS)])[0] == ["m", "m (2)", "m (2) (2)"]
    assert score([x, Named("", Y, IDS)])[0] == ["m", "array 2"]
    assert score(xr.DataArray(X, name="x"), xr.DataArray(Y))[0] == ["x", "array 2"]


def frame(x: np.ndarray, index: Any = None) -> pd.DataFrame:
    return pd.DataFrame(x, index=index, columns=[f"f{i}" for i in range(x.shape[1])])


def test_frames_are_joined_by_their_index() -> None:
    ids = [IDS[i] for i in ORDER]
    assert score(frame(X, IDS), frame(Y[ORDER], ids)) == (["array 1", "array 2"], pytest.approx(SCORE))
    assert score({"a": frame(X, IDS), "b": Named("", Y[ORDER], ids)})[1] == pytest.approx(SCORE)
    # A selection of rows keeps their labels, so the other frame has to be joined by its labels too.
    kept = np.arange(0, 40, 2)
    expected = float(mutual_knn(X[kept], Y[kept], k=5))
    for selected in (frame(Y).iloc[kept], frame(Y)[frame(Y).index % 2 == 0].sample(frac=1, random_state=0)):
        comparison = compare(frame(X), selected, metrics="mutual_knn", k=5)
        assert comparison.attrs["n"] == 20
        assert float(comparison.mutual_knn[0, 1]) == pytest.approx(expected)


def test_frames_with_the_default_index_are_joined_by_position() -> None:
    assert score(frame(X), frame(Y))[1] == pytest.approx(SCORE)
    assert score(frame(X), Y)[1] == pytest.approx(SCORE)
    assert score(frame(X).convert_dtypes(), Y)[1] == pytest.approx(SCORE)
    assert compare(frame(X).astype("float32"), Y, metrics="cka").input_dtype.values.tolist() == ["float32", "float64"]


def test_covariates_may_be_a_frame() -> None:
    covariates = rng.normal(size=(40, 1))
    by_position = compare(X, Y, covariates=frame(covariates), metrics="cka")
    given = compare(X, Y, covariates=covariates, metrics="cka")
    np.testing.assert_array_equal(by_position.cka.values, given.cka.values)
    ids = [IDS[i] for i in ORDER]
    by_id = compare(frame(X, IDS), frame(Y, IDS), covariates=frame(covariates[ORDER], ids), metrics="cka")
    sorted_by_id = np.argsort(IDS)
    same = compare(X[sorted_by_id], Y[sorted_by_id], covariates=covariates[sorted_by_id], metrics="cka")
    np.testing.assert_allclose(by_id.cka.values, same.cka.values, rtol=1e-6)


def test_a_sweep_takes_the_same_forms() -> None:
    swept = sweep(
        frame(X, IDS), frame(Y[ORDER], [IDS[i] for i in ORDER]), over="k", values=[5, 8], metrics="mutual_knn"
    )
    assert float(swept.mutual_knn.sel(k=5)[0, 1]) == pytest.approx(SCORE)


def test_one_representation_has_metrics_of_its_own_alone() -> None:
    alone = compare(X, metrics="intrinsic_dimension")
    assert alone.model.values.tolist() == ["array 1"]
    for given in ({"x": X}, [Named("x", X, IDS)]):
        with pytest.raises(ValueError, match=r"^x is alone, but cka, cka_rbf, mutual_knn, \.\.\. need two"):
            compare(given)


MIXED = frame(X).assign(smiles="C", split="train")


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ((), ValueError, r"nothing to compare: use compare\(x, y\)"),
        (({},), ValueError, r"nothing to compare"),
        (([],), ValueError, r"nothing to compare"),
        ((X, "b.npz"), TypeError, r"^array 2 is the text 'b\.npz': hyle\.compare reads files"),
        (({"a": X}, {"b": Y}), TypeError, r"representation 1 is a dict: use compare"),
        ((X, None), TypeError, r"^array 2 is of type NoneType"),
        ((X, 3), TypeError, r"^array 2 is of type int"),
        (({"a": X, "b": {"m1": Y[0]}},), TypeError, r"^b is of type dict"),
        (({"a": X, "b": Y[0]},), ValueError, r"^b must be a matrix \[n, d\]; got shape \(4,\)"),
        ((np.stack([X, X]),), ValueError, r"^array 1 .* got shape \(2, 40, 6\); several representations are a list"),
        ((X, [[1.0], [1.0, 2.0]]), ValueError, r"^array 2 must be a matrix \[n, d\], but its rows have different"),
        (({"a": X, "b": Y.astype(str)},), TypeError, r"^b must contain real numbers; got dtype <U"),
        (({"a": X, "b": Y.astype(object)},), TypeError, r"^b must contain real numbers; got dtype object"),
        (({"a": MIXED, "b": X},), ValueError, r"^a: columns that are not numbers: smiles, split; drop them"),
        (({"a": MIXED.set_index(["smiles", "split"]), "b": X},), ValueError, r"^a: an index of 2 levels"),
        (({"a": frame(X, IDS), "b": X},), ValueError, r"^b has no sample ids and others have"),
        (({"a": frame(X, ["m0"] * 40), "b": frame(X, IDS)},), ValueError, r"^a.*m0"),
    ],
)
def test_an_error_is_one_line_that_names_the_argument(given: Any, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        compare(*given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_representation_called_covariates() -> None:
    with pytest.raises(ValueError, match="a representation is called 'covariates'"):
        compare({"covariates": X, "b": Y}, covariates=X[:, :1])
    assert compare({"covariates": X, "b": Y}, metrics="cka").model.values.tolist() == ["covariates", "b"]
