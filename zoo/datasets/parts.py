"""The files that make up a data set: one file, or all readable files of a folder or an archive."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..base import InputError, MissingFileError, did_you_mean
from ..readers import (
    ARCHIVES,
    COMPRESSIONS,
    READERS,
    VASP_NAMES,
    Archive,
    Member,
    Reader,
    Unreadable,
    archive_stem,
    inner_name,
    is_archive,
    reader_of,
    recognises,
    vasp_kind,
    vasp_label,
)

SUPPORTED = (
    f"supported files end in {', '.join(READERS)}, also followed by {', '.join(COMPRESSIONS)}; are named "
    f"{', '.join(VASP_NAMES)}; or are archives ({', '.join(ARCHIVES)}) of these"
)


@dataclass(frozen=True)
class Part:
    """A file and its reader.

    Args:
        path: the file; of a member of an archive, the archive and the path in it.
        reader: its reader.
        prefix: precedes the numbers that serve as ids, and is itself the id of the only sample of a file; empty for a
            file that is read on its own.
        source: the file on disk: the archive of a member, otherwise the same as ``path``.
    """

    path: Path
    reader: Reader
    prefix: str
    source: Path


def find_parts(path: Path) -> tuple[Sequence[Part], Mapping[str, int]]:
    """Find the files of a data set, sorted by path.

    Returns:
        The readable files, and the number of other files of a folder or an archive by suffix (or by name, if they have
        none).

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: an unsupported file, or a folder or archive without supported files.
    """
    if not path.exists():
        names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFileError(f"{path} does not exist{did_you_mean(path.name, names)}")
    if path.is_dir():
        files, links = _files(path)
        entries = [entry for file in files for entry in _entries(file)]
        return _parts(path, [*entries, *((link, None, link, kind) for link, kind in links)])
    if is_archive(path):
        return _parts(path, list(_members(path, Archive(path))))
    reader = reader_of(path)
    if reader is None:
        raise InputError(f"{path} is not a supported file: {SUPPORTED}")
    return [Part(path, reader, "", path)], {}


_Entry = tuple[Path, Reader | None, Path, str]  # path, reader, file on disk, and its kind if there is no reader


def _files(folder: Path) -> tuple[Sequence[Path], Sequence[tuple[Path, str]]]:
    """Return the visible files of a folder, also those behind links, and the links that lead nowhere or to itself."""
    root = folder.resolve()
    seen = {root}
    files: list[Path] = []
    links: list[tuple[Path, str]] = []
    for current, folders, names in os.walk(folder, followlinks=True):
        for name in sorted(folders):
            target = (link := Path(current) / name).resolve()
            # Folders in this one are read where they are.
            if target in seen or (link.is_symlink() and (target.is_relative_to(root) or root.is_relative_to(target))):
                folders.remove(name)
                links.append((link, "link to a folder that is read already"))
            else:
                seen.add(target)
        for file in (Path(current) / name for name in names if not name.startswith(".")):
            if file.is_file():
                files.append(file)
            elif file.is_symlink():
                links.append((file, "broken link"))
    return sorted(files), sorted(links)


def _entries(file: Path) -> Iterator[_Entry]:
    """Yield a file of a folder, or the members of an archive in it."""
    if not is_archive(file):
        yield file, reader_of(file) if recognises(file) else None, file, _kind(file)
        return
    try:
        yield from _members(file, Archive(file))
    except InputError as error:
        yield file, Unreadable(error), file, ""


def _members(path: Path, archive: Archive) -> Iterator[_Entry]:
    for name, file in archive.members.items():
        if isinstance(file, InputError):
            yield path / name, Unreadable(file), path, ""
            continue
        reader = reader_of(file) if recognises(file) else None
        yield path / name, reader and Member(archive, file, reader), path, _kind(Path(name))
    for name, kind in archive.skipped.items():
        yield path / name, None, path, kind


def _kind(file: Path) -> str:
    return file.suffix or file.name


def _parts(root: Path, entries: Sequence[_Entry]) -> tuple[Sequence[Part], Mapping[str, int]]:
    readable = [(path, reader, source) for path, reader, source, _ in entries if reader is not None]
    if not readable:
        raise InputError(f"{root} contains no supported files: {SUPPORTED}")
    relative = [PurePosixPath(path.relative_to(root).as_posix()) for path, _, _ in readable]
    prefixes = list(map(_prefix, relative))
    if len(set(prefixes)) < len(prefixes):
        prefixes = [path.as_posix() for path in relative]
    parts = [Part(entry[0], entry[1], prefix, entry[2]) for entry, prefix in zip(readable, prefixes, strict=True)]
    return parts, Counter(kind for _, reader, _, kind in entries if reader is None)


def _prefix(path: PurePosixPath) -> str:
    """Return a path without suffixes; a file of VASP is named after what its name adds, or else after its folder."""
    name = PurePosixPath(inner_name(path))
    label = vasp_label(name.name) if vasp_kind(name.name) else name.stem
    parts = [*map(archive_stem, path.parent.parts), *([label] if label else [])]
    return "/".join(parts) or path.as_posix()
