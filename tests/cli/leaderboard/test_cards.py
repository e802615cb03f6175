"""Every problem of a card is found, with its file and key."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyle.cli.leaderboard import read_cards
from hyle.zoo import load_panel

from .planted import changed, make_card, write_card

CARD = make_card("chgnet-0.3.0", "materials")


def problems(data: Any, folder: Path) -> str:
    (folder / "card.json").write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError, match=r"card\.json") as error:
        read_cards([folder / "card.json"])
    return str(error.value)


def test_planted_cards_pass(tmp_path: Path) -> None:
    write_card(CARD, tmp_path)
    write_card(make_card("lab/net-2 (b)", "proteins"), tmp_path, "net")
    alone = make_card("alone", "molecules")
    for key in ("sets", "embedding_sha256", "recipe", "dropped"):
        alone = changed(alone, f"{key}.out", ...)
    write_card(alone, tmp_path)
    assert [(card.domain, card.model) for card in read_cards([tmp_path])] == [
        ("materials", "chgnet-0.3.0"),
        ("molecules", "alone"),
        ("proteins", "lab/net-2 (b)"),
    ]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("model", "", "must be a name"),
        ("model", 3, "must be of type string; it is 3"),
        ("model", "n" * 81, "at most 80 characters"),
        ("model", "сhgnet", "must be a name"),  # its first letter is Cyrillic
        ("family", "CHGNet2", "the model card of chgnet-0.3.0 says 'CHGNet'"),
        ("licence", "MIT", "the model card of chgnet-0.3.0 says"),
        ("parameters", -1, "must be from 0"),
        ("parameters", True, "must be of type integer; it is true"),
        ("parameters", 412, "the model card of chgnet-0.3.0 says"),
        ("modality", "pictures", "must be ''"),
        ("domain", "alloys", "must be 'materials' or 'molecules' or 'proteins'"),
        ("metric", "cka", "must be 'cknna'"),
        ("trained_on", "MPtrj", "must be of type array"),
        ("embedding_sha256.in", "0" * 63, "64 hexadecimal digits"),
        ("embedding_sha256.in", ..., "is missing"),
        ("embedding_sha256.out", ..., "is of in, and sets is of in and out"),
        ("recipe.in.model", "other", "give the model another name"),
        ("sets.in", ..., "is missing"),
        ("sets.extra", {}, "only in, out"),
        ("sets.in.dataset", "qm10", "must be 'mptrj'"),
        ("sets.in.dataset", "qm9", "is the set of molecules"),
        ("sets.in.dataset", "random-tp", "role 'out'"),
        ("sets.in.version", "0" * 16, "make the card anew: hyle benchmark chgnet-0.3.0 --domain materials"),
        ("sets.in.panel.sha256", "0" * 64, "make the card anew: hyle benchmark chgnet-0.3.0 --domain materials"),
        ("sets.out.panel.sha256", "0" * 64, "make the card anew"),
        ("sets.in.n", 301, "the set has 300 samples"),
        ("sets.in.n", 2.5, "must be of type integer"),
        ("sets.in.k", 300, "must be less than n, 300"),
        ("sets.in.performance.value", None, "must be of type number; it is null"),
        ("sets.in.performance.value", 1e16, "must be from"),
        ("sets.in.performance.se", -0.1, "must be from 0"),
        ("sets.in.performance.n", 301, "the set has 300 samples"),
        ("sets.in.performance.rank", 99, "is 99 of"),
        ("sets.in.performance.rank", None, "is None of"),
        ("sets.in.alignment.cknna", ..., "is missing"),
        ("sets.in.alignment.cknna.panel.value", 1.2, "must be from"),
        ("sets.in.alignment.cka.panel.p", 1.5, "must be from 0 to 1"),
        ("sets.in.alignment.cka.panel.low", 0.99, "outside of its interval"),
        ("sets.in.relatives", [{"model": "nobody", "value": 0.1, "se": 0.1, "low": 0, "high": 0.2}], "names 'nobody'"),
        ("sets.in.dimension.MLE.value", -1, "must be from 0"),
        ("sets.in.panel.models.sevennet-0.family", "Other", "the panel says 'SevenNet'"),
        ("sets.in.panel.models.sevennet-0.performance", 0.0, "the panel says"),
        ("diagnosis.quadrant", "great", "must be null or 'foundational'"),
        ("diagnosis.probability.foundational", 1.5, "must be from 0 to 1"),
        (
            "diagnosis.probability",
            dict.fromkeys(("foundational", "local optimum", "missing information", "sub-optimal"), 0.5),
            "must have the sum 1",
        ),
        ("url", "javascript:alert(1)", "markup"),
        ("url", "http://example.org", "must be an address that starts with https://"),
    ],
)
def test_each_problem_is_named(tmp_path: Path, key: str, value: Any, text: str) -> None:
    lines = problems(changed(CARD, key, value), tmp_path).removeprefix("2 problems:\n").splitlines()
    assert all(line.strip().startswith(f"{tmp_path / 'card.json'}: ") for line in lines)
    named = {line.split(": ")[1]: line for line in lines}
    # The key itself, or that of the object that it contradicts.
    assert any(f"{key}.".startswith(f"{at}.") and text in line for at, line in named.items()), lines


@pytest.mark.parametrize("key", sorted(set(CARD) - {"schema", "model", "sets"}))
def test_no_key_may_be_missing(tmp_path: Path, key: str) -> None:
    assert f"card.json: {key}: is missing" in problems(changed(CARD, key, ...), tmp_path)


def test_a_quadrant_needs_its_probability(tmp_path: Path) -> None:
    shares = {"foundational": 0.7, "local optimum": 0.1, "missing information": 0.1, "sub-optimal": 0.1}
    card = changed(changed(CARD, "diagnosis.probability", shares), "diagnosis.quadrant", "foundational")
    assert "diagnosis.quadrant: is 'foundational' with a probability of 0.70" in problems(card, tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a <script>alert(1)</script>", "markup"),
        ('"><img src=x onerror=alert(1)>', "markup"),
        ("x</title>", "markup"),
        ("<!--", "markup"),
        ("&#60;script", "markup"),
        ("JavaScript :alert(1)", "markup"),
        ("abc\u202edef", "RIGHT-TO-LEFT OVERRIDE"),
        ("zero\u200bwidth", "ZERO WIDTH SPACE"),
        ("line\nbreak", "U+000A"),
        ("bell\a", "U+0007"),
        ("tag\U000e0041", "TAG LATIN CAPITAL LETTER A"),
        ("lone \ud800", "U+D800"),
        ("w" * 2001, "2001 characters"),
    ],
)
@pytest.mark.parametrize("key", ["citation", "diagnosis.words", "recipe.in.layer", "dropped.in.mp-1", "new_key"])
def test_hostile_strings_are_refused(tmp_path: Path, key: str, text: str, reason: str) -> None:
    message = problems(changed(CARD, key, text), tmp_path)
    assert f"{key}: " in message
    assert reason in message


def test_hostile_keys_are_refused(tmp_path: Path) -> None:
    assert "recipe.in.<b>x: the key contains markup" in problems(changed(CARD, "recipe.in.<b>x", "1"), tmp_path)
    assert "nested more than 12" in problems(changed(CARD, "recipe.in.deep", json.loads("[" * 20 + "]" * 20)), tmp_path)


@pytest.mark.parametrize("key", ["citation", "diagnosis.words", "dropped.in.mp-1"])
@pytest.mark.parametrize("text", ["n < 8 atoms & d > 2", "Kläser et al. “α-quartz”, R² ≥ 0.5", "a 'b' \"c\" {{ d }}"])
def test_ordinary_text_passes(tmp_path: Path, key: str, text: str) -> None:
    (card,) = read_cards([write_card(changed(make_card("lab-net", "materials"), key, text), tmp_path)])
    assert text in json.dumps(card.data, ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "is no JSON"),
        ("[]", "is no benchmark card"),
        ("null", "is no benchmark card"),
        ('{"model": 1}', "is no benchmark card"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps(changed(CARD, "sets.in.n", math.nan)), "NaN is no number of JSON"),
        (json.dumps(CARD).replace('"k": 25', '"k": 1e999'), "a number is too large"),
        (json.dumps(CARD)[:-1] + ', "model": "b"}', "the key 'model' is there twice"),
        (json.dumps(CARD)[:-1] + ', "parameters": ' + "9" * 5000 + "}", "is no JSON"),
        (" " * 1_000_001, "is larger than 1000 kB"),
    ],
)
def test_files_that_are_no_cards(tmp_path: Path, content: str, text: str) -> None:
    assert text in problems(content, tmp_path)


def test_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ValueError, match=r"card\.json: is no JSON"):
        read_cards([tmp_path / "card.json"])


def test_cards_without_a_schema_name_the_command_that_makes_them(tmp_path: Path) -> None:
    old = changed(CARD, "schema", ...)
    assert "schema: is missing" in (message := problems(old, tmp_path))
    assert message.endswith("hyle benchmark chgnet-0.3.0 --domain materials -o card.json")
    assert "is 'hyle-benchmark-card/9'" in problems(changed(CARD, "schema", "hyle-benchmark-card/9"), tmp_path)
    assert "hyle benchmark 'a; rm b' " in problems(changed(old, "model", "a; rm b"), tmp_path)


def test_names_are_unique(tmp_path: Path) -> None:
    for name, model, domain in (("a", "Net", "materials"), ("b", "net", "materials"), ("c", "NET", "proteins")):
        write_card(make_card(model, domain), tmp_path, name)
    write_card(make_card("Net", "proteins"), tmp_path / "fine")
    with pytest.raises(ValueError, match="2 problems") as error:
        read_cards([tmp_path])
    assert f"b.json: model: 'net' is also the model of {tmp_path / 'a.json'}, in the same domain" in str(error.value)
    assert "c.json: model: 'NET' differs only in case from 'Net'" in str(error.value)
    assert len(read_cards([tmp_path / "a.json", tmp_path / "a.json", tmp_path / "fine"])) == 2


def test_many_problems_fit_on_a_screen(tmp_path: Path) -> None:
    card = changed(CARD, "dropped.in", {f"m{i}": "<b>" for i in range(50)})
    lines = problems(card, tmp_path).splitlines()
    assert lines[0] == "50 problems:"
    assert len(lines) == 22
    assert lines[-1].strip() == "and 30 more"


def test_the_command_checks(run: Callable, mistake: Callable, tmp_path: Path) -> None:
    write_card(CARD, tmp_path / "cards")
    assert set(run("leaderboard", "--check", "cards", "--json").json) == {"cards", "models"}
    ran = run("leaderboard", "--check", "cards")
    assert (ran.code, ran.out) == (0, "1 card of 1 model: no problems\n")
    assert not (tmp_path / "hyle-leaderboard").exists()
    write_card(changed(CARD, "sets.in.n", 0), tmp_path, "bad")
    assert (
        mistake("leaderboard", "--check", "bad.json") == "Error: bad.json: sets.in.n: must be from 20 to 1e+06; it is 0"
    )
    assert "missing.json does not exist" in mistake("leaderboard", "--check", "missing.json")
    (tmp_path / "empty").mkdir()
    assert "contains no card" in mistake("leaderboard", "empty")
    assert run("leaderboard").code == 2


def test_the_panels_of_the_planted_cards_are_those_of_hyle() -> None:
    assert CARD["sets"]["in"]["panel"]["sha256"] == load_panel("mptrj").sha256
