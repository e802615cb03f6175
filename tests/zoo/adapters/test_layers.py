"""All layers of a model from one pass: the same rows, to the bit, as one pass for each layer."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.zoo import OnePassAdapter, find_card

pytest.importorskip("ase")
pytest.importorskip("torch")

from .matter import CARDS, ONE_OF_A_KIND, embedded, matter, model

SEVERAL = [
    each for each in ONE_OF_A_KIND if len(find_card(each if isinstance(each, str) else each.values[0]).layers) > 1
]


@pytest.mark.models
@pytest.mark.parametrize("name", SEVERAL)
def test_one_pass_has_the_rows_of_one_pass_for_each_layer(name: str) -> None:
    card, adapter = model(name).card, model(name).adapter
    found = model(name).embed_layers(matter(name))
    assert [each.recipe["layer"] for each in found] == list(card.layers)
    for layer, each in zip(card.layers, found, strict=True):
        np.testing.assert_array_equal(np.asarray(each.embedding), embedded(name, layer), err_msg=layer)
    energies = model(name).embed(matter(name)).energies
    assert all(each.energies is None if energies is None else (each.energies == energies).all() for each in found)
    # In an order of its own, some of them, and the first layers alone, before which a model may stop.
    samples, backwards = matter(name)[:3], list(card.layers)[::-1]
    for layer, output in zip(backwards, adapter.forward_layers(samples, backwards), strict=True):
        alone = adapter.forward(samples, layer)
        np.testing.assert_array_equal(np.asarray(output.features), np.asarray(alone.features), err_msg=layer)
        assert output.counts == alone.counts


@pytest.mark.models
def test_every_adapter_of_several_layers_takes_them_from_one_pass() -> None:
    import importlib

    for card in CARDS:
        module, _, cls = card.adapter.partition(":")
        if len(card.layers) > 1:
            assert issubclass(getattr(importlib.import_module(module), cls), OnePassAdapter), card.name
