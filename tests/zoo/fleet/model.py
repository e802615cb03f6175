"""A model of the user whose behaviour files in the current folder decide, and what it leaves there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hyle.zoo import Dataset, Store, load_dataset, model_recipe, prepare
from hyle.zoo.fleet import Fleet, Here, Job, Part, address_of, fetched_card
from hyle.zoo.store import Key

MINE = """
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
import numpy as np
from hyle.zoo import Adapter, Output

def log(name, text):
    with open(name, "a") as stream:
        stream.write(f"{text}\\n")

class Mine(Adapter):
    view, layers, pooling, batch_size, torch = "smiles", ("letters", "length"), "none", 8, False

    def __init__(self, card, files, device):
        super().__init__(card, files, device)
        log("loaded", os.getpid())
        if Path("die-loading").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        if Path("child").exists():
            log("children", subprocess.Popen(["sleep", "600"]).pid)

    def unsupported(self, sample):
        return "too long" if len(sample.smiles) > 24 else None

    def forward(self, samples, layer):
        ids = [sample.id for sample in samples]
        log("seen", f"{os.getpid()} {' '.join(ids)}")
        log("threads", os.environ.get("OMP_NUM_THREADS"))
        for path in Path().glob("kill-*"):
            how, i = path.name.removeprefix("kill-").split("-", 1)
            if i in ids:
                if how == "once":
                    path.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        for path in Path().glob("raise-*"):
            if path.name.removeprefix("raise-") in ids:
                raise ValueError("cannot be embedded")
        while Path("meet").exists() and len(set(Path("loaded").read_text().split())) < 2:
            time.sleep(0.01)
        if Path("hold").exists() and "ray" in sys.modules:
            node = sys.modules["ray"].get_runtime_context().get_node_id()
            log("nodes", f"{node} {' '.join(ids)}")
            if Path("hold").read_text() == node:
                time.sleep(600)
        if Path("wait").exists() or any(path.name.removeprefix("wait-") in ids for path in Path().glob("wait-*")):
            time.sleep(600)
        rows = np.array([[s.smiles.count(c) / len(s.smiles) for c in "CNOc1"] for s in samples])
        return Output(rows if layer == "letters" else rows.sum(1, keepdims=True), energies=[-len(i) for i in ids])
"""


def dataset(n: int = 90) -> Dataset:
    return load_dataset("qm9", n=n)


def job_of(store: Path, data: Dataset, *layers: str, model: str = "mine:Mine") -> Job:
    card = fetched_card(model)
    prepare(card)
    recipes = [model_recipe(card, layer=layer) | data.recipe_for(card.view) for layer in layers or ("letters",)]
    parts = [Part(recipe["layer"], None, Key.of(recipe), recipe) for recipe in recipes]
    return Job(model, "cpu", None, None, address_of(Store(store)), parts, data.ids, data.groups)


def extract(
    fleet: Fleet | None, store: Path, data: Dataset, *layers: str, model: str = "mine:Mine"
) -> dict[Path, bytes]:
    """Extract with a fleet, or in this process, and return the bytes of all files of the representations."""
    job = job_of(store, data, *layers, model=model)
    done: list[float] = []
    extractions = job.extractions()
    (fleet or Here()).run(job, extractions, data.samples, lambda n, _: done.append(n))
    assert done == sorted(done)
    assert done[-1:] == [len(data)]
    found = {}
    for part, extraction in zip(job.parts, extractions, strict=True):
        extraction.commit()
        folder = store / part.key.folder
        assert [path.name for path in folder.iterdir()] == ["representation"]
        found |= {path.relative_to(store): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return found


def lines(name: str) -> list[str]:
    return Path(name).read_text().splitlines() if Path(name).exists() else []


def pids(name: str) -> set[int]:
    return {int(line.split()[0]) for line in lines(name)}


def alive(numbers: set[int]) -> set[int]:
    """The processes that run; those that have ended and were not waited for do not."""
    return {n for n in numbers if Path(f"/proc/{n}/stat").exists() and state(n) != "Z"}


def state(number: int) -> str:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
