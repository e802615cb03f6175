"""A cache folder that cannot be written, and folders of the user that are not replaced."""

from __future__ import annotations

import io
import urllib.request
from dataclasses import replace
from email.message import Message
from pathlib import Path
from urllib.response import addinfourl

import pytest

from hyle.zoo import (
    Environment,
    InputError,
    ModelCard,
    OutputError,
    fetch,
    find_card,
    pin_hashes,
    register,
    registered_dir,
    remove_environment,
)
from hyle.zoo.cards.card import Weights
from hyle.zoo.weights import fetch_member

from ...full_disk import REASON, full_disk

REMEDY = r"; set HYLE_CACHE to another folder$"
SHA256 = "0" * 64


def card(sha256: str = "") -> ModelCard:
    weights = Weights(files={"weights": ("net.safetensors", sha256)}, url="https://example.org/models")
    return replace(find_card("random"), name="far", weights=weights)


@pytest.fixture(params=["file/cache", "/proc/cache"])
def unwritable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the cache to a folder that cannot be created."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HYLE_CACHE", str(tmp_path / request.param))


class Body(io.BytesIO):
    """100 kB as `http.client.HTTPResponse` has them."""

    def __init__(self) -> None:
        super().__init__(bytes(100_000))
        self.length = 100_000


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide an empty cache, and a fake web on which every file has 100 kB."""
    monkeypatch.setenv("HYLE_CACHE", str(tmp_path / "cache"))
    headers = Message()
    headers["Content-Length"] = "100000"

    def answer(request: urllib.request.Request, timeout: float) -> addinfourl:
        return addinfourl(Body(), headers, request.full_url, 200)

    monkeypatch.setattr(urllib.request, "urlopen", answer)


@pytest.mark.usefixtures("unwritable")
def test_a_cache_that_cannot_be_created_is_one_error() -> None:
    with pytest.raises(OutputError, match=REMEDY):
        Environment.of(find_card("random")).build()
    with pytest.raises(OutputError, match=REMEDY):
        fetch_member("tiny==1.0", "tiny-1.0-py3-none-any.whl", SHA256, {"a": SHA256}, 10)
    with pytest.raises(OutputError, match=REMEDY):
        fetch(card().weights)
    with pytest.raises(OutputError, match=REMEDY):
        pin_hashes(card(), {"weights": SHA256})


@pytest.mark.usefixtures("web")
def test_a_disk_that_fills_during_a_download_is_no_error_of_the_network(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(OutputError, match=rf"net\.safetensors: {REASON}{REMEDY}"):
        fetch(card().weights)
    assert [path.name for path in (tmp_path / "cache").rglob("net*")] == []
    fetch(card().weights)
    assert len([path.name for path in (tmp_path / "cache").rglob("net*")]) == 1


@pytest.mark.usefixtures("web")
def test_damaged_hashes_are_an_error_of_input(tmp_path: Path) -> None:
    pin_hashes(card(), {"weights": SHA256})
    (tmp_path / "cache" / "hashes.json").write_text("{")
    with pytest.raises(InputError, match=r"hashes\.json is damaged"):
        pin_hashes(card(), {"weights": SHA256})


@pytest.mark.usefixtures("web")
def test_an_environment_that_cannot_be_deleted_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache" / "envs" / "abc").mkdir(parents=True)

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("hyle.zoo.environments.environment.shutil.rmtree", refuse)
    with pytest.raises(OutputError, match="abc: Permission denied"):
        remove_environment("abc")


def test_a_folder_of_the_user_among_registered_models_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYLE_MODELS", str(tmp_path))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    params = tmp_path / "params.bin"
    params.write_bytes(bytes(100_000))
    mine = replace(find_card("random"), name="thesis", weights=None)
    with pytest.raises(OutputError, match="thesis: it is a folder with other content"):
        register(mine, {"params": params})
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "mine"
    for _ in range(2):  # a registered model is replaced
        assert register(replace(mine, name="model"), {"params": params}).name == "model"
    with full_disk(), pytest.raises(OutputError, match=rf"model: {REASON}; set HYLE_MODELS to another folder"):
        register(replace(mine, name="model"), {"params": params})
    assert sorted(path.name for path in registered_dir().iterdir()) == ["model", "params.bin", "thesis"]
    with pytest.raises(FileNotFoundError, match="none does not exist"):
        register(mine, {"params": tmp_path / "none"})
