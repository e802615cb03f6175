"""Every adapter with its published weights: independent of batches and order, and without side effects."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from hyle.zoo import find_card

pytest.importorskip("ase")
torch = pytest.importorskip("torch")

from .matter import (  # noqa: E402
    NAMES,
    ONE_OF_A_KIND,
    assert_rows,
    embedded,
    loaded,
    matter,
    model,
    rows,
)

pytestmark = pytest.mark.models


@pytest.mark.parametrize("name", ONE_OF_A_KIND)
def test_rows_do_not_depend_on_batch_size_and_order(name):
    samples, want = matter(name), embedded(name, find_card(name).layers[0])
    assert len(want) == len(samples) >= 6
    order = np.random.default_rng(0).permutation(len(samples))
    assert_rows(rows(name, samples, batch_size=1), want, 1e-5)
    assert_rows(rows(name, [samples[i] for i in order], batch_size=5), want[order], 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_has_the_width_and_parameter_count_of_the_model(name):
    card, network = model(name).card, getattr(model(name).adapter, "model", None)
    assert embedded(name, card.layers[0]).shape[1] == card.dim
    if hasattr(network, "named_parameters"):
        # Physical tables, and constants fitted before training, are not learned parameters.
        tables = ("d3bj", "denominator", "rescale_atomic_energy", "energy_shifts")
        learned = [p.numel() for key, p in network.named_parameters() if not any(word in key for word in tables)]
        assert sum(learned) == card.parameters
        assert not network.training
    elif card.modality == "control":
        assert card.parameters == 0


@pytest.mark.parametrize("name", ONE_OF_A_KIND)
def test_rows_differ_between_samples_and_layers(name):
    layers = {layer: embedded(name, layer) for layer in model(name).card.layers}
    for layer, values in layers.items():
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        isomers = name == "composition" or layer == "atom_embedding"
        assert len(np.unique(values.round(5), axis=0)) == len(values) - isomers
    hashes = {hashlib.sha256(values.tobytes()).hexdigest() for values in layers.values()}
    assert len(hashes) == len(layers)


@pytest.mark.parametrize("name", ONE_OF_A_KIND)
def test_samples_and_earlier_features_are_not_modified(name):
    def digest(samples):
        state = hashlib.sha256()
        for sample in samples:
            sample.update_hash(state)
        return state.hexdigest()

    adapter, samples = model(name).adapter, matter(name)
    layer, before = adapter.card.layers[0], digest(samples)
    features = adapter.forward(samples[:3], layer).features
    kept = np.asarray(features).copy()
    adapter.forward(samples[3:6], layer)
    np.testing.assert_array_equal(np.asarray(features), kept)
    if isinstance(features, torch.Tensor):
        assert features.is_contiguous()
        assert not features.requires_grad
        assert not features.is_inference()
    assert digest(samples) == before


def test_loading_changes_no_global_state_of_torch():
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    for name in NAMES:
        if not find_card(name).missing():
            loaded(name)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)
    assert torch.get_default_dtype() == torch.float32


def test_importing_an_adapter_imports_no_model_library():
    code = (
        "import importlib, pkgutil, sys, hyle.zoo.adapters as a\n"
        "for m in pkgutil.iter_modules(a.__path__): importlib.import_module(f'{a.__name__}.{m.name}')\n"
        "print(sorted({'torch', 'ase', 'rdkit', 'transformers', 'pymatgen'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
