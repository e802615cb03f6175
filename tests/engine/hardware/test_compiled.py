"""The engine's programs for accelerators that are not here: that they compile, what they sort, and their memory.

`make thorough` installs the compilers, which need neither a driver nor a device, into folders beside the environment's
own packages. Nothing is run on such a device here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.thorough

# Of one block of Gram products, 512 x 100,000 in float32, in MiB; of four models together for kernels.
GRAM = 512 * 100_000 * 4 / 2**20
# Of four models, rows and points, which each of several devices holds unless it gathers them for every block.
COLUMNS = 2 * 4 * 100_000 * 512 * 4 / 2**20
CEILINGS = {
    "cuda": {"prepare": 1, "product": 2, "neighbours": 1.2 * GRAM, "ranks": 2, "kernel": 2.6 * GRAM, "gradient": 8,
             "pass": 12.5 * GRAM, "median": 0.6 * GRAM, "features": 2.1 * GRAM, "null": 4.2 * GRAM},
    "tpu": {"prepare": 1.1 * GRAM, "product": 2, "neighbours": 4.2 * GRAM, "ranks": 1.1 * GRAM, "kernel": 2.8 * GRAM,
            "gradient": 8, "pass": 17 * GRAM, "median": 0.3 * GRAM, "features": 2, "null": 4.2 * GRAM},
}  # fmt: skip


@pytest.fixture(scope="module", params=["cuda", "tpu"])
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def compiled(platform: str) -> dict[str, dict[str, Any]]:
    folder = Path(sys.prefix) / platform
    if not folder.exists():
        pytest.skip(f"no compiler for {platform}: `make thorough` installs it into {folder}")
    script = Path(__file__).with_name("programs.py")
    done = subprocess.run(
        [sys.executable, str(script), platform, str(folder)], capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_all_programs_compile(platform: str, compiled: dict[str, dict[str, Any]]) -> None:
    assert len(compiled) == {"cuda": 32, "tpu": 31}[platform]
    assert {name.partition(",")[0].partition(" of ")[0] for name in compiled} == set(CEILINGS["cuda"])


def test_no_block_is_sorted_along_all_columns(compiled: dict[str, dict[str, Any]]) -> None:
    for name, program in compiled.items():
        for shape in program["sorts"]:
            # A single row is sorted where its candidates are uncertain, and all rows for ranks under permutations.
            assert int(shape[-1]) < 10_000 or len(shape) == 1 or name.startswith("null, ranks"), (name, shape)


def test_temporary_memory_stays_below_its_ceiling(platform: str, compiled: dict[str, dict[str, Any]]) -> None:
    for name, program in compiled.items():
        kind = name.partition(",")[0].partition(" of ")[0]
        held = COLUMNS if kind == "pass" and name.endswith(", 4") else 0
        assert program["temporary"] / 2**20 <= CEILINGS[platform][kind] + held, name
