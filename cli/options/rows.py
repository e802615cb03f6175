"""Options that select rows of atoms, residues and tokens, and rows by what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from hyle.zoo import GROUP_KINDS, NODE_GROUP_KINDS, NODE_KINDS, InputError

from .common import Decorator, option_group

ROW_KINDS = (*NODE_GROUP_KINDS, *GROUP_KINDS)

UNITS = (
    " P-values exchange whole samples of about the same composition, element by element or residue type by residue "
    "type; intervals are over samples."
)


@dataclass(frozen=True)
class RowSelection:
    """Which rows are compared, and in which parts: the values of `row_options`.

    Args:
        per: ``atom``, ``residue`` or ``token`` for rows of these; None for rows of samples.
        where: kind of group -> labels; rows with another label are excluded.
        by: kind of group, to compare the rows of each label alone; None for all rows at once.
    """

    per: str | None = None
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    by: str | None = None


def row_options(*, by: bool) -> Decorator:
    """Add ``--per`` and ``--where``, and ``--by`` if asked for, as one argument ``rows``: a `RowSelection`."""
    options = [
        click.option(
            "--per",
            type=click.Choice(NODE_KINDS),
            help="Use the rows of atoms, residues or tokens that `hyle embed --per` has stored." + UNITS * by,
        ),
        click.option(
            "--where",
            metavar="KIND=LABEL,...",
            multiple=True,
            callback=lambda _context, _option, texts: dict(map(_parse_where, texts)),
            help=f"Use only the rows with these labels, such as element=C,N. KIND is one of {', '.join(ROW_KINDS)}; "
            "repeat it for more.",
        ),
    ]
    if by:
        options.append(
            click.option(
                "--by",
                type=click.Choice(ROW_KINDS),
                metavar="KIND",
                help="Compare the rows of each label alone, and print the scores side by side, such as --by element.",
            )
        )
    return option_group(RowSelection, "rows", *options, **({} if by else {"by": None}))


def _parse_where(text: str) -> tuple[str, list[str]]:
    """Parse ``KIND=LABEL,...``.

    Raises:
        InputError: it is not of that form, or the kind is unknown.
    """
    kind, equals, listed = text.partition("=")
    labels = [label.strip() for label in listed.split(",") if label.strip()]
    if not equals or kind.strip() not in ROW_KINDS or not labels:
        raise InputError(f"--where {text}: use KIND=LABEL, such as element=O; KIND is one of {', '.join(ROW_KINDS)}")
    return kind.strip(), labels


def where_words(where: Mapping[str, Any]) -> str:
    """Return a selection as it would be typed, for messages."""
    return " ".join(f"--where {kind}={','.join(labels)}" for kind, labels in where.items())
