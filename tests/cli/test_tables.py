"""Tables on terminals of any width, and in pipes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from hyle.cli.tables import print_paragraph, print_table

Terminal = Callable[[int], Callable[[], list[str]]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Let standard output be a terminal of a width; returns what reads its lines, without codes for bold."""

    def set_width(width: int) -> Callable[[], list[str]]:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(width))
        return lambda: re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return set_width


def test_a_wide_table_becomes_several_on_a_narrow_terminal(terminal: Terminal) -> None:
    columns, rows = ["model", *(f"metric_{i} (chance)" for i in range(6))], [["a", *"123456"], ["b", *"123456"]]
    lines = terminal(50)
    print_table(columns, rows, keys=1)
    shown = lines()
    assert sum("model" in line for line in shown) == 2
    assert max(map(len, shown)) <= 50
    for name in columns[1:]:
        assert sum(name.split()[0] in line for line in shown) == 1


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_columns_are_left_out_rather_than_words_broken(terminal: Terminal, width: int) -> None:
    columns = ("model", "state", "parameters", "training data")
    rows = [("chemberta-77m", "needs-environment", "3.28 M", "77 million SMILES of PubChem, masked tokens, and more")]
    lines = terminal(width)
    print_table(columns, rows, text=("training data",), drop=("training data", "parameters"), right=("parameters",))
    shown = lines()
    assert max(len(line) for line in shown if "not shown" not in line) <= width
    words = {word for line in shown for word in line.split()}
    assert {"chemberta-77m", "needs-environment", "model", "state"} <= words
    assert {40: "3.28" not in words, 60: "M" in words, 80: "million" in words, 120: "more" in words}[width]
    assert ("not shown at this width: training data" in shown[-1]) == (width <= 60)


def test_a_pipe_gets_one_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("model", "note"), [("a", "word " * 99), ("bc", None)], drop=("note",), right=("model",))
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "model  note"
    assert first == f"    a  {'word ' * 98}word"
    assert second == "   bc"


def test_no_line_has_blanks_at_its_end_and_none_is_empty(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("a", "long cell"), ("b", "")]
    lines = terminal(30)
    print_table(("model", "note"), rows)
    shown = lines()
    assert shown[0] == "model   note"
    assert not [line for line in shown if line != line.rstrip() or not line]
    assert len(shown) == 4


@pytest.mark.parametrize("width", [20, 80])
def test_a_table_without_rows_is_its_head(terminal: Terminal, width: int) -> None:
    lines = terminal(width)
    print_table(("model", "training data"), [])
    assert lines()[0].split()[0] in ("model", "training")


def test_a_column_without_values_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("model", "state", "p"), [("a", "ok", "–"), ("b", "", "–")], keys=1)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "a      ok",
        "b",
        "not shown, since no row has a value: p",
    ]
    print_table(("model", "p", "q"), [("a", "–", "–")], keys=1)
    assert capsys.readouterr().out == "no table, since no row has a value: p, q\n"


def test_a_paragraph_is_broken_between_words_on_a_terminal_only(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    print_paragraph("one-two three " * 9)
    assert len(capsys.readouterr().out.splitlines()) == 1
    lines = terminal(30)
    print_paragraph("one-two three " * 9)
    assert {len(line.split()) for line in lines()} <= {2, 3, 4}
