"""`hyle embed --layers`: one pass for all layers, and the same embeddings as those of one layer at a time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.zoo import Store, load_dataset

Run = Callable[..., Any]
LAYERS = ("letters", "length")
MODEL = """
import numpy as np
from pathlib import Path
from hyle.zoo import OnePassAdapter, Output

class Together(OnePassAdapter):
    view, layers, batch_size, torch = "smiles", ("letters", "length"), 8, False

    def unsupported(self, sample):
        return "no carbon" if "C" not in sample.smiles.upper() else None

    def forward_layers(self, samples, layers):
        with open("passes", "a") as stream:
            stream.write(f"{','.join(layers)}\\n")
        if any(Path(f"raise-{sample.id}").exists() for sample in samples):
            raise ValueError("cannot be embedded")
        rows = np.array([[letter == c for c in "CNO"] for s in samples for letter in s.smiles], float)
        lengths = np.array([[float(len(s.smiles))] for s in samples for _ in s.smiles])
        found = {"letters": rows, "length": lengths * (1e6 if Path("large").exists() else 1)}
        return [Output(found[layer], [len(s.smiles) for s in samples], [1.0] * len(samples)) for layer in layers]
"""


@pytest.fixture
def run_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command for this model, which must succeed unless another exit code is expected."""
    (tmp_path / "many.py").write_text(MODEL)
    monkeypatch.delitem(sys.modules, "many", raising=False)

    def run_model(store: str, *options: object, code: int = 0, n: int = 300) -> Any:
        done = run("embed", "many:Together", "-n", n, "--store", store, *options)
        assert done.code == code, done.err
        return done

    return run_model


def passes() -> list[str]:
    """The layers of each pass since the last call."""
    found = Path("passes").read_text().splitlines() if Path("passes").exists() else []
    Path("passes").unlink(missing_ok=True)
    return found


def assert_same(store: str, other: str) -> None:
    """Check that two stores have the same representations, with the same keys and recipes."""
    one, two = ({entry.key: Store(name).load(entry.key) for entry in Store(name).list()} for name in (store, other))
    assert one.keys() == two.keys()
    assert {key.layer for key in one} == set(LAYERS)
    for key, found in one.items():
        want = two[key]
        assert found is not None
        assert want is not None
        np.testing.assert_array_equal(found.embedding, want.embedding)
        np.testing.assert_array_equal(found.energies, want.energies)
        assert (found.ids, found.recipe, found.dropped) == (want.ids, want.recipe, want.dropped)


@pytest.fixture
def alone(run_model: Run) -> str:
    for layer in LAYERS:
        run_model("alone", "--layer", layer)
    assert len(passes()) == 2 * 38
    return "alone"


def test_all_layers_take_one_pass(run_model: Run, alone: str) -> None:
    done = run_model("store", "--layers", "all", "--json")
    assert passes() == ["letters,length"] * 38
    assert [entry["layer"] for entry in json.loads(done.out)] == list(LAYERS)
    assert " s for 2 layers" in done.err
    assert_same("store", alone)
    done = run_model("store", "--layers", "length,letters", "--json")
    assert [entry["layer"] for entry in json.loads(done.out)] == ["length", "letters"]
    assert done.err.count("from the store") == 2
    assert not passes()


def test_layers_that_are_stored_already_are_not_embedded_again(run_model: Run, alone: str) -> None:
    run_model("store", "--layer", "length")
    passes()
    done = run_model("store", "--layers", "all")
    assert passes() == ["letters"] * 38
    assert done.err.count("from the store") == 1
    assert_same("store", alone)


def test_an_interrupted_run_continues_with_the_shards_that_are_missing(run_model: Run, alone: str) -> None:
    first, *_ = Store(alone).list()
    bad = Path(f"raise-{Store(alone).ids(first)[130]}")
    bad.touch()
    assert "cannot be embedded" in run_model("store", "--layers", "all", code=2).err
    assert not Store("store").list()
    bad.unlink()
    passes()
    run_model("store", "--layers", "all")
    assert passes() == ["letters,length"] * 22  # for 172 samples in shards of 128 and 44
    assert_same("store", alone)


def test_shards_of_several_processes_are_put_together(run_model: Run, alone: str) -> None:
    done = run_model("store", "--layers", "all", "--shard", "1/2", "--json")
    assert [(each["layer"], each["missing"]) for each in json.loads(done.out)] == [(layer, 150) for layer in LAYERS]
    done = run_model("store", "--layers", "all", "--shard", "2/2")
    assert " s for 2 layers" in done.err
    assert passes() == ["letters,length"] * 2 * 19
    assert_same("store", alone)
    empty = run_model("empty", "--layers", "all", "--shard", "9/9", n=4)
    assert empty.err.count("shard 9/9 is empty") == 2


def test_workers_share_the_passes(run_model: Run, alone: str) -> None:
    run_model("store", "--layers", "all", "--workers", 2)
    assert set(passes()) == {"letters,length"}
    assert_same("store", alone)


def test_half_precision_and_rows_of_tokens_are_those_of_one_layer(run_model: Run) -> None:
    for options in (("--dtype", "float16"), ("--pooling", "cumulants(2)")):
        name = options[0].strip("-")
        for layer in LAYERS:
            run_model(f"alone-{name}", "--layer", layer, *options, n=40)
        run_model(name, "--layers", "all", *options, n=40)
        assert_same(name, f"alone-{name}")


def test_a_layer_that_half_precision_cannot_hold_is_named_and_the_others_are_embedded(run_model: Run) -> None:
    Path("large").touch()
    done = run_model("store", "--layers", "all", "--dtype", "float16", code=2, n=40)
    largest = max(len(str(sample.smiles)) for sample in load_dataset("qm9", n=40))
    words = f"many:Together@length has values up to {largest * 1e6:.3g}, too large for float16: omit --dtype, or name "
    assert f"{words}the other layers with --layers" in done.err
    assert passes() == ["letters,length"] * 5
    run_model("store", "--layers", "letters", "--dtype", "float16", n=40)
    assert passes() == []
    alone = run_model("store", "--layer", "length", "--dtype", "float16", code=2, n=40)
    assert alone.err.rstrip().endswith("too large for float16: omit --dtype")
