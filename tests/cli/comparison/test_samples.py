"""Files with a column of labels, as FILE or FILE:COLUMN."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyle.cli.comparison import find_column, split_column
from hyle.zoo import InputError

LABELS = "id,energy,a:b\nm0,1,2\nm1,,3\n"


@pytest.mark.parametrize(
    ("text", "path", "column"),
    [
        ("labels.csv", "labels.csv", ""),
        ("labels.csv:energy", "labels.csv", "energy"),
        ("labels.csv:", "labels.csv", ""),
        ("C:\\x\\labels.csv", "C:\\x\\labels.csv", ""),
        ("C:\\x\\labels.csv:energy", "C:\\x\\labels.csv", "energy"),
        ("C:/x/labels.csv:energy", "C:/x/labels.csv", "energy"),
        ("/x/labels.csv:energy", "/x/labels.csv", "energy"),
        ("s3://bucket/labels.csv", "s3://bucket/labels.csv", ""),
        ("s3://bucket/labels.csv:energy", "s3://bucket/labels.csv", "energy"),
        ("gap", "gap", ""),
        ("", "", ""),
    ],
)
def test_a_path_ends_at_the_last_colon_but_not_in_a_drive_or_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, path: str, column: str
) -> None:
    monkeypatch.chdir(tmp_path)  # where none of them exists
    assert split_column(text) == (path, column)


def test_a_file_that_exists_decides_where_the_path_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text(LABELS)
    Path("run:2.csv").write_text("id,x\nm0,7\n")
    assert split_column("labels.csv:a:b") == ("labels.csv", "a:b")
    assert split_column("run:2.csv") == ("run:2.csv", "")
    assert split_column("run:2.csv:x") == ("run:2.csv", "x")
    assert find_column("labels.csv:a:b", what="--label") == ("a:b", {"m0": 2, "m1": 3})
    assert find_column("run:2.csv", what="--label") == ("x", {"m0": 7}) == find_column("run:2.csv:x", what="--label")
    assert find_column(f"{tmp_path}/run:2.csv:x", what="--label") == ("x", {"m0": 7})
    assert find_column("gap", what="--label") is None
    for text, message in (
        ("label.csv:energy", "--label label.csv:energy: there is no file label.csv"),
        ("C:\\x\\labels.csv:energy", r"there is no file C:\\x\\labels.csv"),
        ("labels.csv:gap", "no column 'gap'; it has energy, a:b"),
        ("labels.csv", "several columns, select one as FILE:COLUMN"),
    ):
        with pytest.raises(InputError, match=message):
            find_column(text, what="--label")
