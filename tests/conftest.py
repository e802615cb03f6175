"""What all tests share: programs that JAX compiled, between the processes of a run and from one run to the next."""

from __future__ import annotations

import os
from pathlib import Path

# Before JAX is imported anywhere; commands that are run as processes of their own take part in it.
_SETTINGS = {
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)
