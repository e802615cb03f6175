"""Ctrl-C, as a signal to a real process: exit code 130 and one line, whenever it comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HYLE = [sys.executable, "-m", "hyle.cli"]
Run = Callable[..., Any]


def interrupt(command: list[str], folder: Path, delay: float, times: int = 1) -> tuple[int, str, str]:
    """Start a command, interrupt it after a delay, and return its exit code and what it printed."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "HYLE_STORE": str(folder / "store")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background of a script ignores interrupts, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for _ in range(times):
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def python(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


@pytest.mark.parametrize("delay", [0.7, 1.5, 2.5])
def test_an_interrupt_at_any_moment_is_one_line(pair: object, tmp_path: Path, delay: float) -> None:
    code, out, err = interrupt([*HYLE, "compare", "a.npz", "b.npz", "-k", "10", "--metrics", "all"], tmp_path, delay)
    assert (code, out) == (130, "")
    lines = [line for line in err.splitlines() if not line.startswith(("a.npz: 60 x", "b.npz: 60 x"))]
    assert lines == ["interrupted"]


IN_IMPORT = """
import os, signal, sys, time

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            print("importing", file=sys.stderr)
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["hyle", "compare", "a.npz", "b.npz", "-k", "10"]
from hyle.cli import main
main()
"""


@pytest.mark.parametrize("module", ["click", "hyle.cli.commands.compare", "rich", "jax", "jaxlib.xla_client", "xarray"])
def test_an_interrupt_in_an_import_is_one_line(pair: object, tmp_path: Path, module: str) -> None:
    code, out, err = interrupt(python(IN_IMPORT.format(module=module)), tmp_path, 0, times=0)
    assert (code, out) == (130, "")
    assert err.endswith("importing\ninterrupted\n")


def test_with_json_an_interrupt_is_json(pair: object, tmp_path: Path) -> None:
    code, out, err = interrupt([*HYLE, "compare", "a.npz", "b.npz", "--json", "-k", "10"], tmp_path, 0.8)
    assert code == 130
    assert json.loads(out) == {"error": {"type": "Interrupted", "message": "interrupted"}}
    assert err.endswith("interrupted\n")


SLOW = """
import time
import numpy as np
from hyle.zoo import Adapter

class Slow(Adapter):
    view, layers, pooling, batch_size = "smiles", ("rows",), "none", 4

    def forward(self, samples, layer):
        time.sleep(0.2)
        return np.ones((len(samples), 2))
"""


def test_only_a_command_that_keeps_its_work_says_so(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    code, _, err = interrupt([*HYLE, "embed", "slow:Slow", "-n", "490"], tmp_path, 6)
    assert code == 130
    assert err.splitlines()[-1] == "interrupted; embeddings so far are stored, and the same command continues"
    assert "Traceback" not in err


CAUGHT = """
import sys, time
from hyle.cli import interrupts
from hyle.cli.interrupts import INTERRUPTS
interrupts.GRACE = 0.3
INTERRUPTS.install()
INTERRUPTS.work()
try:
    time.sleep(20)
except KeyboardInterrupt:
    {then}
print("was not interrupted")
"""


@pytest.mark.parametrize("then", ["pass; time.sleep(20)", "time.sleep(20)"])
def test_a_library_that_catches_the_interrupt_cannot_keep_the_process(tmp_path: Path, then: str) -> None:
    code, out, err = interrupt(python(CAUGHT.format(then=then)), tmp_path, 1)
    assert (code, out, err) == (130, "", "interrupted\n")


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    patient = CAUGHT.replace("0.3", "30").format(then="time.sleep(20)")
    start = time.monotonic()
    assert interrupt(python(patient), tmp_path, 1, times=2)[0] == 130
    assert time.monotonic() - start < 10


AS_ERROR = """
import sys, time
from hyle.cli import main
import hyle.cli.commands.datasets as datasets
def start():
    try:
        time.sleep(20)
    except KeyboardInterrupt:
        raise {error}("Encountered an error while initializing the extension.")
datasets.list_datasets = start
sys.argv = ["hyle", "datasets"]
main()
"""


@pytest.mark.parametrize("error", ["ImportError", "RuntimeError", "SystemError", "SystemExit"])
def test_an_error_that_an_interrupt_has_caused_is_an_interruption(tmp_path: Path, error: str) -> None:
    assert interrupt(python(AS_ERROR.format(error=error)), tmp_path, 1.5) == (130, "", "interrupted\n")


def test_an_interrupt_that_python_ignores_is_raised_again(tmp_path: Path) -> None:
    code = """
        import time
        from hyle.cli.interrupts import INTERRUPTS
        INTERRUPTS.install()
        INTERRUPTS.work()
        class Slow:
            def __del__(self):
                time.sleep(2)
        slow = Slow()
        try:
            del slow
            time.sleep(20)
        except KeyboardInterrupt:
            print("raised")
    """
    assert interrupt(python(code), tmp_path, 1) == (0, "raised\n", "")


def test_a_process_that_ignores_interrupts_is_not_interrupted() -> None:
    code = """
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from hyle.cli.interrupts import INTERRUPTS
        INTERRUPTS.install()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    """
    subprocess.run(python(code), check=True)


def test_the_handlers_of_a_program_that_calls_hyle_are_restored(run: Run) -> None:
    handler, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    assert run("--version").code == 0
    assert signal.getsignal(signal.SIGINT) is handler
    assert sys.unraisablehook is hook
