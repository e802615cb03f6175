"""Downloads over HTTP that are complete or fail: lengths are checked, interrupted downloads are resumed by range."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import DownloadError

BLOCK = 1 << 20
SECONDS = 60  # without any data from the server
ATTEMPTS = 5  # in a row that bring no new data
PAUSE = 1.0  # seconds, doubled after each such attempt
# The server is busy or failed for a moment.
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class _InterruptedError(Exception):
    """A transfer that ended early, or an answer from which it cannot continue; another attempt may succeed."""


@dataclass
class _Partial:
    """What is known of a file that is being downloaded.

    Args:
        path: the partial file.
        validator: ETag or date by which the server recognises the same version of the file; empty if it sends none.
        length: length of the whole file in bytes, or None if it is not known.
    """

    path: Path
    validator: str = ""
    length: int | None = None

    @property
    def note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def restart(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.validator, self.length = "", None


def download(url: str, path: Path, *, length_required: bool = True) -> None:
    """Download a file, resuming it by range after an interruption.

    After the last attempt, the partial file is kept if the server can tell whether its file is still the same, and the
    next call with the same ``path`` continues it. If the file cannot be written, the partial file is deleted.

    Args:
        url: an http or https address.
        path: where to write; contains the whole file when the function returns.
        length_required: refuse an answer that states neither its length nor its end, and so may be cut off.

    Raises:
        ConnectionError: the whole file could not be downloaded; gives the reason.
        OSError: the file cannot be written.
    """
    partial = _resumed(path, url)
    failures, most = 0, partial.size
    while True:
        try:
            if _transfer(url, partial, length_required):
                partial.note.unlink(missing_ok=True)
                return
            reason = f"the server sent {partial.size:,} of {partial.length:,} bytes"
        except _InterruptedError as error:
            reason = str(error)
        except DownloadError as error:
            _keep_resumable(partial)
            raise DownloadError(f"{url} could not be downloaded: {error}") from error
        except OSError:
            partial.restart()  # the disk may be full
            raise
        failures = 0 if partial.size > most else failures + 1
        most = max(most, partial.size)
        if failures == ATTEMPTS:
            _keep_resumable(partial)
            raise DownloadError(f"{url} could not be downloaded: {reason}")
        if failures:
            time.sleep(PAUSE * 2 ** (failures - 1))


def _resumed(path: Path, url: str) -> _Partial:
    """Return the partial file of an earlier call, or an empty one."""
    partial = _Partial(path)
    try:
        note = json.loads(partial.note.read_text("utf-8"))
        if note["url"] == url and partial.size:
            partial.validator, partial.length = str(note["validator"]), note["length"]
            return partial
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    partial.restart()
    return partial


def _keep_resumable(partial: _Partial) -> None:
    if not partial.validator:
        partial.restart()


def _transfer(url: str, partial: _Partial, length_required: bool) -> bool:
    """Append the body of one answer to the partial file, and return whether the file is now complete."""
    start = partial.size
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if partial.validator:
            headers["If-Range"] = partial.validator
    with _open(urllib.request.Request(url, headers=headers), partial) as answer:
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if answer.status == 206:
            _check_range(answer, partial, start, encoding)
        else:
            partial.restart()  # the answer is the whole file, whatever was asked for
            partial.length = answer.length if encoding == "identity" else None
        if answer.length is None and not answer.chunked and length_required:
            raise DownloadError(
                "the server does not state the length of the file, so a file that is cut off cannot be recognised; "
                "give its SHA-256: hyle fetch MODEL --sha256 NAME=HEX"
            )
        _remember(url, partial, answer)
        try:
            with partial.path.open("ab") as sink:
                for block in _decoded(_body(answer), encoding):
                    sink.write(block)
        except _InterruptedError:
            if encoding != "identity":
                partial.restart()  # positions in the encoded file are not known
            raise
    if partial.length is not None and partial.size > partial.length:
        reason = f"the server sent {partial.size:,} bytes of a file of {partial.length:,} bytes"
        partial.restart()
        raise _InterruptedError(reason)
    return partial.length is None or partial.size == partial.length


def _open(request: urllib.request.Request, partial: _Partial) -> Any:
    try:
        answer = urllib.request.urlopen(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the file is shorter than what was received of it
            partial.restart()
        elif error.code not in TRANSIENT:
            raise DownloadError(f"the server answers {error.code} {error.reason}") from error
        raise _InterruptedError(f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _InterruptedError(_text(error)) from error
    if request.type == "https" and not answer.url.startswith("https:"):
        answer.close()
        raise DownloadError(f"the server redirects to {answer.url}, which is not https")
    return answer


def _check_range(answer: Any, partial: _Partial, start: int, encoding: str) -> None:
    """Check that an answer continues the partial file; discard the partial file if it does not."""
    stated = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    total = int(stated[3]) if stated and stated[3] != "*" else partial.length
    tag = answer.headers.get("ETag", "")
    changed = partial.length not in (None, total) or (
        tag and partial.validator.startswith('"') and tag != partial.validator
    )
    if not stated or int(stated[1]) != start or encoding != "identity" or changed:
        partial.restart()
        header = answer.headers.get("Content-Range", "no range")
        reason = "with another version of the file" if changed else f"with {header}, not with the bytes from {start:,}"
        raise _InterruptedError(f"the server answers {reason}")
    if total is None:
        raise DownloadError(f"the server does not state the length of the file: {stated[0]}")
    partial.length = total


def _remember(url: str, partial: _Partial, answer: Any) -> None:
    """Save by what the same version of the file is recognised, so that a later call can resume it."""
    tag, date = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
    if answer.headers.get("Content-Encoding"):
        return
    # Weak tags do not identify bytes.
    partial.validator = tag if tag.startswith('"') else "" if tag else date
    if partial.validator:
        note = {"url": url, "validator": partial.validator, "length": partial.length}
        partial.note.write_text(json.dumps(note), "utf-8")


def _body(answer: Any) -> Iterator[bytes]:
    """Yield the body in blocks.

    Raises:
        _InterruptedError: the connection ended before the stated end.
    """
    expected, received = answer.length, 0
    while True:
        try:
            block = answer.read1(BLOCK)
        except http.client.IncompleteRead as error:
            raise _InterruptedError("the connection ended before the end of the file") from error
        except (OSError, http.client.HTTPException) as error:
            raise _InterruptedError(_text(error)) from error
        if not block:
            break
        received += len(block)
        yield block
    if expected is not None and received < expected:
        raise _InterruptedError(f"the connection ended after {received:,} of {expected:,} bytes")


def _decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Undo the content encoding, which some servers apply although none is accepted."""
    if encoding == "identity":
        yield from blocks
        return
    if encoding not in ("gzip", "x-gzip"):
        raise DownloadError(f"the server sends the file with the content encoding {encoding}, which is not supported")
    decoder = zlib.decompressobj(wbits=31)
    try:
        for block in blocks:
            while block:
                if decoder.eof:  # the stream consists of several members
                    decoder = zlib.decompressobj(wbits=31)
                yield decoder.decompress(block)
                block = decoder.unused_data
    except zlib.error as error:
        raise DownloadError(f"the server sends a damaged gzip stream: {error}") from error
    if not decoder.eof:
        raise _InterruptedError("the gzip stream of the server ends early")


def _text(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason).partition("\n")[0] or type(reason).__name__
