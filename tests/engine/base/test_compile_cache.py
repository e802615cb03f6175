"""The cache of compiled programs, in processes of their own: it changes the settings of JAX for a whole process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPT = textwrap.dedent(
    """
    import json, sys
    import jax, jax.numpy as jnp
    import hyle.engine

    assert jax.config.jax_compilation_cache_dir is None, "an import has enabled the cache"
    jax.jit(lambda x: x - 1)(jnp.ones(3))  # JAX has looked at its settings before the cache is enabled
    folder = hyle.engine.enable_compile_cache(max_bytes=int(sys.argv[1]))
    assert hyle.engine.enable_compile_cache("elsewhere") == folder
    events = []
    jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
    for number in range(int(sys.argv[2])):
        jax.jit(lambda x: x * x + number)(jnp.ones(3))
    print(json.dumps([str(folder), sum("cache_hits" in event for event in events)]))
    """
)


def start(cache: Path, max_bytes: int = 2**28, programs: int = 4, **environment: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(max_bytes), str(programs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**clean, "HYLE_CACHE": str(cache), "JAX_PLATFORMS": "cpu", **environment},
    )


def result(process: subprocess.Popen[str]) -> tuple[Path, int]:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Warning" not in errors, errors
    folder, hits = json.loads(output.splitlines()[-1])
    return Path(folder), hits


def test_a_second_process_loads_what_the_first_compiled_and_the_size_is_bounded(tmp_path: Path) -> None:
    # Two at once, which write the same programs.
    both = [start(tmp_path), start(tmp_path)]
    for folder, _ in map(result, both):
        assert folder.parent == tmp_path / "compiled"
    folder, hits = result(start(tmp_path))
    assert hits >= 4
    sizes = [file.stat().st_size for file in folder.glob("*-cache")]
    assert len(sizes) >= 4
    limit = 2 * max(sizes)
    assert sum(sizes) > limit
    result(start(tmp_path, max_bytes=limit, programs=6))
    assert 0 < sum(file.stat().st_size for file in folder.glob("*-cache")) <= limit


def test_a_folder_of_the_user_is_kept(tmp_path: Path) -> None:
    script = "import hyle.engine; print(hyle.engine.enable_compile_cache())"
    environment = {
        **os.environ,
        "HYLE_CACHE": str(tmp_path / "hyle"),
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own"),
    }
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == str(tmp_path / "own")
    assert not (tmp_path / "hyle").exists()
