"""Commands with ``--store s3://...``: the same results as with a folder."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from hyle.cli import main
from hyle.zoo.store.objects import bucket

from .conftest import objects, put

if TYPE_CHECKING:
    from .server import Server

STORE = "s3://bucket/store"


class Ran(NamedTuple):
    stdout: str
    stderr: str


Hyle = Callable[..., Ran]


@pytest.fixture
def hyle(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hyle:
    """Run a command in this process, which then has no connection to the bucket, as a process of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, code: int = 0, **variables: str) -> Ran:
        bucket._bucket.cache_clear()
        capsys.readouterr()
        status = 0
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr("sys.argv", ["hyle", *map(str, arguments)])
            try:
                main()
            except SystemExit as stop:
                status = int(stop.code or 0)
        ran = Ran(*capsys.readouterr())
        assert status == code, ran.stderr
        assert "Traceback" not in ran.stderr
        return ran

    return run


def scores(done: Ran) -> Any:
    return [(row["metric"], row["model"], row["other"], row["value"]) for row in json.loads(done.stdout)["results"]]


def test_embed_and_compare_give_the_numbers_of_a_folder(hyle: Hyle, tmp_path: Path) -> None:
    options = ("--metrics", "cka,mutual_knn", "-k", 5, "--permutations", 20, "--json")
    found = []
    for store in (tmp_path / "local", STORE):
        hyle("embed", "composition", "random", "--dataset", "qm9", "-n", 60, "--store", store)
        found.append(scores(hyle("compare", "composition", "random", "--store", store, *options)))
    assert len(found[0]) > 1
    assert found[0] == found[1]
    assert not (tmp_path / "s3:").exists()
    # Named by the environment, with the data set of the store, and not embedded again.
    assert scores(hyle("compare", *options, HYLE_STORE=STORE)) == found[0]
    command = [sys.executable, "-m", "hyle.cli", "embed", "composition", "--dataset", "qm9", "-n", "60"]
    environment = os.environ | {"HYLE_STORE": STORE}
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "from the store" in again.stderr


def test_shards_and_upkeep(hyle: Hyle) -> None:
    hyle("embed", "composition", "-n", 40, "--store", STORE)
    first = hyle("embed", "random", "-n", 40, "--shard", "1/2", "--store", STORE)
    assert f"hyle embed random -n 40 --store {STORE} --shard 2/2" in first.stderr
    status = json.loads(hyle("store", "status", "--store", STORE, "--json").stdout)
    assert (status["store"], status["damaged"]) == (STORE, [])
    (stored,), (unfinished,) = status["stored"], status["unfinished"]
    inside = stored["folder"].removeprefix("s3://bucket/")
    assert stored["bytes"] == sum(len(content) for name, content in objects().items() if name.startswith(inside))
    assert (unfinished["done"], unfinished["missing"]) == (20, 20)
    assert unfinished["command"].endswith(f"--store {STORE}")
    shown = hyle("store", "status", "--store", STORE).stdout
    assert "40 x 94" in shown
    assert f"hyle store merge --store {STORE}" in shown
    assert "20 of 40" in hyle("store", "merge", "--store", STORE).stderr
    assert hyle("store", "gc", "--store", STORE).stdout == "removed 0 items, 0.0 MB\n"
    hyle(*shlex.split(unfinished["command"])[1:])
    assert hyle("store", "verify", "--store", STORE).stdout == "folders read: 2; damaged: 0\n"


@pytest.mark.parametrize("what", ["representation", "shard"])
def test_the_commands_that_repair_damage(hyle: Hyle, what: str) -> None:
    shard = ("--shard", "1/2") if what == "shard" else ()
    hyle("embed", "composition", "-n", 40, *shard, "--store", STORE)
    before = {name.rpartition("/")[2]: content for name, content in objects().items() if "/c/" in name}
    (chunk,) = (name for name in objects() if name.endswith("embedding/c/0/0"))
    put(chunk, objects()[chunk][:-1])
    found = json.loads(hyle("store", "verify", "--store", STORE, "--json", code=2).stdout)
    (damage,) = found["damaged"]
    assert chunk in damage["problem"]
    if what == "shard":
        last = hyle("embed", "composition", "-n", 40, "--shard", "2/2", "--store", STORE, code=2)
        assert f"hyle store remove {damage['folder'].removeprefix(STORE + '/')} --store {STORE} && " in last.stderr
    remove, again = damage["repair"].split(" && ")
    assert hyle(*shlex.split(remove)[1:]).stdout == f"removed {damage['folder']}\n"
    hyle(*shlex.split(again)[1:])
    assert hyle("store", "verify", "--store", STORE).stdout.endswith("damaged: 0\n")
    if what == "representation":
        assert {name.rpartition("/")[2]: c for name, c in objects().items() if "/c/" in name} == before
    wrong = hyle("store", "remove", "nothing", "--store", STORE, code=2)
    assert f"{STORE}/nothing is no representation and no shard in the store {STORE}" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["embed", "composition", "-n", 5, "--store", "ftp://host/a"], "begins with one of s3://, gs://, az://"),
        (["compare", "--store", "s3://nowhere/a"], "there is no bucket 'nowhere'"),
        (["store", "status", "--store", "s3://nowhere/a"], "there is no bucket 'nowhere'"),
        (["store", "status", "--store", STORE], f"there is no store at {STORE}; hyle embed MODEL"),
        (["compare", "--store", STORE], f"{STORE} has no embeddings"),
    ],
)
def test_mistakes_are_one_line(hyle: Hyle, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = hyle(*arguments, code=2)
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("Error:"))
    assert message in line
    assert list(tmp_path.iterdir()) == []
