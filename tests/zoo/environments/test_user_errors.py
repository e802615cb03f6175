"""An adapter of the user that fails in its isolated environment: the line of the user's file is named."""

import sys
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Environment, Model, OperationError, Sample, find_card
from hyle.zoo.environments.worker import Worker

SAMPLES = [Sample(f"s{i}", smiles="C" * (i + 1)) for i in range(3)]
SOURCE = """
import numpy as np
from hyle.zoo import Adapter

class Array(Adapter):
    view, layers, pooling = "smiles", "rows", "none"

    def forward(self, samples, layer):
        return np.array([[len(s.smiles), 1] for s in samples])

class Typo(Array):
    def forward(self, samples, layer):
        return np.array([[len(s.smile)] for s in samples])

class Nothing(Array):
    def forward(self, samples, layer): ...
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Run the worker of an adapter in this Python, without an environment."""
    (tmp_path / "isolated.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "isolated", raising=False)
    monkeypatch.setattr(Environment, "build", lambda self, notify=None: Path(sys.executable))
    cards = {name: find_card(f"isolated:{name}") for name in ("Array", "Typo", "Nothing")}
    yield lambda name: Model(cards[name], Worker(cards[name]))
    sys.modules.pop("isolated", None)


def test_arrays_are_rows(worker):
    np.testing.assert_array_equal(np.asarray(worker("Array").embed(SAMPLES).embedding), [[1, 1], [2, 1], [3, 1]])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Typo", r"AttributeError: 'Sample' object has no attribute 'smile' \(isolated\.py:13, in "),
        ("Nothing", r"isolated:Nothing\.forward returned None \(is there a return statement\?\)"),
    ],
)
def test_an_error_names_the_line_or_what_was_returned(worker, name, message):
    with pytest.raises(OperationError, match=message):
        worker(name).embed(SAMPLES[:1])
