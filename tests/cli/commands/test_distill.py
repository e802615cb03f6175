"""`hyle distill`: a learnable teacher is matched, noise is not, and the student is a registered model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hyle.cli.jobs.distill import train_val_test_split
from hyle.cli.options import parse_losses
from hyle.zoo import Sample, registered_dir

pytest.importorskip("optax")
N = 320
# The teacher counts letters, so that a small network can learn it.
OPTIONS = ("--student", "mine:Letters", "--steps", "150", "--batch-size", "64", "--eval-every", "50", "-n", N)
STUDENT = """
import jax.numpy as jnp
import numpy as np
from flax import nnx
from hyle.zoo.students import Student


class Letters(Student):
    view = "smiles"

    def __init__(self, width, *, rngs):
        self.first, self.out = nnx.Linear(6, 32, rngs=rngs), nnx.Linear(32, width, rngs=rngs)

    def featurise(self, samples):
        return {"counts": np.array([[s.smiles.count(c) for c in "CNO1=("] for s in samples], np.float32)}

    def __call__(self, inputs):
        return self.out(nnx.silu(self.first(inputs["counts"] / 4)))
"""


@pytest.fixture
def teachers(tmp_path):
    from hyle.zoo import load_dataset

    data, rng = load_dataset("qm9", n=N), np.random.default_rng(0)
    counts = np.array([[s.smiles.count(c) for c in "CNO1=("] for s in data], float)
    np.savez(tmp_path / "planted.npz", embedding=np.tanh(counts @ rng.normal(size=(6, 12)) / 6), ids=data.ids)
    np.savez(tmp_path / "noise.npz", embedding=rng.normal(size=(N, 12)), ids=data.ids)
    (tmp_path / "mine.py").write_text(STUDENT)


def test_a_planted_teacher_is_matched_and_the_student_is_a_model(run, mistake, teachers, tmp_path):
    ran = run("distill", "planted.npz", *OPTIONS, "--label", "energy", "--label-samples", 50, "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert found["name"] == "student-of-planted"
    cka = next(one for one in found["alignment"] if one["metric"] == "cka")
    assert cka["value"] > 0.8
    assert cka["p"] < 0.05
    assert found["samples"] == {"train": N - 64 - 32, "validation": 32, "test": 64, "dropped": 0}
    assert {one["model"] for one in found["probes"]} == {"student-of-planted", "planted"}
    assert found["readout"]["label"] == "energy"
    assert found["speed"]["ratio"] == {"planted": None}
    home = registered_dir() / "student-of-planted"
    assert json.loads((home / "result.json").read_text()) == found
    assert not (registered_dir() / ".student-of-planted.training").exists()
    ran = run("embed", "student-of-planted", "-n", 40, "-o", "rows.npz")
    assert ran.code == 0, ran.err
    assert np.load(tmp_path / "rows.npz")["embedding"].shape == (40, 12)
    assert run("report", home / "history.nc", "-o", "out").code == 0
    assert "already" in mistake("distill", "planted.npz", *OPTIONS)


def test_noise_is_not_matched(run, teachers):
    ran = run("distill", "noise.npz", *OPTIONS, "--name", "of-noise")
    assert ran.code == 0, ran.err
    assert "does not match noise" in ran.out
    found = json.loads((registered_dir() / "of-noise" / "result.json").read_text())
    assert not any(one["significant"] for one in found["alignment"])


def test_mistakes_are_one_line(mistake, teachers):
    assert "no student is called 'smils'" in mistake("distill", "planted.npz", "--student", "smils", "--name", "a")
    assert "no label 'gab'" in mistake("distill", "planted.npz", "--name", "a", "-n", N, "--label", "gab")
    assert "no loss is called 'ckb'" in mistake("distill", "planted.npz", "--name", "a", "--loss", "ckb=2")
    assert "0 samples have rows" in mistake("distill", "planted.npz", "--name", "a", "--dataset", "freesolv")
    assert "the name 'minilm' is taken" in mistake("distill", "planted.npz", "--name", "minilm")
    assert "neither a file nor a model" in mistake("distill", "planted", "--name", "a")
    assert parse_losses("cka,relational=0.5") == {"cka": 1.0, "relational": 0.5}
    with pytest.raises(ValueError, match="is not a number"):
        parse_losses("cka=a")


def test_a_teacher_that_is_not_finite_is_named_by_id_before_training(mistake, teachers, tmp_path):
    with np.load(tmp_path / "planted.npz") as stored:
        rows, ids = stored["embedding"], stored["ids"]
    for bad in (np.nan, np.inf):
        rows[[7, 90]] = bad
        np.savez(tmp_path / "broken.npz", embedding=rows, ids=ids)
        said = mistake("distill", "broken.npz", *OPTIONS)
        assert f"broken: 2 of {N} rows contain NaN or infinite numbers: {ids[7]}, {ids[90]}; remove" in said
    assert not (registered_dir() / ".student-of-broken.training").exists()


def test_samples_of_one_string_stay_together():
    samples = [Sample(f"{i}", smiles="C" * (1 + i // 3)) for i in range(150)]
    drawn = train_val_test_split(samples, 0)
    strings = [{sample.smiles for sample in part} for part in (drawn.train, drawn.validation, drawn.test)]
    assert sum(map(len, strings)) == 50
    assert len(drawn.test) == 30
