"""Rows of adapters as rows of atoms, residues and tokens, and their way through the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hyle.zoo import InputError, Key, Nodes, Sample, Store, find_card
from hyle.zoo.models import check_per_before_loading
from hyle.zoo.nodes import UnplacedError, place_rows, rows_of_nodes

pytest.importorskip("rdkit")


class Fake:
    """What `place_rows` needs of an adapter."""

    def __init__(self, view: str, numbers: Sequence[int] | None = None, spans: Any = None) -> None:
        self.card, self.numbers, self.spans = SimpleNamespace(name="fake", view=view), numbers, spans

    def node_numbers(self, sample: Sample) -> Sequence[int] | None:
        return self.numbers

    def token_spans(self, sample: Sample) -> Any:
        return self.spans


def test_an_atom_has_the_mean_of_the_tokens_that_spell_it() -> None:
    # A token may spell part of an atom, or more than one character that is no atom.
    sample = Sample("a", smiles="CC(O)[NH2]")
    spans = [(0, 1), (1, 3), (3, 5), (5, 7), (7, 10)]
    placed = place_rows(Fake("smiles", spans=spans), sample, "atom", 5)
    assert placed.numbers == [0, 1, 2, 3]
    assert placed.labels == ["C", "C", "O", "N"]
    features = np.arange(10, dtype=np.float32).reshape(5, 2)
    rows, nodes = rows_of_nodes(features, [0], [placed])
    np.testing.assert_array_equal(rows, [[0, 1], [2, 3], [4, 5], [7, 8]])
    assert nodes.ids(["a"]) == ["a#0", "a#1", "a#2", "a#3"]
    tokens = place_rows(Fake("smiles", spans=spans), sample, "token", 5)
    assert tokens.labels == ["C", "C(", "O)", "[N", "H2]"]


def test_rows_without_a_number_are_excluded() -> None:
    placed = place_rows(Fake("sequence", [-1, 0, 1, 2]), Sample("a", sequence="ACD"), "residue", 4)
    assert (placed.numbers, placed.labels, placed.rows) == ([0, 1, 2], ["A", "C", "D"], [[1], [2], [3]])


def test_residues_of_a_backbone_are_numbered_as_in_the_sequence() -> None:
    backbone = np.zeros((3, 4, 3), np.float32)
    placed = place_rows(
        Fake("backbone", range(3)), Sample("a", sequence="MACDK", backbone=backbone, first_residue=1), "residue", 3
    )
    assert (placed.numbers, placed.labels) == ([1, 2, 3], ["A", "C", "D"])
    unknown = Sample("a", sequence="MACDK", backbone=backbone)
    with pytest.raises(UnplacedError, match="unknown where in the sequence"):
        place_rows(Fake("backbone", range(3)), unknown, "residue", 3)


def test_rows_of_something_else_are_refused() -> None:
    for adapter, sample, per, count, reason in (
        (Fake("sequence", [0, 1]), Sample("a", sequence="AC"), "atom", 2, "reads sequence, which has no atoms"),
        (Fake("sequence", [0, 1]), Sample("a", sequence="AC"), "residue", 3, "3 rows for 2 residues"),
        (Fake("smiles"), Sample("a", smiles="CC"), "atom", 2, "does not say which atoms"),
        (Fake("selfies"), Sample("a", selfies="[C]"), "atom", 1, "does not say which atoms"),
        (Fake("smiles", [-1, -1]), Sample("a", smiles="CC"), "atom", 2, "no atom has a row"),
    ):
        with pytest.raises(UnplacedError, match=reason):
            place_rows(adapter, sample, per, count)


RECIPE = {
    **{"model": "m", "weights": "w", "dataset": "d", "dataset_version": "v"},
    **{"layer": "l", "pooling": "none", "per": "atom"},
}
IDS = ["a", "b", "c", "d"]
GROUPS = {"formula": {"a": "C2", "b": "CO", "c": "N", "d": "C2"}}


def shard(ids: str, seed: int = 0) -> tuple[list[str], np.ndarray, Nodes]:
    """Return samples, rows and nodes: two carbon atoms in a and d, C and O in b, N in c."""
    labels = {"a": "CC", "b": "CO", "c": "N", "d": "CC"}
    counts = [len(labels[i]) for i in ids]
    rows = np.array([[IDS.index(i), number, seed] for i in ids for number in range(len(labels[i]))], np.float32)
    nodes = Nodes(counts, [n for count in counts for n in range(count)], [x for i in ids for x in labels[i]])
    return list(ids), rows, nodes


def test_shards_of_nodes_are_merged_in_the_order_of_the_data_set(tmp_path: Path) -> None:
    store, key = Store(tmp_path), Key.of(RECIPE)
    with store.extraction(key, IDS, RECIPE, GROUPS) as extraction:
        ids, rows, nodes = shard("dc")
        extraction.write_shard(ids, rows, nodes=nodes)
    with store.extraction(key, IDS, RECIPE, GROUPS) as extraction:
        assert extraction.finished == {"c", "d"}
        ids, rows, nodes = shard("a")
        extraction.write_shard(ids, rows, None, {"b": "no atoms"}, nodes=nodes)
        made = extraction.commit()
    found = store.load(key)
    assert found is not None
    for each in (made, found):
        assert list(each.ids) == ["a#0", "a#1", "c#0", "d#0", "d#1"]
        assert {kind: list(labels) for kind, labels in each.groups.items()} == {
            "sample": ["a", "a", "c", "d", "d"],
            "element": ["C", "C", "N", "C", "C"],
            "formula": ["C2", "C2", "N", "C2", "C2"],
        }
        np.testing.assert_array_equal(each.embedding[:, :2], [[0, 0], [0, 1], [2, 0], [3, 0], [3, 1]])
        assert each.dropped == {"b": "no atoms"}
        assert each.energies is None
    assert store.load(Key.of({**RECIPE, "per": "token"})) is None


def test_nodes_and_rows_must_fit(tmp_path: Path) -> None:
    with Store(tmp_path).extraction(Key.of(RECIPE), IDS, RECIPE, {}) as extraction:
        ids, rows, nodes = shard("ab")
        with pytest.raises(InputError, match="2 ids for 3 rows"):
            extraction.write_shard(ids, rows[:3], nodes=nodes)
        with pytest.raises(InputError, match="rows of nodes need nodes"):
            extraction.write_shard(ids, rows[:2])
    with pytest.raises(InputError, match="have 2 numbers"):
        Nodes([1], [0, 1], ["C", "C"])


@pytest.mark.parametrize(
    ("name", "per", "possible"),
    [
        ("minilm", "atom", False),  # word pieces
        ("minilm-sequence", "residue", True),  # with a space between any two letters
        ("rxnmapper", "atom", True),
        ("antiberty", "residue", True),
        ("chemgpt-4.7m", "atom", False),  # reads SELFIES that are made of the SMILES
        ("smollm2-135m", "atom", True),
        ("nagl-1.0.0", "atom", True),
        ("chgnet-0.3.0", "atom", True),
        ("minilm", "token", True),
        ("minilm", None, True),
    ],
)
def test_what_rows_stand_for_is_known_before_a_model_is_loaded(name: str, per: str | None, possible: bool) -> None:
    card = find_card(name)
    if possible:
        check_per_before_loading(card, per)
        return
    with pytest.raises(InputError, match=f"{name} does not say which {per}s its rows stand for; it has rows per token"):
        check_per_before_loading(card, per)
