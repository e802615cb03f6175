"""Versions of installed packages, from the names of their metadata folders."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from packaging.version import Version

from hyle.zoo import installed_version


def test_every_installed_package_has_the_version_of_its_metadata() -> None:
    packages = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    assert len(packages) > 20
    for name in packages:
        found = installed_version(name)
        assert found is not None
        # The first one on the path counts, as for an import.
        assert Version(found) == Version(importlib.metadata.version(name)), name


def test_names_are_compared_as_pip_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed_version("Some.Planted_package") is None
    (tmp_path / "some_planted_package-1.2.3+cpu.dist-info").mkdir()  # installed since the last question
    assert installed_version("Some.Planted_package") == installed_version("some-planted-package") == "1.2.3+cpu"


def test_a_package_without_a_metadata_folder_of_that_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "old.egg-info").mkdir()
    (tmp_path / "old.egg-info" / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old\nVersion: 0.7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed_version("old") == "0.7"
