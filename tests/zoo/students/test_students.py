"""Students read samples as arrays of a fixed shape, invariant to padding, rotation and translation."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from hyle.zoo import find_card, list_models, load, load_dataset, register, registered, registered_dir, state_of
from hyle.zoo.students import STUDENTS, find_student

pytest.importorskip("flax")
WIDTH = 6


@pytest.fixture(scope="module")
def samples():
    return load_dataset("qm9", n=8).samples


def build(name, samples, **options):
    from flax import nnx

    cls = find_student(name)
    return cls(WIDTH, rngs=nnx.Rngs(0), **(cls.fit(samples) | options))


def rows_of(student, samples):
    """Return the rows of samples, compiled as one function, which is faster than operation by operation."""
    import jax

    from hyle.zoo.students import split_params

    apply, params = split_params(student)
    return np.asarray(jax.jit(apply)(params, student.featurise(samples)))


@pytest.mark.parametrize("name", STUDENTS)
def test_students_return_one_row_per_sample_for_any_padding(name, samples):
    student = build(name, samples)
    rows = rows_of(student, samples)
    assert rows.shape == (len(samples), WIDTH)
    assert np.ptp(rows, 0).min() > 0
    np.testing.assert_allclose(rows_of(student, samples[::-1])[::-1], rows, atol=1e-5)
    if name == "atoms-invariant":
        np.testing.assert_allclose(rows_of(build(name, samples, atoms=36), samples), rows, atol=1e-5)


def test_the_invariant_student_is_invariant_to_rotation_translation_and_order(samples):
    student = build("atoms-invariant", samples)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = []
    for sample in samples:
        atoms = sample.atoms.copy()
        atoms.positions = atoms.positions[::-1] @ turn + 5
        atoms.numbers = atoms.numbers[::-1]
        turned.append(replace(sample, atoms=atoms))
    np.testing.assert_allclose(rows_of(student, turned), rows_of(student, samples), rtol=1e-4, atol=1e-5)


def test_unsupported_samples_have_a_reason(samples):
    long = replace(samples[0], smiles="C" * 99)
    assert "longer than" in build("smiles-transformer", samples).unsupported(long)
    crystal = samples[0].atoms.copy()
    crystal.pbc = True
    assert "periodic" in build("atoms-invariant", samples).unsupported(replace(samples[0], atoms=crystal))
    assert build("fingerprint-mlp", samples).unsupported(replace(samples[0], smiles="C(")) is not None
    for name, message in (
        ("smiles-transformr", "did you mean 'smiles-transformer'"),
        ("hyle.zoo:Store", "is not a student"),
    ):
        with pytest.raises(ValueError, match=message):
            find_student(name)


def test_a_registered_student_is_a_model(samples, tmp_path):
    import jax
    from safetensors.numpy import save_file

    from hyle.zoo.students import split_params

    student = build("smiles-transformer", samples)
    _, params = split_params(student)
    params = {key: np.asarray(value) + 0.01 for key, value in params.items()}
    save_file(params, tmp_path / "params.safetensors")
    card = replace(
        find_card("minilm"),
        name="mine",
        view="smiles",
        dim=WIDTH,
        adapter="hyle.zoo.adapters.student:Student",
        layers=["rows"],
        pooling="none",
        options={"student": "smiles-transformer", "width": WIDTH, "options": {"length": student.length}},
        weights=None,
        requirements=["flax"],
        no_deps=[],
        torch=False,
    )
    card = register(card, {"params": tmp_path / "params.safetensors"})
    assert state_of(card) == "runs"
    assert "mine" in [one.name for one in list_models()]
    found = load("mine").embed(samples[:5])
    apply, _ = split_params(student)
    expected = jax.jit(apply)(params, student.featurise(samples[:5]))
    np.testing.assert_allclose(found.embedding, expected, atol=1e-5)
    with (registered_dir() / "mine" / "params.safetensors").open("ab") as stream:
        stream.write(b"0")
    with pytest.raises(ValueError, match="has the sha256"):
        load("mine")
    (registered_dir() / "mine" / "card.json").write_text("{")
    with pytest.warns(UserWarning, match="no model card|not a model card"):
        assert registered() == {}
    shutil.rmtree(registered_dir() / "mine")
    with pytest.raises(ValueError, match="taken by another model"):
        register(replace(card, name="minilm"), {})


def test_the_list_of_models_does_not_import_jax():
    script = "import sys, hyle.zoo.students as s; s.find_student; print({'jax', 'flax'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
