"""Linear kernels under permutations from products of features: against the kernels themselves."""

from __future__ import annotations

import numpy as np
import pytest

import hyle.engine.context.kernel_sums as kernel_sums
from hyle.engine import compare
from hyle.engine.gram import prepare
from hyle.engine.permutation import draw, permuted_feature_products

N, WIDTHS = 90, (8, 20, 5)


def models() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        f"m{width}": generator.normal(size=(N, width)) * (1 + 5 * generator.random((N, 1))) + generator.normal()
        for width in WIDTHS
    }


def off_diagonal(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(0)
    kernel = centred @ centred.T
    kernel -= (kernel.sum() - np.trace(kernel)) / (N * (N - 1))
    np.fill_diagonal(kernel, 0)
    return kernel


@pytest.mark.parametrize("groups", [None, np.arange(N) // 10])
def test_products_are_those_of_kernels_with_permuted_rows(groups: np.ndarray | None) -> None:
    rows, permutations = list(models().values()), draw(N, 7, groups=groups)
    in_order = np.array([[True, False, True], [True, True, True], [False, False, True]])
    prepared = [prepare(x.astype(np.float32)) for x in rows]
    found = permuted_feature_products(prepared, permutations, in_order)
    scale = [2.0 ** int(each.norms.exponent) for each in prepared]
    kernels = [off_diagonal(x.astype(np.float32).astype(float) / s) for x, s in zip(rows, scale, strict=True)]
    for number, order in enumerate(permutations.orders):
        for a in range(3):
            for b in range(3):
                first, second = (a, b) if in_order[a, b] else (b, a)
                expected = (kernels[first] * kernels[second][np.ix_(order, order)]).sum()
                size = np.linalg.norm(kernels[a]) * np.linalg.norm(kernels[b])
                assert found[number, a, b] == pytest.approx(expected, abs=2e-6 * size)


@pytest.mark.parametrize("groups", [None, [str(i // 10) for i in range(N)]])
def test_p_values_do_not_depend_on_the_way(monkeypatch: pytest.MonkeyPatch, groups: list[str] | None) -> None:
    found = {}
    for cheaper in (True, False):
        monkeypatch.setattr(kernel_sums, "features_permute_cheaper", lambda *_, cheaper=cheaper: cheaper)
        found[cheaper] = compare(
            models(), metrics=["cka", "cka_biased"], permutations=50, groups=groups, keep_resamples=True
        )
        assert found[cheaper].cka.attrs["form"] == "d x d products of features"
    for name in ("cka", "cka_biased"):
        first, second = (found[cheaper][f"{name}_null_samples"].values for cheaper in (True, False))
        np.testing.assert_allclose(first, second, atol=2e-6)
        np.testing.assert_array_equal(found[True][f"{name}_p"].values, found[False][f"{name}_p"].values)


def test_groups_of_many_samples_keep_no_kernels() -> None:
    """The kernels of 30,000 samples would take 3.6 GB each, which permutations within groups would hold."""
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(30_000, 2))
    rows = {name: shared @ generator.normal(size=(2, 3)) + generator.normal(size=(30_000, 3)) for name in "ab"}
    groups = [str(i // 3) for i in range(30_000)]
    found = compare(rows, metrics=["cka"], permutations=19, groups=groups)
    assert float(found.cka_p.sel(model="a", other="b")) == 0.05
    assert abs(float(found.cka_null.sel(model="a", other="b"))) < 0.4


def test_linear_kernels_go_by_features_beside_neighbours() -> None:
    generator = np.random.default_rng(0)
    rows = {name: generator.normal(size=(400, 4)) for name in "ab"}
    rows["b"][:, :2] += rows["a"][:, :2]
    alone, beside, with_rbf = (
        compare(rows, metrics=metrics, k=5) for metrics in (["cka"], ["cka", "mutual_knn"], ["cka", "cka_rbf"])
    )
    for found in (alone, beside, with_rbf):
        assert found.cka.attrs["form"] == "d x d products of features"
        np.testing.assert_allclose(found.cka.values, alone.cka.values, rtol=1e-12)
    wide = compare({name: np.tile(x, 20) for name, x in rows.items()}, metrics=["cka", "mutual_knn"], k=5)
    assert wide.cka.attrs["form"] == "n x n products of rows"
    np.testing.assert_allclose(wide.cka.values, alone.cka.values, atol=2e-6)
