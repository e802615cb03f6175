"""Checkpoints that cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.engine import History
from hyle.engine.base import OutputError
from hyle.engine.training.checkpoints import Checkpoints, Run

from ...full_disk import REASON, full_disk


# TensorStore ends writes of the failed checkpoint after Orbax has closed their event loop.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_checkpoint_on_a_full_disk_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("orbax.checkpoint")
    params = {"w": np.random.default_rng(0).normal(size=100_000)}
    run = Run(params, params, params, History())
    with Checkpoints(tmp_path / "run", "mark") as checkpoints:
        with full_disk(), pytest.raises(OutputError, match=rf"^cannot write {tmp_path}/run: {REASON}$"):
            checkpoints.save(run)
        assert checkpoints.last(run) is run


def test_a_folder_that_cannot_be_created_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("orbax.checkpoint")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=rf"{tmp_path}/file is a file, not a folder$"):
        Checkpoints(tmp_path / "file" / "run", "mark")
