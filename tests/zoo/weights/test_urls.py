"""Weights on the web: fetched when asked for, held to their hash, and never unpickled without one."""

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
    """An empty cache, and a web of one page."""
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


def get(one: ModelCard, said: list[str] | None = None) -> Path:
    return weights_files(one, notify=(said if said is not None else []).append)["weights"]


def test_a_file_is_fetched_once_and_said_first(web: dict[str, bytes]) -> None:
    said: list[str] = []
    assert state_of(card()) == "needs-weights"
    assert card().fetch_command() == "hyle fetch far"
    assert get(card(), said).read_bytes() == CONTENT
    assert said == [f"downloading {URL}/net.pt"]
    assert state_of(card()) == "runs"
    web.clear()
    assert get(card(), said).read_bytes() == CONTENT
    assert len(said) == 1


def test_what_hashes_to_something_else_is_not_kept(web: dict[str, bytes], tmp_path: Path) -> None:
    web[f"{URL}/net.pt"] = b"evil"
    with pytest.raises(ValueError, match="is expected; not used"):
        get(card())
    assert not list(tmp_path.rglob("*net.pt"))


def test_what_changed_in_the_cache_is_found_out(web: dict[str, bytes]) -> None:
    get(card()).write_bytes(b"changed")
    with pytest.raises(ValueError, match="do not use it"):
        get(card())


def test_a_first_fetch_is_what_later_ones_are_held_to(web: dict[str, bytes]) -> None:
    open_card = card("")
    assert open_card.weights is not None
    before = weights_version(open_card.weights)
    fetch(open_card.weights)
    named = weights_version(open_card.weights)
    assert named != before
    path = get(open_card)
    assert weights_version(open_card.weights) == named
    assert urls.expected(open_card.weights) == {"net.pt": SHA256}
    path.unlink()
    web[f"{URL}/net.pt"] = b"another"
    with pytest.raises(ValueError, match="is expected; not used"):
        get(open_card)


def test_a_pickle_needs_a_hash_before_it_is_fetched(web: dict[str, bytes], tmp_path: Path) -> None:
    one = card("", pickled=True)
    with pytest.raises(UnknownHashError, match=r"net\.pt is a pickle.*hyle fetch far --sha256 weights=HEX"):
        get(one)
    assert not list(tmp_path.rglob("*net.pt"))
    pin_hashes(one, {"weights": "0" * 64})
    with pytest.raises(ValueError, match="is expected; not used"):
        get(one)
    pin_hashes(one, {"weights": SHA256})
    assert get(one).read_bytes() == CONTENT


def test_hashes_are_given_where_they_lack(web: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="states the SHA-256"):
        pin_hashes(card(), {"weights": SHA256})
    with pytest.raises(ValueError, match="it has: weights"):
        pin_hashes(card(""), {"weight": SHA256})
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        pin_hashes(card(""), {"weights": "abc"})
    with pytest.raises(ValueError, match="it has: none"):
        pin_hashes(find_card("random"), {"weights": SHA256})
    check_hashes(find_card("minilm"))


def test_no_web_is_one_clear_error(web: dict[str, bytes]) -> None:
    web.clear()
    with pytest.raises(ConnectionError, match=r"could not be had: no such host; .*put the file there yourself"):
        get(card())


def test_a_file_that_was_put_there_by_hand_is_taken(web: dict[str, bytes], tmp_path: Path) -> None:
    web.clear()
    path = tmp_path / "urls" / "example.org" / "models" / "v1" / "net.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert get(card()) == path


def test_nothing_is_fetched_but_by_https() -> None:
    with pytest.raises(ValueError, match="by https alone"):
        fetch(Weights(files={"weights": ("net.pt", SHA256)}, url="http://example.org"))
