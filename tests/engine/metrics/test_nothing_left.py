"""Representations of which centring leaves nothing, such as one whose distances are all equal: their scores are NaN.

In exact arithmetic they are 0 / 0, and in floating point ratios of rounding errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import cka, compare, device_mesh, distance_correlation, minibatch_cka

from .. import definitions

Score = Callable[[np.ndarray, np.ndarray, str], float]
N = 40


def function(name: str, *, debiased: bool = True, sigma: float | None = None) -> Callable[[Any, Any], jax.Array]:
    if name == "distance_correlation":
        return lambda x, y: distance_correlation(x, y, debiased=debiased)
    kernel: Any = "rbf" if name == "cka_rbf" else "linear"
    return lambda x, y: cka(x, y, kernel=kernel, debiased=debiased, sigma=sigma)


def batches(x: np.ndarray, y: np.ndarray, name: str) -> float:
    kernel: Any = "rbf" if name == "cka_rbf" else "linear"
    # Two batches of the same rows: as one.
    twice = [np.concatenate([v, v]) for v in (x, y)]
    return float(minibatch_cka(*twice, batch_size=len(x), kernel=kernel))


def of_all_pairs(*others: str, mesh: bool = False, **options: Any) -> Score:
    def score(x: np.ndarray, y: np.ndarray, name: str) -> float:
        given = device_mesh(1) if mesh else None
        found = compare({"x": x, "y": y}, metrics=[name, *others], mesh=given, k=3, **options)
        if "permutations" in options:
            undefined = np.isnan(found[name].sel(model="x", other="y").item())
            assert np.isnan(found[f"{name}_null"].sel(model="x", other="y")).all() == undefined
            assert np.isnan(found[f"{name}_null"].sel(model="y", other="x")).all() == undefined
        return float(found[name].sel(model="x", other="y"))

    return score


PATHS: dict[str, Score] = {
    "numpy": lambda x, y, name: float(function(name)(x, y)),
    "jax": lambda x, y, name: float(function(name)(jnp.asarray(x), jnp.asarray(y))),
    "jit": lambda x, y, name: float(jax.jit(function(name))(x, y)),
    "batches": batches,
    "kernels alone": of_all_pairs(),
    "beside other kernels": of_all_pairs("cka", "cka_rbf", "distance_correlation"),
    "beside tables": of_all_pairs("mutual_knn"),
    "mesh": of_all_pairs("mutual_knn", mesh=True),
    "permutations": of_all_pairs(permutations=9),
    "permutations in groups": of_all_pairs(permutations=9, groups=[str(i // 4) for i in range(N)]),
}
NAMES = ("cka", "cka_rbf", "distance_correlation")


def noise(n: int = N, d: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def one_apart(n: int, d: int, offset: float) -> np.ndarray:
    x = np.full((n, d), offset, np.float32)
    x[n // 3] += noise(1, d, seed=1)[0]
    return x


def orthogonal(n: int, lengths: np.ndarray) -> np.ndarray:
    x = np.zeros((n, len(lengths)), np.float32)
    x[np.arange(len(lengths)) * 3 % n, np.arange(len(lengths))] = lengths
    return x


def simplex(n: int, d: int) -> np.ndarray:
    """Return n unit vectors [n, d] at right angles, in a random direction and rounded."""
    return np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0][:n].astype(np.float32)


EVERY = {
    "unit vectors": np.eye(N, dtype=np.float32),
    "far from the origin": 3.3 * np.eye(N, dtype=np.float32) + np.float32(0.3),
    "a regular simplex": simplex(N, N + 50),
    "more columns": np.tile(np.eye(N, dtype=np.float32), 20),
    "one row apart": one_apart(N, 3, 0.0),
    "one row apart, far from the origin": one_apart(N, 300, 0.3),
}
LINEAR = {
    "orthogonal rows": np.diag(np.linspace(0.2, 3, N, dtype=np.float32)),
    "few orthogonal rows": orthogonal(N, np.array([1, 0.1, 5], np.float32)),
}
CASES = {(name, case): x for case, x in EVERY.items() for name in NAMES}
CASES |= {("cka", case): x for case, x in LINEAR.items()}


def of_each_path(*given: str) -> list[tuple[str, str]]:
    """Return names of metrics with the paths that compute them."""
    return [(name, path) for path in given or PATHS for name in NAMES[: 2 if path == "batches" else 3]]


def kernel(x: np.ndarray, name: str) -> np.ndarray:
    if name == "distance_correlation":
        return definitions.distances(x)
    return definitions.kernel_matrix(x, "rbf" if name == "cka_rbf" else "linear")


def u_centred(matrix: np.ndarray) -> np.ndarray:
    n, off = len(matrix), 1 - np.eye(len(matrix))
    rows = (matrix * off).sum(1)
    return np.asarray((matrix - (rows[:, None] + rows) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))) * off)


def expected(x: np.ndarray, y: np.ndarray, name: str) -> float:
    a, b = (u_centred(kernel(v, name)) for v in (x, y))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize(("name", "path", "case"), [(*e, c) for e in of_each_path() for n, c in CASES if n == e[0]])
def test_a_debiased_score_is_nan(name: str, path: str, case: str) -> None:
    x = CASES[name, case]
    matrix = kernel(x, name)
    # Of the squares that the entries of a linear kernel are differences of; a rounded simplex is not quite one.
    assert np.linalg.norm(u_centred(matrix)) < 2e-7 * max(np.linalg.norm(matrix), np.trace(matrix))
    assert np.isnan(PATHS[path](x, noise(), name))


@pytest.mark.parametrize(("name", "path"), of_each_path("numpy", "jit", "batches", "kernels alone", "beside tables"))
@pytest.mark.parametrize("n", [4, 9, 600])
def test_any_number_of_rows(name: str, n: int, path: str) -> None:
    for x in (np.eye(n, dtype=np.float32), simplex(n, n + 3), one_apart(n, 5, 0.3)):
        assert np.isnan(PATHS[path](x, noise(n), name))


@pytest.mark.parametrize("path", ["numpy", "jit", "batches", "kernels alone", "beside tables", "mesh"])
def test_orthogonal_rows_of_any_lengths(path: str) -> None:
    for seed in range(8):  # rounding errors have either sign, and a negative one is no score anyway
        lengths = np.random.default_rng(seed).lognormal(0, 1, N).astype(np.float32)
        for x in (np.diag(lengths), orthogonal(N, lengths[:5]), lengths[:, None] * simplex(N, N)):
            assert np.isnan(PATHS[path](x, noise(d=90), "cka"))


def with_bandwidth(x: np.ndarray, y: np.ndarray, sigma: float, path: str) -> float:
    if path == "batches":
        return float(minibatch_cka(x, y, batch_size=len(x), kernel="rbf", sigma=sigma))
    score = function("cka_rbf", sigma=sigma)
    return float((jax.jit(score) if path == "jit" else score)(x, y))


@pytest.mark.parametrize("path", ["numpy", "jit", "batches"])
@pytest.mark.parametrize("sigma", [0.06, 0.155, 0.3, 30.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_distances_have_no_score_whatever_the_bandwidth(dtype: Any, sigma: float, path: str) -> None:
    with jax.enable_x64(dtype == np.float64):  # in float32, squares of entries of small bandwidths are 0
        for n, d in ((5, 5), (9, 9), (16, 16), (N, N), (90, 300)):
            x = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0][:n]
            assert np.isnan(with_bandwidth(x.astype(dtype), sigma * noise(n).astype(dtype), sigma, path))


@pytest.mark.parametrize(("name", "path"), of_each_path("numpy", "jit", "batches", "kernels alone", "beside tables"))
def test_in_float64(name: str, path: str, float64: None) -> None:
    n, d = 64, 150
    for x in (np.eye(n, d), np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0][:n], one_apart(n, d, 0.3)):
        assert np.isnan(PATHS[path](x.astype(np.float64), noise(n, d).astype(np.float64), name))
    # Distances that vary by one part in a million are far from equal.
    x = np.eye(n, d) + 1e-6 * np.random.default_rng(1).normal(size=(n, d))
    y = x + 5e-7 * np.random.default_rng(2).normal(size=(n, d))
    value = expected(x, y, name)
    assert 0.7 < value < 0.99
    assert PATHS[path](x, y, name) == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "path", "width"),
    [*((*each, N) for each in of_each_path()), *((*each, 2000) for each in of_each_path("numpy", "jit"))],
)
def test_distances_that_vary_by_one_in_a_thousand_have_a_score(name: str, path: str, width: int) -> None:
    both = np.random.default_rng(1).normal(size=(2, N, width)) * 1e-3
    x = (np.eye(N, width) + both[0]).astype(np.float32)
    y = (x + both[1] / 2).astype(np.float32)
    far = definitions.distances(x)[np.triu_indices(N, 1)]
    assert 3e-4 < far.std() / far.mean() < 2e-3
    value = expected(x, y, name)
    assert 0.5 < value < 0.99
    # Products of features are less precise than those of rows; see `feature_noise`.
    tolerance = 6e-3 if (name, path) == ("cka", "jit") else 1e-4
    assert PATHS[path](x, y, name) == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize(("name", "path"), of_each_path())
def test_rows_near_each_other_and_one_far_away_have_a_score(name: str, path: str) -> None:
    x, y = noise(d=8), noise(d=8, seed=1)
    y += x
    for v in (x, y):
        v[7] *= 30
    tolerance = 1e-3 if path in ("jit", "beside tables", "mesh") else 1e-4
    assert PATHS[path](x, y, name) == pytest.approx(expected(x, y, name), abs=tolerance)


@pytest.mark.parametrize("precision", ["tf32x3", "bf16x3"])
@pytest.mark.parametrize("name", NAMES)
def test_products_of_short_numbers_have_larger_rounding_errors(name: str, precision: str) -> None:
    score = of_all_pairs("mutual_knn", mesh=True, precision=precision)
    for n in (5, 9):  # of many columns, the errors of most products compensate for each other
        assert np.isnan(score(simplex(n, n), noise(n), name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("jit", [False, True])
def test_biased_scores_of_equal_distances_are_those_of_the_definition(name: str, jit: bool) -> None:
    x, y = EVERY["unit vectors"], noise()
    score = function(name, debiased=False)
    k, l = kernel(x, name), kernel(y, name)  # noqa: E741
    inner = definitions.biased_hsic
    value = inner(k, l) / np.sqrt(inner(k, k) * inner(l, l))
    assert float((jax.jit(score) if jit else score)(x, y)) == pytest.approx(value, abs=1e-5)
    assert compare({"x": x, "y": y}, metrics=[f"{name}_biased"])[f"{name}_biased"].values[0, 1] == pytest.approx(
        value, abs=1e-5
    )


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("path", ["numpy", "jit"])
def test_a_bandwidth_of_which_all_entries_are_one_has_no_score(path: str, debiased: bool) -> None:
    x, y = noise(), noise(seed=1)
    y += x
    for sigma, defined in ((50.0, True), (1e5, False), (1e10, False), (1e25, False)):
        score = function("cka_rbf", debiased=debiased, sigma=sigma)
        found = float((jax.jit(score) if path == "jit" else score)(x, y))
        assert np.isnan(found) != defined
        if defined:
            assert found == pytest.approx(definitions.cka(x, y, "rbf", debiased, sigma), abs=2e-3)


@pytest.mark.parametrize("sigma", [1e5, 1e10, 1e25])
def test_batches_of_such_a_bandwidth_have_no_score(sigma: float) -> None:
    assert np.isnan(minibatch_cka(noise(), noise(seed=1), batch_size=20, kernel="rbf", sigma=sigma))


def test_a_batch_of_which_nothing_is_left_adds_nothing() -> None:
    x, y = noise(), noise(seed=1)
    y += x
    x[:20] = 0
    x[3] = 1
    for name in ("linear", "rbf"):
        parts = slice(0, 20), slice(20, 40)
        kernels = [[u_centred(definitions.kernel_matrix(v[part], name)) for v in (x, y)] for part in parts]
        a, b = (np.concatenate(side) for side in zip(*kernels, strict=True))
        value = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
        assert float(minibatch_cka(x, y, batch_size=20, kernel=name)) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_warns(name: str) -> None:
    with pytest.warns(UserWarning, match="^x: nothing is left of the kernel after centring"):
        assert np.isnan(function(name)(EVERY["unit vectors"], noise()))
    with pytest.warns(UserWarning, match="^x and y: nothing is left of the kernel after centring"):
        assert np.isnan(function(name)(EVERY["unit vectors"], EVERY["a regular simplex"]))


@pytest.mark.parametrize("name", NAMES)
def test_the_pairs_of_other_models_keep_their_scores(name: str) -> None:
    arrays = {"x": noise(), "y": noise(seed=1) + noise()}
    for others in ([], ["mutual_knn"]):
        alone = compare(arrays, metrics=[name, *others], k=3)[name]
        beside = compare({"equal": EVERY["unit vectors"], **arrays}, metrics=[name, *others], k=3)[name]
        assert np.isnan(beside.sel(model="equal")).all()
        assert np.isnan(beside.sel(other="equal")).all()
        np.testing.assert_allclose(beside.sel(model=["x", "y"], other=["x", "y"]), alone, atol=1e-6)
