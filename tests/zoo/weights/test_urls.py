"""Weights on the web: downloaded on request, verified by their hash, and never unpickled without one."""

from __future__ import annotations

import hashlib
import io
import urllib.error
from dataclasses import replace
from pathlib import Path

import pytest

from hyle.zoo import (
    ModelCard,
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
from hyle.zoo.weights import urls as urls

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/models/v1"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """Provide an empty cache, and a fake web with one file."""
    pages = {f"{URL}/net.pt": CONTENT}

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        if url not in pages:
            raise urllib.error.URLError("no such host")
        return io.BytesIO(pages[url])

    monkeypatch.setenv("HYLE_CACHE", str(tmp_path))
    monkeypatch.setattr(urls.urllib.request, "urlopen", urlopen)
    return pages


def card(sha256: str = SHA256, *, pickled: bool = False) -> ModelCard:
    weights = Weights(files={"weights": ("net.pt", sha256)}, url=URL, pickled=pickled)
    return replace(find_card("random"), name="far", weights=weights)


def get(card: ModelCard, lines: list[str] | None = None) -> Path:
    return weights_files(card, notify=(lines if lines is not None else []).append)["weights"]


def test_a_file_is_downloaded_once_and_announced(web: dict[str, bytes]) -> None:
    lines: list[str] = []
    assert state_of(card()) == "needs-weights"
    assert card().fetch_command() == "hyle fetch far"
    assert get(card(), lines).read_bytes() == CONTENT
    assert lines == [f"downloading {URL}/net.pt"]
    assert state_of(card()) == "runs"
    web.clear()
    assert get(card(), lines).read_bytes() == CONTENT
    assert len(lines) == 1


def test_a_file_with_another_hash_is_not_kept(web: dict[str, bytes], tmp_path: Path) -> None:
    web[f"{URL}/net.pt"] = b"evil"
    with pytest.raises(ValueError, match="is expected; not used"):
        get(card())
    assert not list(tmp_path.rglob("*net.pt"))


def test_a_file_that_changed_in_the_cache_is_an_error(web: dict[str, bytes]) -> None:
    get(card()).write_bytes(b"changed")
    with pytest.raises(ValueError, match="do not use it"):
        get(card())


def test_the_hash_of_the_first_download_is_expected_later(web: dict[str, bytes]) -> None:
    open_card = card("")
    assert open_card.weights is not None
    before = weights_version(open_card.weights)
    fetch(open_card.weights)
    after = weights_version(open_card.weights)
    assert after != before
    path = get(open_card)
    assert weights_version(open_card.weights) == after
    assert urls.known_hashes(open_card.weights) == {"net.pt": SHA256}
    path.unlink()
    web[f"{URL}/net.pt"] = b"another"
    with pytest.raises(ValueError, match="is expected; not used"):
        get(open_card)


def test_a_pickle_needs_a_hash_before_it_is_downloaded(web: dict[str, bytes], tmp_path: Path) -> None:
    pickled = card("", pickled=True)
    with pytest.raises(UnknownHashError, match=r"net\.pt is a pickle.*hyle fetch far --sha256 weights=HEX"):
        get(pickled)
    assert not list(tmp_path.rglob("*net.pt"))
    pin_hashes(pickled, {"weights": "0" * 64})
    with pytest.raises(ValueError, match="is expected; not used"):
        get(pickled)
    pin_hashes(pickled, {"weights": SHA256})
    assert get(pickled).read_bytes() == CONTENT


def test_hashes_are_accepted_only_if_the_card_has_none(web: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="states the SHA-256"):
        pin_hashes(card(), {"weights": SHA256})
    with pytest.raises(ValueError, match="it has: weights"):
        pin_hashes(card(""), {"weight": SHA256})
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        pin_hashes(card(""), {"weights": "abc"})
    with pytest.raises(ValueError, match="it has: none"):
        pin_hashes(find_card("random"), {"weights": SHA256})
    check_hashes(find_card("minilm"))


def test_an_unreachable_web_raises_one_clear_error(web: dict[str, bytes]) -> None:
    web.clear()
    with pytest.raises(ConnectionError, match=r"could not be downloaded: no such host; .*put the file there yourself"):
        get(card())


def test_a_manually_placed_file_is_used(web: dict[str, bytes], tmp_path: Path) -> None:
    web.clear()
    path = tmp_path / "urls" / "example.org" / "models" / "v1" / "net.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert get(card()) == path


def test_only_https_is_used() -> None:
    with pytest.raises(ValueError, match="over https only"):
        fetch(Weights(files={"weights": ("net.pt", SHA256)}, url="http://example.org"))
