"""Packages that are not installed: the exact command that installs them."""

from __future__ import annotations

import importlib.metadata
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# Modules whose package has another name.
PACKAGE_OF = {
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "orbax": "orbax-checkpoint",
    "vl_convert": "vl-convert-python",
    "google": "protobuf",
}
# Packages that single files, data sets or models need, and that are in no extra.
OTHERS = ("transformers", "tokenizers", "pymatgen", "lmdb", "onnx", "onnxruntime", "anndata", "zstandard")
# From the default index, Linux gets a build with gigabytes of CUDA libraries.
CPU_TORCH = "pip install torch  # without a GPU: its CPU build, see https://pytorch.org/get-started"


def install_command(package: str) -> str:
    """Return the command that installs a package, and with it what is missing of the same extra of hyle.

    The packages are named one by one, not as an extra of hyle, so that the command needs no index that has hyle. For
    torch without a GPU, a comment says where its CPU build is.

    Args:
        package: the name of the package, such as ``flax``.
    """
    if package == "torch":
        return CPU_TORCH if sys.platform == "linux" and not has_gpu() else "pip install torch"
    own = next(iter(_declared(package)), None)
    others = [need for need in _same_extra(own) if need.name != "torch" and _unmet(need)] if own else []
    needs = [own, *(need for need in others if need.name != own.name)] if own else []
    names = [f"{need.name}{need.specifier}" for need in needs] or [package]
    return shlex.join(["pip", "install", *names])


def missing_package(error: ImportError) -> str | None:
    """Return the message for an import that failed because a package is missing or too old, or None for another cause.

    Args:
        error: what the import raised.
    """
    module = (error.name or "").partition(".")[0]
    package = PACKAGE_OF.get(module, module)
    need = next(iter(_declared(package)), None)
    if need is None and package not in OTHERS:
        return None
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return f"{package} is not installed; to install it: {install_command(package)}"
    if need is not None and _unmet(need):
        version = importlib.metadata.version(package)
        upgrade = shlex.join(["pip", "install", "--upgrade", f"{need.name}{need.specifier}"])
        return f"{package} {version} is too old; to replace it: {upgrade}"
    return None


def has_gpu() -> bool:
    """Return whether this machine has an NVIDIA GPU, without importing torch or JAX."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _requirements() -> Iterator[Requirement]:
    """Yield what hyle and its extras require; nothing in an isolated environment, where hyle is not installed."""
    from packaging.requirements import Requirement

    try:
        texts = importlib.metadata.requires("hyle") or []
    except importlib.metadata.PackageNotFoundError:
        texts = []
    yield from map(Requirement, texts)


def _declared(package: str) -> list[Requirement]:
    """Return the requirements on a package, that of its own extra before those of the development tools."""
    needs = [need for need in _requirements() if _normal(need.name) == _normal(package)]
    return sorted(needs, key=lambda need: _extra(need) == "dev")


def _same_extra(need: Requirement) -> list[Requirement]:
    """Return the requirements of the same extra; only the package itself where hyle always needs it."""
    extra = _extra(need)
    return [other for other in _requirements() if extra in ("train", "study") and _extra(other) == extra]


def _extra(need: Requirement) -> str:
    return str(need.marker).partition("extra == ")[2].strip("\"'") if need.marker else ""


def _unmet(need: Requirement) -> bool:
    try:
        return importlib.metadata.version(need.name) not in need.specifier
    except importlib.metadata.PackageNotFoundError:
        return True


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")
