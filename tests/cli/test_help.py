"""What `--help` shows: every summary in full, and the choices that the engine has."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import click
import pytest

from hyle.cli import cli
from hyle.cli.commands import compare, distill
from hyle.cli.group import GROUPS, SHORT_HELP
from hyle.cli.options import option_group
from hyle.engine.neighbours import NeighbourMetric
from hyle.engine.training import LOSSES

COMMANDS = cli.list_commands(click.Context(cli))


def help_of(*names: str) -> str:
    command: click.Command = cli
    for name in names:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    settings = {"terminal_width": 80, "max_content_width": 80, "help_option_names": ["-h", "--help"]}
    return command.get_help(click.Context(command, info_name="hyle", **settings))  # type: ignore[arg-type]


def test_every_command_has_its_summary_in_one_line() -> None:
    lines = help_of().split("Measure:")[1].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == COMMANDS
    assert [line for line in lines if line and not line.startswith(" ")] == [f"{title}:" for title in [*GROUPS][1:]]
    assert not [line for line in lines if line.endswith("...")]
    for line in help_of("envs").split("Commands:")[1].strip().splitlines():
        assert not line.endswith("...")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_has_the_short_help_of_each_command(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert SHORT_HELP[name] == command.short_help


def test_a_command_that_is_not_in_the_table_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(SHORT_HELP, "doctor")
    monkeypatch.setitem(GROUPS, "Environment", {name: SHORT_HELP[name] for name in ("fetch", "envs")})
    assert help_of().strip().splitlines()[-2:] == ["Other commands:", "  doctor       Check this installation."]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_is_wider_than_a_terminal(name: str) -> None:
    assert max(map(len, help_of(name).splitlines())) <= 80


def test_options_of_compare_are_in_sections() -> None:
    text = help_of("compare")
    titles = re.findall(r"^(\w[\w ]*):$", text, flags=re.MULTILINE)
    assert titles == [
        "Input",
        "Metrics",
        "Anchors",
        "Neighbours",
        "Significance",
        "Devices",
        "Store and output",
        "Other",
    ]
    sections = {title: text.split(f"\n{title}:\n")[1].split("\n\n")[0] for title in titles}
    for title, options in {
        "Input": ("--covariates", "--dataset", "--ids", "--key"),
        "Metrics": ("--metrics", "--queries", "--sweep"),
        "Anchors": ("--anchors", "--anchor-method", "--keep-anchors"),
        "Neighbours": ("-k, --neighbours", "--rank-k"),
        "Significance": ("--permutations", "--fdr", "--intervals", "--groups", "--beyond", "--difference"),
        "Devices": ("--devices", "--coordinator", "--checkpoint"),
        "Store and output": ("--output", "--store", "--json"),
    }.items():
        assert not [name for name in options if not re.search(rf"^  (-\w, )?{name}\b", sections[title], re.MULTILINE)]
    assert "SOURCES" not in sections["Other"]


@pytest.mark.parametrize("name", COMMANDS)
def test_sections_lose_no_option(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    text = help_of(name)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert text.count(f" {parameter.opts[0]}") >= 1


def test_the_default_folder_of_the_store_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        monkeypatch.setenv("HYLE_STORE", str(folder))
        assert f"[default:{folder}]" in "".join(help_of("compare").split())


def option(command: click.Command, name: str) -> click.Parameter:
    return next(parameter for parameter in command.params if name in parameter.opts)


def test_choices_match_the_engine() -> None:
    assert tuple(option(compare.command, "--neighbour-metric").type.choices) == get_args(NeighbourMetric)  # type: ignore[attr-defined]
    text = option(distill.command, "--loss").help  # type: ignore[attr-defined]
    assert text.split(": ")[1].rstrip(".").split(", ") == list(LOSSES)


HEAVY = {
    "jax",
    "xarray",
    "pandas",
    "scipy",
    "torch",
    "hyle.engine",
    "altair",
    "sklearn",
    "huggingface_hub.file_download",
}


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("", {"numpy", "rich"}),
        ("--help", {"numpy", "rich", *(f"hyle.cli.commands.{name}" for name in COMMANDS)}),
        ("--version", {"numpy", "rich"}),
        ("metrics", {"numpy"}),
        ("metrics cka", {"numpy"}),
        ("models", {"numpy"}),
        ("datasets", set()),
        ("compare --help", set()),
    ],
)
def test_short_commands_import_little(command: str, more: set[str], tmp_path: Path) -> None:
    assert imported(command, HEAVY | more, tmp_path) == set()


def test_the_doctor_starts_jax_alone(tmp_path: Path) -> None:
    assert imported("doctor", HEAVY, tmp_path) == {"jax"}


def imported(command: str, modules: set[str], folder: Path) -> set[str]:
    """Return which of the modules a command imports."""
    code = (
        f"import sys; from hyle.cli import main; sys.argv = ['hyle', *{command.split()!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(*sorted(set({sorted(modules)!r}) & sys.modules.keys()), file=sys.stderr)"
    )
    env = {**os.environ, "HF_HOME": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    return set(done.stderr.splitlines()[-1].split())


def test_a_group_of_options_is_one_argument() -> None:
    @dataclasses.dataclass(frozen=True)
    class Size:
        width: int
        depth: int
        unit: str

    @click.command()
    @option_group(Size, "size", click.option("--width", default=8), click.option("--depth", default=2), unit="mm")
    @click.option("--name")
    def command(size: Size, name: str) -> tuple[Size, str]:
        return size, name

    assert [parameter.name for parameter in command.params] == ["width", "depth", "name"]
    result = command.main(["--depth", "3", "--name", "a"], standalone_mode=False)
    assert result == (Size(8, 3, "mm"), "a")
