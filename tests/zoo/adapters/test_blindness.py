"""What a card says that its model does not distinguish, and what else its rows depend on, compared with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from hyle.zoo import InputError, find_card, list_models

pytest.importorskip("ase")
chem = pytest.importorskip("rdkit.Chem")

from .matter import NAMES, one_of_a_kind  # noqa: E402
from .matter import model as loaded_model  # noqa: E402
from .pairs import ORDERS, Pair, orders, pairs  # noqa: E402

# Rounding errors are below 1e-6 of the norm of a row, and the smallest difference of the pairs is 8e-4.
SAME = 1e-5


def differences(name: str, values: Sequence[Pair]) -> list[float]:
    """Return the relative differences of the rows of pairs; infinite if one sample is rejected, and not the other."""
    found = []
    for pair in values:
        batch = loaded_model(name).run(pair)
        if len(batch.ids) == 2:
            first, second = np.asarray(batch.embedding, np.float64)
            found.append(float(np.linalg.norm(first - second) / (np.linalg.norm(first) or 1)))
        elif len(batch.ids) == 1:
            found.append(np.inf)
    return found


def views(name: str) -> list[str]:
    view = find_card(name).view
    return ["smiles", "atoms"] if view == "any" else [view]


@pytest.mark.models
@pytest.mark.parametrize("name", one_of_a_kind(NAMES))
def test_the_card_says_what_the_model_does_not_distinguish(name: str) -> None:
    loaded_model(name)
    measured, blind = set(), set()
    for view in views(name):
        for respect, values in pairs(view).items():
            found = differences(name, values)
            if found:
                measured.add(respect)
            if found and min(found) < SAME:
                blind.add(respect)
    if not measured:
        pytest.skip("no pairs for its view")
    assert {"enantiomers"} <= measured
    assert blind == set(find_card(name).blind_to or ())
    assert find_card(name).blind_to is not None


@pytest.mark.models
@pytest.mark.parametrize("name", one_of_a_kind([name for name in NAMES if "smiles" in views(name)]))
def test_the_card_says_whether_rows_depend_on_the_order_of_atoms(name: str) -> None:
    loaded_model(name)
    found = {respect: max(differences(name, values)) for respect, values in orders().items()}
    assert {respect for respect, value in found.items() if value > SAME} == set(find_card(name).depends_on or ())
    assert find_card(name).depends_on is not None


def test_the_strings_of_a_pair_are_those_of_one_molecule() -> None:
    for values in ORDERS.values():
        for first, second in values:
            assert first != second
            assert chem.CanonSmiles(first) == chem.CanonSmiles(second)


def test_respects_of_a_card_are_checked() -> None:
    card = find_card("morgan")
    with pytest.raises(InputError, match=r"morgan: blind_to has no value 'colour'; it has: enantiomers, "):
        replace(card, blind_to=["colour"])
    with pytest.raises(InputError, match=r"morgan: depends_on has no value 'weather'; it has: order of atoms, "):
        replace(card, depends_on=["weather"])


def test_models_of_the_web_are_not_measured() -> None:
    for card in list_models():
        if card.weights is not None and card.weights.remote:
            assert card.blind_to is None, card.name
