"""Copies of members are recognised by their rows, and independent models are not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hyle.cli.benchmark.copies import Containment, composite_of, find_contained
from hyle.zoo import Member, load_panel

# Each kind of disguise is tried with two panels, and with the third by `make thorough`.
THOROUGHLY = pytest.mark.thorough
# Retrained or fine-tuned from common weights, or trained on nearly the same data. Other pairs of one family are models
# for other tasks.
RELATED = [
    {"chgnet-0.3.0", "chgnet-r2scan"},
    {"sevennet-0", "sevennet-mf-0-pbe"},
    {"ligandmpnn-010", "proteinmpnn-020"},
    {"ligandmpnn-010", "solublempnn-010"},
    {"proteinmpnn-020", "solublempnn-010"},
]


def models_of(name: str) -> tuple[list[Member], dict[str, np.ndarray]]:
    """Return the models of a shipped panel, and their rows of common samples."""
    panel = load_panel(name)
    models = [one for one in panel.members if one.modality != "control"]
    ids = [i for i in panel.ids if all(i in set(one.representation.ids) for one in models)]
    rows = {}
    for one in models:
        place = {i: row for row, i in enumerate(one.representation.ids)}
        rows[one.name] = np.asarray(one.representation.embedding, np.float64)[[place[i] for i in ids]]
    return models, rows


def scaled(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(0)
    return x / np.sqrt((x**2).sum() / len(x))


def attacks(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return disguises of rows [n, d] that keep what the rows say."""
    generator = np.random.default_rng(0)
    x = scaled(x)
    left, sizes, _ = np.linalg.svd(x, full_matrices=False)
    rotation = np.linalg.qr(generator.normal(size=(x.shape[1], x.shape[1])))[0]
    features = x / x.std() @ generator.normal(size=(x.shape[1], 256)) / x.shape[1] ** 0.5
    return {
        "copy": x,
        "rotated": x @ rotation,
        "whitened": left[:, sizes > 1e-3 * sizes[0]],
        "8 principal axes": (left * sizes)[:, :8],
        "random columns": np.hstack([x, 0.2 * generator.normal(size=(len(x), 20)) / 20**0.5]),
        "tanh": np.tanh(features),
        "scaled columns": x @ rotation * np.geomspace(1, 3, x.shape[1]),
    }


@pytest.mark.parametrize("name", [pytest.param("qm9", marks=THOROUGHLY), "mptrj", "proteins"])
def test_members_contain_their_relatives_only(name: str) -> None:
    models, rows = models_of(name)
    for one in models:
        found = find_contained(rows[one.name], [other for other in models if other is not one], rows)
        for other in found:
            if other.family != one.family:
                assert other.excess < 0.46, (one.name, other)
            elif {one.name, other.model} in RELATED:
                assert other.contained, (one.name, other)
            assert not other.same
        assert len({other.family for other in found if other.excess > 0.25} - {one.family}) <= 1
        assert composite_of(found, one.family) == []


@pytest.mark.parametrize(
    ("name", "member"), [pytest.param("qm9", "so3lr", marks=THOROUGHLY), ("mptrj", "hienet"), ("proteins", "near")]
)
def test_disguised_copies_are_recognised(name: str, member: str) -> None:
    models, rows = models_of(name)
    for attack, x in attacks(rows[member]).items():
        found = {one.model: one for one in find_contained(x, models, rows)}
        assert found[member].contained, (attack, found[member])
        assert composite_of(list(found.values())) == [], attack
        others = [one for one in found.values() if one.family != found[member].family]
        assert not any(one.contained for one in others)
    assert find_contained(rows[member], models, rows)[[one.name for one in models].index(member)].same


@pytest.mark.parametrize("name", ["qm9", pytest.param("mptrj", marks=THOROUGHLY), "proteins"])
def test_rows_of_several_members_side_by_side_are_recognised(name: str) -> None:
    models, rows = models_of(name)
    first = {one.family: one.name for one in models}
    generator = np.random.default_rng(0)
    everything = np.hstack([scaled(rows[member]) for member in first.values()])
    for noise in (0.0, 0.4):
        x = everything + noise * everything.std(0) * generator.normal(size=everything.shape)
        assert len(composite_of(find_contained(x, models, rows))) >= 3
    for one, other in itertools.islice(itertools.combinations(first.values(), 2), 4):
        pair = np.hstack([scaled(rows[one]), scaled(rows[other])])
        families = {member.family for member in models if member.name in (one, other)}
        assert set(composite_of(find_contained(pair, models, rows))) >= families


def test_noise_contains_nothing() -> None:
    models, rows = models_of("proteins")
    for seed in range(5):
        x = np.random.default_rng(seed).normal(size=(len(rows["near"]), 64))
        assert all(one.excess < 0 for one in find_contained(x, models, rows))
    assert all(one.excess <= 0 for one in find_contained(np.ones((len(x), 3)), models, rows))


def test_the_scale_is_relative_to_independent_models() -> None:
    one = Containment("m", "f", share=0.9, independent=0.6)
    assert one.bar == pytest.approx(0.8)
    assert one.excess == pytest.approx(0.75)
    assert one.contained
    assert not one.same
    near = [Containment(f"m{i}", f"f{i}", share=0.8, independent=0.7) for i in range(4)]  # excess 1/3
    assert composite_of(near) == ["f0", "f1", "f2", "f3"]
    assert composite_of(near[:3], "f0") == []
    assert composite_of([one, Containment("n", "g", share=0.95, independent=0.6)]) == ["f", "g"]
    assert composite_of([one]) == []
