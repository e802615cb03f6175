"""Options that choose anchors, the samples to which relative representations measure similarity."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hyle.zoo import InputError, shorten

from .common import Decorator, option_group

# `hyle.engine.preprocess.Method`: the engine takes long to import.
METHODS = ("direct", "kmeans", "farthest", "random")


class FileOr(click.ParamType):
    """A number from 2, or one of some words, or else a file."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.name = "|".join([*(words or ("N",)), "FILE"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, the word or the path of the file."""
        if isinstance(value, int | Path) or value in self.words:
            return value
        if not self.words and value.lstrip("+-").isdecimal():
            return int(click.IntRange(2).convert(value, param, ctx))
        if not Path(value).is_file():
            what = ", ".join(self.words) if self.words else "a number of anchors"
            self.fail(f"{value!r} is neither {what} nor a file of sample ids, one per line", param, ctx)
        return Path(value)


@dataclass(frozen=True)
class AnchorOptions:
    """Values of the options that `anchor_options` adds.

    Args:
        anchors: number of anchors, or a file of their ids; None for no anchors, unless the method is a file.
        anchor_method: of `METHODS`, or a file of ids.
        anchor_model: name of the source in which anchors are chosen; None for all sources together.
        anchor_centring: what is subtracted first, as in `hyle.engine.relative_representation`.
        anchor_seed: of the methods that draw.
        keep_anchors: also score the anchors themselves.
    """

    anchors: int | Path | None = None
    anchor_method: str | Path = "direct"
    anchor_model: str | None = None
    anchor_centring: str = "rows"
    anchor_seed: int = 0
    keep_anchors: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.anchors, Path) and isinstance(self.anchor_method, Path):
            raise InputError(f"--anchors {self.anchors} and --anchor-method {self.anchor_method}: give one file of ids")
        if self.anchors is None and self._asks_for_more and not isinstance(self.anchor_method, Path):
            raise InputError("options of anchors were given without anchors: add --anchors N, such as --anchors 100")

    @property
    def _asks_for_more(self) -> bool:
        """Whether an option other than the anchors differs from its default."""
        return any(
            getattr(self, field.name) != field.default for field in dataclasses.fields(self) if field.name != "anchors"
        )

    @property
    def given(self) -> bool:
        """Whether anchors are asked for."""
        return self.anchors is not None or isinstance(self.anchor_method, Path)

    @property
    def file(self) -> Path | None:
        """The file of ids, if there is one."""
        return next((each for each in (self.anchors, self.anchor_method) if isinstance(each, Path)), None)

    def ids(self) -> list[str]:
        """Read the ids of the file; blank lines are skipped.

        Raises:
            InputError: the file cannot be read, is empty, has an id twice, or not as many ids as ``--anchors`` says.
        """
        path = self.file
        assert path is not None
        try:
            lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read as text with one sample id per line: {error}") from error
        ids = [line for line in lines if line]
        if repeated := [id_ for id_, count in Counter(ids).items() if count > 1]:
            row = len(lines) - lines[::-1].index(repeated[0])
            raise InputError(f"{path}: line {row}: the id {shorten(repeated[0])!r} is there twice: remove one")
        if len(ids) < 2:
            raise InputError(f"{path} has {len(ids)} ids: at least 2 anchors are needed, one id per line")
        if isinstance(self.anchors, int) and self.anchors != len(ids):
            raise InputError(f"--anchors {self.anchors}, but {path} has {len(ids)} ids: omit --anchors")
        return ids


def anchor_options(count: int | None = None) -> Decorator:
    """Add ``--anchors`` and how they are chosen, as one argument ``anchors``: an `AnchorOptions`.

    Args:
        count: number of anchors by default; None for no anchors.
    """
    return option_group(
        AnchorOptions,
        "anchors",
        click.option(
            "--anchors",
            type=FileOr(),
            metavar="N|FILE",
            default=count,
            show_default=count is not None,
            help="Describe every sample by its cosine similarities to the same N samples, the anchors, so that all "
            "models share their columns; or to those whose ids are in a file, one per line.",
        ),
        click.option(
            "--anchor-method",
            type=FileOr(*METHODS),
            default="direct",
            show_default=True,
            metavar="|".join([*METHODS, "FILE"]),
            help="How anchors are chosen: direct (DIRECT sampling: principal components, BIRCH, the centre of each "
            "cluster; needs scikit-learn), kmeans, farthest, random, or a file as in --anchors.",
        ),
        click.option(
            "--anchor-model",
            metavar="NAME",
            help="Choose anchors in this one of the SOURCES. [default: in the principal components of all]",
        ),
        click.option(
            "--anchor-centring",
            type=click.Choice(["rows", "anchors", "none"]),
            default="rows",
            show_default=True,
            help="What is subtracted before similarities are computed: the mean of all rows, or of the anchors. With "
            "none, rows far from the origin are similar to every anchor.",
        ),
        click.option(
            "--anchor-seed",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="Seed of kmeans and random.",
        ),
        click.option(
            "--keep-anchors",
            is_flag=True,
            help="Also score the anchors. Each has cosine 1 with itself in every model, which raises agreement.",
        ),
    )
