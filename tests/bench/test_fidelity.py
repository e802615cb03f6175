"""The comparison of adapters with their libraries: it passes where they agree, and fails where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from bench import fidelity
from bench.fidelity import compare, main, names
from bench.references import REFERENCES, references
from hyle.zoo import find_card, list_models


def test_each_reference_belongs_to_an_adapter() -> None:
    adapters = {card.adapter.removeprefix("hyle.zoo.adapters.") for card in list_models()}
    assert set(REFERENCES) <= adapters
    assert all(references(find_card(name).adapter) for name in names())


@pytest.mark.models
@pytest.mark.parametrize("name", ["aimnet2", "chgnet-0.2.0", "rxnmapper"])
def test_an_adapter_agrees_with_its_library(name: str) -> None:
    pytest.importorskip("ase")
    pytest.importorskip("torch")
    row = compare(name, 6)
    assert row["n"] >= 6
    assert row["rows"] < 1e-5
    assert row["beyond"] == 0
    if find_card(name).energy:
        assert row["energies"] < 1e-5


@pytest.mark.models
def test_a_difference_is_counted_with_its_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, _ = REFERENCES["aimnet2:AIMNet2"]

    def prepare_wrong(adapter: object) -> object:
        call, seen = prepare(adapter), []

        def wrong(sample: object) -> tuple[np.ndarray, float | None]:
            row, energy = call(sample)  # type: ignore[arg-type]
            seen.append(sample)
            return (row * 1.01 if len(seen) == 2 else row), (energy or 0.0) + (1.0 if len(seen) == 3 else 0.0)

        return wrong

    monkeypatch.setitem(REFERENCES, "aimnet2:AIMNet2", (prepare_wrong, ("qm9",)))
    row = compare("aimnet2", 5)
    assert row["beyond"] == 2
    assert row["rows"] == pytest.approx(0.01 / 1.01, rel=1e-3)
    assert len(set(row["worst"])) == 2


def test_a_model_without_a_reference_is_named() -> None:
    done = CliRunner().invoke(main, ["morgan"])
    assert done.exit_code == 2
    assert "no reference for morgan" in done.output


def test_a_missing_library_is_no_failure_and_any_other_error_is(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"annalog": "ModuleNotFoundError: No module named 'annalog'", "aimnet2": "ValueError: wrong"}

    def run(command: list[str], **_options: object) -> object:
        return type("Done", (), {"stdout": "", "stderr": answers[command[4]], "returncode": 1})

    monkeypatch.setattr(fidelity.subprocess, "run", run)
    done = CliRunner().invoke(main, ["annalog"])
    assert (done.exit_code, "not compared: ModuleNotFoundError" in done.output) == (0, True)
    done = CliRunner().invoke(main, ["annalog", "aimnet2"])
    assert (done.exit_code, "FAILED: ValueError: wrong" in done.output) == (1, True)
