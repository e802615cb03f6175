"""Adapters of users, loaded by name."""

import importlib.metadata
import sys
import textwrap

import numpy as np
import pytest

from hyle.zoo import OperationError, Sample, find_card, list_models, load
from hyle.zoo.models.model import model_recipe
from hyle.zoo.models.registry import plugin_cards

SAMPLES = [Sample("a", smiles="CCO"), Sample("b", smiles="N")]
SOURCE = """
    import abc
    import torch
    from hyle.zoo import Adapter, OnePassAdapter, Output

    class Letters(Adapter):
        view = "smiles"
        layers = ("letters", "length")
        pooling = "none"

        def forward(self, samples, layer):
            if layer == "length":
                return Output(torch.tensor([[float(len(s.smiles))] for s in samples]))
            return Output(torch.tensor([[s.smiles.count(c) for c in "CNO"] for s in samples], dtype=torch.float32))

    class Unfinished(Adapter):
        view, layers, pooling = "smiles", ("letters",), "none"

        @abc.abstractmethod
        def encode(self, samples): ...

        def forward(self, samples, layer): ...

    class Forgetful(Adapter):
        def forward(self, samples, layer): ...

    class Missing(Letters):
        files = {"weights": "weights.pt"}

    class Array(Letters):
        def forward(self, samples, layer):
            import numpy as np
            return np.array([[len(s.smiles)] for s in samples])

    class View(Letters):
        view = "smile"

    class Modality(Letters):
        modality = "strings"

    class Pooling(Letters):
        pooling = "max"

    class Layers(Letters):
        layers = 3

    class Batch(Letters):
        batch_size = 0

    class Files(Letters):
        files = ["weights.pt"]

    class Abstract(Adapter):
        view, layers = "smiles", "rows"

    class Layerless(OnePassAdapter):
        view, layers = "smiles", "rows"

    class LayerArguments(OnePassAdapter):
        view, layers = "smiles", "rows"
        def forward_layers(self, samples): ...

    class Few(OnePassAdapter):
        view, layers, pooling = "smiles", ("rows", "more"), "none"
        def forward_layers(self, samples, layers):
            return [Output(torch.ones(len(samples), 1))]

    class Arguments(Letters):
        def forward(self, samples): ...

    class Init(Letters):
        def __init__(self): ...

    class One(Letters):
        layers, requirements = "length", "numpy"
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "mine.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    yield tmp_path
    sys.modules.pop("mine", None)


def test_a_class_of_the_current_folder(mine):
    model = load("mine:Letters")
    np.testing.assert_array_equal(np.asarray(model.embed(SAMPLES).embedding), [[2, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(np.asarray(model.embed(SAMPLES, layer="length").embedding), [[3], [1]])
    assert str(mine) not in sys.path


def test_an_edited_source_is_another_model(mine):
    before = model_recipe(find_card("mine:Letters"))["weights"]
    assert model_recipe(find_card("mine:Letters"))["weights"] == before
    with (mine / "mine.py").open("a") as file:
        file.write("# another line\n")
    assert model_recipe(find_card("mine:Letters"))["weights"] != before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine:Leters", "mine:Leters cannot be imported: mine has no class Leters; did you mean 'Letters'?"),
        ("nowhere:Letters", "cannot be imported: there is no module nowhere in "),
        ("mine:View", r"mine:View: view has no value 'smile'; it has: smiles, "),
        ("mine:Modality", "mine:Modality: modality has no value 'strings'; it has: string, "),
        ("mine:Pooling", "mine:Pooling: pooling must be none, mean, sum or cumulants"),
        ("mine:Layers", "mine:Layers: layers must be names of layers, .*; got 3"),
        ("mine:Batch", "mine:Batch: batch_size must be at least 1; got 0"),
        ("mine:Files", "mine:Files: files must map names to paths"),
        ("mine:Abstract", r"mine:Abstract has no method forward\(self, samples, layer\)"),
        ("mine:Arguments", r"mine:Arguments.forward must take \(self, samples, layer\): too many positional"),
        ("mine:Unfinished", "mine:Unfinished has no method encode"),
        ("mine:Layerless", r"mine:Layerless has no method forward_layers\(self, samples, layers\)"),
        ("mine:LayerArguments", r"mine:LayerArguments.forward_layers must take \(self, samples, layers\): too many"),
        ("mine:Init", r"mine:Init.__init__ must take \(self, card, files, device\)"),
        ("mine:Output", "is not an adapter"),
        ("mine:Forgetful", "must have the class attributes layers and view"),
        ("mine:Missing", "weights.pt, which is not in"),
    ],
)
def test_invalid_adapters_raise_clear_errors(mine, name, message):
    with pytest.raises(ValueError, match=message):
        find_card(name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:", r"SyntaxError: invalid syntax \(odd\.py:1\)"),
        ("x = 1\ny = x / 0", r"ZeroDivisionError: division by zero \(odd\.py:2, in <module>\)"),
        ("import nosuchpackage", r"ModuleNotFoundError: No module named 'nosuchpackage' \(odd\.py:1, in <module>\)"),
    ],
)
def test_a_module_that_cannot_be_imported_names_its_line(mine, monkeypatch, source, message):
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    (mine / "odd.py").write_text(source)
    with pytest.raises(ValueError, match=f"odd:Letters cannot be imported: {message}"):
        find_card("odd:Letters")


def test_arrays_are_rows_and_one_name_needs_no_tuple(mine):
    np.testing.assert_array_equal(np.asarray(load("mine:Array").embed(SAMPLES).embedding), [[3], [1]])
    card = find_card("mine:One")
    assert (list(card.layers), list(card.requirements)) == (["length"], ["numpy"])


def test_packages_add_models_and_a_broken_package_does_not_hide_others(mine, monkeypatch):
    points = [
        importlib.metadata.EntryPoint("letters", "mine:Letters", "hyle.models"),
        importlib.metadata.EntryPoint("broken", "nowhere:Nothing", "hyle.models"),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [p for p in points if p.group == group])
    plugin_cards.cache_clear()
    try:
        with pytest.warns(UserWarning, match="the model broken"):
            names = [card.name for card in list_models()]
        assert {"letters", "minilm"} <= set(names)
        assert "broken" not in names
        assert load("letters").embed(SAMPLES).name == "letters"
    finally:
        plugin_cards.cache_clear()


def test_one_output_for_each_layer_is_needed(mine):
    model = load("mine:Few")
    assert model.embed(SAMPLES, layer="more").embedding.shape == (2, 1)
    with pytest.raises(OperationError, match=r"mine:Few\.forward_layers returned 1 outputs for 2 layers: it must"):
        model.embed_layers(SAMPLES)
