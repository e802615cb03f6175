"""Several layers of a model together: the files of one layer at a time, from one pass, also after an interruption."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Store
from hyle.zoo.fleet import Here, Processes

from .model import dataset, extract, job_of, lines

LAYERS = ("letters", "length", "first")
MODEL = """
from pathlib import Path
import numpy as np
from hyle.zoo import Adapter, OnePassAdapter, Output

def row(sample, layer):
    counts = [sample.smiles.count(c) / len(sample.smiles) for c in "CNO"]
    return {"letters": counts, "length": [float(len(sample.smiles))], "first": counts[:2]}[layer]

class Together(OnePassAdapter):
    view, layers, pooling, batch_size, torch = "smiles", ("letters", "length", "first"), "none", 8, False

    def forward_layers(self, samples, layers):
        ids = [sample.id for sample in samples]
        with open("passes", "a") as stream:
            stream.write(f"{','.join(layers)} {' '.join(ids)}\\n")
        if any(Path(f"raise-{i}").exists() for i in ids):
            raise ValueError("cannot be embedded")
        return [Output(np.array([row(s, layer) for s in samples]), energies=[-len(i) for i in ids]) for layer in layers]

class Alone(Adapter):
    view, layers, pooling, batch_size, torch = "smiles", ("letters", "length", "first"), "none", 8, False

    def forward(self, samples, layer):
        with open("passes", "a") as stream:
            stream.write(f"{layer} {len(samples)}\\n")
        return Output(np.array([row(s, layer) for s in samples]))

class Scaled(Together):
    def forward(self, samples, layer):
        output = super().forward(samples, layer)
        return Output(2 * output.features, energies=output.energies)
"""
TOGETHER = "many:Together"


@pytest.fixture
def model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "many.py").write_text(MODEL)
    monkeypatch.delitem(sys.modules, "many", raising=False)
    return folder


def passes() -> list[list[str]]:
    """The layers of each pass since the last call."""
    found = [line.split()[0].split(",") for line in lines("passes")]
    Path("passes").unlink(missing_ok=True)
    return found


def one_by_one(root: Path, n: int, name: str = TOGETHER) -> dict[Path, bytes]:
    made: dict[Path, bytes] = {}
    for layer in LAYERS:
        made |= extract(None, root, dataset(n), layer, model=name)
    passes()
    return made


def test_all_layers_take_the_passes_of_one_and_their_files_are_the_same(model: Path) -> None:
    alone = one_by_one(model / "alone", 40)
    assert extract(None, model / "together", dataset(40), *LAYERS, model=TOGETHER) == alone
    assert passes() == [list(LAYERS)] * 5


def test_an_adapter_of_one_layer_runs_once_for_each(model: Path) -> None:
    alone = one_by_one(model / "alone", 20, "many:Alone")
    assert extract(None, model / "together", dataset(20), *LAYERS, model="many:Alone") == alone
    assert passes() == [[layer] for _ in range(3) for layer in LAYERS]


def test_a_subclass_with_its_own_forward_is_not_bypassed(model: Path) -> None:
    alone = one_by_one(model / "alone", 20, "many:Scaled")
    assert extract(None, model / "together", dataset(20), *LAYERS, model="many:Scaled") == alone
    assert passes() == [[layer] for _ in range(3) for layer in LAYERS]
    one_by_one(model / "together", 20)
    scaled, plain = (
        Store(model / "together").load(job_of(model, dataset(20), model=name).parts[0].key)
        for name in ("many:Scaled", TOGETHER)
    )
    assert scaled is not None
    assert plain is not None
    np.testing.assert_array_equal(scaled.embedding, 2 * np.asarray(plain.embedding))


def test_processes_give_the_files_of_one_process(model: Path) -> None:
    alone = one_by_one(model / "alone", 40)
    with Processes(2) as fleet:
        assert extract(fleet, model / "fleet", dataset(40), *LAYERS, model=TOGETHER) == alone
    assert passes() == [list(LAYERS)] * 6


def test_what_an_interruption_has_left_is_not_embedded_again(model: Path) -> None:
    n, root = 300, model / "store"
    alone = one_by_one(model / "alone", n)
    data = dataset(n)
    # One layer is interrupted after its first shard of 128 samples, then all layers after the second.
    for stop, layers in ((130, ("length",)), (260, LAYERS)):
        Path(f"raise-{data.ids[stop]}").touch()
        with pytest.raises(ValueError, match="cannot be embedded"):
            run(root, n, *layers)
        Path(f"raise-{data.ids[stop]}").unlink()
    done = passes()
    assert done.count(["length"]) > 16
    # The first shard without the layer that has it already, and the second with all.
    assert done.count(["letters", "first"]) == 16
    assert done.count(list(LAYERS)) >= 16
    assert extract(None, root, data, *LAYERS, model=TOGETHER) == alone
    assert passes() == [list(LAYERS)] * 6  # the last 44 samples


def run(root: Path, n: int, *layers: str) -> None:
    job = job_of(root, dataset(n), *layers, model=TOGETHER)
    Here().run(job, job.extractions(), dataset(n).samples, lambda done, stage: None)
