"""Weights on the web: downloaded on request, verified by their hash, and never unpickled without one."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hyle.zoo import (
    ModelCard,
    OutputError,
    UnknownHashError,
    check_hashes,
    fetch,
    find_card,
    pin_hashes,
    state_of,
    weights_files,
    weights_version,
)
from hyle.zoo.cards.card import Weights
from hyle.zoo.weights import transfer
from hyle.zoo.weights import urls as urls

from .lying_server import CONTENT, Server, serving

SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """Provide an empty cache, and a server; addresses say https, for which the server would need a certificate."""

    def over_http(url: str, path: Path, **options: bool) -> None:
        transfer.download(url.replace("https:", "http:", 1), path, **options)

    monkeypatch.setenv("HYLE_CACHE", str(tmp_path))
    monkeypatch.setattr(urls, "download", over_http)
    monkeypatch.setattr(transfer, "PAUSE", 0.0)
    with serving("whole") as server:
        yield server


def url(web: Server) -> str:
    return f"{web.url.replace('http:', 'https:', 1)}/models/v1"


def card(web: Server, sha256: str = SHA256, *, pickled: bool = False) -> ModelCard:
    weights = Weights(files={"weights": ("net.pt", sha256)}, url=url(web), pickled=pickled)
    return replace(find_card("random"), name="far", weights=weights)


def get(card: ModelCard, lines: list[str] | None = None) -> Path:
    return weights_files(card, notify=(lines if lines is not None else []).append)["weights"]


def test_a_file_is_downloaded_once_and_announced(web: Server) -> None:
    lines: list[str] = []
    assert state_of(card(web)) == "needs-weights"
    assert card(web).fetch_command() == "hyle fetch far"
    assert get(card(web), lines).read_bytes() == CONTENT
    assert lines == [f"downloading {url(web)}/net.pt"]
    assert state_of(card(web)) == "runs"
    web.ways = ["missing"]
    assert get(card(web), lines).read_bytes() == CONTENT
    assert len(lines) == 1


def test_a_file_with_another_hash_is_not_kept(web: Server, tmp_path: Path) -> None:
    web.content = b"evil"
    with pytest.raises(ValueError, match="is expected; not used"):
        get(card(web))
    assert not list(tmp_path.rglob("*net.pt"))


def test_a_file_that_changed_in_the_cache_is_an_error(web: Server) -> None:
    get(card(web)).write_bytes(b"changed")
    with pytest.raises(ValueError, match="do not use it"):
        get(card(web))


def test_the_hash_of_the_first_download_is_expected_later(web: Server) -> None:
    open_card = card(web, "")
    assert open_card.weights is not None
    before = weights_version(open_card.weights)
    fetch(open_card.weights)
    after = weights_version(open_card.weights)
    assert after != before
    path = get(open_card)
    assert weights_version(open_card.weights) == after
    assert urls.known_hashes(open_card.weights) == {"net.pt": SHA256}
    path.unlink()
    web.content = b"another"
    with pytest.raises(ValueError, match="is expected; not used"):
        get(open_card)


def test_a_pickle_needs_a_hash_before_it_is_downloaded(web: Server, tmp_path: Path) -> None:
    pickled = card(web, "", pickled=True)
    with pytest.raises(UnknownHashError, match=r"net\.pt is a pickle.*hyle fetch far --sha256 weights=HEX"):
        get(pickled)
    assert not list(tmp_path.rglob("*net.pt"))
    pin_hashes(pickled, {"weights": "0" * 64})
    with pytest.raises(ValueError, match="is expected; not used"):
        get(pickled)
    pin_hashes(pickled, {"weights": SHA256})
    assert get(pickled).read_bytes() == CONTENT


def test_hashes_are_accepted_only_if_the_card_has_none(web: Server) -> None:
    with pytest.raises(ValueError, match="states the SHA-256"):
        pin_hashes(card(web), {"weights": SHA256})
    with pytest.raises(ValueError, match="it has: weights"):
        pin_hashes(card(web, ""), {"weight": SHA256})
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        pin_hashes(card(web, ""), {"weights": "abc"})
    with pytest.raises(ValueError, match="it has: none"):
        pin_hashes(find_card("random"), {"weights": SHA256})
    check_hashes(find_card("minilm"))


def test_an_unreachable_web_raises_one_clear_error(web: Server) -> None:
    web.ways = ["missing"]
    with pytest.raises(
        ConnectionError, match=r"could not be downloaded: the server answers 404.*; .*put the file there yourself"
    ):
        get(card(web))


def test_a_manually_placed_file_is_used(web: Server, tmp_path: Path) -> None:
    web.ways = ["missing"]
    path = tmp_path / "urls" / url(web).removeprefix("https://") / "net.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert get(card(web)) == path


@pytest.mark.parametrize("way", ["thousand", "cut_chunked", "cut_zipped_chunked", "no_length", "wrong_range"])
def test_a_file_that_is_cut_off_is_neither_kept_nor_pinned(way: str, web: Server, tmp_path: Path) -> None:
    web.ways = [way]
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        get(card(web, ""))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    weights = card(web, "").weights
    assert weights is not None
    assert urls.known_hashes(weights) == {"net.pt": ""}


def test_a_file_without_a_stated_length_is_accepted_only_with_its_hash(web: Server) -> None:
    web.ways = ["cut_no_length"]
    with pytest.raises(ValueError, match="is expected; not used"):
        get(card(web))
    web.ways = ["no_length"]
    assert get(card(web)).read_bytes() == CONTENT


def test_an_interrupted_download_is_continued_and_pinned_as_a_whole(web: Server) -> None:
    web.ways = ["cut_tagged", "missing"]
    open_card = card(web, "")
    assert open_card.weights is not None
    with pytest.raises(ConnectionError, match="404"):
        get(open_card)
    assert urls.known_hashes(open_card.weights) == {"net.pt": ""}
    assert urls.cached_urls(open_card.weights) is None
    web.ways = ["tagged"]
    assert get(open_card).read_bytes() == CONTENT
    assert urls.known_hashes(open_card.weights) == {"net.pt": SHA256}
    assert web.requests[-1] == "bytes=300000-"


def test_a_full_disk_is_named(web: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(urls, "download", full)
    with pytest.raises(
        OutputError, match=rf"cannot write {tmp_path}.*net\.pt: No space left on device; set HYLE_CACHE"
    ):
        get(card(web))


def test_only_https_is_used() -> None:
    with pytest.raises(ValueError, match="over https only"):
        fetch(Weights(files={"weights": ("net.pt", SHA256)}, url="http://example.org"))
