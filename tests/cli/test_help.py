"""What `--help` shows: every summary in full, and the choices that the engine has."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import get_args

import click
import pytest

from hyle.cli import cli
from hyle.cli.commands import compare, distill
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
    listed = help_of().split("Commands:")[1].strip().splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS
    assert not [line for line in listed if line.endswith("...")]
    for line in help_of("envs").split("Commands:")[1].strip().splitlines():
        assert not line.endswith("...")


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_is_wider_than_a_terminal(name: str) -> None:
    assert max(map(len, help_of(name).splitlines())) <= 80


def option(command: click.Command, name: str) -> click.Parameter:
    return next(parameter for parameter in command.params if name in parameter.opts)


def test_choices_match_the_engine() -> None:
    assert tuple(option(compare.command, "--neighbour-metric").type.choices) == get_args(NeighbourMetric)  # type: ignore[attr-defined]
    text = option(distill.command, "--loss").help  # type: ignore[attr-defined]
    assert text.split(": ")[1].rstrip(".").split(", ") == list(LOSSES)


def test_help_imports_neither_jax_nor_torch() -> None:
    code = (
        "import sys; from hyle.cli import main; sys.argv = ['hyle', '--help']\n"
        "try: main()\n"
        "finally: assert not {'jax', 'torch', 'hyle.engine'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


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
