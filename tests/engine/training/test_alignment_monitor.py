"""The monitor agrees with the metrics, inside and outside of a jitted step, and its history can be saved."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import AlignmentMonitor, History, cka, intrinsic_dimension, load_history, mutual_knn, save_history

from ..samples import D, K, N, single, views


class Embedded:
    def __init__(self, embedding, ids):
        self.embedding, self.ids = embedding, ids


def references():
    x, y = views(0)
    return {"a": single(x), "b": single(y[:, :5])}


def test_it_says_what_the_metrics_say():
    monitor, rows = AlignmentMonitor(references(), k=K), single(views(1)[0])
    found = monitor.measure(rows)
    for name, teacher in references().items():
        np.testing.assert_allclose(found["cka"][name], cka(rows, teacher), atol=2e-6)
        np.testing.assert_allclose(found["mutual_knn"][name], mutual_knn(rows, teacher, k=K), atol=1e-6)
    np.testing.assert_allclose(
        found["intrinsic_dimension_twonn"], intrinsic_dimension(rows, estimator="twonn"), rtol=1e-5
    )
    spectrum = np.linalg.eigvalsh(np.cov(rows.astype(np.float64).T))
    np.testing.assert_allclose(found["participation_ratio"], spectrum.sum() ** 2 / (spectrum**2).sum(), rtol=1e-5)
    variance = rows.astype(np.float64).var(0)
    np.testing.assert_allclose(found["top_column_share"], variance.max() / variance.sum(), rtol=1e-5)
    far = monitor.measure(single(100 + rows))
    np.testing.assert_allclose(far["cka"]["a"], found["cka"]["a"], atol=1e-4)


def test_collapse_is_seen():
    monitor = AlignmentMonitor(references(), k=K)
    one = np.full((N, D), 3.7, np.float32)
    found = monitor.measure(one)
    assert np.isnan([found["cka"]["a"], found["mutual_knn"]["a"], found["intrinsic_dimension_twonn"]]).all()
    assert (found["participation_ratio"], found["top_column_share"]) == (0, 1)
    line = one.copy()
    line[:, 2] += np.arange(N)
    found = monitor.measure(line)
    np.testing.assert_allclose([found["participation_ratio"], found["top_column_share"]], 1, rtol=1e-5)
    found = monitor.measure(np.where(np.arange(N)[:, None] == 3, np.nan, one))
    assert np.isnan(jax.tree.leaves(found)).all()


def test_inside_a_jitted_loop_it_measures_when_it_is_due():
    monitor, (x, y) = AlignmentMonitor(references(), k=K, every=3), views(1)
    x, y = jnp.asarray(single(x)), jnp.asarray(single(y))

    def step(share, i):
        return share + 0.1, monitor.at(i, lambda: share * x + (1 - share) * y)

    _, found = jax.jit(lambda: jax.lax.scan(step, jnp.float32(0), jnp.arange(7)))()
    due = np.arange(7) % 3 == 0
    for leaf in jax.tree.leaves(found):
        assert (np.isfinite(leaf) == due).all()
    beside = monitor.measure(0.3 * x + 0.7 * y)
    np.testing.assert_allclose(found["cka"]["b"][3], beside["cka"]["b"], atol=1e-5)


def test_references_with_ids_are_joined_and_mistakes_raise():
    rows, ids = single(views(0)[0]), [f"m{i:02d}" for i in range(N)]
    order = np.random.default_rng(0).permutation(N)
    shuffled = {"a": Embedded(rows[order], [ids[i] for i in order]), "b": Embedded(rows, ids)}
    monitor = AlignmentMonitor(shuffled, k=K)
    assert monitor.ids == ids
    np.testing.assert_allclose(monitor.measure(rows)["cka"]["a"], 1, rtol=1e-5)
    with pytest.raises(ValueError, match=f"{N} samples, and the embedding 5 rows"):
        monitor.measure(rows[:5])
    for options, said in (({"k": N}, "k from 1"), ({"every": 0}, "every=0")):
        with pytest.raises(ValueError, match=said):
            AlignmentMonitor(references(), **options)


def test_a_history_is_a_file_and_a_callback(tmp_path):
    monitor, told = AlignmentMonitor(references(), k=K), []
    history = History(monitor.attributes, callback=lambda step, values: told.append((step, values)))
    rows = single(views(1)[0])
    history.add(jnp.asarray(100), monitor.measure(rows), loss=0.5)
    history.add(0, monitor.measure(rows))
    assert [step for step, _ in told] == [100, 0]
    assert {"cka/a", "cka/b", "mutual_knn/a", "participation_ratio", "loss"} <= set(told[0][1])
    assert all(type(value) is float for _, values in told for value in values.values())
    found = load_history(save_history(history, tmp_path / "run.nc"))
    assert found.step.values.tolist() == [0, 100]
    assert found.attrs["k"] == K
    assert found.mutual_knn.attrs["chance"] == pytest.approx(K / (N - 1))
    assert float(found.cka.sel(step=100, other="a")) == told[0][1]["cka/a"]
    assert np.isnan(found.loss.sel(step=0))
    (tmp_path / "other.nc").write_text("no")
    assert load_history(tmp_path / "other.nc") is None
