"""JAX's persistent cache of compiled programs, in hyle's own folder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from .errors import MissingPackageError

# Bytes of compiled programs that are kept; the least recently used are deleted first.
MAX_BYTES = 2**28


def enable_compile_cache(path: str | os.PathLike[str] | None = None, *, max_bytes: int = MAX_BYTES) -> Path:
    """Keep compiled programs on disk, so that a new process or notebook kernel loads them instead of compiling.

    Nothing in hyle calls this on import, since it changes the settings of JAX for the whole process. Several processes
    may share a folder: JAX locks it.

    Args:
        path: the folder; default ``compiled`` in hyle's cache folder, which is ``HYLE_CACHE`` if that is set, else the
            platform's cache folder for hyle. Programs are in a subfolder for this version of JAX and this kind of
            processor, because code that was compiled for one may not run on another.
        max_bytes: size of the programs that are kept.

    Returns:
        The folder in use. If JAX already has one, from its own settings or an earlier call, it is kept.

    Raises:
        ImportError: filelock is not installed, which JAX needs for a cache of bounded size.

    Example:
        >>> import hyle.engine
        >>> folder = hyle.engine.enable_compile_cache()  # doctest: +SKIP
    """
    if importlib.util.find_spec("filelock") is None:  # JAX needs it for a cache of bounded size
        raise MissingPackageError("the cache of compiled programs needs filelock: pip install filelock")
    current: str | None = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if current:
        return Path(current)
    folder = (_default_folder() if path is None else Path(path).expanduser().absolute()) / _kind_of_machine()
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "jax_compilation_cache_dir": str(folder),
        "jax_compilation_cache_max_size": max_bytes,
        # By default JAX keeps programs that take a second to compile: none of those of a comparison.
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # JAX looks at the settings once, at the first program of a process
    return folder


def _default_folder() -> Path:
    folder = os.environ.get("HYLE_CACHE")
    if folder:
        return Path(folder).expanduser().absolute() / "compiled"
    import platformdirs

    return Path(platformdirs.user_cache_dir("hyle")) / "compiled"


def _kind_of_machine() -> str:
    """Return a name for this version of JAX and the instructions of this processor."""
    flags = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    flags += next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    digest = hashlib.sha256(flags.encode()).hexdigest()[:8]
    return f"jax-{jax.__version__}-{platform.machine()}-{digest}"
