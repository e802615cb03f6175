"""Downloads from a hub on this machine that cuts off its files, and into a cache without space."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .lying_server import COMMIT, CONTENT, Server, serving

pytest.importorskip("huggingface_hub")

# In another process, because the library reads the address of the hub and of its cache when it is imported.
CODE = """
import resource, sys, time
time.sleep = lambda seconds: None
if len(sys.argv) > 1:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from hyle.zoo.cards.card import Weights
from hyle.zoo.weights import cached_files, fetch
weights = Weights(files={"weights": ("net.pt", "")}, hub="organisation/name", revision="REVISION")
try:
    fetch(weights)
    print("whole", cached_files(weights)["weights"].stat().st_size)
except Exception as error:
    print(type(error).__name__, error)
    print(cached_files(weights))
""".replace("REVISION", COMMIT)


def run(server: Server, home: Path, *arguments: str) -> list[str]:
    environment = os.environ | {"HF_ENDPOINT": server.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        environment.pop(name, None)
    command = [sys.executable, "-c", CODE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_interrupted_download_is_completed(tmp_path: Path) -> None:
    with serving("cut", "whole") as server:
        assert run(server, tmp_path) == [f"whole {len(CONTENT)}"]
    assert len(server.requests) == 2


def test_a_file_that_is_cut_off_is_not_kept(tmp_path: Path) -> None:
    with serving("thousand") as server:
        error, cached = run(server, tmp_path)
    assert error.startswith("DownloadError organisation/name is not cached and could not be downloaded from the hub: ")
    assert cached == "None"


def test_a_server_that_is_down_is_one_clear_error(tmp_path: Path) -> None:
    with serving("whole") as server:
        pass
    error, cached = run(server, tmp_path)
    assert error.startswith("DownloadError organisation/name is not cached and could not be downloaded from the hub: ")
    assert cached == "None"


def test_a_file_that_cannot_be_written_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with serving("whole") as server:
        error, cached = run(server, tmp_path, "100000")
    assert error.startswith(f"OutputError cannot write {tmp_path}/hub: File too large; free some space, or set HF_HOME")
    assert cached == "None"


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with serving("whole") as server:
            error, cached = run(server, tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert error.startswith(f"OutputError cannot write {tmp_path}/hub: No space left on device; free some space")
    assert cached == "None"
