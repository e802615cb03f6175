"""Downloads from a server that cuts off, misstates or encodes its file: the whole file, or an error and no file."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import pytest

from hyle.zoo.weights import transfer
from hyle.zoo.weights.transfer import download

from .lying_server import CONTENT, serving

N = len(CONTENT)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSE", 0.0)


@pytest.mark.parametrize("way", ["whole", "tagged", "chunked", "zipped", "short_range"])
def test_a_whole_file_is_downloaded(way: str, tmp_path: Path) -> None:
    with serving(way) as server:
        download(server.url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


@pytest.mark.parametrize(
    ("ways", "ranges"),
    [
        (["cut", "whole"], [None, 300_000]),
        (["cut", "cut", "cut", "whole"], [None, 300_000, 600_000, 900_000]),
        (["cut", "ignores_range"], [None, 300_000]),
        (["cut", "wrong_range", "whole"], [None, 300_000, None]),
        (["cut", "no_range", "whole"], [None, 300_000, None]),
        (["cut", "other_total", "whole"], [None, 300_000, None]),
        (["cut", "zipped"], [None, 300_000]),
        (["cut_chunked", "whole"], [None, 250_000]),
        (["cut_zipped", "whole"], [None, None]),
        (["cut_zipped_chunked", "whole"], [None, None]),
        (["busy", "busy", "whole"], [None, None, None]),
        (["closes", "garbage", "whole"], [None, None, None]),
        (["cut", "busy", "closes", "whole"], [None, 300_000, 300_000, 300_000]),
    ],
)
def test_an_interrupted_download_is_continued(ways: list[str], ranges: list[int | None], tmp_path: Path) -> None:
    with serving(*ways) as server:
        download(server.url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.requests == [None if start is None else f"bytes={start}-" for start in ranges]


@pytest.mark.parametrize(
    ("way", "message", "requests"),
    [
        ("thousand", "the connection ended after 1,000 of 1,000,000 bytes", 6),
        ("cut_chunked", "the connection ended before the end of the file", 6),
        ("cut_zipped_chunked", "gzip stream of the server ends early", 5),
        ("wrong_range", f"bytes 7-{N - 1}/{N}, not with the bytes from 0", 5),
        ("no_length", "does not state the length", 1),
        ("brotli", "content encoding br, which is not supported", 1),
        ("missing", "the server answers 404", 1),
        ("busy", "the server answers 503", 5),
        ("closes", "closed connection without response", 5),
        ("garbage", "", 5),
    ],
)
def test_a_partial_file_is_never_returned(way: str, message: str, requests: int, tmp_path: Path) -> None:
    with (
        serving(way) as server,
        pytest.raises(ConnectionError, match="could not be downloaded: .*" + re.escape(message)),
    ):
        download(server.url, tmp_path / "part")
    assert len(server.requests) == requests
    assert list(tmp_path.iterdir()) == []


def test_without_a_stated_length_the_caller_has_to_check_the_hash(tmp_path: Path) -> None:
    with serving("no_length") as server:
        download(server.url, tmp_path / "part", length_required=False)
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_the_next_call_continues_an_interrupted_download(tmp_path: Path) -> None:
    with serving("cut_tagged", "busy") as server:
        with pytest.raises(ConnectionError, match="503"):
            download(server.url, tmp_path / "part")
        assert (tmp_path / "part").stat().st_size == 300_000
        server.ways, server.requests = ["tagged"], []
        download(server.url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.requests == ["bytes=300000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_a_file_that_changed_in_the_meantime_is_downloaded_from_its_start(tmp_path: Path) -> None:
    with serving("cut_tagged", "missing") as server:
        with pytest.raises(ConnectionError, match="404"):
            download(server.url, tmp_path / "part")
        server.ways, server.tag, server.content = ["tagged"], '"v2"', CONTENT[::-1]
        download(server.url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT[::-1]


def test_a_file_that_became_shorter_is_downloaded_from_its_start(tmp_path: Path) -> None:
    with serving("cut_tagged", "missing") as server:
        with pytest.raises(ConnectionError, match="404"):
            download(server.url, tmp_path / "part")
        server.ways, server.content = ["tagged"], CONTENT[:1000]
        download(server.url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT[:1000]


def test_the_partial_file_of_another_address_is_not_continued(tmp_path: Path) -> None:
    with serving("cut_tagged", "missing") as server:
        with pytest.raises(ConnectionError, match="404"):
            download(f"{server.url}/a", tmp_path / "part")
        server.ways, server.requests = ["tagged"], []
        download(f"{server.url}/b", tmp_path / "part")
    assert server.requests == [None]
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_full_disk_is_an_error_of_the_disk_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.open

    class Full:
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *args: object) -> None:
            self.stream.close()

        def write(self, block: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        stream = original(self, mode, *args, **options)
        return Full(stream) if mode == "ab" else stream

    monkeypatch.setattr(Path, "open", opened)
    with serving("tagged") as server, pytest.raises(OSError, match="No space left") as raised:
        download(server.url, tmp_path / "part")
    assert not isinstance(raised.value, ConnectionError)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1


def test_https_is_not_left_by_a_redirect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving("whole") as server:
        answer = transfer.urllib.request.urlopen(server.url)
        monkeypatch.setattr(transfer.urllib.request, "urlopen", lambda *args, **options: answer)
        with pytest.raises(ConnectionError, match=r"redirects to http:.*not https"):
            download("https://127.0.0.1/net.pt", tmp_path / "part")
