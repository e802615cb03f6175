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


def thorough(value: Any) -> Any:
    return pytest.param(value, marks=pytest.mark.thorough)


def interrupt(command: list[str], folder: Path, delay: float, times: int = 1) -> tuple[int, str, str]:
    """Start a command, interrupt it after a delay, and return its exit code and what it printed."""
    # A test run in the background of a script ignores interrupts, and so would its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "HYLE_STORE": str(folder / "store")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    for _ in range(times):
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def python(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


@pytest.mark.parametrize("delay", [1.5, *map(thorough, (1.0, 2.0, 3.0, 4.0, 5.0))])
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


MODULES = ["click", "jax", "xarray"]
MORE_MODULES = ["hyle.cli.commands.compare", "rich", "jaxlib.xla_client", "numpy", "pandas"]


@pytest.mark.parametrize("module", [*MODULES, *map(thorough, MORE_MODULES)])
def test_an_interrupt_in_an_import_is_one_line(pair: object, tmp_path: Path, module: str) -> None:
    code, out, err = interrupt(python(IN_IMPORT.format(module=module)), tmp_path, 0, times=0)
    if "importing" not in err:
        pytest.skip(f"hyle compare does not import {module}")
    assert (code, out) == (130, "")
    assert err.endswith("importing\ninterrupted\n")


def test_with_json_an_interrupt_is_json(pair: object, tmp_path: Path) -> None:
    code, out, err = interrupt(
        [*HYLE, "compare", "a.npz", "b.npz", "--json", "-k", "10", "--metrics", "all"], tmp_path, 3
    )
    assert code == 130
    assert json.loads(out) == {"error": {"type": "Interrupted", "message": "interrupted"}}
    assert err.endswith("interrupted\n")


def interrupting(code: str, *arguments: str) -> list[str]:
    """Return a Python program that can interrupt itself by `interrupt_in(seconds)`."""
    head = "import os, signal, sys, threading, time\n"
    head += "def interrupt_in(s): threading.Timer(s, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    return [sys.executable, "-c", head + textwrap.dedent(code).format(*arguments)]


STOPS = """
import os
import signal
import numpy as np
from hyle.zoo import Adapter

class Stops(Adapter):
    view, layers, pooling, batch_size, calls = "smiles", ("rows",), "none", 4, 0

    def forward(self, samples, layer):
        Stops.calls += 1
        if Stops.calls == 33:
            os.kill(os.getpid(), signal.SIGINT)
        return np.ones((len(samples), 2))
"""


def test_a_command_that_keeps_its_work_says_so_and_continues(run: Run, tmp_path: Path) -> None:
    (tmp_path / "stops.py").write_text(STOPS)
    embed = [*HYLE, "embed", "stops:Stops", "-n", "130"]
    code, _, err = interrupt(embed, tmp_path, 0, times=0)
    assert code == 130
    assert err.splitlines()[-1] == "interrupted; embeddings so far are stored, and the same command continues"
    assert "Traceback" not in err
    # The first 128 samples are stored; the other two are one batch.
    again = run("embed", "stops:Stops", "-n", 130)
    assert again.code == 0
    assert "130 x 2" in again.err


CAUGHT = """
    from hyle.cli import interrupts
    from hyle.cli.interrupts import INTERRUPTS
    interrupts.GRACE = {0}
    INTERRUPTS.install()
    block = INTERRUPTS.unwinding()
    block.__enter__()
    interrupt_in(0.2)
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        {1}
        time.sleep(30)
    print("was not interrupted")
"""


def test_a_library_that_catches_the_interrupt_cannot_keep_the_process(tmp_path: Path) -> None:
    assert interrupt(interrupting(CAUGHT, "0.3", "pass"), tmp_path, 0, times=0) == (130, "", "interrupted\n")


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    again = interrupting(CAUGHT, "300", "interrupt_in(0.2)")
    assert interrupt(again, tmp_path, 0, times=0) == (130, "", "interrupted\n")


AS_ERROR = """
    import hyle.cli.commands.datasets as datasets
    from hyle.cli import main
    from hyle.cli.interrupts import INTERRUPTS
    def start():
        interrupt_in(0.2)
        try:
            with INTERRUPTS.unwinding():
                time.sleep(30)
        except KeyboardInterrupt:
            raise {0}("Encountered an error while initializing the extension.")
    datasets.list_datasets = start
    sys.argv = ["hyle", "datasets"]
    main()
"""


@pytest.mark.parametrize("error", ["ImportError", "SystemExit", *map(thorough, ("RuntimeError", "SystemError"))])
def test_an_error_that_an_interrupt_has_caused_is_an_interruption(tmp_path: Path, error: str) -> None:
    assert interrupt(interrupting(AS_ERROR, error), tmp_path, 0, times=0) == (130, "", "interrupted\n")


def test_an_interrupt_that_python_ignores_is_raised_again(tmp_path: Path) -> None:
    code = """
        from hyle.cli.interrupts import INTERRUPTS
        INTERRUPTS.install()
        block = INTERRUPTS.unwinding()
        block.__enter__()
        class Slow:
            def __del__(self):
                interrupt_in(0.2)
                time.sleep(1)
        slow = Slow()
        try:
            del slow
            time.sleep(30)
        except KeyboardInterrupt:
            print("raised")
    """
    assert interrupt(interrupting(code), tmp_path, 0, times=0) == (0, "raised\n", "")


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
