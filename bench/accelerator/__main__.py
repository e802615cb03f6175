"""The command: run all stages or some, write the results, and print the table."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

from ..results import FOLDER
from .runner import run
from .stages import STAGES, TOTAL
from .table import markdown

CPU_ONLY = "JAX finds no accelerator here: use --quick, which tries all stages with small inputs on a CPU"


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return its exit code: 1 if a stage failed, 2 for a usage error, 130 if interrupted."""
    # Of the standard library, because click need not be there.
    parser = argparse.ArgumentParser(prog="python -m bench.accelerator", description=__doc__)
    names = [stage.name for stage in STAGES]
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="results file; the table is written beside it")
    parser.add_argument("--quick", action="store_true", help="small inputs, for a trial on a CPU")
    parser.add_argument(
        "--stage", action="append", choices=names, metavar="NAME", help=f"only this: {', '.join(names)}"
    )
    options = parser.parse_args(arguments)
    path = options.out or FOLDER / ("quick.accelerator.json" if options.quick else "accelerator.json")
    if path.suffix != ".json":
        parser.error(f"--out {path}: the name of the results file has to end in .json")
    start = time.monotonic()
    if not options.quick and _backend() == "cpu":
        parser.error(CPU_ONLY)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wanted = [stage for stage in STAGES if not options.stage or stage.name in options.stage]
    record = run(wanted, path, quick=options.quick, total=TOTAL - (time.monotonic() - start))
    text = markdown(record)
    path.with_suffix(".md").write_text(text, "utf-8")
    print(f"\n{text}\nwrote {path} and {path.with_suffix('.md')}")
    states = {stage["state"] for stage in record["stages"].values()}
    return 130 if "interrupted" in states else int("failed" in states)


def _backend() -> str:
    code = "import jax; print(jax.default_backend())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return (done.stdout.split() or ["unknown"])[-1]


if __name__ == "__main__":
    sys.exit(main())
