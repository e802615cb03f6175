"""Checkpoints that cannot be written, or are interrupted, or belong to another run."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from hyle.engine import History
from hyle.engine.base import OutputError
from hyle.engine.training import OtherRunError
from hyle.engine.training.checkpoints import Checkpoints, Run

from ...full_disk import REASON, full_disk

# TensorStore ends writes of a failed checkpoint after Orbax has closed their event loop, during whichever test runs.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_checkpoint_on_a_full_disk_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("orbax.checkpoint")
    params = {"w": np.random.default_rng(0).normal(size=100_000)}
    run = Run(params, params, params, History())
    with Checkpoints(tmp_path / "run", {"seed": "0"}) as checkpoints:
        with full_disk(), pytest.raises(OutputError, match=rf"^cannot write {tmp_path}/run: {REASON}$"):
            checkpoints.save(run)
        assert checkpoints.last(run) is run


def test_a_folder_that_cannot_be_created_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("orbax.checkpoint")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=rf"{tmp_path}/file is a file, not a folder$"):
        Checkpoints(tmp_path / "file" / "run", {})


def test_an_interrupt_takes_effect_once_the_checkpoint_is_written(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("orbax.checkpoint")
    params = {"w": np.arange(5.0)}
    run = Run(params, params, params, History(), step=3)
    # Test runners may ignore the signal in their workers.
    before = signal.default_int_handler
    ignored = signal.signal(signal.SIGINT, before)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, ignored))
    with Checkpoints(tmp_path / "run", {"seed": "0"}) as checkpoints:
        save, written = checkpoints._manager.save, []

        def interrupted(*arguments: object, **options: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            save(*arguments, **options)
            written.append(True)

        checkpoints._manager.save = interrupted
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(run)
        assert written
        assert signal.getsignal(signal.SIGINT) is before
        assert checkpoints.last(run._replace(step=0)).step == 3
        # Other threads receive no signals, and may not set handlers.
        checkpoints._manager.save = save
        thread = threading.Thread(target=checkpoints.save, args=(run._replace(step=4),))
        thread.start()
        thread.join()
        assert checkpoints.last(run).step == 4


def test_what_differs_from_another_run_is_named(tmp_path: Path) -> None:
    pytest.importorskip("orbax.checkpoint")
    params = {"w": np.arange(5.0)}
    run = Run(params, params, params, History(), step=1)
    marks = {"seed": "0", "learning_rate": "0.1", "labels": "ab"}
    with Checkpoints(tmp_path / "run", marks) as checkpoints:
        checkpoints.save(run)
    other = marks | {"seed": "1", "labels": "cd"}
    with (
        Checkpoints(tmp_path / "run", other) as checkpoints,
        pytest.raises(OtherRunError, match=r"other data or settings \(seed, labels\): remove it"),
    ):
        checkpoints.last(run)
