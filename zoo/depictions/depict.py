"""Draw a sample in the form that shows most of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base import InputError, Sample, molecule
from ..nodes import structure_numbers
from . import molecule as molecules
from . import structure as structures
from .geometry import backbone_start, find_geometry
from .labels import describe_sample
from .protein import draw_protein
from .svg import text_box

WIDTH, HEIGHT = 180, 130


@dataclass(frozen=True)
class Drawing:
    """A picture of a sample.

    Args:
        svg: the SVG; its letters and lines have the colour of the text around it.
        places: number of an atom or residue of the sample -> its place in units of the viewBox; those that the picture
            does not show by themselves, such as hydrogens of a structural formula, are missing.
    """

    svg: str
    places: Mapping[int, tuple[int, int]] = field(default_factory=dict)


def depict(sample: Sample, *, width: int = WIDTH, height: int = HEIGHT, highlight: int | None = None) -> str:
    """Return a picture of a sample as SVG.

    A molecule with a SMILES string is drawn as its structural formula by RDKit; other atoms as balls and sticks, with
    the cell of a crystal, in the direction in which they overlap least; a protein as the trace of its backbone with its
    sequence. What cannot be drawn becomes a box of text that says what it is.

    The SVG has no background and takes the colour of the text around it, so that it fits light and dark pages; it has a
    viewBox and no size of its own. The same sample always gives the same text, given the versions of RDKit and ASE.

    Args:
        sample: with at least one view.
        width: width of the viewBox in pixels, at least 40; the viewBox has 10 units per pixel.
        height: height of the viewBox in pixels, at least 40.
        highlight: number of an atom or residue that is marked, as in the id of a node: in the structure or, without
            one, in the SMILES string; in the sequence.

    Raises:
        InputError: the sample has no atom or residue of this number, or the picture is too small.
        ImportError: RDKit or ASE is not installed.

    Example:
        >>> svg = depict(Sample("ethanol", smiles="CCO"))
        >>> svg.startswith("<svg"), "<title>ethanol: CCO</title>" in svg
        (True, True)
    """
    nodes = () if highlight is None else (highlight,)
    return _draw(sample, width, height, nodes, highlight).svg


def draw(sample: Sample, *, width: int = WIDTH, height: int = HEIGHT, nodes: Collection[int] = ()) -> Drawing:
    """Return a picture of a sample in which each of the given atoms or residues has a place; see `depict`.

    A molecule of which the structural formula does not show all of them, such as hydrogens, is drawn as balls and
    sticks.

    Raises:
        InputError: the picture is too small.
        ImportError: RDKit or ASE is not installed.
    """
    return _draw(sample, width, height, nodes, None)


def _draw(sample: Sample, width: int, height: int, nodes: Collection[int], highlight: int | None) -> Drawing:
    if min(width, height) < 40:
        raise InputError(f"a picture is at least 40 x 40 pixels; got {width} x {height}")
    what = describe_sample(sample, 120)
    title = f"{sample.id}: {what}" + ("" if highlight is None else f", number {highlight}")
    size: dict[str, Any] = {"width": width, "height": height, "title": title}
    drawn = _of_molecule(sample, nodes, highlight, size)
    if drawn is None and sample.atoms is not None:
        drawn = _of_structure(sample, highlight, size)
    if drawn is None and (sample.sequence or sample.backbone is not None):
        drawn = _of_protein(sample, highlight, size)
    if drawn is not None:
        return drawn
    return Drawing(text_box([*_kind(sample), what], **size))


def _of_molecule(sample: Sample, nodes: Collection[int], highlight: int | None, size: dict[str, Any]) -> Drawing | None:
    """Draw the structural formula, unless there is none, or it does not show all nodes."""
    mol = molecule(sample.smiles) if sample.smiles else None
    if mol is None or not 0 < mol.GetNumAtoms() <= molecules.MOST_ATOMS:
        return None
    numbers: list[int] | None = list(range(mol.GetNumAtoms()))
    if sample.atoms is not None and nodes:
        numbers = structure_numbers(sample)
    if nodes and not set(nodes) <= set(numbers or ()):
        if sample.atoms is not None:
            return None
        _check(sample, highlight, mol.GetNumAtoms())
    at = None if highlight is None else (numbers or []).index(highlight)
    svg, places = molecules.draw_molecule(mol, highlight=at, **size)
    return Drawing(svg, dict(zip(numbers or (), places, strict=True)) if nodes else {})


def _of_structure(sample: Sample, highlight: int | None, size: dict[str, Any]) -> Drawing | None:
    assert sample.atoms is not None
    _check(sample, highlight, len(sample.atoms))
    if len(sample.atoms) > structures.MOST_ATOMS:
        return None
    shape = find_geometry(sample)
    if shape is None:
        return None
    svg, places = structures.draw_structure(shape, highlight=highlight, **size)
    return Drawing(svg, _by_number(places))


def _of_protein(sample: Sample, highlight: int | None, size: dict[str, Any]) -> Drawing:
    sequence, backbone = sample.sequence or "", sample.backbone
    _check(sample, highlight, len(sequence) or (0 if backbone is None else len(backbone)))
    trace = None if backbone is None or not np.isfinite(backbone).all() else backbone[:, 1]
    start = backbone_start(sample)
    svg, places = draw_protein(trace, sequence, start=start, highlight=highlight, **size)
    return Drawing(svg, {} if start is None else _by_number(places, start))


def _by_number(places: np.ndarray, start: int = 0) -> dict[int, tuple[int, int]]:
    return {start + i: (x, y) for i, (x, y) in enumerate(places.tolist())}


def _check(sample: Sample, highlight: int | None, count: int) -> None:
    if highlight is not None and not 0 <= highlight < count:
        raise InputError(f"sample {sample.id!r} has no atom or residue {highlight}: it has {count}, numbered from 0")


def _kind(sample: Sample) -> list[str]:
    """Return what a sample without a picture is."""
    if sample.atoms is not None:
        return [f"structure of {len(sample.atoms)} atoms"]
    if sample.smiles:
        mol = molecule(sample.smiles)
        return ["unreadable SMILES" if mol is None else f"molecule of {mol.GetNumAtoms()} heavy atoms"]
    return ["SELFIES"] if sample.selfies else ["text"] if sample.text else []
