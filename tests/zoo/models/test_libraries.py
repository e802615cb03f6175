"""Versions of libraries that change the rows of a model: in recipes, in keys, and compared with those installed."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import (
    Key,
    ModelCard,
    Representation,
    Store,
    changed_libraries,
    find_card,
    list_benchmarks,
    list_models,
    load_panel,
    model_recipe,
    without_outdated,
)

DATA = {"dataset": "qm9", "dataset_version": "0123"}


def installed(name: str) -> str:
    return importlib.metadata.version(name)


def test_the_recipe_and_the_key_have_the_version_of_the_library() -> None:
    pytest.importorskip("rdkit")
    recipe = model_recipe(find_card("morgan"))
    assert recipe["libraries"] == {"rdkit": installed("rdkit")}
    assert recipe["versions"]["rdkit"] == installed("rdkit")
    assert Key.of(recipe | DATA).libraries == f"rdkit {installed('rdkit')}"
    assert "libraries" not in model_recipe(find_card("random"))


def test_another_version_gives_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from hyle.zoo.environments import environment

    before = Key.of(model_recipe(find_card("morgan")) | DATA)
    monkeypatch.setattr(environment, "_version", lambda name: "1999.1")
    after = Key.of(model_recipe(find_card("morgan")) | DATA)
    assert after.libraries == "rdkit 1999.1"
    assert after.folder != before.folder


def adapters_with(pattern: str) -> set[str]:
    folder = Path(importlib.import_module("hyle.zoo.adapters").__file__ or "").parent
    return {f"hyle.zoo.adapters.{path.stem}" for path in folder.glob("*.py") if re.search(pattern, path.read_text())}


def features_from(card: ModelCard, library: str) -> bool:
    """Return whether the adapter of a card computes input features with a library."""
    molecules = r"from \.\.base import .*\b(molecule|unreadable)\b|from rdkit"
    patterns = {"rdkit": molecules, "dscribe": "from dscribe", "mini3di": "import mini3di"}
    return card.adapter.partition(":")[0] in adapters_with(patterns[library])


@pytest.mark.parametrize("library", ["rdkit", "dscribe"])
def test_a_model_whose_features_come_from_a_library_names_it(library: str) -> None:
    named = {card.name for card in list_models() if library in card.versions}
    needed = {card.name for card in list_models() if features_from(card, library)}
    # They count elements, and draw random numbers: no version changes that.
    assert needed - {"composition", "random"} == named


def test_a_model_that_reads_selfies_or_3di_letters_names_the_library() -> None:
    for card in list_models():
        assert ("selfies" in card.versions) == (card.options.get("encoding") == "selfies")
        assert ("mini3di" in card.versions) == any("mini3di" in need for need in card.requirements)


def test_libraries_that_changed_are_reported() -> None:
    pytest.importorskip("rdkit")
    here = installed("rdkit")
    assert changed_libraries({"model": "morgan", "libraries": {"rdkit": here}}) == {}
    assert changed_libraries({"model": "morgan", "versions": {"rdkit": here}}) == {}
    assert changed_libraries({"model": "morgan", "libraries": {"rdkit": "1.0"}}) == {"rdkit": ("1.0", here)}
    assert changed_libraries({"model": "morgan"}) == {"rdkit": ("unknown", here)}
    assert changed_libraries({"model": "random", "versions": {"torch": "1.0"}}) == {}
    assert changed_libraries({"model": "a model of the user"}) == {}
    assert changed_libraries({}) == {}


def test_a_library_that_is_not_installed_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    from hyle.zoo.environments import environment

    monkeypatch.setattr(environment, "_version", lambda name: "absent")
    assert changed_libraries({"model": "morgan", "libraries": {"rdkit": "1.0"}}) == {}


def test_an_outdated_representation_is_hidden_by_a_current_one(tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    store, current = Store(tmp_path), model_recipe(find_card("morgan")) | DATA
    unrecorded = {key: value for key, value in current.items() if key != "libraries"}
    outdated = current | {"libraries": {"rdkit": "1.0"}}
    other = outdated | {"dataset": "drugs"}
    for recipe in (unrecorded, outdated, other):
        store.save(Key.of(recipe), Representation("morgan", np.eye(2), ["a", "b"], recipe))
    assert len(without_outdated(store.list())) == 3
    store.save(Key.of(current), Representation("morgan", np.eye(2), ["a", "b"], current))
    left = {entry.key for entry in without_outdated(store.list())}
    assert left == {Key.of(current), Key.of(other)}


def test_versions_are_recorded_in_the_shipped_panels() -> None:
    for bench in list_benchmarks():
        for member in load_panel(bench.name).members:
            recipe, versions = member.representation.recipe, find_card(member.name.removesuffix("-untrained")).versions
            assert set(versions) <= set(recipe["versions"]), (bench.name, member.name)
