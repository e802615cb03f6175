"""Relative representations: choose anchors, and describe every sample by its similarity to them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from hyle.zoo import InputError, Representation, did_you_mean, shorten

from ..comparison import without
from ..options import AnchorOptions
from .compare import MIN_SAMPLES, by_name
from .rows import rows_of, rows_word

# What anchors are chosen by if no source is named.
JOINT = "the principal components of all models"


@dataclasses.dataclass(frozen=True)
class Anchors:
    """Anchors and how they were chosen.

    Args:
        ids: of the anchors, sorted.
        method: of `hyle.cli.options.METHODS`, or the name of the file.
        reference: what they were chosen by; empty for a file.
        centring: what is subtracted before similarities are computed.
        seed: of the methods that draw.
        scored: whether the anchors are scored themselves.
    """

    ids: tuple[str, ...]
    method: str
    reference: str
    centring: str
    seed: int
    scored: bool

    @property
    def recipe(self) -> dict[str, Any]:
        """The facts that make relative rows reproducible."""
        return dataclasses.asdict(self) | {"ids": list(self.ids), "count": len(self.ids)}

    @property
    def attributes(self) -> dict[str, str]:
        """The recipe as attributes of a Comparison."""
        return {"anchors": json.dumps(self.recipe)}

    def note(self, relative: Sequence[Representation]) -> str:
        """Return what was chosen, and how many samples all representations relative to it have, in a line."""
        n = len(set.intersection(*(set(each.ids) for each in relative)))
        rest = "the anchors among them" if self.scored else "without the anchors"
        return f"{self.words}; {n:,} {rows_word(relative)} are scored, {rest}"

    @property
    def words(self) -> str:
        """What was chosen, in a line."""
        chosen = f"by {self.method} in {self.reference}" if self.reference else f"from {self.method}"
        return f"note: rows are cosines to {len(self.ids)} anchors, {chosen}"


def choose_anchors(representations: Sequence[Representation], options: AnchorOptions) -> Anchors:
    """Choose anchors among the samples that all representations have.

    Args:
        representations: of the same samples.
        options: with anchors.

    Raises:
        InputError: too many anchors, an unknown or repeated id, an anchor model that is no source, or rows that are not
            finite.
    """
    common = sorted(set.intersection(*(set(each.ids) for each in representations)))
    if options.file is not None:
        ids = options.ids()
        if unknown := sorted(set(ids) - set(common)):
            everywhere = set().union(*(each.ids for each in representations))
            why = "not all sources have" if unknown[0] in everywhere else "no source has"
            hint = "" if unknown[0] in everywhere else did_you_mean(unknown[0], common)
            raise InputError(
                f"{options.file}: {len(unknown)} of {len(ids)} anchors are samples that {why}: "
                f"{', '.join(map(shorten, unknown[:3]))}{hint}"
            )
        _check_left(len(common), len(ids), options)
        return Anchors(tuple(sorted(ids)), options.file.name, "", options.anchor_centring, 0, options.keep_anchors)
    count = options.anchors
    assert isinstance(count, int)
    _check_left(len(common), count, options)
    from hyle.engine import joint_reference, select_anchors

    named = by_name(representations)
    if options.anchor_model is not None and options.anchor_model not in named:
        close = did_you_mean(options.anchor_model, list(named))
        raise InputError(f"--anchor-model {options.anchor_model} is none of {', '.join(named)}{close}")
    if options.anchor_method == "random" and options.anchor_model is None:
        # Random anchors depend on the ids alone, whatever models are compared.
        reference, rows = "the ids", np.arange(len(common), dtype=np.float32)[:, None]
    elif options.anchor_model is None:
        reference = JOINT
        rows = joint_reference([rows_of(each, common) for each in representations])
    else:
        reference, rows = options.anchor_model, rows_of(named[options.anchor_model], common)
    method = str(options.anchor_method)
    chosen = select_anchors(rows, count, method=method, seed=options.anchor_seed)  # type: ignore[arg-type]
    ids = [common[row] for row in chosen]
    return Anchors(tuple(ids), method, reference, options.anchor_centring, options.anchor_seed, options.keep_anchors)


def relative_to(representations: Sequence[Representation], anchors: Anchors) -> list[Representation]:
    """Return representations by cosines to the anchors, [n, K] each, without the anchors unless they are scored."""
    from hyle.engine import relative_representation

    found = []
    for each in representations:
        rows = rows_of(each, each.ids)
        position = {id_: row for row, id_ in enumerate(each.ids)}
        at = np.array([position[id_] for id_ in anchors.ids])
        cosines = relative_representation(rows, at, centring=anchors.centring)  # type: ignore[arg-type]
        recipe = {**each.recipe, "anchors": anchors.recipe}
        relative = dataclasses.replace(each, embedding=np.asarray(cosines), recipe=recipe)
        found.append(relative if anchors.scored else without(relative, anchors.ids))
    return found


def _check_left(n: int, count: int, options: AnchorOptions) -> None:
    """Check that enough samples remain to be scored."""
    most = n if options.keep_anchors else n - MIN_SAMPLES
    if count > most or n < MIN_SAMPLES:
        why = "" if options.keep_anchors else ", since anchors are not scored"
        advice = f"use 2 to {most}{why}" if most >= 2 and n >= MIN_SAMPLES else f"use more samples{why}"
        raise InputError(f"{count} anchors are too many for {n} common samples: {advice}")
