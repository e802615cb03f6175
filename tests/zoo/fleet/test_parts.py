"""Shards, the queue, errors of workers, threads and devices, and addresses of clusters."""

from __future__ import annotations

import os
import socket
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from hyle.zoo import InputError, MissingPackageError, OperationError, Sample
from hyle.zoo.fleet import check_ray, ray_connection
from hyle.zoo.fleet.failure import Failure
from hyle.zoo.fleet.queue import ShardQueue
from hyle.zoo.fleet.ray_actor import in_pieces, joined
from hyle.zoo.fleet.ray_connection import check_address
from hyle.zoo.fleet.settings import cores, gpu_settings, thread_settings, visible_gpus
from hyle.zoo.fleet.shards import split
from hyle.zoo.store import DamagedFolderError


def samples(n: int) -> list[Sample]:
    return [Sample(f"s{i:03d}", smiles="C") for i in range(n)]


@pytest.mark.parametrize(
    ("n", "workers", "sizes"),
    [
        (0, 4, []),
        (1, 4, [1]),
        (5, 4, [2, 2, 1]),
        (300, 1, [128, 128, 44]),
        (300, 2, [128, 128, 44]),
        (300, 4, [75] * 4),
        (600, 4, [128] * 4 + [88]),
    ],
)
def test_shards_are_those_of_one_process_unless_workers_would_have_none(n: int, workers: int, sizes: list[int]) -> None:
    shards = split(samples(n), workers)
    assert [len(shard) for shard in shards] == sizes
    assert [sample for shard in shards for sample in shard] == samples(n)


def test_a_lost_shard_comes_last_and_the_third_loss_names_its_samples() -> None:
    said: list[str] = []
    queue = ShardQueue([samples(3)[:1], samples(3)[1:]], "m", said.append)
    for turn in range(3):
        shard = queue.take(0)
        assert shard is not None
        if turn == 0:
            assert shard.ids == ["s000"]
            queue.lost(0, "killed by SIGKILL")
            assert queue.take(1).ids == ["s001", "s002"]
            assert queue.done(1).ids == ["s001", "s002"]
        elif turn == 1:
            queue.lost(0, "killed by SIGKILL")
        else:
            with pytest.raises(
                OperationError,
                match=r"3 workers were lost with the same 1 sample \(at last killed by SIGSEGV\): s000; emb",
            ):
                queue.lost(0, "killed by SIGSEGV")
    assert len(said) == 2
    assert said[0] == "  m: a worker was lost (killed by SIGKILL); its sample s000 will go to another"


def test_workers_that_are_lost_while_idle_cost_nothing() -> None:
    queue = ShardQueue([samples(1)], "m", lambda line: None)
    for _ in range(9):
        assert queue.take(0) is not None
        queue.lost(0, "restarted", idle=True)
    for _ in range(9):
        queue.lost(1, "ended")
        queue.ready(1)
    assert queue.left == 1


def raised(error: Exception, host: str = "") -> Exception:
    try:
        raise error
    except Exception as caught:
        return Failure.of(caught, host).raised()


def test_an_error_on_purpose_keeps_class_message_and_attributes() -> None:
    error = raised(InputError("the file is wrong"))
    assert type(error) is InputError
    assert str(error) == "the file is wrong"
    assert "the file is wrong" in str(error.__cause__)
    assert str(raised(InputError("the file is wrong"), "node7")) == "on node7: the file is wrong"
    damaged = raised(DamagedFolderError(Path("store/shards/a"), ["s1", "s2"]))
    assert isinstance(damaged, DamagedFolderError)
    assert (damaged.path, list(damaged.ids)) == (Path("store/shards/a"), ["s1", "s2"])
    assert str(damaged).startswith("store/shards/a is damaged: remove it and embed again; `hyle store verify`")


def test_other_errors_are_what_the_command_line_makes_of_them() -> None:
    missing = raised(ModuleNotFoundError("No module named 'umap'", name="umap"))
    assert isinstance(missing, MissingPackageError)
    assert "pip install" in str(missing)
    # This file is code of the user.
    users = raised(KeyError("mass"))
    assert isinstance(users, OperationError)
    assert str(users).startswith("KeyError: 'mass' (")
    assert "test_parts.py" in str(users)


class LockedError(InputError):
    def __init__(self) -> None:
        super().__init__("of a kind that cannot be sent")
        self.lock = threading.Lock()


def test_an_error_that_cannot_be_sent_keeps_its_message() -> None:
    assert str(raised(LockedError())) == "LockedError: of a kind that cannot be sent"


def test_workers_share_the_cores_and_keep_smaller_numbers_of_the_user() -> None:
    share = max(1, cores() // 2)
    settings = thread_settings(2, {"MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": str(10 * cores())})
    assert settings["OMP_NUM_THREADS"] == settings["OPENBLAS_NUM_THREADS"] == str(share)
    assert settings["MKL_NUM_THREADS"] == "1"
    assert set(thread_settings(10 * cores(), {}).values()) == {"1"}


def test_workers_take_the_gpus_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = visible_gpus({"CUDA_VISIBLE_DEVICES": "3, GPU-5a1,7"})
    assert gpus == ["3", "GPU-5a1", "7"]
    assert [gpu_settings(i, "cuda", gpus) for i in (0, 1, 2, 3)] == [
        {"CUDA_VISIBLE_DEVICES": gpu} for gpu in ("3", "GPU-5a1", "7", "3")
    ]
    assert gpu_settings(1, "cuda:1", gpus) == gpu_settings(1, "cpu", gpus) == gpu_settings(0, "cuda", []) == {}
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf 'GPU 0: NVIDIA (UUID: GPU-1)\\n  MIG 1g\\nGPU 1: NVIDIA (UUID: GPU-2)\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert visible_gpus({}) == ["0", "1"]
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert visible_gpus({}) == []


def test_work_travels_in_pieces_that_ray_keeps_in_the_call() -> None:
    data = os.urandom(300_000)
    pieces = in_pieces(data)
    assert max(map(len, pieces)) < 100_000
    assert joined(pieces) == data


@pytest.mark.parametrize("address", ["", "head", "ray://head", "host:port", "host:0", "http://host:80", "host:99999"])
def test_an_address_of_another_form_is_an_error(address: str) -> None:
    with pytest.raises(InputError, match=r"is not auto, local, HOST:PORT or ray://HOST:PORT"):
        check_address(address)


@pytest.mark.parametrize("form", ["{}", "ray://{}"])
def test_an_address_where_nothing_answers_is_an_error(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = form.format(f"127.0.0.1:{unused.getsockname()[1]}")
    with pytest.raises(InputError, match=f"no Ray cluster answers at {address}: Connection refused"):
        check_address(address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError, match=f"no Ray cluster answers at {address}"):
        check_address("auto")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"", "timed out"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not Ray"), (b"SSH", "not Ray"), (b"\0\0\6\4", None)],
)
def test_a_server_that_is_not_ray_is_an_error(
    answer: bytes, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_connection, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            assert connection.recv(24) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            connection.sendall(answer)
            if answer:
                connection.shutdown(socket.SHUT_WR)
            connection.recv(100)
            connection.recv(100)  # until the other end is closed
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if reason is None:
            check_address(address)
        else:
            with pytest.raises(InputError, match=f"no Ray cluster answers at {address}: .*{reason}"):
                check_address(address)
        thread.join()


@pytest.mark.parametrize(("address", "module"), [("auto", "ray"), ("ray://head:10001", "grpc")])
def test_ray_that_is_not_installed_is_an_error(address: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if module == "grpc":
        pytest.importorskip("ray")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError) as caught:
        check_ray(address)
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    (need,) = project["optional-dependencies"]["ray"]
    assert str(caught.value) == f"--ray {address} needs {module}, which is not installed: pip install '{need}'"
