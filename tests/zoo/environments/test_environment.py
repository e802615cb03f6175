"""Isolated environments and the workers in them, built from the package registry."""

import importlib
import multiprocessing
import os
import signal
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Environment, Model, Sample, find_card, list_environments, load, remove_environment
from hyle.zoo.environments import environment as environments
from hyle.zoo.environments.worker import Worker
from hyle.zoo.models.load import MissingPackageError

pytestmark = pytest.mark.models

SAMPLES = [Sample(f"s{i}", smiles="C" * (i + 1)) for i in range(5)]
# Runs without torch; the version of six is one that is not installed here.
CARD = replace(find_card("random"), requirements=("six==1.16.0",), torch=False)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A separate cache, so that the cache of the user is not changed; the environment in it is built once."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("cache")
    patch.setenv("HYLE_CACHE", str(folder))
    yield folder
    patch.undo()


def _build(queue):
    lines = []
    Environment.of(CARD).build(notify=lines.append)
    queue.put(lines)


def test_two_processes_build_it_once_and_an_interrupted_build_is_restarted(cache):
    environment = Environment.of(CARD)
    environment.folder.mkdir(parents=True)
    (environment.folder / "half").write_text("of a build that was killed")
    assert not environment.complete
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    jobs = [context.Process(target=_build, args=(queue,)) for _ in range(2)]
    for job in jobs:
        job.start()
    lines = [line for _ in jobs for line in queue.get(timeout=300)]
    for job in jobs:
        job.join()
    assert environment.complete
    assert sum(line.startswith("building an isolated environment") for line in lines) == 1
    assert not (environment.folder / "half").exists()
    assert environment.versions()["six"] == "1.16.0"
    assert [kept["name"] for kept in list_environments() if kept["complete"]] == [environment.name]


def test_a_worker_returns_the_same_rows_as_this_process(cache):
    model = Model(CARD, Worker(CARD))
    here = load("random").embed(SAMPLES)
    there = model.embed(SAMPLES, batch_size=2)
    assert list(there.ids) == list(here.ids)
    np.testing.assert_array_equal(np.asarray(there.embedding), np.asarray(here.embedding))


def test_a_worker_that_is_killed_is_started_again(cache):
    model = Model(CARD, Worker(CARD))
    want = np.asarray(model.embed(SAMPLES).embedding)
    os.kill(model.adapter._process.pid, signal.SIGKILL)
    model.adapter._process.wait()
    samples = SAMPLES[:3]
    got = np.concatenate([np.asarray(model.adapter.forward(samples, "noise").features)])
    np.testing.assert_array_equal(got, want[:3])


TWO_LAYERS = """
import os
import numpy as np
from hyle.zoo import OnePassAdapter, Output

class TwoLayers(OnePassAdapter):
    view, layers, torch, pooling = "smiles", ("atoms", "sum"), False, "mean"

    def forward_layers(self, samples, layers):
        with open("passes", "a") as stream:
            stream.write(f"{','.join(layers)} {os.getpid()}\\n")
        if os.path.exists("kill"):
            os.remove("kill")
            os.kill(os.getpid(), 9)
        counts = [len(s.smiles) for s in samples]
        rows = np.concatenate([np.arange(2.0 * n).reshape(n, 2) for n in counts])
        return [Output(rows if layer == "atoms" else rows.sum(1, keepdims=True), counts) for layer in layers]
"""


def test_a_worker_takes_all_layers_from_one_pass(cache, tmp_path, monkeypatch):
    (tmp_path / "two.py").write_text(TWO_LAYERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "two", raising=False)
    card = replace(find_card("two:TwoLayers"), requirements=CARD.requirements)
    there, here = Model(card, Worker(card)), load("two:TwoLayers")
    want = [np.asarray(each.embedding) for each in here.embed_layers(SAMPLES)]
    Path("passes").unlink()
    for _ in range(2):  # the second time with a worker that crashes, and a new one that runs the samples one by one
        got = [np.asarray(each.embedding) for each in there.embed_layers(SAMPLES)]
        assert [rows.shape[1] for rows in got] == [2, 1]
        for rows, others in zip(got, want, strict=True):
            np.testing.assert_array_equal(rows, others)
        Path("kill").touch()
    passes = [line.split() for line in Path("passes").read_text().splitlines()]
    assert [layers for layers, _ in passes] == ["atoms,sum"] * (2 + len(SAMPLES))
    assert str(os.getpid()) not in {number for _, number in passes}


def test_the_sample_on_which_a_worker_crashes_is_named(cache, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        textwrap.dedent(
            """
            import os
            import numpy as np
            from hyle.zoo import Adapter, Output

            class Crashes(Adapter):
                view, layers, torch, pooling = "smiles", "only", False, "none"

                def forward(self, samples, layer):
                    print("noise on standard output")
                    if any(len(s.smiles) == 3 for s in samples):
                        os.kill(os.getpid(), 11)
                    return Output(np.ones((len(samples), 2), np.float32))
            """
        )
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    card = replace(find_card("mine:Crashes"), requirements=CARD.requirements)
    with pytest.raises(RuntimeError, match=r"crashed on the sample 's2'.*signal 11"):
        Model(card, Worker(card)).embed(SAMPLES)


def test_a_failed_installation_is_one_error_and_leaves_nothing(cache):
    environment = Environment.of(replace(CARD, requirements=("six==0.0.0.1",)))
    with pytest.raises(RuntimeError, match=r"six==0\.0\.0\.1.*could not be built.*the log is"):
        environment.build()
    assert not environment.folder.exists()


def test_an_environment_is_removed_by_name(cache):
    environment = Environment.of(CARD)
    remove_environment(environment.name)
    assert not environment.folder.exists()
    with pytest.raises(ValueError, match="no environment is called"):
        remove_environment(environment.name)


def test_names_of_different_environments_differ():
    environment = Environment.of(CARD)
    assert (
        environment.name == Environment.of(replace(CARD, name="other", notes="another model of the same library")).name
    )
    assert environment.name != Environment.of(replace(CARD, no_deps=("six",))).name
    assert environment.name != Environment.of(replace(CARD, torch=True)).name
    assert environments.TORCH in " ".join(Environment.of(replace(CARD, torch=True)).commands()[1])


def test_no_environment_is_built_without_isolate(monkeypatch):
    models = importlib.import_module("hyle.zoo.models.load")

    monkeypatch.setattr(models, "find_card", lambda name, notify=None: CARD)
    with pytest.raises(MissingPackageError, match=r"six==1\.16\.0.*hyle envs build random"):
        load("random")
    with pytest.raises(ValueError, match=r"no Python ==3\.1"):
        Environment.of(replace(CARD, python="==3.1.*")).commands()
