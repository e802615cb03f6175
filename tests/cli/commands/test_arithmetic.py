"""`hyle arithmetic`, and the quadruples that it finds."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.cli.jobs.analogies import element_counts, element_quadruples, formula_quadruples, substituent_quadruples
from hyle.zoo import Sample, substituents


def test_quadruples_of_formulas_balance_in_every_element():
    _, counts = element_counts([f"C{i}H{j}Cl{k}" for i in range(1, 5) for j in range(1, 5) for k in range(1, 3)])
    found = formula_quadruples(counts, 100, 0)
    assert len(found) == 100
    a, b, c, d = (counts[found[:, i]] for i in range(4))
    assert (a - b + c == d).all()
    assert (np.diff(np.sort(found, 1), axis=1) > 0).all()
    assert (found == formula_quadruples(counts, 100, 0)).all()
    assert formula_quadruples(counts[:2], 10, 0).shape == (0, 4)
    assert formula_quadruples(counts[:0], 10, 0).shape == (0, 4)


def test_formulas_are_read_with_elements_of_two_letters():
    elements, counts = element_counts(["C2H6O1", "Cl1Na1", "H2O1"])
    assert elements == ["C", "Cl", "H", "Na", "O"]
    assert counts.tolist() == [[2, 0, 6, 0, 1], [0, 1, 0, 1, 0], [0, 0, 2, 0, 1]]


def test_substituents_are_exchanged_at_two_cores():
    smiles = {"toluene": "Cc1ccccc1", "phenol": "Oc1ccccc1", "picoline": "Cc1ccccn1", "pyridinol": "Oc1ccccn1"}
    parts = substituents([Sample(name, smiles=text) for name, text in smiles.items()])
    assert ("*c1ccccc1", "*C") in parts["toluene"]
    assert ("*c1ccccc1", "*O") in parts["phenol"]
    found = substituent_quadruples(parts, 50, 0)
    names = {frozenset(four) for four in found}
    assert names == {frozenset(smiles)}
    for a, b, c, d in found:
        assert {a, b} in ({"toluene", "phenol"}, {"picoline", "pyridinol"})
        assert {d, c} in ({"toluene", "phenol"}, {"picoline", "pyridinol"})
        assert (smiles[a][0], smiles[b][0]) == (smiles[d][0], smiles[c][0])


def test_substituents_of_molecules_that_cannot_be_cut():
    samples = [
        Sample("methane", smiles="C"),
        Sample("salt", smiles="[Na+].[Cl-]"),
        Sample("bad", smiles="C1CC"),
        Sample("no"),
    ]
    found = substituents(samples)
    assert found == {"methane": set(), "salt": set()}
    assert substituent_quadruples(found, 10, 0) == []


def test_rectangles_of_the_periodic_table():
    z = {"Li": 3, "Na": 11, "F": 9, "Cl": 17, "La": 57, "U": 92, "Lu": 71, "Y": 39, "H": 1, "He": 2}
    names = list(z)
    found = [[names[i] for i in four] for four in element_quadruples(list(z.values()))]
    assert ["Li", "Na", "Cl", "F"] in found
    assert not {"La", "U"} & {name for four in found for name in four}
    assert all(len(set(four)) == 4 for four in found)
    everything = element_quadruples(range(1, 119))
    assert everything.min() == 0
    assert len(everything) > 600


def test_composition_solves_formulas_and_not_substituents(run, tmp_path):
    cores = ("c1ccccc1", "c1ccccn1", "c1cccnc1", "c1ccncc1", "C1CCCCC1", "c1ccccc1C", "c1cccc(C)c1", "c1ccc(C)cc1")
    lines = [f"{x}{i},{x}{core}" for i, core in enumerate(cores) for x in ("C", "O", "N", "F", "Cl")]
    (tmp_path / "mine.csv").write_text("\n".join(["name,smiles", *lines]))
    run("embed", "composition", "morgan", "--dataset", "mine.csv", "--id-column", "name")
    ran = run("arithmetic", "composition", "morgan", "--quadruples", "60", "--permutations", "19", "--json")
    assert ran.code == 0
    assert ran.json["models"]["composition"]["percentile"] < 0.2
    assert ran.json["models"]["composition"]["p"] == 0.05
    by = ("--by", "substituent", "--dataset", "mine.csv", "--id-column", "name")
    ran = run("arithmetic", "composition", "morgan", *by, "--permutations", "19", "--json")
    both = ran.json["models"]
    assert both["composition"]["within"] == 0.5
    assert both["composition"]["within_p"] == 1
    assert both["morgan"]["within"] < 0.2
    assert both["morgan"]["within_p"] == 0.05
    shown = run("arithmetic", "morgan", *by, "--permutations", "0")
    assert "isomers nearer" in shown.out


def test_mistakes_are_one_line(mistake, run, pair):
    assert "unknown what the samples are" in mistake("arithmetic", "a.npz", "--by", "substituent")
    assert "formulas of the samples are unknown" in mistake("arithmetic", "a.npz")
    assert "--per atom" in mistake("arithmetic", "a.npz", "--by", "element")
    assert "is neither a file nor a model" in mistake("arithmetic", "nonsense")
    run("embed", "composition", "--dataset", "mptrj", "-n", "12")
    assert "SMILES" in mistake("arithmetic", "composition", "--by", "substituent")
    assert "no quadruples by formula" in mistake("arithmetic", "composition")


@pytest.mark.parametrize("option", [("--quadruples", "0"), ("--by", "spin"), ("--similarity", "dot")])
def test_values_out_of_range(mistake, pair, option):
    assert option[0] in mistake("arithmetic", "a.npz", *option)
