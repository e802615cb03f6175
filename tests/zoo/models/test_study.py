"""The rows of the study, and the matching cards."""

from hyle.zoo import list_models, list_study

ROWS = list_study()


def test_every_row_has_a_card() -> None:
    assert len(ROWS) == len({row.name for row in ROWS}) == 59
    for row in ROWS:
        assert row.cards, row.name
    assert [row.name for row in ROWS if row.reason] == ["Geom2Vec"]


def test_cards_name_existing_rows_and_layers() -> None:
    names = {row.name for row in ROWS}
    for card in list_models():
        assert set(card.study) <= names, card.name
        assert {layer for layer in card.study.values() if layer} <= set(card.layers), card.name


def test_rows_are_not_inherited_from_a_base_card() -> None:
    rows = {card.name: set(card.study) for card in list_models()}
    assert rows["mace-mp-small"] == {"MACE MP Small"}
    assert rows["mace-mpa-0-medium"] == set()
    assert rows["proteinmpnn-002"] == set()
