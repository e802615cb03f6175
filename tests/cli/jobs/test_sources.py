"""Which stored embeddings the names of models mean, where there are several."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.cli.jobs import find_compared, find_representations
from hyle.cli.options import FileSelection
from hyle.zoo import InputError, Key, Representation, Store

Fill = Callable[..., None]


def ids(dataset: str, n: int) -> list[str]:
    """The ids of n samples; a smaller draw of a data set is part of a larger one."""
    return [f"{dataset}:{i}" for i in range(n)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def fill(store: Store) -> Fill:
    """Store embeddings of a model on n samples of a data set."""

    def save(
        model: str, dataset: str, n: int, *, layer: str = "last", weights: str = "w", dropped: int = 0, **recipe: Any
    ) -> None:
        # The version is a hash of the samples and of the view, as in a data set with an optional view.
        facts = {"model": model, "weights": weights, "dataset": dataset, "dataset_version": f"{n}{model[:1]}"}
        facts |= {"layer": layer, "pooling": "mean", "ids": "the data set", **recipe}
        names = ids(dataset, n)
        rows = np.random.default_rng(len(model)).normal(size=(n - dropped, 3))
        reasons = dict.fromkeys(names[n - dropped :], "too large")
        store.save(Key.of(facts), Representation(model, rows, names[: n - dropped], facts, dropped=reasons))

    return save


def taken(found: Sequence[Representation]) -> list[tuple[str, str, int]]:
    return [(each.name, str(each.recipe["dataset"]), len(each.ids)) for each in found]


def test_covariates_are_of_the_samples_of_the_sources(
    store: Store, fill: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    fill("minilm", "qm9", 50)
    fill("aimnet2", "qm9", 50, dropped=4)
    for dataset, n in (("mine.csv", 2), ("qm9", 50), ("qm9", 20), ("drugs", 90), ("mptrj", 30)):
        fill("composition", dataset, n)
    found, known = find_compared(["minilm", "aimnet2"], store, covariates="composition")
    assert taken(found) == [("minilm", "qm9", 50), ("aimnet2", "qm9", 46)]
    assert known is not None
    assert taken([known]) == [("composition", "qm9", 50)]
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "composition: taking qm9 (50 samples), of 5 stored data sets; another: --dataset drugs (90 samples)"
    ]
    # Samples that a model does not support do not make its data set another one.
    assert taken(find_representations(["composition", "aimnet2"], store))[0] == ("composition", "qm9", 50)


def test_a_file_decides_as_well_as_a_model(store: Store, fill: Fill, tmp_path: Path) -> None:
    for dataset, n in (("qm9", 50), ("drugs", 90)):
        fill("composition", dataset, n)
    np.savez(tmp_path / "mine.npz", embedding=np.eye(8), ids=ids("qm9", 8))
    assert taken(find_representations(["composition", str(tmp_path / "mine.npz")], store)[:1]) == [
        ("composition", "qm9", 50)
    ]


def test_a_rule_for_ids_applies_before_the_samples_are_matched(store: Store, fill: Fill, tmp_path: Path) -> None:
    for dataset, n in (("qm9", 50), ("drugs", 90)):
        fill("composition", dataset, n)
    np.savez(tmp_path / "mine.npz", embedding=np.eye(8), ids=[i.upper() for i in ids("qm9", 8)])
    sources = ["composition", str(tmp_path / "mine.npz")]
    found = find_representations(sources, store, files=FileSelection(ids=("case",)))
    assert taken(found[:1]) == [("composition", "qm9", 50)]


def test_sources_that_are_all_stored_several_times_take_what_most_have(store: Store, fill: Fill) -> None:
    fill("minilm", "qm9", 50)
    fill("minilm", "drugs", 90)
    fill("composition", "qm9", 50)
    fill("composition", "mptrj", 99)
    assert {row[1] for row in taken(find_representations(["minilm", "composition"], store))} == {"qm9"}


def test_a_data_set_of_several_sizes(store: Store, fill: Fill, capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("minilm", "composition"):
        fill(model, "qm9", 20)
    fill("composition", "qm9", 50)
    both = find_representations(["minilm", "composition"], store, dataset="qm9")
    assert taken(both) == [("minilm", "qm9", 20), ("composition", "qm9", 20)]
    fill("minilm", "qm9", 50)
    assert taken(find_representations(["minilm", "composition"], store, dataset="qm9"))[0] == ("minilm", "qm9", 50)
    capsys.readouterr()
    assert taken(find_representations(["composition"], store)) == [("composition", "qm9", 50)]
    assert capsys.readouterr().err.endswith("of 2 stored data sets; another: --dataset qm9-20c (20 samples)\n")
    (exact,) = find_representations(["composition"], store, dataset="qm9-20c")
    assert len(exact.ids) == 20


def test_layers_of_one_model_are_of_the_samples_of_the_others(store: Store, fill: Fill) -> None:
    for n in (50, 90):
        for layer in ("first", "last"):
            fill("mine:Letters", "qm9", n, layer=layer)
    fill("composition", "qm9", 50)
    fill("composition", "mine.csv", 4)
    found = find_representations(["mine:Letters@all", "composition"], store)
    assert taken(found) == [
        ("mine:Letters@first", "qm9", 50),
        ("mine:Letters@last", "qm9", 50),
        ("composition", "qm9", 50),
    ]
    assert taken(find_representations(["mine:Letters@last"], store)) == [("mine:Letters@last", "qm9", 90)]


def test_embeddings_of_the_benchmark_are_taken_only_without_others(
    store: Store, fill: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    fill("composition", "mptrj", 90, of_benchmark=True)
    assert taken(find_representations(["composition"], store)) == [("composition", "mptrj", 90)]
    fill("composition", "qm9", 50)
    fill("minilm", "qm9", 50)
    capsys.readouterr()
    assert taken(find_representations(["composition"], store)) == [("composition", "qm9", 50)]
    assert taken(find_representations([], store)) == [("composition", "qm9", 50), ("minilm", "qm9", 50)]
    # Where a user's own embeddings fit, those of the benchmark need no word.
    assert "of 2 stored" not in capsys.readouterr().err
    fill("chgnet-0.3.0", "mptrj", 90)
    assert taken(find_representations(["composition", "chgnet-0.3.0"], store))[0] == ("composition", "mptrj", 90)


def test_without_sources_the_data_set_of_most_models_is_taken(
    store: Store, fill: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    fill("minilm", "qm9", 50)
    fill("aimnet2", "qm9", 50, dropped=1)
    fill("composition", "qm9", 50)
    fill("composition", "drugs", 90)
    found, known = find_compared([], store, covariates="composition")
    assert taken(found) == [("aimnet2", "qm9", 49), ("minilm", "qm9", 50)]
    assert known is not None
    assert known.recipe["dataset"] == "qm9"
    line = "taking qm9 (50 samples), embedded with 3 models; the store also has --dataset drugs (90 samples)"
    assert line in capsys.readouterr().err


def test_what_is_equally_good_is_listed_one_a_line(
    store: Store, fill: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    fill("composition", "qm9", 50)
    fill("composition", "drugs", 50)
    with pytest.raises(InputError) as error:
        find_representations(["composition"], store, command="hyle dimension composition")
    listed = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert [words[:2] for words in listed] == [["--dataset", "drugs-50c"], ["--dataset", "qm9-50c"]]
    assert str(error.value).endswith("hyle dimension composition --dataset drugs-50c")
    # The command of the message works.
    assert taken(find_representations(["composition"], store, dataset="drugs-50c"))[0][1] == "drugs"

    fill("rxnfp", "qm9", 50, layer="first")
    fill("rxnfp", "qm9", 50, layer="last")
    with pytest.raises(InputError, match="for example: hyle compare rxnfp composition --layer first"):
        find_representations(["rxnfp", "composition"], store, dataset="qm9")
    chosen = find_representations(["rxnfp", "composition"], store, dataset="qm9", layer="first")
    assert chosen[0].recipe["layer"] == "first"


def test_a_model_that_was_changed_and_embedded_again_means_the_newest(
    store: Store, fill: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    fill("mine:Letters", "qm9", 50, weights="new")
    fill("mine:Letters", "qm9", 50, weights="old")
    for entry in store.list():
        old = entry.key.weights == "old"
        os.utime(entry.path, (1e9, 1e9 if old else 2e9))
    (found,) = find_representations(["mine:Letters"], store)
    assert found.recipe["weights"] == "new"
    assert "stored in several versions of the model or of its libraries; taking the newest" in capsys.readouterr().err
