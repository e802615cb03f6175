"""The pass on 1, 2, 3 and 8 devices computes what one does without a mesh, and reads its results once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import pytest

from hyle.engine import device_mesh
from hyle.engine.base import InputError
from hyle.engine.block_pass import mesh as module
from hyle.engine.block_pass import run_mesh_pass
from hyle.engine.gram import prepare

from .on_devices import PLAN, WAYS, N, arrays


def cases(*wanted: str) -> list[Any]:
    """What is tried: (the name of the run, number of devices, way)."""
    return [
        pytest.param(run, devices, way, marks=[pytest.mark.thorough] * (run == "more"))
        for run, all_ways in WAYS.items()
        for devices, ways in all_ways.items()
        for way in ways
        if way in wanted
    ]


class Results(dict[str, dict[str, Any]]):
    """What a run prints, by its name; each is started when it is needed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __missing__(self, name: str) -> dict[str, Any]:
        self[name] = run(name, self.root)
        return self[name]


@pytest.fixture(scope="module")
def found(pytestconfig: pytest.Config) -> Results:
    return Results(pytestconfig.rootpath)


def run(name: str, root: Path) -> dict[str, Any]:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.block_pass.on_devices", name],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=root,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


ALL = ("whole", "blocks", "queries", "columns", "column queries")  # columns: devices that have only their own


@pytest.mark.parametrize(("name", "devices", "way"), cases(*ALL))
def test_any_number_of_devices_gives_what_one_gives(name: str, devices: int, way: str, found: Results) -> None:
    differences = found[name][f"{devices}"][way]
    assert {"cosine neighbours", "euclidean ties"} < set(differences)
    assert ("distinct neighbours" in differences) == way.endswith("queries")
    for quantity, apart in differences.items():
        exact = quantity.endswith(("neighbours", "ties")) or "rank" in quantity
        assert apart <= (0 if exact else 3e-6), quantity


@pytest.mark.parametrize("what", ["whole", "queries"])
def test_one_device_gives_what_numpy_gives(what: str, found: Results) -> None:
    for name, apart in found["quick"]["without a mesh"][what].items():
        # NumPy and XLA round distances differently, which decides between rows that are equally near.
        nearly = name.endswith(("neighbours", "ties"))
        assert apart <= (0.02 if nearly else 0 if "rank" in name else 3e-6), name


@pytest.mark.parametrize(("name", "devices", "way"), cases("whole"))
def test_results_are_read_once(name: str, devices: int, way: str, found: Results) -> None:
    assert found[name][f"{devices}"]["reads"] == 1


@pytest.mark.parametrize(("name", "devices", "way"), cases("whole"))
def test_features_and_null_distributions_are_those_of_one_device(
    name: str, devices: int, way: str, found: Results
) -> None:
    divided = found[name][f"{devices}"]["divided"]
    assert set(divided) == {"features", "null features", "null ranks"}
    for what, result in divided.items():
        # The order of distances that are equal but for rounding is arbitrary.
        assert result["apart"] <= (1e-5 if what == "null ranks" else 3e-6), what
        assert result["reads"] == 1, what
        # Only products of features are summed over devices.
        assert what == "features" or result["differ"] == 0, what
    assert divided["null ranks"]["ties differ"] == 0


def test_kernels_permuted_within_groups_are_those_of_one_device(found: Results) -> None:
    assert found["quick"]["within groups"] == 0


@pytest.mark.parametrize(("name", "devices", "way"), cases("blocks"))
def test_progress_ends_at_all_rows(name: str, devices: int, way: str, found: Results) -> None:
    stops = found[name][f"{devices}"]["stops"]
    assert 3 < len(stops) <= module.STOPS
    assert stops == sorted(stops)
    assert stops[-1] == [N, N]


@pytest.mark.parametrize("what", ["compare", "queries"])
def test_compare_gives_the_same_scores(what: str, found: Results) -> None:
    assert found["quick"]["devices"] == 3
    assert len(found["quick"][what]) > 8
    for name, apart in found["quick"][what].items():
        # Values without a jackknife group are recomputed: their errors are differences of nearly equal numbers.
        assert apart <= (1e-4 if name.endswith(("_se", "_low", "_high")) else 2e-5), name


class LoweredError(Exception):
    """Ends a pass whose program need not run."""


def test_models_of_one_width_share_a_program() -> None:
    """The text of the program does not grow with the number of models."""
    original = module.run_blocks

    def size(models: int) -> int:
        texts: list[str] = []

        def lowered(*arguments: Any, **options: Any) -> Any:
            texts.append(original.lower(*arguments, **options).as_text())
            raise LoweredError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "run_blocks", lowered)
            with pytest.raises(LoweredError):
                run_mesh_pass([prepare(arrays()[0][:60])] * models, PLAN, device_mesh(1))
        return len(texts[0])

    assert size(6) < 1.3 * size(2)


def test_too_many_devices_are_refused() -> None:
    with pytest.raises(InputError, match=r"devices=99, but JAX has 1 device of platform CPU: use 1, or all"):
        device_mesh(99)
    with pytest.raises(InputError, match="devices=0"):
        device_mesh(0)
    assert device_mesh().size == len(jax.devices())
