import hashlib
import io
import multiprocessing
import os
import subprocess
import sys
import tarfile
import threading
import types
import zipfile
from pathlib import Path

import pytest

from hyle.zoo import OutputError
from hyle.zoo.weights import carriers
from hyle.zoo.weights.carriers import fetch_member, verify_member

from .lying_server import serving

MEMBERS = {"tiny/a.bin": b"weights" * 1000, "tiny/sub/b.json": b"{}"}


def sha(data):
    return hashlib.sha256(data).hexdigest()


HASHES = {name: sha(data) for name, data in MEMBERS.items()}
# The metadata that pip requires in a wheel.
INFO = {
    "METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\nRequires-Python: >=99\n",
    "WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": b"",
}
WHEEL, SDIST = "tiny-1.0-py3-none-any.whl", "tiny-1.0.tar.gz"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that serves as the package index, and an empty cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, data in MEMBERS.items():
            wheel.writestr(name, data)
        for name, data in INFO.items():
            wheel.writestr(f"tiny-1.0.dist-info/{name}", data)
    monkeypatch.setenv("HYLE_CACHE", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def fetch(index, members=HASHES, *, archive=WHEEL, archive_sha256=None, **kwargs):
    path = index / archive
    size = path.stat().st_size if path.exists() else 1_000_000
    archive_sha256 = archive_sha256 or (sha(path.read_bytes()) if path.exists() else "0" * 64)
    return fetch_member("tiny==1.0", archive, archive_sha256, members, size, **kwargs)


class FakePip:
    """A fake ``subprocess.run`` that copies the archive, or fails with a message of pip."""

    def __init__(self, monkeypatch, source=None, stderr="", name=None):
        self.calls, self.source, self.stderr, self.name = [], source, stderr, name
        fake = types.SimpleNamespace(run=self.run)
        monkeypatch.setattr(carriers, "subprocess", fake)

    def run(self, command, **_kwargs):
        self.calls.append(command)
        if self.source is None:
            return subprocess.CompletedProcess(command, 1, "", self.stderr)
        goal = Path(command[command.index("-d") + 1])
        goal.mkdir()
        (goal / (self.name or self.source.name)).write_bytes(self.source.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")


def stray_files(folder):
    """Return all files in the cache that are neither a member nor a lock."""
    carriers = folder / "carriers"
    files = [p for p in carriers.rglob("*") if p.is_file()] if carriers.exists() else []
    wanted = {carriers / "tiny-1.0" / name for name in MEMBERS} | {carriers / ".tiny-1.0.lock"}
    return [p for p in files if p not in wanted]


def test_real_pip_downloads_a_wheel_that_needs_a_newer_python(index, tmp_path):
    lines = []
    folder = fetch(index, notify=lines.append)
    assert folder == tmp_path / "cache" / "carriers" / "tiny-1.0"
    for name, data in MEMBERS.items():
        assert (folder / name).read_bytes() == data
    assert lines == ["downloading tiny==1.0 (0 MB) from your package index"]
    assert stray_files(tmp_path / "cache") == []


def test_cached_members_need_no_pip(index, monkeypatch):
    pip = FakePip(monkeypatch, index / WHEEL)
    lines = []
    for _ in range(3):
        fetch(index, notify=lines.append)
    assert len(pip.calls) == 1
    assert len(lines) == 1
    command = pip.calls[0]
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--require-hashes" in command
    assert command[command.index("--only-binary") + 1] == "tiny"


def test_the_message_contains_the_size(index, monkeypatch):
    FakePip(monkeypatch, index / WHEEL)
    lines = []
    fetch_member("tiny==1.0", WHEEL, sha((index / WHEEL).read_bytes()), HASHES, 49_968_311, notify=lines.append)
    assert lines == ["downloading tiny==1.0 (50 MB) from your package index"]


def test_only_requested_members_are_kept(index, monkeypatch):
    pip = FakePip(monkeypatch, index / WHEEL)
    member = {"tiny/sub/b.json": HASHES["tiny/sub/b.json"]}
    folder = fetch(index, member)
    assert [p.name for p in folder.rglob("*") if p.is_file()] == ["b.json"]
    fetch(index)
    assert len(pip.calls) == 2
    assert (folder / "tiny/a.bin").is_file()


def test_a_changed_member_is_downloaded_again(index, monkeypatch):
    FakePip(monkeypatch, index / WHEEL)
    lines = []
    folder = fetch(index)
    stamp = (folder / "tiny/a.bin").stat()
    (folder / "tiny/a.bin").write_bytes(b"Weights" * 1000)
    os.utime(folder / "tiny/a.bin", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    fetch(index, notify=lines.append)
    assert (folder / "tiny/a.bin").read_bytes() == MEMBERS["tiny/a.bin"]
    assert lines[0].endswith("tiny/a.bin has a wrong sha256: downloading it again")


def test_sdist(index, tmp_path, monkeypatch):
    with tarfile.open(index / SDIST, "w:gz") as tar:
        for name, data in {**MEMBERS, "tiny-1.0/setup.py": b"raise SystemExit('ran')"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    pip = FakePip(monkeypatch, index / SDIST)
    folder = fetch(index, archive=SDIST)
    assert (folder / "tiny/a.bin").read_bytes() == MEMBERS["tiny/a.bin"]
    assert pip.calls[0][pip.calls[0].index("--no-binary") + 1] == "tiny"
    assert stray_files(tmp_path / "cache") == []


def test_links_in_an_sdist_are_not_members(index, monkeypatch):
    with tarfile.open(index / SDIST, "w:gz") as tar:
        entry = tarfile.TarInfo("tiny/a.bin")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    FakePip(monkeypatch, index / SDIST)
    with pytest.raises(ValueError, match=r"has no member tiny/a\.bin"):
        fetch(index, archive=SDIST)


@pytest.mark.parametrize("real", [True, False])
def test_an_archive_with_another_hash_raises(index, tmp_path, monkeypatch, real):
    if not real:
        FakePip(monkeypatch, index / WHEEL)
    message = "whose sha256 is not" if real else "has the sha256"
    with pytest.raises(ValueError, match=message) as caught:
        fetch(index, archive_sha256="0" * 64)
    assert "\n" not in str(caught.value)
    assert stray_files(tmp_path / "cache") == []
    assert not (tmp_path / "cache" / "carriers" / "tiny-1.0").exists()


@pytest.mark.parametrize("way", ["thousand", "cut_chunked"])
def test_an_archive_that_is_cut_off_is_not_kept(index, tmp_path, monkeypatch, way):
    archive_sha256 = sha((index / WHEEL).read_bytes())
    with serving(way) as server:
        server.page = f'<a href="{WHEEL}">{WHEEL}</a>'.encode()
        monkeypatch.setenv("PIP_FIND_LINKS", f"{server.url}/links.html")
        monkeypatch.setenv("PIP_RETRIES", "0")
        with pytest.raises(
            (ValueError, ConnectionError), match=r"the download was cut off, try again|could not download"
        ):
            fetch(index, archive_sha256=archive_sha256)
    assert server.requests
    assert stray_files(tmp_path / "cache") == []
    assert not (tmp_path / "cache" / "carriers" / "tiny-1.0").exists()


def test_a_full_disk_is_named(index, tmp_path, monkeypatch):
    stderr = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    FakePip(monkeypatch, stderr=stderr)
    with pytest.raises(OutputError, match=r"cannot write .*cache.*: No space left on device; set HYLE_CACHE"):
        fetch(index)
    assert stray_files(tmp_path / "cache") == []


def test_an_archive_with_another_name_raises(index, monkeypatch):
    FakePip(monkeypatch, index / WHEEL, name="tiny-1.0-cp311-none-any.whl")
    message = rf"pip downloaded tiny-1\.0-cp311-none-any\.whl, but {WHEEL} is expected"
    with pytest.raises(ValueError, match=message):
        fetch(index)


def test_a_member_with_another_hash_raises(index, tmp_path, monkeypatch):
    FakePip(monkeypatch, index / WHEEL)
    with pytest.raises(ValueError, match=r"tiny-1\.0-py3-none-any\.whl: tiny/a\.bin has the sha256"):
        fetch(index, {**HASHES, "tiny/a.bin": "0" * 64})
    assert not list((tmp_path / "cache" / "carriers").glob("tiny-1.0/**/*.bin"))
    assert stray_files(tmp_path / "cache") == []


def test_a_missing_member_raises(index, tmp_path, monkeypatch):
    FakePip(monkeypatch, index / WHEEL)
    with pytest.raises(ValueError, match=r"tiny-1\.0-py3-none-any\.whl has no member tiny/c\.bin"):
        fetch(index, {**HASHES, "tiny/c.bin": "0" * 64})
    assert stray_files(tmp_path / "cache") == []


@pytest.mark.parametrize("member", ["../a", "/etc/passwd", "a/../../b", ""])
def test_a_path_outside_the_archive_raises(index, member):
    with pytest.raises(ValueError, match="is not a relative path inside an archive"):
        fetch(index, {member: "0" * 64})


@pytest.mark.parametrize("carrier", ["tiny", "tiny==", "==1.0", "../tiny==1.0", "tiny==1.0 --index-url=x"])
def test_an_invalid_carrier_raises(carrier):
    with pytest.raises(ValueError, match="a carrier has the form NAME==VERSION"):
        fetch_member(carrier, WHEEL, "0" * 64, HASHES, 1)


PIP_STDERR = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NameResolutionError': /simple/tiny/
ERROR: Could not find a version that satisfies the requirement tiny==1.0 (from versions: none)
ERROR: No matching distribution found for tiny==1.0
[notice] A new release of pip is available
"""


def test_a_failure_of_pip_is_reported(index, tmp_path, monkeypatch):
    FakePip(monkeypatch, stderr=PIP_STDERR)
    with pytest.raises(ConnectionError) as caught:
        fetch(index)
    text = str(caught.value)
    assert text.startswith(
        "pip could not download tiny==1.0: No matching distribution found for tiny==1.0; check the network"
    )
    assert f"set PIP_FIND_LINKS to a folder with {WHEEL} in it" in text
    assert "\n" not in text
    assert stray_files(tmp_path / "cache") == []


def test_a_failure_of_real_pip_is_reported(index):
    (index / WHEEL).unlink()
    with pytest.raises(ConnectionError, match=r"No matching distribution found for tiny==1\.0"):
        fetch(index)


def test_missing_pip_raises(index, monkeypatch):
    monkeypatch.setattr(carriers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="-m ensurepip"):
        fetch(index)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_raises(index, tmp_path):
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="Permission denied; set HYLE_CACHE to another folder"):
        fetch(index)


def test_files_left_by_a_killed_process_are_deleted(index, tmp_path, monkeypatch):
    FakePip(monkeypatch, index / WHEEL)
    (tmp_path / "cache/carriers/.tiny-1.0.tmp/got").mkdir(parents=True)
    (tmp_path / "cache/carriers/.tiny-1.0.tmp/got/half.whl").write_bytes(b"half")
    fetch(index)
    assert stray_files(tmp_path / "cache") == []


def _fetch_many(index, results):
    lines = []
    folder = fetch(index, notify=lines.append)
    results.put((all((folder / n).read_bytes() == d for n, d in MEMBERS.items()), lines))


def test_four_concurrent_processes(index, tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    children = [context.Process(target=_fetch_many, args=(index, results)) for _ in range(4)]
    for child in children:
        child.start()
    got = [results.get(timeout=120) for _ in children]
    for child in children:
        child.join()
    assert all(good for good, _ in got)
    lines = [line for _, part in got for line in part]
    assert sum(line.startswith("downloading") for line in lines) == 1
    assert stray_files(tmp_path / "cache") == []


def test_a_waiting_process_reports_that_it_waits(index, monkeypatch):
    pip = FakePip(monkeypatch, index / WHEEL)
    inside, go_on, lines = threading.Event(), threading.Event(), []
    plain = pip.run

    def slow(command, **kwargs):
        inside.set()
        assert go_on.wait(30)
        return plain(command, **kwargs)

    monkeypatch.setattr(carriers.subprocess, "run", slow)

    def note(line):
        lines.append(line)
        go_on.set()

    first = threading.Thread(target=fetch, args=(index,))
    first.start()
    assert inside.wait(30)
    fetch(index, notify=note)
    first.join()
    assert lines == ["waiting for another process that is downloading tiny==1.0"]
    assert len(pip.calls) == 1


def test_verify_member(tmp_path):
    path = tmp_path / "x"
    with pytest.raises(FileNotFoundError, match=f"{path} is missing"):
        verify_member(path, "0" * 64)
    path.write_bytes(b"x")
    verify_member(path, sha(b"x").upper())
    with pytest.raises(ValueError, match=f"{path} has the sha256 2d711642b726b044"):
        verify_member(path, "0" * 64)
