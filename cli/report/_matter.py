"""Samples drawn on a page: a row of a few samples, and the single pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from hyle.zoo import InputError, Sample, depict, describe_sample, shorten

from ._environment import environment

# Samples of a row.
MOST_IN_ROW = 6


@dataclass(frozen=True)
class Pictured:
    """A sample, or an atom or residue of it, as it is shown on a page.

    Args:
        id: of the row, such as ``qm9:12`` or ``qm9:12#3``.
        sample: the sample, None if it is unknown.
        number: of the atom or residue, None for a whole sample.
    """

    id: str
    sample: Sample | None = None
    number: int | None = None

    @cached_property
    def svg(self) -> str:
        """The picture, with the atom or residue marked; empty if the sample is unknown."""
        if self.sample is None:
            return ""
        try:
            return depict(self.sample, highlight=self.number)
        except InputError:  # a token, which is neither an atom nor a residue, has no place in the picture
            return depict(self.sample)

    @property
    def what(self) -> str:
        """The SMILES, formula or sequence."""
        return "" if self.sample is None else describe_sample(self.sample, 90)

    @property
    def label(self) -> str:
        """The id, shortened, as text that can be printed."""
        return shorten(self.id, 40)


def picture_row(items: Sequence[tuple[Pictured, str]], *, label: str, note: str = "") -> str:
    """Return the HTML of a row of samples: the picture, the id, what it is and one number of each.

    The page needs the styles of ``templates/matter.css``, which are none of a script.

    Args:
        items: at most six samples, each with its number as text.
        label: what the row is, for screen readers.
        note: what the numbers are, below the row; none if empty.

    Raises:
        InputError: more than six samples.

    Example:
        >>> row = picture_row([(Pictured("a", Sample("a", smiles="CO")), "0.91")], label="Most contested samples")
        >>> row.count("<svg"), "0.91" in row
        (1, True)
    """
    if len(items) > MOST_IN_ROW:
        raise InputError(f"a row has {MOST_IN_ROW} samples at most; got {len(items)}")
    if not items:
        return ""
    template = environment().get_template("matter.html.j2")
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return str(template.module.row(items, label)) + below
