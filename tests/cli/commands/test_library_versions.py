"""Another version of a library that changes the rows of a model: embedded again, preferred, and reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyle.cli.benchmark.benchmark import report_changed_libraries
from hyle.zoo import Store, load_panel
from hyle.zoo.environments import environment

from ..conftest import Run

pytest.importorskip("rdkit")


def set_version(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    original = environment._version
    monkeypatch.setattr(environment, "_version", lambda name: version if name == "rdkit" else original(name))


def embed(run: Run) -> str:
    ran = run("embed", "morgan", "random", "--dataset", "drugs", "-n", 12)
    assert ran.code == 0, ran.err
    return ran.err


def test_a_model_is_embedded_again_with_another_version(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_version(monkeypatch, "2030.1.1")
    embed(run)
    assert embed(run).count("from the store") == 2
    set_version(monkeypatch, "2030.2.1")
    text = embed(run)
    assert text.count("from the store") == 1
    assert len(Store(tmp_path / "store").list()) == 3


def test_what_was_embedded_with_another_version_is_used_with_a_warning_until_there_is_a_current_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_version(monkeypatch, "2030.1.1")
    embed(run)
    warning = "warning: morgan was embedded with rdkit 2030.1.1, and 2030.2.1 is installed: rows may differ; to embed"
    assert "warning: morgan" not in run("compare", "morgan", "random", "-k", 3).err
    set_version(monkeypatch, "2030.2.1")
    assert warning in run("compare", "morgan", "random", "-k", 3).err
    embed(run)
    ran = run("compare", "morgan", "random", "-k", 3)
    assert (ran.code, "warning: morgan" in ran.err) == (0, False)


def test_the_panel_is_compared_with_the_versions_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = load_panel("qm9")
    (version,) = {
        m.representation.recipe["versions"]["rdkit"] for m in panel.members if m.name in ("minimol", "morgan")
    }
    set_version(monkeypatch, version)
    monkeypatch.setattr("hyle.zoo.cards.card.is_installed", lambda text: True)
    report_changed_libraries(panel)
    assert capsys.readouterr().err == ""
    set_version(monkeypatch, "2099.1")
    report_changed_libraries(panel)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"warning: the panel of qm9 was made with rdkit {version}, and 2099.1 is installed: rows of admet-ai-cls, "
        "admet-ai-reg, minimol, morgan may differ; to rebuild it: hyle benchmark --rebuild-panel DIR"
    )
