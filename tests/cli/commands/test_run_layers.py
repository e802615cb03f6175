"""`hyle run --layers all`: every layer of every model, from the command line to the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyle.cli.jobs import check_layers
from hyle.zoo import InputError, find_card

Run = Callable[..., Any]


def test_what_has_no_layers_to_compare_is_refused_before_a_model_runs() -> None:
    for names, message in (
        (["admet-ai-reg", "minimol", "composition"], "none of the models has several layers"),
        (["rxnfp", "rxnfp-ft", "morgan"], "of one family"),
    ):
        with pytest.raises(InputError, match=message):
            check_layers([find_card(name) for name in names])
    check_layers([find_card("rxnmapper"), find_card("minimol")])


@pytest.mark.models
def test_all_layers_from_start_to_end(run: Run) -> None:
    arguments = (
        "run",
        "--models",
        "ani-2xt,aimnet2",
        "-n",
        20,
        "-k",
        5,
        "--layers",
        "all",
        "--metrics",
        "cka",
        "-o",
        "out",
    )
    ran = run(*arguments, "--json")
    assert ran.code == 0, ran.err
    found = ran.json["layers"]
    assert [layer["layer"] for layer in found["models"]["aimnet2"]["layers"]] == ["a", "aim"]
    page = Path("out/report.html").read_text("utf-8")
    assert "The layer atlas" in page
    again = run("analyse", "out/layers.nc", "--only", "layers")
    assert "agrees most" in again.out
    assert "ani-2xt" in again.out
