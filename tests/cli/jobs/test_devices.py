"""The end of a comparison that several processes have computed."""

from __future__ import annotations

import pytest

from hyle.cli.jobs import devices
from hyle.engine.base import LostProcessError


def test_a_process_that_is_lost_after_the_result_is_a_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(_: str) -> None:
        raise LostProcessError("another of the 2 processes has ended")

    codes: list[int] = []
    monkeypatch.setattr("hyle.engine.base.wait_for_processes", lost)
    monkeypatch.setattr(devices, "end_at_once", codes.append)
    devices.Run({"mesh": object(), "checkpoint": None}, True).complete()
    assert codes == [0]
    assert "another process has ended before the others; the result is complete" in capsys.readouterr().err
