"""The examples in docs/examples: a planted teacher is reached on samples held out, noise is not."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.thorough

FOLDER = Path(__file__).parents[3] / "docs" / "examples"
NEEDS = {"plain_jax": (), "flax_nnx": ("flax", "optax", "orbax.checkpoint"), "torch_metric": ("torch",)}


def example(name):
    for module in NEEDS[name]:
        pytest.importorskip(module)
    return runpy.run_path(str(FOLDER / f"{name}.py"))["train"]


def test_there_is_no_other_and_each_is_short():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(NEEDS)
    for path in FOLDER.glob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) < 80


@pytest.mark.parametrize("name", ["plain_jax", "torch_metric"])
def test_a_planted_teacher_is_reached_and_noise_is_not(name):
    train = example(name)
    *_, score, p = train("planted")
    assert score > 0.9
    assert p < 0.01
    *_, score, p = train("noise")
    assert abs(score) < 0.05
    assert p > 0.05


@pytest.mark.thorough
def test_flax_continues_where_it_was_killed(tmp_path):
    train = example("flax_nnx")
    losses, score, p = train(tmp_path / "whole")
    assert len(losses) == 400
    assert score > 0.9
    assert p < 0.01
    train(tmp_path / "parts", steps=150)  # killed between two checkpoints: the one of step 100 counts
    rest, *_ = train(tmp_path / "parts")
    np.testing.assert_allclose(rest, losses[100:], rtol=1e-4)
    _, score, p = train(tmp_path / "noise", teacher="noise")
    assert abs(score) < 0.05
    assert p > 0.05
