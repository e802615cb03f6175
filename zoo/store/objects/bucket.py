"""The few operations on objects that a store needs, with obstore."""

from __future__ import annotations

import functools
import importlib.util
import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ...base import MissingPackageError
from ..errors import StoreAccessError
from .access import access_error, is_fatal, plain_http, settings, timeout

if TYPE_CHECKING:
    from obstore import UpdateVersion

T = TypeVar("T")
# How often a request is sent whose answer may have been lost. obstore itself repeats only what can be repeated blindly.
TRIES = 4
PAUSE = 0.2
# A wrong address or missing network is noticed soon; once the store was reached, requests wait for minutes.
FIRST: dict[str, Any] = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
LATER: dict[str, Any] = {"max_retries": 10, "retry_timeout": timedelta(minutes=3)}


@dataclass(frozen=True)
class Version:
    """What identifies one content of an object; stores use one of the two or both."""

    e_tag: str | None
    version: str | None

    @property
    def condition(self) -> UpdateVersion:
        """The version as the condition of a put."""
        both: UpdateVersion = {"e_tag": self.e_tag, "version": self.version}
        return {name: value for name, value in both.items() if value is not None}  # type: ignore[return-value]


@dataclass(frozen=True)
class Found:
    """An object: its name in the bucket, its size in bytes, and when it was written in seconds since 1970."""

    name: str
    size: int
    written: float


class Bucket:
    """The objects below an address. Every operation is safe to repeat, and is repeated if the network or store fails.

    Args:
        address: ``scheme://bucket/prefix``; names are relative to it.

    Raises:
        MissingPackageError: obstore is not installed.
    """

    def __init__(self, address: str) -> None:
        if importlib.util.find_spec("obstore") is None:
            raise MissingPackageError(
                f"{address}: object stores need obstore, which is not installed; to install it: pip install obstore"
            )
        self.address = address
        self._clients: dict[bool, Any] = {}
        self._reached = False

    def get(self, name: str) -> bytes:
        """Read an object.

        Raises:
            FileNotFoundError: there is none.
            StoreAccessError: the object store cannot be used; so also in the other methods.
        """
        return self.get_version(name)[0]

    def get_version(self, name: str) -> tuple[bytes, Version, float]:
        """Read an object and return it with its version and when it was written."""
        import obstore

        def get(client: Any) -> tuple[bytes, Version, float]:
            found = obstore.get(client, name)
            meta = found.meta
            written = meta["last_modified"].timestamp()
            return found.bytes().to_bytes(), Version(meta["e_tag"], meta["version"]), written

        return self._request(get, name)

    def version(self, name: str) -> Version | None:
        """Return the version of an object without reading it; None if there is none."""
        import obstore

        try:
            meta = self._request(lambda client: obstore.head(client, name), name)
        except FileNotFoundError:
            return None
        return Version(meta["e_tag"], meta["version"])

    def put(self, name: str, content: bytes) -> None:
        """Write an object under a name that nobody else uses."""
        import obstore

        self._request(lambda client: obstore.put(client, name, content, use_multipart=False), name, tries=TRIES)

    def put_if(self, name: str, content: bytes, version: Version | None) -> bool:
        """Write an object only if there is none, or only if its version is the given one.

        Args:
            name: the name.
            content: different from all other contents that are written under that name.
            version: the version that is replaced; None if there must be none.

        Returns:
            Whether the object now has this content.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = "create" if version is None else version.condition
        for attempt in range(TRIES):
            try:
                self._request(lambda client: obstore.put(client, name, content, mode=mode, use_multipart=False), name)
            except (AlreadyExistsError, PreconditionError, FileNotFoundError):
                pass
            except StoreAccessError as error:
                if attempt == TRIES - 1 or is_fatal(error):
                    raise
            else:
                return True
            # An earlier request may have been carried out although its answer was lost.
            try:
                found, current, _ = self.get_version(name)
            except FileNotFoundError:
                found, current = None, None
            if found == content:
                return True
            if current != version:
                return False
            time.sleep(PAUSE * 2**attempt)  # what came between was removed, or another request is in progress
        return False

    def list(self, prefix: str = "") -> list[Found]:
        """Return all objects below a folder, sorted by name."""
        import obstore

        def collect(client: Any) -> list[Found]:
            return [
                Found(each["path"], each["size"], each["last_modified"].timestamp())
                for part in obstore.list(client, prefix or None)
                for each in part
            ]

        return sorted(self._request(collect, prefix), key=lambda each: each.name)

    def is_empty(self) -> bool:
        """Return whether there is no object."""
        import obstore

        def first(client: Any) -> bool:
            return not any(len(part) for part in obstore.list(client, chunk_size=1))

        return self._request(first, "")

    def delete(self, names: Collection[str]) -> None:
        """Delete objects; those that are gone already do no harm."""
        import obstore

        if not names:
            return
        try:
            self._request(lambda client: obstore.delete(client, list(names)), "", tries=TRIES)
        except FileNotFoundError:  # some stores say so; then the others may be left
            for name in names:
                with suppress(FileNotFoundError):
                    self._request(functools.partial(obstore.delete, paths=name), name, tries=TRIES)

    def _request(self, send: Callable[[Any], T], name: str, tries: int = 1) -> T:
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        for attempt in range(tries):
            try:
                result = send(self._client())
            except (AlreadyExistsError, PreconditionError):
                self._reached = True
                raise
            except FileNotFoundError as error:
                if is_fatal(error):
                    raise access_error(self.address, error) from error
                self._reached = True
                raise FileNotFoundError(f"{self.address}/{name} is missing") from error
            except BaseError as error:
                if is_fatal(error) or attempt == tries - 1:
                    raise access_error(self.address, error) from error
                time.sleep(PAUSE * 2**attempt)
            else:
                self._reached = True
                return result
        raise AssertionError

    def _client(self) -> Any:
        if self._reached not in self._clients:
            from obstore.store import from_url

            retry: Any = LATER if self._reached else FIRST
            options: Any = {"allow_http": plain_http(self.address), "timeout": timeout()}
            self._clients[self._reached] = from_url(self.address, client_options=options, retry_config=retry)
        return self._clients[self._reached]


def bucket_at(address: str) -> Bucket:
    """Return the bucket at an address, the same one as long as the settings in the environment are the same."""
    return _bucket(address, settings(address), os.getpid())


@functools.lru_cache(maxsize=16)
def _bucket(address: str, _settings: tuple[tuple[str, str], ...], _process: int) -> Bucket:
    return Bucket(address)
