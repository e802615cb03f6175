"""Files for chemiscope, compared with what its own package writes for the same data where that is installed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.cli.jobs import SampleMap, chemiscope_data, make_map, write_chemiscope
from hyle.zoo import Representation, Sample, load_dataset


def mapped(name: str, *, per: str = "", n: int = 12) -> SampleMap:
    """Return the map of two representations of samples, or of the first three atoms of each."""
    samples = load_dataset(name, n=n).samples
    ids = [f"{one.id}#{i}" for one in samples for i in range(3)] if per else [one.id for one in samples]
    rng = np.random.default_rng(0)
    recipe = {"dataset": name} | ({"per": per} if per else {})
    rows = [Representation(model, rng.normal(size=(len(ids), 4)), ids, recipe) for model in "ab"]
    return make_map(rows, {one.id: one for one in samples}, units={"energy": "eV"})


@pytest.mark.parametrize(("name", "per"), [("qm9", ""), ("mptrj", ""), ("qm9", "atom")])
def test_the_official_writer_makes_the_same_of_the_same_data(name: str, per: str) -> None:
    chemiscope = pytest.importorskip("chemiscope")
    result = mapped(name, per=per)
    made = chemiscope_data(result)
    order = list(dict.fromkeys(result.owner(row)[0] for row in result.ids))
    environments = None
    if per:
        environments = [(order.index(owner), number, 4.0) for owner, number in map(result.owner, result.ids)]
    official = chemiscope.create_input(
        structures=[result.samples[i].atoms for i in order],
        meta=made["meta"],
        properties={key: {**value, "values": list(value["values"])} for key, value in made["properties"].items()},
        environments=environments,
        settings=made["settings"],
    )
    official = json.loads(json.dumps(official, default=float))
    assert made.keys() == official.keys()
    assert made["meta"] == official["meta"]
    assert made.get("environments") == official.get("environments")
    assert made["properties"] == official["properties"]
    for ours, theirs in zip(made["structures"], official["structures"], strict=True):
        assert ours.keys() == theirs.keys()
        assert (ours["size"], ours["names"]) == (theirs["size"], theirs["names"])
        for key in set(ours) - {"size", "names"}:
            np.testing.assert_allclose(ours[key], theirs[key], atol=2e-3)


def check_format(data: dict[str, Any]) -> None:
    """Check what chemiscope requires of a file (https://chemiscope.org/docs/manual/input.html)."""
    assert set(data) <= {"meta", "structures", "properties", "environments", "settings"}
    assert data["meta"]["name"]
    for one in data["structures"]:
        assert set(one) <= {"size", "names", "x", "y", "z", "cell"}
        assert len(one["names"]) == len(one["x"]) == len(one["y"]) == len(one["z"]) == one["size"]
        assert len(one.get("cell", range(9))) == 9
    count = {"structure": len(data["structures"]), "atom": len(data.get("environments", ()))}
    for one in data["properties"].values():
        assert len(one["values"]) == count[one["target"]]
        assert len({type(value) for value in one["values"]}) == 1
    for one in data.get("environments", ()):
        assert 0 <= one["center"] < data["structures"][one["structure"]]["size"]
    for axis in data["settings"]["map"].values():
        assert axis["property"] in data["properties"]


@pytest.mark.parametrize(
    ("name", "per"), [("qm9", ""), ("mptrj", ""), ("qm9", "atom"), ("drugs", ""), ("proteins", "")]
)
def test_all_kinds_of_samples_follow_the_format(name: str, per: str, tmp_path: Path) -> None:
    result = mapped(name, per=per)
    path = write_chemiscope(result, tmp_path / "m.json.gz")
    data = json.loads(gzip.decompress(path.read_bytes()))
    check_format(data)
    assert len(data["structures"]) == 12
    place = np.array([data["properties"][f"a PCA[{axis}]"]["values"] for axis in (1, 2)]).T
    np.testing.assert_allclose(place, result.planes["a"].place, rtol=1e-5, atol=1e-5)
    if not per:
        assert data["properties"]["id"]["values"] == list(result.ids)
    assert write_chemiscope(result, tmp_path / "again.json.gz").read_bytes() == path.read_bytes()
    assert json.loads(write_chemiscope(result, tmp_path / "m.json").read_text()) == data


def test_colours_that_miss_values_are_left_out_with_a_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = mapped("qm9")
    result.colours[0].values[3] = np.nan  # type: ignore[index]
    data = json.loads(write_chemiscope(result, tmp_path / "m.json").read_text())
    assert "energy" not in data["properties"]
    assert "energy / eV is left out" in capsys.readouterr().err
    check_format(data)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (lambda i: Sample(i, sequence="MKV"), "'s0' has no atoms, only a sequence or text"),
        (lambda i: Sample(i, smiles="C1CC"), "'s0' has no atoms"),
    ],
)
def test_samples_without_structures_are_an_error(sample: Callable[[str], Sample], message: str) -> None:
    ids = [f"s{i}" for i in range(4)]
    rows = Representation("a", np.random.default_rng(0).normal(size=(4, 3)), ids)
    result = make_map([rows], {i: sample(i) for i in ids})
    with pytest.raises(ValueError, match=message):
        chemiscope_data(result)
