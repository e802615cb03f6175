"""The check that all layers of a model from one pass have the rows of one pass for each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyle.zoo import Model, OnePassAdapter, Sample


def assert_one_pass(model: Model, samples: Sequence[Sample]) -> None:
    """Check rows and energies to the bit, of all layers and of the layers in another order."""
    layers, adapter = list(model.card.layers), model.adapter
    assert isinstance(adapter, OnePassAdapter)
    assert len(layers) > 1
    found = model.embed_layers(samples)
    assert [(each.name, each.recipe["layer"]) for each in found] == [(f"{model.card.name}@{i}", i) for i in layers]
    for layer, each in zip(layers, found, strict=True):
        alone = model.embed(samples, layer=layer)
        np.testing.assert_array_equal(np.asarray(each.embedding), np.asarray(alone.embedding), err_msg=layer)
        np.testing.assert_array_equal(each.energies, alone.energies, err_msg=layer)
        assert (each.recipe, list(each.ids), each.dropped) == (alone.recipe, list(alone.ids), alone.dropped)
    some, backwards = [sample for sample in samples if adapter.unsupported(sample) is None][:3], layers[::-1]
    for layer, output in zip(backwards, adapter.forward_layers(some, backwards), strict=True):
        one = adapter.forward(some, layer)
        np.testing.assert_array_equal(np.asarray(output.features), np.asarray(one.features), err_msg=layer)
        assert output.counts == one.counts
