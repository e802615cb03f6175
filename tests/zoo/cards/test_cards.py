"""The cards: complete, consistent, and read without any model library."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from hyle.zoo import ModelCard, find_card, list_models, state_of, weights_version
from hyle.zoo.cards.parse import parse_card

CARDS = list_models()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_card_is_complete(card: ModelCard) -> None:
    assert bool(card.adapter) != bool(card.reason)
    assert not (card.reason and card.verified)
    assert card.licence
    assert card.citation or card.modality == "control"
    if card.reason:
        return
    module, _, cls = card.adapter.partition(":")
    assert hasattr(importlib.import_module(module), cls)
    assert card.modality in ("string", "graph", "atoms", "protein", "text", "control")
    assert card.architecture in ("invariant", "equivariant", "unconstrained")
    assert card.dim > 0
    assert card.layers
    assert card.pooling in ("mean", "sum", "none")
    assert set(card.domains) <= {"molecules", "materials", "proteins"}
    if card.weights is not None:
        origins = (card.weights.carrier, card.weights.package, card.weights.hub, card.weights.url)
        assert sum(bool(origin) for origin in origins) == 1
        stated = [sha256 for _, sha256 in card.weights.files.values() if sha256 or not card.weights.remote]
        assert all(len(sha256) == 64 for sha256 in stated)
        assert card.weights.carrier is None or len(card.weights.archive_sha256) == 64


def test_every_modality_of_molecules_has_independent_models() -> None:
    families = {m: {c.family for c in CARDS if c.modality == m} for m in ("string", "graph", "atoms", "text")}
    assert all(len(families[modality]) >= 2 for modality in ("string", "graph", "atoms"))
    assert families["text"]
    assert sum(c.modality != "control" for c in CARDS) >= 8
    assert any(c.energy for c in CARDS if c.modality == "atoms")


def test_controls_carry_no_weights() -> None:
    assert {card.name for card in CARDS if card.weights is None} >= {"random", "composition"}


def test_a_listing_contains_many_files() -> None:
    weights = find_card("ani-1x").weights
    assert weights is not None
    assert len(weights.files) == 8 * 4 * 4 * 2
    assert all(name == member for name, (member, _) in weights.files.items())
    assert weights_version(weights) != weights_version(find_card("ani-1ccx").weights)  # type: ignore[union-attr]


def test_an_unknown_model_suggests_the_closest_name() -> None:
    with pytest.raises(ValueError, match="did you mean 'minilm'"):
        find_card("minlm")


def test_a_model_that_cannot_be_loaded_gives_the_reason() -> None:
    cards = [card for card in CARDS if card.reason]
    assert {card.name for card in cards} == {"geom2vec", "grace-2l-oam", "smi-ted"}
    for card in cards:
        assert state_of(card) == "no-loader"
        with pytest.raises(ValueError, match="cannot be loaded") as error:
            find_card(card.name)
        assert card.reason in str(error.value)


def test_a_broken_card_names_its_file() -> None:
    with pytest.raises(ValueError, match=r"broken\.toml"):
        parse_card("name = 'x'", "broken.toml")


def test_missing_requirements_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import hyle.zoo.cards.card as cards

    monkeypatch.setenv("HYLE_CACHE", str(tmp_path))  # a cache without environments

    card = next(card for card in CARDS if card.requirements)
    monkeypatch.setattr(cards, "is_installed", lambda requirement: False)
    assert set(card.requirements) <= set(card.missing())
    assert state_of(card) == "needs-environment"
    assert card.name in card.install_command()


@pytest.mark.parametrize(
    ("requirement", "installed"),
    [("numpy", True), ("numpy>=1", True), ("numpy<1", False), ("no-such-package", False)],
)
def test_requirements_are_checked_with_their_versions(requirement: str, installed: bool) -> None:
    from hyle.zoo.cards.card import is_installed

    assert is_installed(requirement) is installed


def test_listing_imports_no_model_library() -> None:
    code = (
        "import sys, hyle.zoo; hyle.zoo.list_models(); hyle.zoo.list_datasets();"
        "heavy = {'torch', 'jax', 'ase', 'rdkit', 'transformers', 'orbax', 'pandas', 'pyarrow'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_card_inherits_from_its_base() -> None:
    base = "name = 'a'\nfamily = 'F'\n[options]\none = 1\ntwo = 2\n[weights.files.weights]\nmember = 'm'\nsha256 = 's'"
    derived = "base = 'a'\nname = 'b'\n[options]\ntwo = 3\n[weights.files.weights]\nmember = 'n'"
    from hyle.zoo.cards.parse import card_table

    table = card_table(derived, {"a": base})
    assert table["name"] == "b"
    assert table["family"] == "F"
    assert table["options"] == {"one": 1, "two": 3}
    assert table["weights"]["files"]["weights"] == {"member": "n", "sha256": "s"}
    with pytest.raises(ValueError, match=r"lost\.toml"):
        parse_card("base = 'nowhere'", "lost.toml")
