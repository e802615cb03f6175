"""All layers of a model from one pass: the same rows, to the bit, as one pass for each layer."""

from __future__ import annotations

import importlib

import pytest

from hyle.zoo import OnePassAdapter, list_models

pytest.importorskip("ase")
pytest.importorskip("torch")

from ..one_pass import assert_one_pass
from .matter import CARDS, KINDS, matter, model

SEVERAL = [card.name for card in CARDS if card.name in KINDS.values() and len(card.layers) > 1]


@pytest.mark.models
@pytest.mark.parametrize("name", SEVERAL)
def test_one_pass_has_the_rows_of_one_pass_for_each_layer(name: str) -> None:
    assert_one_pass(model(name), matter(name))


def test_every_adapter_of_several_layers_takes_them_from_one_pass() -> None:
    for card in list_models():
        module, _, cls = card.adapter.partition(":")
        if len(card.layers) > 1 and module:
            assert issubclass(getattr(importlib.import_module(module), cls), OnePassAdapter), card.name
