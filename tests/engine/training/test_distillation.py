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


def scripted(monkeypatch, errors, alignments):
    """Make every measurement return planted values, in this order."""
    from hyle.engine.training import distillation

    calls = iter(zip(errors, alignments, strict=True))

    def evaluate(self, params):
        error, alignment = next(calls)
        return {"cka": {"teacher": alignment}, "label_mae": error}

    monkeypatch.setattr(distillation._Trainer, "evaluate", evaluate)


@pytest.mark.parametrize(
    ("select", "kept", "ends", "why"),
    [
        (None, 100, 250, "error of the label"),  # the default where a label is learned
        ("label", 100, 250, "error of the label"),
        ("alignment", 50, 200, "alignment"),
        ("last", 400, 400, None),
    ],
)
def test_parameters_are_kept_and_training_stops_by_what_is_asked(monkeypatch, select, kept, ends, why):
    """Planted: the alignment peaks at step 50, the error of the label is smallest at 100; patience 3."""
    errors = [9.0, 7.0, 5.0, 5.1, 4.999, 6.0, 6.0, 6.0, 6.0]  # 4.999 is no improvement: less than a thousandth
    alignments = [0.1, 0.8, 0.7, 0.6, 0.8005, 0.4, 0.3, 0.2, 0.1]
    scripted(monkeypatch, errors, alignments)
    labels = np.arange(N, dtype=float)
    x, rows, held = samples()
    settings = Settings(steps=400, batch_size=64, eval_every=50, patience=3, select=select)
    taken = {}
    found = distill(
        network,
        parameters(),
        x,
        {"teacher": rows},
        held_out=held,
        labels=labels,
        settings=settings,
        callback=lambda step, values: taken.setdefault(step, values),
    )
    assert (found.step, max(found.history.rows), found.select) == (kept, ends, select or "label")
    assert found.labels == (N - HELD, HELD)
    assert taken.keys() == found.history.rows.keys()
    assert found.stopped == ("all steps are done" if why is None else f"the validation {why} stopped improving")


def test_the_parameters_of_the_smallest_error_are_those_of_that_step():
    x, _, held = samples()
    y = x[:, 0] + 2 * np.random.default_rng(2).normal(size=N)
    few = np.where(held | (np.arange(N) < HELD + 24), y, np.nan)
    common = {"labels": few, "losses": {"cka": 1.0}, "eval_every": 20, "steps": 200, "patience": 0}
    common["learning_rate"] = 1e-2  # noisy labels, which are learned by heart
    by_label, *_ = train(**common)
    errors = {step: row["label_mae"] for step, row in by_label.history.rows.items()}
    # Within the thousandth that counts as an improvement.
    assert errors[by_label.step] <= min(errors.values()) * 1.001
    predicted = by_label.predict(network(by_label.params, x[:HELD]))
    np.testing.assert_allclose(np.abs(predicted - y[:HELD]).mean(), errors[by_label.step], rtol=1e-3)
    last, *_ = train(**common, select="last")
    predicted = last.predict(network(last.params, x[:HELD]))
    np.testing.assert_allclose(np.abs(predicted - y[:HELD]).mean(), errors[200], rtol=1e-3)
    assert errors[by_label.step] < 0.97 * errors[200]


def test_a_linen_module_is_a_student():
    linen = pytest.importorskip("flax.linen")
    import jax

    model = linen.Sequential([linen.Dense(32), jnp.tanh, linen.Dense(6)])
    x, rows, held = samples()
    params = model.init(jax.random.key(0), x[:2])["params"]
    found = distill(
        lambda p, x: model.apply({"params": p}, x),
        params,
        x,
        {"teacher": rows},
        held_out=held,
        settings=Settings(steps=200, batch_size=64, learning_rate=3e-3),
    )
    assert found.history.rows[200]["cka/teacher"] > 0.9


@pytest.mark.thorough
def test_an_unfinished_run_may_be_given_more_steps(tmp_path):
    short, *_ = train(folder=tmp_path / "run", steps=100)
    calls = []
    longer, *_ = train(folder=tmp_path / "run", steps=200, patience=3, progress=lambda step, values: calls.append(step))
    assert min(calls) > 100
    assert list(longer.history.rows) == [0, 50, 100, 150, 200]
    assert longer.history.rows[100] == short.history.rows[100]
    with pytest.raises(ValueError, match="200 steps are done already: use 200 steps or more"):
        train(folder=tmp_path / "run", steps=150)
    with pytest.raises(ValueError, match=r"other data or settings \(learning_rate, select\)"):
        train(folder=tmp_path / "run", steps=400, learning_rate=1e-4, select="last")


SCRIPT = """
import json, sys
from tests.engine.training.test_distillation import train
found, score, p = train(folder=sys.argv[1], progress=lambda step, values: print(step, flush=True))
print(json.dumps([[step, row["loss"], row["cka/teacher"]] for step, row in found.history.rows.items()]))
"""


@pytest.mark.thorough
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
        (
            {"labels": np.where(np.arange(N) < 7, np.nan, 3.0)},
            "labels: the rows of all 256 labelled samples .* identical",
        ),
        (
            {"labels": np.where(np.arange(N) < HELD - 7, np.nan, np.arange(N))},
            "7 of 64 validation samples have a label",
        ),
        ({"select": "label"}, "select='label' needs labels"),
        ({"select": "best"}, "select='best': use label, alignment, last"),
        ({"losses": {}, "select": "alignment"}, "needs an alignment loss"),
    ):
        with pytest.raises(ValueError, match=said):
            train(**options)


@pytest.mark.parametrize("where", ["samples to train on", "validation samples"])
def test_a_teacher_whose_rows_are_identical_is_named_before_training(where):
    x, rows, held = samples()
    rows[held if where.startswith("val") else ~held] = np.float32(1 / 3)
    rows[:, 2] *= 1 + np.float32(1e-7) * (np.arange(N) % 2)  # rounding is no information
    with pytest.raises(ValueError, match=f"^constant: the rows of all .* {where} are identical: there is nothing"):
        distill(network, parameters(), x, {"fine": x, "constant": rows}, held_out=held, settings=Settings(steps=2))


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
