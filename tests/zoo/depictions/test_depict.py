"""Pictures of real molecules, crystals and proteins: what they show, their size, and what cannot be drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from hyle.zoo import InputError, Sample, depict, describe_sample, draw, find_geometry, load_dataset, structure_of
from hyle.zoo.depictions.structure import best_view
from hyle.zoo.depictions.svg import ACCENT, compact_path

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root[0].tag == f"{SVG}title"
    return root


@pytest.mark.parametrize("name", ["qm9", "drugs", "mptrj", "proteins", "exotic"])
def test_samples_of_all_kinds_are_small_pictures_inside_their_frames(name: str) -> None:
    data = load_dataset(name)
    sizes = []
    for sample in data.samples[:12]:
        svg = depict(sample)
        assert svg == depict(sample)
        root = parsed(svg)
        assert root[0].text is not None
        assert root[0].text.startswith(f"{sample.id}: ")
        assert root.get("viewBox") == "0 0 1800 1300"
        assert len(root) > 1
        assert not re.search(r"<rect|NaN|nan", svg)
        sizes.append(len(svg))
        for node in root.iter(f"{SVG}circle"):
            assert 0 <= float(node.attrib["cx"]) <= 1800
            assert 0 <= float(node.attrib["cy"]) <= 1300
    assert np.median(sizes) < 6000


def test_the_letters_of_heteroatoms_are_where_rdkit_puts_the_atoms() -> None:
    """A letter of acetamide is drawn in the colour of its element, around the place of its atom."""
    sample = Sample("a", smiles="CC(N)=O")
    drawing = draw(sample, nodes=[0, 1, 2, 3])
    for number, colour in ((2, "#3d7fe0"), (3, "#e2483d")):
        letters = re.search(f'<path fill="{colour}" d="([^"]*)"', drawing.svg)
        assert letters is not None
        starts = np.array(re.findall(r"M(\d+) (\d+)", letters[1]), int)
        assert np.linalg.norm(starts.mean(0) - drawing.places[number]) < 200
    assert "currentColor" in drawing.svg
    assert "#000000" not in drawing.svg


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("M 1.0,2.0 L 3.0,5.0 L 2.0,5.0", "M10 20l20 30-10 0"),
        ("M 1,2 Q 2,2 3,4 Z M 5,5 L 6,5", "M10 20q10 0 20 20zm40 30 10 0"),
    ],
)
def test_paths_become_relative_without_drift(path: str, expected: str) -> None:
    assert compact_path(path) == expected


def test_an_atom_is_marked_where_it_is() -> None:
    sample = load_dataset("qm9").samples[0]
    assert sample.atoms is not None
    heavy = next(i for i, z in enumerate(sample.atoms.numbers) if z == 8)
    hydrogen = next(i for i, z in enumerate(sample.atoms.numbers) if z == 1)
    for number, balls in ((heavy, False), (hydrogen, True)):
        root = parsed(depict(sample, highlight=number))
        rings = [node for node in root.iter(f"{SVG}circle") if node.get("stroke") == ACCENT]
        assert len(rings) == 1
        place = draw(sample, nodes=[number]).places[number]
        assert (int(rings[0].attrib["cx"]), int(rings[0].attrib["cy"])) == pytest.approx(place, abs=1)
        # A structural formula has no hydrogen of its own to mark.
        assert (len(list(root.iter(f"{SVG}circle"))) > 5) == balls


def test_the_marked_atom_of_a_crystal_is_the_original_and_not_an_image() -> None:
    sample = Sample("salt", atoms=bulk("NaCl", "rocksalt", a=5.64, cubic=True))
    shape = find_geometry(sample)
    assert shape is not None
    assert len(shape.numbers) == 27  # eight atoms, and their images on the faces, edges and corners
    assert np.bincount(shape.owners).sum() == 27
    assert len(shape.edges) == 12
    names = {frozenset(shape.numbers[list(pair)].tolist()) for pair in shape.bonds}
    assert names == {frozenset({11, 17})}
    assert len(draw(sample, nodes=[0]).places) == 8
    assert ACCENT in depict(sample, highlight=7)


def test_spheres_are_seen_apart_where_a_direction_does_that() -> None:
    """Two planted rows of spheres hide each other along one axis alone."""
    line = np.array([[0.0, 0.0, z] for z in range(6)])
    view = best_view(line, np.full(6, 0.5))
    assert abs(view[2]) < 0.9
    flat = np.array([[x, y, 0.0] for x in range(4) for y in range(4)])
    assert abs(best_view(flat, np.full(16, 0.5))[2]) > 0.7


def test_molecules_bond_by_distance_and_metals_do_not() -> None:
    ethanol = find_geometry(Sample("e", atoms=molecule("CH3CH2OH")))
    assert ethanol is not None
    assert len(ethanol.bonds) == 8
    copper = find_geometry(Sample("c", atoms=bulk("Cu", cubic=True)))
    assert copper is not None
    assert len(copper.bonds) == 0


def test_residues_of_a_protein_have_places_and_letters() -> None:
    sample = load_dataset("proteins").samples[0]
    assert sample.sequence is not None
    drawing = draw(sample)
    assert len(drawing.places) == len(sample.sequence)
    svg = depict(sample, highlight=5)
    root = parsed(svg)
    ring = next(node for node in root.iter(f"{SVG}circle"))
    assert (int(ring.attrib["cx"]), int(ring.attrib["cy"])) == drawing.places[5]
    marked = re.search(r"<tspan[^>]*>(.)</tspan>", svg)
    assert marked is not None
    assert marked[1] == sample.sequence[5]
    alone = depict(replace(sample, backbone=None), highlight=100)
    assert re.search(r"<tspan[^>]*>(.)</tspan>", alone)[1] == sample.sequence[100]  # type: ignore[index]


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (Sample("a", smiles="C1CC"), "unreadable SMILES"),
        (Sample("a", smiles=""), "no view"),
        (Sample("a", text="a <b>bold</b> text & more " * 40), "a &lt;b&gt;bold"),
        (Sample("a", selfies="[C][O]"), "SELFIES"),
        (Sample("a"), "no view"),
        (Sample("a", atoms=Atoms()), "structure of 0 atoms"),
        (Sample("a", atoms=Atoms("H", [[np.nan, 0, 0]])), "structure of 1 atoms"),
        (Sample("a", smiles="C" * 200), "molecule of 200 heavy"),
        (Sample("a", atoms=Atoms("H800", np.random.default_rng(0).normal(size=(800, 3)) * 20)), "of 800 atoms"),
    ],
)
def test_what_cannot_be_drawn_says_what_it_is(sample: Sample, words: str) -> None:
    svg = depict(sample)
    parsed(svg)
    assert words in svg
    assert "<rect" in svg


@pytest.mark.parametrize("smiles", ["[H][H]", "C", "[Na+].[Cl-]", "[CH3]", "*CC", "F/C=C/F", "C[C@H](N)O", "[2H]OC"])
def test_unusual_molecules_are_drawn(smiles: str) -> None:
    svg = depict(Sample("a<&>\u202e\udc80", smiles=smiles))
    parsed(svg)
    assert "<path" in svg
    assert svg.isprintable()


def test_atoms_on_top_of_each_other_and_flat_cells_are_drawn() -> None:
    same = Atoms("H2", [[0, 0, 0], [0, 0, 0]])
    slab = Atoms("Cu2", [[0, 0, 0], [1.3, 1.3, 1.8]], cell=[2.6, 2.6, 0], pbc=[True, True, False])
    none = Atoms("Cu", cell=[0, 0, 0], pbc=True)
    for atoms in (same, slab, none):
        parsed(depict(Sample("a", atoms=atoms)))
    shape = find_geometry(Sample("a", atoms=slab))
    assert shape is not None
    assert len(shape.edges) == 4


@pytest.mark.parametrize(
    ("sample", "number"),
    [
        (Sample("a", smiles="CCO"), 3),
        (Sample("a", smiles="CCO"), -1),
        (Sample("a", atoms=molecule("H2O")), 3),
        (Sample("a", sequence="MKV"), 3),
    ],
)
def test_an_atom_that_is_not_there_is_an_error(sample: Sample, number: int) -> None:
    with pytest.raises(InputError, match=r"'a' has no atom or residue -?\d: it has 3"):
        depict(sample, highlight=number)


def test_a_picture_has_room() -> None:
    with pytest.raises(InputError, match="at least 40 x 40"):
        depict(Sample("a", smiles="C"), width=10)


def test_samples_in_a_few_words() -> None:
    assert describe_sample(Sample("a", smiles="CCO")) == "CCO"
    assert describe_sample(Sample("a", atoms=bulk("NaCl", "rocksalt", a=5.6, cubic=True))) == "NaCl, 8 atoms"
    assert describe_sample(Sample("a", atoms=molecule("CH3CH2OH"))) == "C2H6O"
    assert describe_sample(Sample("a", sequence="M" * 50)) == "MMMMMMMMMMM… (50 residues)"


def test_structures_for_other_programs() -> None:
    crystal = bulk("NaCl", "rocksalt", a=5.6)
    names, positions, cell = structure_of(Sample("a", atoms=crystal))  # type: ignore[misc]
    assert names == ["Na", "Cl"]
    np.testing.assert_array_equal(positions, crystal.positions)
    np.testing.assert_array_equal(cell, crystal.cell.array)
    names, positions, cell = structure_of(Sample("a", smiles="CCO"))  # type: ignore[misc]
    assert (names, cell) == (["C", "C", "O"], None)
    assert np.ptp(positions[:, 2]) == 0
    assert np.linalg.norm(positions[0] - positions[1]) == pytest.approx(1.5, abs=0.05)
    assert structure_of(Sample("a", sequence="MKV")) is None
