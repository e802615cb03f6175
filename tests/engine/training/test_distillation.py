"""Distillation: a planted teacher is reached, and a killed run goes on as it would have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import compare
from hyle.engine.training import Settings, distill

pytest.importorskip("optax")
N, HELD = 320, 64


def samples(teacher="planted"):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 8)).astype(np.float32)
    rows = np.tanh(x @ rng.normal(size=(8, 12)) / 3) if teacher == "planted" else rng.normal(size=(N, 12))
    return x, rows.astype(np.float32), np.arange(N) < HELD


def network(params, x):
    return jnp.tanh(x @ params["first"]) @ params["second"]


def parameters():
    rng = np.random.default_rng(1)
    return {
        "first": (rng.normal(size=(8, 32)) / 8**0.5).astype(np.float32),
        "second": (rng.normal(size=(32, 6)) / 32**0.5).astype(np.float32),
    }


def train(teacher="planted", **options):
    x, rows, held = samples(teacher)
    given = {key: options.pop(key) for key in list(options) if key in ("labels", "folder", "progress")}
    settings = Settings(**{"steps": 400, "batch_size": 64, "eval_every": 50, "learning_rate": 3e-3, **options})
    found = distill(network, parameters(), x, {"teacher": rows}, held_out=held, settings=settings, **given)
    seen = {"student": np.asarray(network(found.params, x[:HELD])), "teacher": rows[:HELD]}
    result = compare(seen, metrics=["cka"], permutations=50)
    return found, *(float(result[name].sel(model="student", other="teacher")) for name in ("cka", "cka_p"))


def test_a_planted_teacher_is_reached():
    found, score, p = train(losses={"cka": 1.0, "cosine": 0.5})
    assert score > 0.9
    assert p < 0.05
    assert found.history.rows[0]["cka/teacher"] < found.history.rows[400]["cka/teacher"]


def test_it_stops_where_nothing_is_gained():
    found, *_ = train(learning_rate=1e-12, patience=2)
    assert list(found.history.rows) == [0, 50, 100]
    assert found.step == 0
    assert "stopped improving" in found.stopped


def test_labels_are_read_in_their_units():
    x, _, held = samples()
    y = 100 + 7 * x[:, 0]
    few = np.where(held | (np.arange(N) % 4 == 0), y, np.nan)
    found, *_ = train(labels=few)
    assert found.history.rows[400]["label_mae"] < 0.5 * np.abs(y - y.mean()).mean()
    said = found.predict(network(found.params, x[:HELD]))
    np.testing.assert_allclose(np.abs(said - y[:HELD]).mean(), found.history.rows[found.step]["label_mae"], rtol=1e-3)


SCRIPT = """
import json, sys
from tests.engine.training.test_distillation import train
found, score, p = train(folder=sys.argv[1], progress=lambda step, values: print(step, flush=True))
print(json.dumps([[step, row["loss"], row["cka/teacher"]] for step, row in found.history.rows.items()]))
"""


def test_a_killed_run_goes_on_as_it_would_have(tmp_path):
    whole, score, _ = train()
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 170:  # between the checkpoints of 150 and 200
            break
    else:
        pytest.fail("it ended before it was killed")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (tmp_path / "run" / "150").is_dir()
    again, score_again, _ = train(folder=tmp_path / "run")
    assert again.history.rows.keys() == whole.history.rows.keys()
    for step, row in whole.history.rows.items():
        for name in ("loss", "cka/teacher"):
            np.testing.assert_allclose(again.history.rows[step][name], row[name], rtol=2e-4, err_msg=f"{step} {name}")
    np.testing.assert_allclose(score_again, score, rtol=1e-4)
    with pytest.raises(ValueError, match="other data or settings"):
        train(folder=tmp_path / "run", seed=1)


def test_mistakes_are_told():
    for options, said in (
        ({"losses": {"ckaa": 1.0}}, "no loss is called 'ckaa'"),
        ({"batch_size": 2}, "batch_size=2"),
        ({"learning_rate": 1e30}, "not finite"),
        ({"labels": np.full(N, np.nan)}, "0 samples to train on have a label"),
    ):
        with pytest.raises(ValueError, match=said):
            train(**options)


@pytest.mark.parametrize(
    ("what", "bad"),
    [
        ("teacher", np.nan),
        ("teacher", -np.inf),
        ("teacher", 1e300),  # beyond float32
        ("inputs of the student", np.nan),
        ("inputs of the student", np.inf),
        ("labels", np.inf),  # NaN is a label that is not known
    ],
)
def test_numbers_that_are_not_finite_are_named_before_training(what, bad):
    x, rows, held = samples()
    x, rows, labels = x.astype(np.float64), rows.astype(np.float64), np.arange(N, dtype=float)
    {"teacher": rows[:, 3], "inputs of the student": x[:, 0], "labels": labels}[what][[5, 70]] = bad
    calls = []

    def untrained(params, inputs):
        calls.append(inputs)
        return network(params, inputs)

    def start(ids):
        settings = Settings(steps=2, batch_size=16, eval_every=1)
        distill(untrained, parameters(), x, {"teacher": rows}, held_out=held, labels=labels, ids=ids, settings=settings)

    kind = "are infinite" if what == "labels" else "contain NaN or infinite numbers"
    with pytest.raises(ValueError, match=f"^{what}: 2 of {N} rows {kind}: 5, 70; remove these samples"):
        start(None)
    with pytest.raises(ValueError, match="mol5, mol70"):
        start([f"mol{i}" for i in range(N)])
    assert not calls
