"""Questions with known answers: counted by hand, and on a planted measure."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from bench.known_answers import held_back, summary, tables
from bench.known_questions import (
    Answer,
    error_answers,
    layer_answers,
    measures,
    nearer_answers,
    rows_of_common,
    untrained_answers,
)
from bench.known_relations import DOMAINS
from bench.known_training import name_of, trained_rows
from hyle.zoo import find_card, find_dataset, load_dataset


def by_distance(points: list[float]) -> np.ndarray:
    place = np.array(points)
    return -np.abs(place[:, None] - place)


def test_layers_on_a_line_are_in_order_and_one_out_of_place_is_counted() -> None:
    assert layer_answers(by_distance([0, 1, 2, 3])) == (1.0, 8)
    # Layers at 0, 2, 1: the ends are nearer than the first two, and as near as the last two.
    assert layer_answers(by_distance([0, 2, 1])) == (0.25, 2)
    assert layer_answers(np.zeros((3, 3))) == (0.5, 2)  # ties are half right


def test_pairs_are_nearer_than_others_and_the_untrained_is_farther() -> None:
    names = ["a", "a2", "b", "c", "u"]
    aligned = by_distance([0, 1, 3, 0.5, 9])
    assert nearer_answers(aligned, names, [("a", "a2")], ["b", "c"]) == (0.5, 4)
    assert nearer_answers(aligned, names, [("a", "a2")], ["b"]) == (1.0, 2)
    assert untrained_answers(aligned, names, "u", ["a"], ["b", "c"]) == (1.0, 2)
    assert untrained_answers(aligned, names, "a", ["u"], ["b", "c"]) == (0.0, 2)


def test_errors_count_pairs_of_different_families_only() -> None:
    rng = np.random.default_rng(0)
    alike = rng.normal(size=(5, 5))
    alike = alike + alike.T
    assert error_answers(alike, alike, list("abcde")) == (1.0, 45)
    assert error_answers(-alike, alike, list("abcde")) == (0.0, 45)
    share, questions = error_answers(alike, alike, list("aabcd"))
    assert (share, questions) == (1.0, 36)  # nine pairs


def planted(quality: dict[str, float], subjects: int = 12, seed: int = 0) -> list[Answer]:
    rng = np.random.default_rng(seed)
    return [
        Answer("molecules" if s % 2 else "proteins", test, f"s{s}", name, rng.binomial(20, share) / 20, 20)
        for name, share in quality.items()
        for test in ("layers", "retrained")
        for s in range(subjects)
    ]


def test_the_best_measure_is_found_and_held_back_subjects_judge_the_choice() -> None:
    found = planted({"good": 0.95, "cka": 0.7, "random": 0.5})
    rows = summary(found)
    assert [row["measure"] for row in rows] == ["good", "cka", "random"]
    mean = np.mean([each.share for each in found if each.measure == "good"])
    assert rows[0]["score"] == pytest.approx(mean)
    assert rows[0]["low"] < mean < rows[0]["high"]
    assert rows[1]["behind_low"] > 0
    assert rows[2]["low"] < 0.5 < rows[2]["high"]
    back = held_back(found, 20)
    assert (back["most_often"], back["same"]) == ("good", 1.0)
    assert back["chosen"] == pytest.approx(0.95, abs=0.03)
    assert back["cka"] == pytest.approx(0.7, abs=0.05)
    text = "\n".join(tables(rows, back))
    assert "| good | 0.9" in text
    assert f"cka {back['cka']:.3f}" in text


def test_a_measure_that_wins_by_chance_is_no_better_on_subjects_held_back() -> None:
    found = planted({f"m{i}": 0.6 for i in range(20)}, subjects=6)
    assert summary(found)[0]["score"] > 0.63
    assert held_back(found)["chosen"] == pytest.approx(0.6, abs=0.04)


def test_every_measure_tells_how_alike_models_are() -> None:
    rng = np.random.default_rng(1)
    latent = rng.normal(size=(70, 4))
    rows = {
        name: (latent @ rng.normal(size=(4, 6)) + noise * rng.normal(size=(70, 6))).astype(np.float32)
        for name, noise in (("a", 0.1), ("b", 0.1), ("far", 5.0))
    }
    found = measures(rows, skip=("reconstruction_error_local", "id_correlation"))
    assert {"cka", "mutual_knn, k = 10", "mutual_knn, k = 25, centred", "rsa"} <= found.keys()
    assert not any("k = 50" in name for name in found)
    wrong = [name for name, aligned in found.items() if not aligned[0, 1] >= aligned[0, 2]]
    assert wrong == []


@pytest.mark.thorough  # slow without optimised programs
def test_networks_on_right_labels_learn_them_and_are_nearer_to_each_other_than_to_shuffled_ones() -> None:
    samples = load_dataset("qm9", n=260).samples
    rows, right = trained_rows(samples[60:], samples[:60], "alpha", seeds=2, steps=150)
    names = [name_of("alpha", seed, shuffled=shuffled) for seed in (0, 1) for shuffled in (False, True)]
    assert list(rows) == names
    assert all(len(each) == 60 for each in rows.values())
    assert min(right) > 0.1  # 1 / 60 by chance
    found = nearer_answers(
        measures(rows, skip=("reconstruction_error_local",))["cka"], names, [(names[0], names[2])], [names[1], names[3]]
    )
    assert found[1] == 4


def test_networks_are_trained_on_right_and_on_shuffled_labels() -> None:
    samples = load_dataset("qm9", n=44).samples
    rows, right = trained_rows(samples[24:], samples[:24], "alpha", seeds=1, steps=2)
    assert list(rows) == ["alpha, seed 0", "alpha, seed 0, shuffled"]
    assert all(each.shape == (24, 64) and np.isfinite(each).all() for each in rows.values())
    assert len(right) == 1
    assert not np.allclose(*rows.values())


def test_rows_of_representations_with_other_samples_are_aligned() -> None:
    one, two = (
        SimpleNamespace(ids=ids, embedding=np.array([[len(i)] for i in ids]))
        for ids in (["bb", "a", "ccc"], ["ccc", "dddd", "a"])
    )
    rows = rows_of_common({"one": one, "two": two})
    assert rows["one"].tolist() == rows["two"].tolist() == [[1], [3]]


def test_relations_are_between_models_of_the_zoo_that_run() -> None:
    for domain in DOMAINS.values():
        views = find_dataset(domain.dataset).views
        named = {*domain.models, *domain.layers, *domain.fine_tuned.values(), *domain.untrained}
        for name in named:
            card = find_card(name)
            assert card.verified, name
            assert card.view in (*views, "any"), name
        for name, layers in domain.layers.items():
            known = list(find_card(name).layers)
            assert [known.index(layer) for layer in layers] == sorted(map(known.index, layers), reverse=True), name
        assert set(domain.members) <= set(domain.models)
        assert set(domain.trained) <= set(find_dataset(domain.dataset).units)
        for group in (*domain.retrained, *domain.fine_tuned.items()):
            assert len({find_card(name).family for name in group}) == 1, group
            assert set(group) <= set(domain.models)
