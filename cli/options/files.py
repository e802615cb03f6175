"""Options that say how files of embeddings are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import click

from hyle.zoo import (
    ID_RULES,
    InputError,
    Representation,
    SelectionError,
    apply_id_rule,
    is_address,
    is_embedding_file,
    is_sample_file,
    read_embeddings,
)

from ..console import say
from .common import Decorator, option_group

ROWS = "rows"


@dataclass(frozen=True)
class FileSelection:
    """How files of embeddings are read: the values of `file_options`.

    Args:
        ids: rules of `hyle.zoo.ID_RULES`, ``rows``, and files with the ids of files that have none.
        key: array, tensor, layer or column of lists with the embeddings.
        columns: feature columns of tables.
        id_column: array or column with the ids.
    """

    ids: Sequence[str] = ()
    key: str | None = None
    columns: str | None = None
    id_column: str | None = None

    @property
    def rules(self) -> list[str]:
        """The rules that change ids."""
        return [word for word in self.ids if word in ID_RULES]

    @property
    def paths(self) -> list[Path]:
        """The files with ids.

        Raises:
            InputError: a word that is neither a rule nor a file.
        """
        paths = [Path(word) for word in self.ids if word not in (ROWS, *ID_RULES)]
        for path in paths:
            if not path.is_file():
                raise InputError(
                    f"--ids {path} is neither a file nor a rule; the rules are {ROWS}, {', '.join(ID_RULES)}"
                )
        return paths

    def read(self, paths: Sequence[Path]) -> list[Representation]:
        """Read files, and say in one line each what was read as what.

        An option that names something applies to the files that have it. A file with ids belongs to the .npy files in
        their order or, without such files, to all files in their order.

        Raises:
            InputError: a file cannot be read, no file has what an option names, or there are more files with ids than
                files without.
        """
        given = {name: value for name in ("key", "columns", "id_column") if (value := getattr(self, name))}
        takers = [path for path in paths if path.suffix.lower() == ".npy"] or list(paths)
        if self.paths and len(self.paths) != len(takers):
            kind = ".npy files" if takers[:1] and takers[0].suffix.lower() == ".npy" else "files"
            raise InputError(f"--ids was given {len(self.paths)} times for {len(takers)} {kind}: give it once for each")
        ids_of = dict(zip(takers, self.paths, strict=False))
        unused = set(given)
        found = []
        for path in paths:
            if is_sample_file(path) and not is_embedding_file(path):
                raise InputError(
                    f"{path} contains samples, not embeddings; embed them first: hyle embed MODEL --dataset {path}"
                )
            representation, used = self._read_one(path, ids_of.get(path), given, alone=len(paths) == 1)
            unused -= used
            found.append(representation)
            say(str(representation.recipe["read_as"]))
        if unused and paths:
            option = f"--{min(unused).replace('_', '-')}"
            raise InputError(f"{option} {given[min(unused)]}: none of the files has this")
        return _distinct(paths, found)

    def _read_one(
        self, path: Path, ids_path: Path | None, given: dict[str, Any], *, alone: bool
    ) -> tuple[Representation, set[str]]:
        """Read a file with as many of the options as apply to it."""
        first: SelectionError | None = None
        for count in range(len(given), -1, -1):
            for names in combinations(given, count):
                try:
                    options = {name: given[name] for name in names}
                    representation = read_embeddings(path, ids_path=ids_path, number_rows=ROWS in self.ids, **options)
                except SelectionError as error:
                    if alone:
                        raise
                    first = first or error
                else:
                    return representation, set(names)
        assert first is not None
        raise first

    def rename(self, sample_id: str) -> str:
        """Return what the rules make of an id."""
        for rule in self.rules:
            sample_id = ID_RULES[rule][0](sample_id)
        return sample_id

    def apply_rules(self, representations: Sequence[Representation]) -> list[Representation]:
        """Apply the rules for ids to representations of files and models alike.

        Raises:
            InputError: two ids of a representation become equal.
        """
        changed = list(representations)
        for rule in self.rules:
            say(f"ids by the rule {rule}: {ID_RULES[rule][1]}")
            changed = [apply_id_rule(each, rule) for each in changed]
        return changed


def _distinct(paths: Sequence[Path], representations: list[Representation]) -> list[Representation]:
    """Return representations under distinct names: files of one name in several folders are called by their paths."""
    names = [each.name for each in representations]
    for name in {name for name, count in Counter(names).items() if count > 1}:
        places = [i for i, other in enumerate(names) if other == name]
        stems, full = ([rename(paths[i]) for i in places] for rename in (_path_without_suffix, Path.as_posix))
        renamed = full if len(set(full)) > len(set(stems)) else stems
        if len(set(renamed)) > 1:  # else the same file, whose copies are numbered
            for i, other in zip(places, renamed, strict=True):
                names[i] = other
    return [
        each if each.name == name else replace(each, name=name)
        for each, name in zip(representations, names, strict=True)
    ]


def _path_without_suffix(path: Path) -> str:
    return path.with_suffix("").as_posix()


def is_file_source(source: str) -> bool:
    """Return whether a source is a file or folder rather than the name of a model."""
    return is_address(source) or is_embedding_file(source) or Path(source).exists()


def _of_teachers(
    ids: Sequence[str], key: str | None, columns: str | None, teacher_id_column: str | None
) -> FileSelection:
    return FileSelection(ids, key, columns, teacher_id_column)


def _options(id_column: str) -> list[Decorator]:
    rules = "; ".join(f"{name} ({words})" for name, (_, words) in ID_RULES.items())
    return [
        click.option(
            "--ids",
            multiple=True,
            metavar="RULE|FILE",
            help=f"A rule that makes ids of several sources meet: {rules}; rows numbers the rows of files without ids "
            "from 0. Or a text file with the ids of a file, one per line; repeat it for each .npy file, in their "
            "order. [default: the ids in the file; of NAME.npy those in NAME.ids.txt]",
        ),
        click.option(id_column, help="For files: the column or array with the ids. [default: what its name says]"),
        click.option(
            "--key",
            help="For files: the array, tensor, layer or column of lists with the embeddings. [default: what its name "
            "says]",
        ),
        click.option(
            "--columns",
            help="For tables: the feature columns, comma-separated: names, patterns (f*) and ranges (f0..f63). "
            "[default: the columns whose names are numbered]",
        ),
    ]


# How files of embeddings are read, as one argument ``files``: a `FileSelection`.
file_options = option_group(FileSelection, "files", *_options("--id-column"))
# The same beside `dataset_options`, whose ``--id-column`` is that of the samples.
teacher_file_options = option_group(_of_teachers, "files", *_options("--teacher-id-column"))
