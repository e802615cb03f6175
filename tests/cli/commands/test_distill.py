"""`hyle distill`: a learnable teacher is matched, noise is not, and the student is a registered model."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from hyle.cli.commands.distill import print_probes
from hyle.cli.jobs import train_val_test_split
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


def test_noise_is_not_matched_and_a_hundred_samples_are_enough(run, teachers):
    ran = run("distill", "noise.npz", *OPTIONS[:-1], 100, "--name", "of-noise")
    assert ran.code == 0, ran.err
    assert "does not match noise" in ran.out
    found = json.loads((registered_dir() / "of-noise" / "result.json").read_text())
    assert not any(one["significant"] for one in found["alignment"])
    assert found["samples"] == {"train": 68, "validation": 12, "test": 20, "dropped": 0}


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


def table(path, rows, name="own.csv"):
    """Write a table of molecules with a label, of which some values are no numbers, and a teacher of its rows."""
    from hyle.zoo import load_dataset

    data = load_dataset("qm9", n=rows)
    values = [f"{sample.labels['gap']:.6f}" for sample in data]
    values[3], values[5], values[8] = "", "nan", "inf"
    lines = [f"{s.id},{s.smiles},{v}" for s, v in zip(data, values, strict=True)]
    (path / name).write_text("\n".join(["id,smiles,gap", *lines]) + "\n")
    return data


def test_a_column_of_an_own_table_is_a_label(run, mistake, teachers, tmp_path):
    table(tmp_path, N)
    options = [str(option) for option in OPTIONS if option not in ("-n", N)]
    ran = run("distill", "planted.npz", "--dataset", "own.csv", *options, "--label", "gap", "--name", "gaps", "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert found["readout"]["label"] == "gap"
    assert found["select"] == "label"
    # 3 of 320 values are no numbers: what is left is in training, validation or test.
    assert sum(found["labels"].values()) + found["readout"]["n"] == N - 3
    assert "samples have no finite gap" in ran.err
    said = mistake("distill", "planted.npz", "--dataset", "own.csv", *options, "--label", "gab", "--name", "b")
    assert "no column is called 'gab'; it has: id, smiles, gap" in said


def test_few_labels_are_shared_with_the_selection(run, mistake, teachers):
    common = ("distill", "planted.npz", *OPTIONS, "--label", "gap", "--label-samples")
    found = run(*common, 50, "--name", "by-label", "--json").json
    assert (found["labels"], found["select"]) == ({"train": 40, "validation": 10}, "label")
    validation = found["readout"]["validation"]
    assert validation["kept"] <= validation["last"] * 1.001
    ran = run(*common, 50, "--name", "last", "--select", "last", "--json")
    assert ran.json["labels"] == {"train": 50, "validation": 32}
    assert (ran.json["step"], ran.json["select"]) == (150, "last")
    ran = run(*common, 50, "--name", "printed", "--select", "alignment")
    assert "the best alignment on the validation samples" in ran.err
    assert "learned by the student from 50 labels: mean absolute error" in ran.out
    assert "use 10 labels or more, or --select last" in mistake(*common, 9, "--name", "few")
    assert "needs labels" in mistake("distill", "planted.npz", *OPTIONS, "--select", "label", "--name", "none")


def test_a_log_shows_each_evaluation(run, teachers):
    ran = run("distill", "planted.npz", *OPTIONS, "--name", "logged", "--label", "gap")
    lines = [line for line in ran.err.splitlines() if line.startswith("logged: step ")]
    assert [line.partition(":")[2].partition(":")[0] for line in lines] == [
        f" step {step} of 150" for step in (0, 50, 100, 150)
    ]
    assert "alignment" in lines[0]
    assert "loss" in lines[1]
    assert "error of the label" in lines[1]


def test_samples_that_the_student_cannot_read_are_said_with_the_reason(run, mistake, teachers, tmp_path):
    picky = STUDENT.replace(
        "    def featurise", "    def unsupported(self, sample):\n        return LIMIT\n\n    def featurise"
    )
    (tmp_path / "picky.py").write_text(picky.replace("LIMIT", '"it is periodic"'))
    options = ["picky:Letters" if option == "mine:Letters" else option for option in OPTIONS]
    said = mistake("distill", "planted.npz", *options, "--name", "a")
    assert f"cannot read {N} of {N} samples: it is periodic ({N}); 0 are left, and 100 are needed" in said
    (tmp_path / "partly.py").write_text(picky.replace("LIMIT", '"has a triple bond" if "#" in sample.smiles else None'))
    options = ["partly:Letters" if option == "mine:Letters" else option for option in OPTIONS]
    ran = run("distill", "planted.npz", *options, "--name", "partly", "--json")
    assert ran.code == 0, ran.err
    dropped = ran.json["samples"]["dropped"]
    assert 10 < dropped < 220
    assert f"warning: partly:Letters cannot read {dropped} of {N} samples: has a triple bond ({dropped})" in ran.err


def test_a_teacher_of_identical_rows_is_named(mistake, teachers, tmp_path):
    with np.load(tmp_path / "planted.npz") as stored:
        np.savez(tmp_path / "flat.npz", embedding=np.full((N, 4), 0.1), ids=stored["ids"])
    said = mistake("distill", "flat.npz", *OPTIONS)
    assert "flat: the rows of all 224 samples to train on are identical: there is nothing to learn" in said


def stored(path, model, dataset, source, ids):
    """Write a store with rows of one model."""
    import hashlib

    from hyle.zoo import Representation, Store
    from hyle.zoo.store import Key

    rows = np.random.default_rng(0).normal(size=(len(ids), 4)).astype(np.float32)
    version = hashlib.sha256("".join(ids).encode()).hexdigest()[:16]
    recipe = {"model": model, "weights": "0", "layer": "aim", "pooling": "mean", "view": "atoms"}
    recipe |= {"dataset": dataset, "dataset_version": version, "dataset_source": source, "ids": "the data set"}
    Store(path).save(Key.of(recipe), Representation(name=model, embedding=rows, ids=list(ids), recipe=recipe))


def test_advice_names_the_data_set(mistake, tmp_path):
    from hyle.zoo import load_dataset

    stored(tmp_path / "store", "aimnet2", "qm9", "qm9pack==1.0.3, seed 0, SMILES", load_dataset("qm9", n=500).ids)
    options = ("--store", tmp_path / "store", "--name", "a")
    said = mistake("distill", "aimnet2", "--dataset", "freesolv", *options)
    assert "for freesolv (it is for qm9); embed it first: hyle embed aimnet2 --dataset freesolv" in said
    assert "embed it first: hyle embed minimol --dataset qm9" in mistake("distill", "minimol", *options)


def test_another_seed_is_noticed_before_anything_is_downloaded(mistake, tmp_path, monkeypatch):
    from hyle.zoo import load_dataset
    from hyle.zoo.datasets import registry

    ids = load_dataset("qm9", n=500).ids
    stored(tmp_path / "store", "aimnet2", "qm9", "qm9pack==1.0.3, seed 0, SMILES", ids)
    monkeypatch.setattr(registry, "fetch_carrier", lambda *_, **__: pytest.fail("a download"))
    said = mistake("distill", "aimnet2", "--seed", "7", "-n", 500, "--store", tmp_path / "store", "--name", "a")
    assert "aimnet2 was embedded with --seed 0 of qm9, and --seed 7 draws about 2 of the same samples" in said
    assert "hyle embed aimnet2 --dataset qm9 -n 500 --seed 7" in said


@pytest.mark.thorough
def test_other_settings_than_those_of_an_unfinished_training_are_named(run, mistake, teachers, monkeypatch):
    from hyle.cli.commands import distill as command

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "evaluate", interrupted)
        assert run("distill", "planted.npz", *OPTIONS, "--name", "half").code != 0
    shorter = [50 if option == "150" else option for option in OPTIONS]
    assert "150 steps are done already" in mistake("distill", "planted.npz", *shorter, "--name", "half")
    said = mistake("distill", "planted.npz", *OPTIONS, "--name", "half", "--learning-rate", 0.1, "--loss", "cka=1")
    assert "had other data or settings (--loss, --learning-rate): to start again: --restart" in said
    longer = ["200" if option == "150" else option for option in OPTIONS]
    ran = run("distill", "planted.npz", *longer, "--name", "half", "--replace", "--json")
    assert ran.code == 0, ran.err
    assert "continuing from its last checkpoint" in ran.err
    assert "half: step 200 of 200" in ran.err
    assert "half: step 50 of" not in ran.err


@pytest.mark.parametrize(
    ("mae", "se", "baseline", "shown"),
    [
        (1234.56789, 12.34567, 45678.9, ["1235 ± 12", "45679"]),
        (0.0123456, 0.0012345, 0.5, ["0.01235 ± 0.00123", "0.50000"]),
        (0.0, 0.0, 1.5, ["0.000 ± 0.000", "1.500"]),
    ],
)
def test_errors_have_four_significant_digits(mae, se, baseline, shown, capsys):
    print_probes("s", [{"label": "u0", "unit": "eV", "model": "s", "mae": mae, "se": se, "baseline": baseline}])
    assert re.split("  +", capsys.readouterr().out.splitlines()[2])[1:] == shown
