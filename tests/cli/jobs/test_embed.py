"""The mark of embeddings that only `hyle benchmark` has asked for."""

from __future__ import annotations

from pathlib import Path

from hyle.cli.benchmark import find_subject
from hyle.cli.jobs import embed, find_representations
from hyle.cli.jobs.stored_rows import BENCHMARK
from hyle.zoo import Store, load_dataset


def test_embeddings_of_the_benchmark_are_marked_until_the_user_asks_for_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    subject = find_subject("composition", store, domain="molecules")
    entries = store.list()
    assert len(entries) == 2
    assert "qm9" in {entry.recipe["dataset"] for entry in entries}
    assert all(entry.recipe[BENCHMARK] for entry in entries)
    # The card of the benchmark has the recipe of the model alone.
    assert all(BENCHMARK not in each.recipe for each in subject.representations.values())

    data = load_dataset("qm9", n=300)
    mine, stored = embed("composition", data, store)
    assert stored
    assert BENCHMARK not in mine.recipe
    marked = {entry.recipe["dataset"]: BENCHMARK in entry.recipe for entry in store.list()}
    assert marked.pop("qm9") is False
    assert all(marked.values())

    # A later benchmark leaves them the user's.
    find_subject("composition", store, domain="molecules")
    assert {e.recipe["dataset"]: BENCHMARK in e.recipe for e in store.list()} == {"qm9": False, **marked}
    assert find_representations(["composition"], store)[0].recipe["dataset"] == "qm9"
