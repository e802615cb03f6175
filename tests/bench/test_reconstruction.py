"""The measurement of reconstruction errors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench import reconstruction


def test_halves_share_no_group_and_alternate() -> None:
    labels = np.random.default_rng(0).integers(20, size=101).astype(str)
    order = reconstruction.interleaved(labels.tolist(), 1)
    assert len(order) == len(set(order.tolist()))
    assert len(order) % 2 == 0
    assert len(order) > 80
    assert not set(labels[order[::2]]) & set(labels[order[1::2]])
    assert order.tolist() != reconstruction.interleaved(labels.tolist(), 2).tolist()


def test_each_cumulant_has_the_same_weight() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 12)) * np.repeat([1, 1e-3, 1e3, 0], 3)
    parts = reconstruction.blocks(rows)
    assert [part.shape for part in parts] == [(30, 3)] * 4
    for part in parts[:3]:
        assert float((part**2).sum(1).mean()) == pytest.approx(1, rel=1e-5)
    assert not parts[3].any()


def test_all_models_have_one_shape_and_their_own_distances() -> None:
    for width in (3, 20, 50):
        rows = np.random.default_rng(0).normal(size=(20, width)) + 7
        same = reconstruction.compact(rows)
        assert same.shape == (20, 20)
        centred = rows - rows.mean(0)
        np.testing.assert_allclose(same @ same.T, centred @ centred.T, atol=1e-4)


def test_planted_models_and_their_tables(tmp_path, monkeypatch) -> None:
    generator = np.random.default_rng(0)
    latent = generator.normal(size=(80, 3))
    rows = {"ani-1x": latent, "ani-1ccx": latent @ generator.normal(size=(3, 3)), "part": latent[:, :1]}
    orders = [np.arange(80), np.arange(80)[::-1]]
    found = reconstruction.between({k: v.astype(np.float32) for k, v in rows.items()}, orders, 10)
    gfre = np.array(found["gfre"]["mean"])
    assert gfre[0, 1] < 0.01
    assert gfre[0, 2] < 0.01 < 0.5 < gfre[2, 0]
    assert reconstruction.off_diagonal(gfre) == pytest.approx((gfre.sum() - np.trace(gfre)) / 6)
    result = {"dataset": "qm9", "n": 80, "used": 80, "models": list(rows), "k": 10, "splits": 2, "formulas": 40}
    result |= {"per": "structure", "orders": {"1": found}, "added": {"ani-1x": [0.5, 0.4, 0.3]}}
    monkeypatch.setattr(reconstruction, "machine", lambda: {"cpu": "x", "cores": 1, "date": "today", "commit": "abc"})
    reconstruction.write_results([result], tmp_path)
    text = (tmp_path / "reconstruction.md").read_text()
    assert "80 structures of 40 formulas; 40 to fit the maps" in text
    assert f"| ani-1ccx | GFRE | {gfre[0, 1]:.2f} | {gfre[1, 0]:.2f} | {gfre[1, 2]:.2f} |" in text
    assert "| ani-1x | 0.50 | 0.40 | 0.30 |" in text
    assert json.loads((tmp_path / "reconstruction.json").read_text())["results"] == [result]
