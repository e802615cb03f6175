"""Packages that are not installed: the command that installs them."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable

import pytest

from hyle.zoo import install_command, missing_package

CPU = "pip install torch  # without a GPU: its CPU build, see https://pytorch.org/get-started"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let packages not be installed."""
    version = importlib.metadata.version

    def hide(*names: str) -> None:
        def lookup(name: str) -> str:
            if name in names:
                raise importlib.metadata.PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(importlib.metadata, "version", lookup)

    return hide


def test_the_command_names_the_package_with_its_bound(without: Callable[..., None]) -> None:
    assert install_command("rdkit") == "pip install 'rdkit>=2025.9'"
    assert install_command("transformers") == "pip install transformers"
    without("flax", "optax")
    # One command for all that distillation needs.
    assert install_command("flax") == "pip install 'flax>=0.12' 'optax>=0.2.6'"
    assert install_command("optax") == "pip install 'optax>=0.2.6' 'flax>=0.12'"


@pytest.mark.parametrize(
    ("platform", "gpu", "expected"),
    [("linux", False, CPU), ("linux", True, "pip install torch"), ("darwin", False, "pip install torch")],
)
def test_torch_without_a_gpu_is_the_small_build(
    monkeypatch: pytest.MonkeyPatch, platform: str, gpu: bool, expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("hyle.zoo.base.missing.has_gpu", lambda: gpu)
    assert install_command("torch") == expected


def missing(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


def test_a_missing_module_names_its_package() -> None:
    assert missing_package(missing("sklearn")) == (
        "scikit-learn is not installed; to install it: pip install 'scikit-learn>=1.5'"
    )
    umap = missing_package(missing("umap"))
    assert umap is not None
    assert umap.endswith("pip install 'umap-learn>=0.5.7'")
    altair = missing_package(missing("altair"))
    assert altair is not None
    assert altair.endswith("pip install 'altair>=6.0'")


def test_an_old_package_is_upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ImportError("cannot import name 'nnx' from 'flax'", name="flax")
    assert missing_package(old) is None
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.8.1")
    assert missing_package(old) == "flax 0.8.1 is too old; to replace it: pip install --upgrade 'flax>=0.12'"


@pytest.mark.parametrize("module", ["hyle.zoo.nothing", "numpi", "collections.nothing"])
def test_an_import_of_what_never_existed_is_a_bug(module: str) -> None:
    assert missing_package(missing(module)) is None
    assert missing_package(ImportError("something else")) is None
