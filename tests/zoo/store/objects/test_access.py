"""Object stores that cannot be used: one line that names the address and the settings."""

import subprocess
import sys

import pytest

from hyle.zoo import InputError, MissingPackageError, Store
from hyle.zoo.store import StoreAccessError, find_stored

from ..stored import IDS, KEY, RECIPE, representation, rows


@pytest.fixture
def failure(server):
    """What using a store says, in one line."""

    def call(root, use=lambda store: store.save(KEY, representation())):
        with pytest.raises(StoreAccessError, match=rf"^cannot use the store {root}: ") as raised:
            use(Store(root))
        text = str(raised.value)
        assert "\n" not in text
        return text

    return call


USES = {
    "save": lambda store: store.save(KEY, representation()),
    "load": lambda store: store.load(KEY),
    "list": lambda store: store.list(),
    "extraction": lambda store: store.extraction(KEY, IDS, RECIPE),
    "exists": lambda store: store.exists(),
    "stored": lambda store: find_stored(store.root),
}
use = pytest.mark.parametrize("use", USES.values(), ids=USES)


@use
def test_no_bucket(failure, use):
    text = failure("s3://nowhere/a", use)
    assert "there is no bucket 'nowhere': create it, or check the address and AWS_ENDPOINT_URL and AWS_REGION" in text


@use
def test_no_server(failure, monkeypatch, use):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "it cannot be reached: check the network and AWS_ENDPOINT_URL and AWS_REGION" in failure("s3://bucket", use)


@use
def test_no_credentials(failure, monkeypatch, use):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in failure("s3://bucket", use)


@use
def test_no_permission(failure, server, use):
    """At every request of the operation."""
    use(Store("s3://bucket/allowed"))
    count = len(server.requests)
    for number in range(count):
        server.requests.clear()
        with server.failing(before=lambda request, number=number: "deny" if request.number == number else None):
            text = failure("s3://bucket/denied", use)
        assert "permission denied: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they allow" in text


def test_no_permission_during_a_shard_and_the_commit(failure, server):
    extraction = Store("s3://bucket/denied").extraction(KEY, IDS, RECIPE, shared=True)
    with (
        server.failing(before=lambda request: "deny" if request.method == "PUT" else None),
        pytest.raises(StoreAccessError, match="permission denied"),
    ):
        extraction.write_shard(IDS, rows(IDS))
    extraction.write_shard(IDS, rows(IDS))
    with (
        server.failing(before=lambda request: "deny" if "/representations/" in request.path else None),
        pytest.raises(StoreAccessError, match="permission denied"),
    ):
        extraction.commit()
    assert extraction.commit().embedding.tobytes() == rows(IDS).tobytes()


def test_no_account_of_azure(failure, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    text = failure("az://container/a")
    assert "no credentials: set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY" in text


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://host/x", "a store is a folder, or an address that begins with one of s3://, gs://, az://"),
        ("https://host/x", "begins with one of s3://, gs://, az://"),
        ("file:///tmp/x", "begins with one of s3://, gs://, az://"),
        ("s3://", "the address of a store is s3://BUCKET or s3://BUCKET/PREFIX"),
        ("s3://a b/c", "the address of a store is"),
        ("gs://bucket/a/../b", r"no \. or \.\. as a name"),
        ("s3://bucket/a?versions", "no \\?, #"),
    ],
)
def test_addresses_that_are_none(address, message):
    with pytest.raises(InputError, match=message):
        Store(address)


def test_the_time_for_a_request_is_a_number(server, monkeypatch):
    for value in ("soon", "0", "-1", "1e400"):
        monkeypatch.setenv("HYLE_STORE_TIMEOUT", value)
        with pytest.raises(
            StoreAccessError, match=f"HYLE_STORE_TIMEOUT is '{value}', not a number of seconds such as 120"
        ):
            Store("s3://bucket").load(KEY)


def test_without_obstore_the_extra_is_named(monkeypatch):
    import importlib.util

    from hyle.zoo.store.objects import bucket

    bucket._bucket.cache_clear()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "obstore" else find(name))
    with pytest.raises(MissingPackageError, match=r"obstore, .* to install it: pip install obstore$"):
        Store("s3://bucket/without")


OFFLINE = """
import socket, sys
def refuse(*_): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
from hyle.zoo import Store
Store(sys.argv[1]).list()
Store("s3://bucket/a")
print([name for name in ("obstore", "boto3") if name in sys.modules])
"""


def test_obstore_is_imported_only_when_something_is_read(tmp_path):
    done = subprocess.run([sys.executable, "-c", OFFLINE, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
