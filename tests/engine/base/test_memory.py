from __future__ import annotations

from pathlib import Path

from hyle.engine.base import memory


def test_what_files_take_in_the_page_cache_is_available(tmp_path: Path) -> None:
    # As on a machine that has run for a while: little is free, since files are cached.
    lines = ["MemTotal:       24683520 kB", "MemFree:          131072 kB", "MemAvailable:   16777216 kB"]
    (tmp_path / "meminfo").write_text("\n".join([*lines, "Cached:         16000000 kB"]) + "\n")
    assert memory.available_bytes(tmp_path / "meminfo") == 2**34


def test_where_the_kernel_does_not_tell_what_is_free_counts(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 1024 kB\nMemFree: 8 kB\n")  # Linux before 3.14
    for file in (tmp_path / "meminfo", tmp_path / "none", tmp_path):
        assert memory.available_bytes(file) > 2**20


def test_a_block_takes_an_eighth_of_what_is_available(monkeypatch) -> None:
    for available, block in ((2**26, 2**23), (2**40, memory.BLOCK_BYTES), (0, memory.BLOCK_BYTES)):
        monkeypatch.setattr(memory, "available_bytes", lambda available=available: available)
        assert memory.free_bytes() == block


def test_this_machine_has_memory_left() -> None:
    assert memory.available_bytes() > 2**20
