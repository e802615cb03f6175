"""The structural formula of a molecule, drawn by RDKit."""

from __future__ import annotations

import re
from typing import Any

from .svg import compact_path, frame, ring

# Lines, and letters, of this colour take the colour of the text around the picture.
_INK = "#000000"
# Legible on white and on the dark card of a page (contrast at least 3 on both). All other elements are drawn as ink.
_PALETTE = {
    5: "#c0714f",
    7: "#3d7fe0",
    8: "#e2483d",
    9: "#2f9e62",
    15: "#d9741a",
    16: "#a98a10",
    17: "#2f9e4f",
    34: "#c08a1e",
    35: "#b3633a",
    53: "#9a5fd0",
}
_BOND = 18  # pixels, unless the molecule is too large for its picture
MOST_ATOMS = 150

_ELEMENT = re.compile(r"<path ([^>]*?)/>|<ellipse ([^>]*?)/>", re.DOTALL)
_ATTRIBUTE = re.compile(r"([\w-]+)='([^']*)'")


def draw_molecule(
    mol: Any, *, width: int, height: int, title: str, highlight: int | None = None
) -> tuple[str, list[tuple[int, int]]]:
    """Return the SVG of a molecule, and the places of its atoms in units of the viewBox.

    Args:
        mol: of RDKit, from SMILES.
        width: in pixels.
        height: in pixels.
        title: for screen readers.
        highlight: index of an atom.
    """
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D
    from rdkit.rdBase import BlockLogs

    mol = Chem.Mol(mol)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    options.fixedBondLength = _BOND
    options.padding = 0.05
    options.minFontSize, options.maxFontSize = 7, 13
    options.flagCloseContactsDist = -1
    options.setAtomPalette({-1: (0.0, 0.0, 0.0)} | {number: _rgb(colour) for number, colour in _PALETTE.items()})
    with BlockLogs():
        prepared = rdMolDraw2D.PrepareMolForDrawing(mol)
        drawer.DrawMolecule(prepared)
    drawer.FinishDrawing()
    points = [drawer.GetDrawCoords(i) for i in range(mol.GetNumAtoms())]
    places = [(round(10 * point.x), round(10 * point.y)) for point in points]
    content = "" if highlight is None else ring(*places[highlight], 75)
    content += _compacted(drawer.GetDrawingText())
    return frame(content, width=width, height=height, title=title), places


def _compacted(svg: str) -> str:
    """Return the paths of a picture of RDKit, those of one style in one element."""
    merged: dict[str, list[str]] = {}
    for match in _ELEMENT.finditer(svg):
        if match[2] is not None:  # a lone electron
            values = dict(_ATTRIBUTE.findall(match[2]))
            x, y = (round(10 * float(values[key])) for key in ("cx", "cy"))
            style = 'fill="none" stroke="currentColor" stroke-width="30" stroke-linecap="round"'
            merged.setdefault(style, []).append(f"M{x} {y}h0")
            continue
        values = dict(_ATTRIBUTE.findall(match[1]))
        values |= dict(part.split(":", 1) for part in values.get("style", "").split(";") if ":" in part)
        merged.setdefault(_style(values), []).append(compact_path(values["d"]))
    return "".join(f'<path {style} d="{"".join(paths)}"/>' for style, paths in merged.items())


def _style(values: dict[str, str]) -> str:
    fill, stroke = (_colour(values.get(key, "none")) for key in ("fill", "stroke"))
    style = f'fill="{fill}"'
    if stroke != "none" and fill == "none":
        style += f' stroke="{stroke}" stroke-width="{14 if "stroke-dasharray" not in values else 10}"'
        style += ' stroke-linecap="round" stroke-linejoin="round"'
        if dashes := values.get("stroke-dasharray"):
            style += (
                f' stroke-dasharray="{" ".join(str(round(10 * float(d))) for d in re.split("[ ,]+", dashes) if d)}"'
            )
    return style


def _colour(colour: str) -> str:
    return "currentColor" if colour.lower() == _INK else colour.lower()


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue
