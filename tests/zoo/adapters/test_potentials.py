"""Potentials with weights on the web, tested as small models with random weights, built by installed libraries."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.zoo import Model, Sample, list_models

ase_build = pytest.importorskip("ase.build")
torch = pytest.importorskip("torch")

from ..one_pass import assert_one_pass  # noqa: E402
from .hard import assert_independent, structures  # noqa: E402
from .potentials import BUILDERS, INVARIANT, assert_rows, crystals, molecules, of_domain, rows, turned  # noqa: E402


@pytest.fixture(scope="module", params=BUILDERS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    threads = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()
    built = BUILDERS[request.param](tmp_path_factory.mktemp(request.param))
    assert threads == (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype())
    return built


def test_rows_do_not_depend_on_batch_size_and_order(model: Model) -> None:
    samples = of_domain(model)
    want = rows(model, samples)
    assert want.shape == (len(samples), model.card.dim)
    assert want.dtype == np.float32
    assert len(np.unique(want.round(6), axis=0)) == len(samples)
    order = np.random.default_rng(0).permutation(len(samples))
    assert_rows(rows(model, samples, batch_size=1), want)
    assert_rows(rows(model, [samples[i] for i in order], batch_size=3), want[order])


def test_no_row_depends_on_hard_samples_in_its_batch(model: Model) -> None:
    for layer in model.card.layers:
        assert_independent(model, structures(), layer)


def test_layers_are_taken_from_one_pass(model: Model) -> None:
    if len(model.card.layers) == 1:
        pytest.skip("one layer")
    assert_one_pass(model, of_domain(model))


def test_layers_differ(model: Model) -> None:
    layers = [rows(model, of_domain(model), layer=layer) for layer in model.card.layers]
    for i, one in enumerate(layers):
        assert all(one.shape != other.shape or not np.allclose(one, other) for other in layers[:i])


def test_rows_do_not_depend_on_pose_and_order_of_atoms(model: Model) -> None:
    samples = of_domain(model)
    other = [turned(sample, seed) for seed, sample in enumerate(samples)]
    still, moved = model.embed(samples), model.embed(other)
    if model.card.family.lower() not in INVARIANT:
        pytest.skip("its architecture does not claim it")
    assert_rows(np.asarray(moved.embedding), np.asarray(still.embedding), 2e-5)
    if model.card.energy:
        np.testing.assert_allclose(moved.energies, still.energies, rtol=1e-5, atol=1e-5)


def test_a_doubled_cell_has_the_same_mean_row_and_twice_the_energy(model: Model) -> None:
    if "materials" not in model.card.domains:
        pytest.skip("not made for crystals")
    doubled = [Sample(s.id, atoms=s.atoms.repeat((2, 1, 1))) for s in crystals()]
    one, two = model.embed(crystals()), model.embed(doubled)
    assert_rows(np.asarray(two.embedding), np.asarray(one.embedding))
    assert_rows(rows(model, doubled, pooling="sum"), 2 * rows(model, crystals(), pooling="sum"))
    if model.card.energy:
        assert one.energies is not None
        np.testing.assert_allclose(two.energies, 2 * one.energies, rtol=1e-5)


def test_samples_and_earlier_features_are_not_modified(model: Model) -> None:
    samples = of_domain(model)
    before = [(s.atoms.positions.copy(), s.atoms.cell.array.copy()) for s in samples if s.atoms is not None]
    features = model.adapter.forward(samples[:2], model.card.layers[0]).features
    kept = np.asarray(features).copy()
    model.adapter.forward(samples[2:4], model.card.layers[0])
    np.testing.assert_array_equal(np.asarray(features), kept)
    assert not features.requires_grad
    for sample, (positions, cell) in zip(samples, before, strict=True):
        assert sample.atoms is not None
        np.testing.assert_array_equal(sample.atoms.positions, positions)
        np.testing.assert_array_equal(sample.atoms.cell.array, cell)


def test_charged_samples_are_read_or_rejected(model: Model) -> None:
    ion = ase_build.molecule("OH")
    ion.info["charge"] = -1
    neutral = Sample("neutral", atoms=ase_build.molecule("OH"))
    if model.card.options.get("charged") or model.card.options.get("task") == "omol":
        both = rows(model, [neutral, Sample("ion", atoms=ion)])
        assert not np.allclose(both[0], both[1])
    else:
        assert "charge" in (model.adapter.unsupported(Sample("ion", atoms=ion)) or "")


def test_unsupported_samples_are_rejected(model: Model) -> None:
    strange = Sample("strange", atoms=ase_build.bulk("Og", "fcc", a=5.0))
    found = model.embed([*molecules()[:1], *crystals()[:1], strange])
    assert "strange" in found.dropped


# --- the cards ---


def test_pickled_weights_need_a_hash() -> None:
    for card in list_models():
        if card.weights is not None and card.weights.pickled:
            assert card.weights.remote
