"""Choice of anchors, against the published definition and on planted clusters."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import joint_reference, select_anchors

CLUSTERS, EACH = 12, 20


@pytest.fixture(scope="module")
def planted() -> np.ndarray:
    """Rows in twelve tight clusters, and columns of different units."""
    generator = np.random.default_rng(0)
    centres = np.repeat(generator.normal(size=(CLUSTERS, 8)) * 4, EACH, 0)
    return (centres + 0.2 * generator.normal(size=centres.shape)) * np.geomspace(0.01, 100, 8) + 5


def published(x: np.ndarray, count: int) -> list[set[int]]:
    """DIRECT sampling by scikit-learn, step by step: of each cluster the rows nearest to the mean of its rows."""
    from sklearn.cluster import Birch
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(x)
    pca = PCA().fit(scaled)
    kept = pca.explained_variance_ > 1
    points = pca.transform(scaled)[:, kept] * pca.explained_variance_ratio_[kept]
    threshold = 0.5
    while len((model := Birch(n_clusters=None, threshold=threshold).fit(points)).subcluster_centers_) < count:
        threshold *= min(len(model.subcluster_centers_) / count, 0.8)
    labels = Birch(n_clusters=count, threshold=threshold).fit(points).predict(points)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    distances = [np.linalg.norm(points[m] - points[m].mean(0), axis=1) for m in members]
    return [set(m[d <= d.min() + 1e-9].tolist()) for m, d in zip(members, distances, strict=True)]


@pytest.mark.parametrize("count", [2, 5, 12, 40])
def test_direct_sampling_is_that_of_its_definition(planted, count):
    found = set(select_anchors(planted, count).tolist())
    assert len(found) == count
    assert all(found & nearest for nearest in published(np.asarray(planted, np.float32).astype(np.float64), count))


@pytest.mark.parametrize("method", ["direct", "farthest"])
def test_every_planted_cluster_gets_an_anchor(planted, method):
    rows = planted if method == "direct" else planted / np.geomspace(0.01, 100, 8)
    assert sorted(select_anchors(rows, CLUSTERS, method=method) // EACH) == list(range(CLUSTERS))


def test_k_means_covers_more_clusters_than_chance(planted):
    rows = planted / np.geomspace(0.01, 100, 8)
    covered = {m: len(set(select_anchors(rows, CLUSTERS, method=m) // EACH)) for m in ("kmeans", "random")}
    assert covered["kmeans"] >= CLUSTERS - 1 > covered["random"]


def test_units_of_columns_and_the_order_of_models_do_not_matter(planted):
    again = select_anchors(planted / np.geomspace(0.01, 100, 8) - 3, 10)
    assert select_anchors(planted, 10).tolist() == again.tolist()


@pytest.mark.parametrize("method", ["direct", "kmeans", "farthest", "random"])
def test_anchors_are_distinct_rows_and_all_of_them_at_most(planted, method):
    rows = np.repeat(planted[::EACH], 4, 0)
    found = select_anchors(rows, CLUSTERS, method=method)
    assert len(np.unique(rows[found], axis=0)) == CLUSTERS
    assert found.tolist() == sorted(set(found.tolist()))
    assert select_anchors(rows, 1, method=method).shape == (1,)
    with pytest.raises(ValueError, match="48 rows, 12 of them distinct: use 1 to 12"):
        select_anchors(rows, CLUSTERS + 1, method=method)


def test_seeds(planted):
    first, same, other = (select_anchors(planted, 10, method="random", seed=seed).tolist() for seed in (0, 0, 1))
    assert first == same != other


def test_mistakes_are_named(planted):
    with pytest.raises(ValueError, match="direct, kmeans, farthest, random"):
        select_anchors(planted, 3, method="birch")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 anchors"):
        select_anchors(planted, 0)
    broken = planted.copy()
    broken[7, 2] = np.nan
    with pytest.raises(ValueError, match="row 7"):
        select_anchors(broken, 3)
    with pytest.raises(ValueError, match="from 0 rows"):
        select_anchors(np.zeros((0, 3)), 1)


def test_models_have_equal_weights_in_the_joint_reference(planted):
    wide = np.random.default_rng(1).normal(size=(len(planted), 100))
    constant = np.ones((len(planted), 5))
    parts = [joint_reference([planted]), joint_reference([wide]), joint_reference([planted, constant, wide])]
    assert parts[2].shape[1] == parts[0].shape[1] + parts[1].shape[1]
    for part in parts[:2]:
        assert part.var(0).sum() == pytest.approx(1, rel=1e-4)
    with pytest.raises(ValueError, match="have 240, 3 rows"):
        joint_reference([planted, planted[:3]])
    with pytest.raises(ValueError, match="all rows are equal"):
        joint_reference([constant])


def test_more_columns_than_rows_give_the_same_components():
    generator = np.random.default_rng(2)
    rows = generator.normal(size=(20, 6)) @ generator.normal(size=(6, 50))
    wide = joint_reference([rows])
    tall = joint_reference([np.repeat(rows, 3, 0)])[::3]
    assert wide.shape == tall.shape
    np.testing.assert_allclose(wide @ wide.T, tall @ tall.T, atol=1e-4)
