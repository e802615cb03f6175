"""A real S3 server of moto, and the settings in the environment with which it is reached."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest

from hyle.zoo import Store

from ..stored import KEY
from .server import BUCKET, Server

ROOT = "s3://bucket/some/where"
MANIFEST = f"some/where/representations/{KEY.folder}.json"


@pytest.fixture(scope="session")
def running() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server with an empty bucket."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in settings(running).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    for each in client.list_buckets()["Buckets"]:
        for part in client.get_paginator("list_objects_v2").paginate(Bucket=each["Name"]):
            for found in part.get("Contents", []):
                client.delete_object(Bucket=each["Name"], Key=found["Key"])
        client.delete_bucket(Bucket=each["Name"])
    client.create_bucket(Bucket=BUCKET)
    running.requests.clear()
    return running


@pytest.fixture
def store(server: Server) -> Store:
    return Store(ROOT)


def settings(server: Server) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        # No other machine is asked for credentials.
        "AWS_METADATA_ENDPOINT": f"{server.url}/no-credentials",
        "NO_PROXY": "127.0.0.1",
    }


def objects(*, prefix: str = "", remove: bool = False) -> dict[str, bytes]:
    """Return name -> content of the objects in the bucket, read by another library, or remove them."""
    bucket = boto3.resource("s3").Bucket(BUCKET)
    found = list(bucket.objects.filter(Prefix=prefix))
    if remove:
        for each in found:
            each.delete()
        return {}
    return {each.key: each.get()["Body"].read() for each in found}


def put(name: str, content: bytes) -> None:
    """Write an object with another library."""
    boto3.resource("s3").Bucket(BUCKET).put_object(Key=name, Body=content)
