"""The pass on 1, 2, 3 and 8 devices computes what one device does without a mesh, and reads its results once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import jax
import pytest

from hyle.engine import device_mesh
from hyle.engine.base import InputError
from hyle.engine.block_pass import mesh as module
from hyle.engine.block_pass import run_mesh_pass
from hyle.engine.gram import prepare

from .on_devices import BLOCKS, DEVICES, PLAN, QUERIES, N, arrays


@pytest.fixture(scope="module")
def found(pytestconfig: pytest.Config) -> dict[str, Any]:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.block_pass.on_devices"],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=pytestconfig.rootpath,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("what", "devices"),
    [*(("whole", d) for d in DEVICES), *(("blocks", d) for d in BLOCKS), *(("queries", d) for d in QUERIES)],
)
def test_any_number_of_devices_gives_what_one_gives(what: str, devices: int, found: dict[str, Any]) -> None:
    differences = found[f"{devices}"][what]
    assert {"cosine neighbours", "euclidean ties"} < set(differences)
    assert ("distinct neighbours" in differences) == (what == "queries")
    for name, apart in differences.items():
        exact = name.endswith(("neighbours", "ties")) or "rank" in name
        assert apart <= (0 if exact else 3e-6), name


@pytest.mark.parametrize("what", ["whole", "queries"])
def test_one_device_gives_what_numpy_gives(what: str, found: dict[str, Any]) -> None:
    for name, apart in found["without a mesh"][what].items():
        # NumPy and XLA round distances differently, which decides between rows that are equally near.
        nearly = name.endswith(("neighbours", "ties"))
        assert apart <= (0.02 if nearly else 0 if "rank" in name else 3e-6), name


@pytest.mark.parametrize("devices", DEVICES)
def test_results_are_read_once(devices: int, found: dict[str, Any]) -> None:
    assert found[f"{devices}"]["reads"] == 1


@pytest.mark.parametrize("devices", BLOCKS)
def test_progress_ends_at_all_rows(devices: int, found: dict[str, Any]) -> None:
    stops = found[f"{devices}"]["stops"]
    assert 3 < len(stops) <= module.STOPS
    assert stops == sorted(stops)
    assert stops[-1] == [N, N]


@pytest.mark.parametrize("what", ["compare", "queries"])
def test_compare_gives_the_same_scores(what: str, found: dict[str, Any]) -> None:
    assert found["devices"] == 3
    assert len(found[what]) > 8
    for name, apart in found[what].items():
        # Values without a jackknife group are recomputed: their errors are differences of nearly equal numbers.
        assert apart <= (1e-4 if name.endswith(("_se", "_low", "_high")) else 2e-5), name


@pytest.mark.parametrize(("devices", "what"), [(2, "columns"), (3, "column queries")])
def test_devices_that_have_their_own_columns_only_give_the_same(devices: int, what: str, found: dict[str, Any]) -> None:
    for name, apart in found[f"{devices}"][what].items():
        exact = name.endswith(("neighbours", "ties")) or "rank" in name
        assert apart <= (0 if exact else 3e-6), name


def test_models_of_one_width_share_a_program() -> None:
    """The text of the program does not grow with the number of models."""
    original = module.run_blocks

    def size(models: int) -> int:
        texts: list[str] = []

        def lowered(*arguments: Any, **options: Any) -> Any:
            texts.append(original.lower(*arguments, **options).as_text())
            return original(*arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "run_blocks", lowered)
            run_mesh_pass([prepare(arrays()[0][:60])] * models, PLAN, device_mesh(1))
        return len(texts[0])

    assert size(6) < 1.3 * size(2)


def test_too_many_devices_are_refused() -> None:
    with pytest.raises(InputError, match=r"devices=99, but JAX has 1 device of platform CPU: use 1 to 1, or all"):
        device_mesh(99)
    with pytest.raises(InputError, match="devices=0"):
        device_mesh(0)
    assert device_mesh().size == len(jax.devices())
