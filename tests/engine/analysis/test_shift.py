from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import degree_of_shift


def test_the_degree_of_shift_grows_with_the_shift() -> None:
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(size=(300, 6)), rng.normal(size=(150, 6))
    found = [degree_of_shift(inside, outside + far) for far in (0.0, 0.7, 2.0, 10.0)]
    aucs, ratios = [one.auc for one in found], [one.ratio for one in found]
    assert aucs[0] == pytest.approx(0.5, abs=0.06)
    assert ratios[0] == pytest.approx(1, abs=0.1)
    assert aucs == sorted(aucs)
    assert ratios == sorted(ratios)
    assert aucs[-1] == 1
    turned = degree_of_shift(5 * inside[:, ::-1], 5 * (outside + 0.7)[:, ::-1])
    assert turned.ratio == pytest.approx(ratios[1], rel=1e-4)
    assert turned.distance.shape == (150,)


def test_the_k_th_distance_by_hand() -> None:
    inside, outside = np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([[2.0], [-1.0]])
    found = degree_of_shift(inside, outside, k=2)
    # Second nearest of each reference sample among the others: 3, 2, 3, 6.
    np.testing.assert_allclose(found.distance, np.array([1, 2]) / 3, rtol=1e-6)
    assert found.ratio == pytest.approx(0.5)
    assert found.auc == pytest.approx((0 + 0.5) / 8)


@pytest.mark.parametrize("states", [3, 11])
def test_states_of_one_material_are_no_shift(states: int) -> None:
    """80 materials, of which the first half is the reference: nothing tells the halves apart."""
    rng = np.random.default_rng(1)
    materials = np.repeat(rng.normal(size=(80, 4)), states, axis=0)
    rows = materials + 0.05 * rng.normal(size=materials.shape)
    labels = np.arange(80).repeat(states)
    half = 40 * states
    plain = degree_of_shift(rows[:half], rows[half:], k=2)
    grouped = degree_of_shift(rows[:half], rows[half:], k=2, groups=labels[:half])
    assert plain.auc > 0.9
    assert plain.ratio > 2
    assert grouped.auc == pytest.approx(0.5, abs=0.12)
    assert grouped.ratio == pytest.approx(1, abs=0.25)
    # The second nearest reference sample of another material, by hand.
    far = np.linalg.norm(rows[:half, None] - rows[:half], axis=2)
    far[labels[:half, None] == labels[:half]] = np.inf
    own = np.sort(far, axis=1)[:, 1]
    away = np.sort(np.linalg.norm(rows[half:, None] - rows[:half], axis=2), axis=1)[:, 1]
    np.testing.assert_allclose(grouped.distance, away / np.median(own), rtol=1e-4)
    assert grouped.auc == pytest.approx((away[:, None] > own).mean(), abs=1e-3)


def test_what_has_no_shift_is_named() -> None:
    x = np.zeros((10, 2))
    with pytest.raises(ValueError, match="reference has 2 columns and shifted has 3"):
        degree_of_shift(x, np.zeros((5, 3)))
    with pytest.raises(ValueError, match="not a distance"):
        degree_of_shift(x, x, neighbour_metric="inner_product")
    with pytest.raises(ValueError, match="groups has 3 labels for 10 reference samples"):
        degree_of_shift(x, x, k=3, groups="abc")
    with pytest.raises(ValueError, match="k=10"):
        degree_of_shift(x, x, groups=["a"] * 5 + ["b"] * 5)


@pytest.mark.parametrize("states", [1, 2, 3])
def test_a_changed_sample_is_not_near_to_what_it_was(states: int) -> None:
    """The k-th nearest reference sample of another material, by hand."""
    rng, k = np.random.default_rng(2), 3
    labels = np.array([f"m{i}" for i in range(40)]).repeat(states)
    inside = (rng.normal(size=(40, 4)).repeat(states, axis=0) + 0.05 * rng.normal(size=(40 * states, 4))).astype("f4")
    chosen = rng.permutation(40 * states)[:25]
    outside = inside[chosen] + 0.01 * rng.normal(size=(25, 4)).astype("f4")
    found = degree_of_shift(inside, outside, k=k, groups=labels, shifted_groups=labels[chosen])

    def kth(rows: np.ndarray, of: np.ndarray) -> np.ndarray:
        far = np.linalg.norm(rows[:, None].astype(float) - inside, axis=2)
        far[of[:, None] == labels] = np.inf
        return np.sort(far, axis=1)[:, k - 1]

    own, away = kth(inside, labels), kth(outside, labels[chosen])
    np.testing.assert_allclose(found.distance, away / np.median(own), rtol=1e-4)
    assert found.auc == pytest.approx((away[:, None] > own).mean(), abs=5e-3)
    # Otherwise a sample that is hardly changed looks nearer than the reference samples are to each other.
    assert degree_of_shift(inside, outside, k=k, groups=labels).auc < found.auc


def test_groups_of_changed_samples_need_groups_of_the_others() -> None:
    x = np.random.default_rng(3).normal(size=(12, 2))
    with pytest.raises(ValueError, match="shifted_groups are compared with groups"):
        degree_of_shift(x, x, k=2, shifted_groups=range(12))
    with pytest.raises(ValueError, match="shifted_groups has 11 labels for 12 shifted samples"):
        degree_of_shift(x, x, k=2, groups=range(12), shifted_groups=range(11))
    assert degree_of_shift(x, x, k=10, groups=range(12), shifted_groups=range(12)).ratio == pytest.approx(1)
    with pytest.raises(ValueError, match="k=11"):
        degree_of_shift(x, x, k=11, groups=range(12), shifted_groups=range(12))


def test_labels_are_compared_as_values_and_not_as_text() -> None:
    x = np.random.default_rng(4).normal(size=(20, 3))
    labels = np.arange(20) // 2
    tuples = [(i,) for i in labels]
    found = [
        degree_of_shift(x, x + 0.01, k=3, groups=one, shifted_groups=two).distance
        for one, two in ((labels, labels), (labels, labels.astype(float)), (tuples, tuples))
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
