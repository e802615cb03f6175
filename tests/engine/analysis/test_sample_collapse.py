"""Loss of information on single samples: plain definitions, planted collapse, and no change."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import information_loss, local_dimension, sample_collapse

MAPS = [np.random.default_rng(100 + m).normal(size=(5, 12)) for m in range(4)]


def by_definition(rows, families, k):
    """Return loss and dimension of every sample by loops over samples and models."""
    m, n = len(rows), len(rows[0])
    near, rank, dimension = [], [], np.empty((m, n))
    for a, x in enumerate(rows):
        far = np.linalg.norm(x[:, None] - x[None], axis=2)
        np.fill_diagonal(far, np.inf)
        order = np.argsort(far, axis=1)
        near.append(order[:, :k])
        rank.append(np.argsort(order, axis=1) + 1)
        nearest = np.sort(far, axis=1)[:, :k]
        dimension[a] = (k - 1) / np.log(nearest[:, -1:] / nearest[:, :-1]).sum(1)
    loss = np.empty((m, n))
    for a in range(m):
        for i in range(n):
            differences = []
            for b in range(m):
                if families[a] != families[b]:
                    to = np.mean([rank[b][i, j] for j in near[a][i]])
                    back = np.mean([rank[a][i, j] for j in near[b][i]])
                    differences.append(2 / n * (to - back))
            loss[a, i] = np.mean(differences)
    return loss, dimension


def panel(latent, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return [latent @ each + noise * rng.normal(size=(len(latent), 12)) for each in MAPS]


def test_values_are_those_of_the_definition() -> None:
    rows = panel(np.random.default_rng(0).normal(size=(60, 5)), 0.5)
    families = ["a", "a", "b", "c"]
    loss, dimension = by_definition(rows, families, 6)
    np.testing.assert_allclose(information_loss(rows, families=families, k=6), loss, atol=1e-12)
    np.testing.assert_allclose(local_dimension(rows[1], k=6), dimension[1], rtol=1e-4)
    single = [x.astype(np.float32) + 1000 for x in rows]
    np.testing.assert_allclose(information_loss(single, families=families, k=6), loss, atol=0.02)


def test_the_dimension_around_a_sample_ignores_repetitions_and_is_0_without_others() -> None:
    x = np.random.default_rng(1).normal(size=(50, 3))
    repeated = np.concatenate([x, x[:1], x[:1]])
    far = np.sort(np.linalg.norm(repeated - repeated[0], axis=1))[3:9]
    expected = (len(far) - 1) / np.log(far[-1] / far[:-1]).sum()
    assert local_dimension(repeated, k=8)[0] == pytest.approx(expected, rel=1e-4)
    collapsed = np.concatenate([x, np.tile(x[:1], (20, 1))])
    assert local_dimension(collapsed, k=8)[0] == 0


def test_neighbours_outside_of_a_group_are_those_without_its_copies() -> None:
    x = np.random.default_rng(8).normal(size=(60, 3))
    copies = np.repeat(x, 2, axis=0) + 1e-3 * np.random.default_rng(9).normal(size=(120, 3))
    labels = [str(i // 2) for i in range(120)]
    far = np.linalg.norm(copies - copies[0], axis=1)[2:]
    nearest = np.sort(far)[:8]
    expected = 7 / np.log(nearest[-1] / nearest[:-1]).sum()
    assert local_dimension(copies, k=8, outside=labels)[0] == pytest.approx(expected, rel=1e-3)
    with pytest.raises(ValueError, match="2 labels for 120"):
        local_dimension(copies, outside=["a", "b"])


def test_a_model_that_collapses_on_the_shifted_samples_is_found_with_its_samples() -> None:
    rng = np.random.default_rng(2)
    inside, outside = rng.normal(size=(400, 5)), rng.normal(size=(300, 5))
    reference, shifted = panel(inside, 0.1), panel(outside, 0.1, 1)
    lost = np.arange(300) < 150  # of half of the shifted samples, the first model knows two of five dimensions
    shifted[0] = np.where(lost[:, None], 0.05 * (outside * [1, 1, 0, 0, 0]) @ MAPS[0], shifted[0])
    found = sample_collapse(reference, shifted)
    assert found.dimension[0].high < 0.95
    assert all(each.low < 1 < each.high for each in found.dimension[1:])
    assert found.share[0] > 0.2
    assert found.share[1:].max() < 0.12
    around = found.shifted_dimension
    assert (around[0, lost][:, None] < around[0, ~lost]).mean() > 0.9  # the area under the curve
    assert 0.3 < (around[1, lost][:, None] < around[1, ~lost]).mean() < 0.7
    assert found.together == 150


def test_a_model_that_loses_what_the_others_have_is_told_from_them() -> None:
    rng = np.random.default_rng(6)
    inside, outside = rng.normal(size=(200, 5)), rng.normal(size=(120, 5))
    reference, shifted = panel(inside, 0.1), panel(outside, 0.1, 1)
    shifted[0] = (outside * [1, 1, 0, 0, 0]) @ MAPS[0]
    found = sample_collapse(reference, shifted)
    assert found.loss[0].low > 0.05
    assert all(each.value < 0 and each.high < found.loss[0].low for each in found.loss[1:])


def test_where_all_models_lose_dimensions_only_the_dimension_falls() -> None:
    rng = np.random.default_rng(3)
    inside, outside = rng.normal(size=(150, 5)), rng.normal(size=(150, 5)) * [1, 1, 0, 0, 0]
    found = sample_collapse(panel(inside), panel(outside))
    assert found.mean_dimension.high < 0.7
    assert np.abs([each.value for each in found.loss]).max() < 0.15


def test_without_a_change_intervals_cover_it() -> None:
    dimension, losses = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        both = [panel(rng.normal(size=(90, 5)), 0.3, seed + at) for at in (0, 1000)]
        found = sample_collapse(*both, seed=seed)
        dimension.append(found.mean_dimension.low <= 1 <= found.mean_dimension.high)
        losses += [each.low <= 0 <= each.high for each in found.loss]
    assert np.mean(dimension) >= 0.8
    assert np.mean(losses) >= 0.85


@pytest.mark.parametrize("sizes", [(400, 80), (80, 400), (120, 120)])
def test_a_twentieth_of_the_samples_is_low_without_a_change(sizes: tuple[int, int]) -> None:
    shares = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        both = [panel(rng.normal(size=(n, 5)), 0.3, seed + at) for at, n in enumerate(sizes)]
        shares.append(sample_collapse(*both, seed=seed).share.mean())
    error = np.std(shares, ddof=1) / len(shares) ** 0.5
    assert abs(np.mean(shares) - 0.05) < 4 * error + 0.003


def test_near_copies_of_samples_are_no_collapse() -> None:
    rng = np.random.default_rng(4)
    labels = [f"material {i // 3}" for i in range(300)]
    states = np.repeat(rng.normal(size=(100, 5)), 3, axis=0) + 0.1 * rng.normal(size=(300, 5))
    both = panel(rng.normal(size=(200, 5))), panel(states)
    assert sample_collapse(*both).mean_dimension.high < 0.8
    grouped = sample_collapse(*both, groups=(None, labels))
    assert grouped.together == 50
    assert grouped.mean_dimension.low < 1 < grouped.mean_dimension.high
    # Every third sample is drawn in half of the 20 subsets; hardly any is in none.
    assert np.isfinite(grouped.shifted_dimension).mean() > 0.9
    with pytest.raises(ValueError, match="20 groups of samples are too few"):
        sample_collapse(*both, groups=(None, [str(i // 15) for i in range(300)]))


def test_what_cannot_be_measured_is_named() -> None:
    x = np.random.default_rng(5).normal(size=(50, 4))
    with pytest.raises(ValueError, match="another family"):
        information_loss([x, x], families=["a", "a"])
    with pytest.raises(ValueError, match="model 1 has 4 columns for reference and 3"):
        sample_collapse([x, x], [x, x[:, :3]])
    with pytest.raises(ValueError, match="12 groups of samples are too few"):
        sample_collapse([x, x], [x[:12], x[:12]])
    with pytest.raises(ValueError, match="k=2"):
        local_dimension(x, k=2)
    with pytest.raises(ValueError, match="model 0 has values that are NaN"):
        local_dimension(np.where(np.arange(4) == 1, np.nan, x))
