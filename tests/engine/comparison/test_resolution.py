from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from hyle.engine import ResolutionWarning, compare, find_metric
from hyle.engine.comparison import count_pairs, permutations_needed, resolution_note, unresolved
from hyle.engine.comparison.calibration import adjusted


def by_trial(p: np.ndarray, permutations: int, alpha: float, *, symmetric: bool) -> np.ndarray:
    """Give each pair in turn the smallest p, and adjust all again."""
    found = np.zeros(p.shape, bool)
    for a, b in np.argwhere(np.isfinite(p) & ~np.eye(len(p), dtype=bool)):
        tried = p.copy()
        tried[a, b] = 1 / (permutations + 1)
        if symmetric:
            tried[b, a] = tried[a, b]
        found[a, b] = adjusted(tried, symmetric=symmetric)[a, b] > alpha
    return found


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("permutations", [19, 99, 199])
def test_a_pair_is_unresolved_if_the_smallest_p_would_not_make_it_significant(
    permutations: int, symmetric: bool
) -> None:
    rng = np.random.default_rng(permutations)
    seen = set()
    for aligned in (0, 2, 5, 12):
        p = rng.integers(1, permutations + 2, size=(8, 8)) / (permutations + 1)
        p.ravel()[rng.permutation(64)[: 2 * aligned]] = 1 / (permutations + 1)
        p = np.maximum(p, p.T) if symmetric else p
        p[0, 3] = p[3, 0] = np.nan
        expected = by_trial(p, permutations, 0.05, symmetric=symmetric)
        np.testing.assert_array_equal(unresolved(p, permutations, symmetric=symmetric), expected)
        seen |= set(expected[np.isfinite(p)])
    assert True in seen if permutations < 199 else False in seen


@pytest.mark.parametrize(("pairs", "alpha"), [(1, 0.05), (45, 0.05), (120, 0.05), (435, 0.05), (30, 0.01)])
def test_the_needed_permutations_are_the_fewest_that_resolve_one_pair(pairs: int, alpha: float) -> None:
    needed = permutations_needed(pairs, alpha)
    assert pairs / (needed + 1) <= alpha + 1e-12
    assert needed == 200 or pairs / needed > alpha
    assert resolution_note(pairs, needed, alpha) == ""
    if needed > 200:
        assert f"draw {needed} permutations" in resolution_note(pairs, needed - 1, alpha)


def test_the_note_states_how_many_pairs_have_to_be_aligned() -> None:
    assert "120/201 divided" in resolution_note(120, 200)
    assert "at least 12 pairs have to be aligned" in resolution_note(120, 200)  # 120 / (12 * 201) = 0.0498
    assert "no pair can be significant" in resolution_note(3, 7)
    assert resolution_note(0, 7) == resolution_note(3, 0) == ""


def test_pairs_are_those_of_the_metric_with_the_most() -> None:
    assert count_pairs([find_metric("cka")], 5) == 10
    assert count_pairs([find_metric("cka"), find_metric("information_imbalance")], 5) == 20
    assert count_pairs([find_metric("intrinsic_dimension")], 5) == 0


def test_a_comparison_warns_and_can_draw_as_many_as_it_needs() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    models = {f"m{i}": rng.normal(size=(40, 3)) for i in range(8)} | {"x": x, "y": x + 0.1 * rng.normal(size=(40, 3))}
    with pytest.warns(ResolutionWarning, match="at least 23 pairs have to be aligned"):
        few = compare(models, metrics=["cka"], permutations=39)
    assert few.cka_q.sel(model="x", other="y") > 0.05
    assert unresolved(few.cka_p.values, 39)[8, 9]
    assert "45 pairs" in few.attrs["resolution"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResolutionWarning)
        found = compare(models, metrics=["cka"], permutations="auto")
    assert found.attrs["permutations"] == 899
    assert found.cka_q.sel(model="x", other="y") == pytest.approx(0.05)
    with pytest.warns(ResolutionWarning, match="no more exist for 4 samples"):
        compare({"a": x[:4], "b": x[:4, :2], "c": x[4:8]}, metrics=["cka"], permutations=200)
    with pytest.raises(ValueError, match='or "auto"'):
        compare(models, metrics=["cka"], permutations="many")


def test_auto_draws_more_only_where_a_pair_is_left_open() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    aligned = {f"m{i}": x + 0.1 * rng.normal(size=(40, 3)) for i in range(8)}
    shares: list[float] = []
    found = compare(
        aligned,
        metrics=["cka", "information_imbalance", "intrinsic_dimension"],
        permutations="auto",
        progress=lambda _, share: shares.append(share),
    )
    assert found.attrs["permutations"] == 200
    assert found.attrs["resolution"] == ""
    assert not unresolved(found.information_imbalance_p.values, 200, symmetric=False).any()
    assert shares == sorted(shares)
    assert shares[-1] == 1
    with pytest.warns(ResolutionWarning, match=r"56 pairs \(both directions, for information_imbalance\)"):
        fixed = compare(aligned, metrics=["cka", "information_imbalance"], permutations=200)
    np.testing.assert_array_equal(found.cka_p.values, fixed.cka_p.values)
    # One metric whose pairs are open is enough: the permutations of all are drawn anew.
    noise = aligned | {f"m{i}": rng.normal(size=(40, 3)) for i in range(6)}
    shares.clear()
    found = compare(
        noise,
        metrics=["cka", "mutual_knn"],
        k=5,
        permutations="auto",
        keep_resamples=True,
        progress=lambda _, share: shares.append(share),
    )
    assert found.attrs["permutations"] == len(found.cka_null_samples) == len(found.mutual_knn_null_samples) == 559
    fixed = compare(noise, metrics=["cka"], permutations=559)
    np.testing.assert_array_equal(found.cka_p.values, fixed.cka_p.values)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_benjamini_yekutieli_is_the_harmonic_sum_times_as_large() -> None:
    generator = np.random.default_rng(0)
    rows = {name: generator.normal(size=(40, 5)) for name in "abcd"}
    rows["b"] = rows["a"] @ generator.normal(size=(5, 5))
    bh, by = (compare(rows, metrics=["cka"], permutations="auto", fdr=fdr) for fdr in ("bh", "by"))
    harmonic = sum(1 / i for i in range(1, 7))
    # More permutations are drawn, so that one aligned pair of six can be significant.
    assert bh.attrs["permutations"] == 200
    assert by.attrs["permutations"] == math.ceil(6 * harmonic / 0.05) - 1
    same = compare(rows, metrics=["cka"], permutations=by.attrs["permutations"])
    upper = np.triu_indices(4, 1)
    np.testing.assert_allclose(by.cka_q.values[upper], np.minimum(same.cka_q.values[upper] * harmonic, 1))
    assert by.cka_q.attrs["fdr"] == "by"
    assert float(by.cka_q.sel(model="a", other="b")) <= 0.05
    with pytest.raises(ValueError, match="bh, by"):
        compare(rows, metrics=["cka"], permutations=9, fdr="none")


def test_the_warning_points_to_the_caller() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    with pytest.warns(ResolutionWarning) as found:
        compare([x] * 12, metrics="cka", permutations=20)
    assert {warning.filename for warning in found} == {__file__}
