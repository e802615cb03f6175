"""The reference panel: small, complete, and consistent with its hash."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from hyle.engine import cka, mutual_knn
from hyle.zoo import Member, Representation, find_card, list_benchmarks, load_dataset, load_panel, write_panel
from hyle.zoo.panels.panel import FOLDER, PANEL_DIM, truncate_svd

SETS = list_benchmarks()


@pytest.mark.parametrize("bench", SETS, ids=lambda bench: bench.name)
def test_the_shipped_panel_matches_the_shipped_samples(bench) -> None:
    panel = load_panel(bench.name)
    data = load_dataset(bench.name, n=bench.samples)
    assert panel.version == data.version
    assert list(panel.ids) == data.ids
    untrained = [f"{name}-untrained" for name in bench.untrained]
    assert [one.name for one in panel.members] == [*bench.models, *untrained]
    assert len(panel.date) == 10
    assert panel.versions["torch"]
    for one in panel.members:
        if one.name in untrained:
            assert one.modality == "control"
            assert one.representation.recipe["weights"] == "none"
            assert one.family == find_card(one.name.removesuffix("-untrained")).family
            assert np.ptp(one.representation.embedding, 0).max() > 0
            assert ("probe" in one.scores) == bool(bench.label)
            continue
        assert one.representation.embedding.shape[1] <= PANEL_DIM
        assert np.isfinite(one.representation.embedding).all()
        assert len(one.representation.ids) > 0.9 * len(data)
        assert one.family == find_card(one.name).family
        assert one.kept > (0.7 if one.modality == "control" else 0.85)
        assert ("probe" in one.scores) == bool(bench.label)


@pytest.mark.parametrize("bench", [bench for bench in SETS if bench.label], ids=lambda bench: bench.name)
def test_composition_explains_nothing_of_the_label_that_ranks_models(bench) -> None:
    scores = {one.name: one.scores["probe"] for one in load_panel(bench.name).members}
    assert abs(scores["composition"].value) < 0.03
    best = max(scores.values(), key=lambda score: score.value)
    assert best.value > 4 * max(best.se, 0.01)
    assert {score.label for score in scores.values()} == {f"{bench.label} beyond composition"}


def test_the_panel_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 4e6
    assert {bench.role for bench in SETS} == {"in", "out"}


def test_truncation_preserves_the_scores(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    # A decaying spectrum far from the origin, as in embeddings.
    shared = generator.normal(size=(300, 40))
    wide = shared @ generator.normal(size=(40, 400)) + 0.3 * generator.normal(size=(300, 400)) + 20
    ids = [str(i) for i in range(300)]
    write_panel("x", "1", ids, [Member(Representation("wide", wide, ids), "", "atoms", 0)], tmp_path)
    (one,) = load_panel("x", tmp_path).members
    kept = one.representation.embedding
    assert kept.shape == (300, 64)
    assert one.kept > 0.99
    assert float(cka(wide, kept)) > 0.999
    assert float(mutual_knn(wide, kept, k=25)) > 0.95
    narrow = wide[:, :50]
    write_panel("y", "1", ids, [Member(Representation("narrow", narrow, ids), "", "atoms", 0)], tmp_path)
    (one,) = load_panel("y", tmp_path).members
    assert float(mutual_knn(narrow, one.representation.embedding, k=25)) > 0.99
    np.testing.assert_allclose(truncate_svd(narrow)[0] @ truncate_svd(narrow)[0].T, narrow @ narrow.T, rtol=1e-8)


def test_dropped_samples_are_not_in_the_panel(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(3, 2))
    rep = Representation("some", x, ["a", "c", "d"], {"layer": "last"})
    write_panel("z", "1", ["a", "b", "c", "d"], [Member(rep, "f", "string", 3)], tmp_path)
    (one,) = load_panel("z", tmp_path).members
    assert list(one.representation.ids) == ["a", "c", "d"]
    assert one.representation.recipe == {"layer": "last"}


def test_a_changed_panel_raises(tmp_path: Path) -> None:
    name = SETS[0].name
    for suffix in (".safetensors", ".json"):
        shutil.copy(FOLDER / f"{name}{suffix}", tmp_path)
    path = tmp_path / f"{name}.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="has changed since it was written"):
        load_panel(name, tmp_path)
    shutil.copy(FOLDER / f"{name}.safetensors", tmp_path)
    metadata = tmp_path / f"{name}.json"
    text = metadata.read_text()
    rng = random.Random(0)
    for _ in range(50):
        place = rng.randrange(len(text) - 2)
        other = "0" if text[place] != "0" else "1"
        if text[place].isspace():
            continue
        metadata.write_text(text[:place] + other + text[place + 1 :])
        with pytest.raises(ValueError, match=r"has changed since it was written|cannot be read"):
            load_panel(name, tmp_path)
    metadata.write_text(json.dumps({}))
    with pytest.raises(ValueError, match="has changed since it was written"):
        load_panel(name, tmp_path)
    (tmp_path / f"{name}.json").write_text(json.dumps({})[:1])
    with pytest.raises(ValueError, match="--rebuild-panel"):
        load_panel(name, tmp_path)
    with pytest.raises(ValueError, match="cannot be read"):
        load_panel("nothing", tmp_path)
