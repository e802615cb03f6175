"""README.md, the pages in docs and CONTRIBUTING.md agree with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hyle.cli.jobs import METRICS, markdown, study_markdown, study_state
from hyle.engine import DEFAULT_METRICS, list_metrics
from hyle.zoo import list_models, list_study

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
EVERYTHING = "\n".join([README, *PAGES.values()])


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", EVERYTHING, flags=re.DOTALL)


def test_the_table_of_models_is_that_of_the_cards() -> None:
    table = (ROOT / "docs" / "models.md").read_text("utf-8").split("\n\n", 2)[2].strip()
    assert table == markdown(list_models()), "write it anew: hyle models --markdown"


def test_the_table_of_the_study_is_that_of_the_cards() -> None:
    rows = list_study()
    text = (ROOT / "docs" / "study-models.md").read_text("utf-8")
    assert text.split("\n\n", 2)[2].strip() == study_markdown(rows), "write it anew: hyle models --study --markdown"
    states = [study_state(row) for row in rows]
    runs, none = states.count("runs"), states.count("no way")
    said = next(line for line in README.splitlines() if "docs/study-models.md" in line)
    assert (
        f"{runs} run, {len(rows) - runs - none} need weights or an environment, and for {none} there is no way" in said
    )


def test_the_links_lead_somewhere() -> None:
    pages = {ROOT / "docs" / name: text for name, text in PAGES.items()} | {ROOT / "README.md": README}
    for page, text in pages.items():
        titles = re.findall(r"^#+ (.*)", text, flags=re.MULTILINE)
        headings = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if target.startswith("#"):
                assert target[1:] in headings, f"{page.name}: {target}"
            elif not target.startswith("http"):
                assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


def test_the_readme_fits_one_reading() -> None:
    assert len(README.split()) < 1800


def test_the_counts_of_models_are_true() -> None:
    tried = [card for card in list_models() if card.verified and card.modality != "control"]
    waiting = [card for card in list_models() if not card.verified]
    said = README.split("## Pretrained models")[1].split("\n## ")[0]
    assert f"**{len(tried)} checkpoints of {len({card.family for card in tried})} families**" in said
    assert f"{len(waiting)} more" in said
    for card in list_models():
        assert card.modality != "control" or f"`{card.name}`" in said


def test_every_folder_is_described() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for top in ("engine", "zoo", "cli"):
        table = text.split(f"| `{top}/` | |")[1].split("\n\n")[0]
        described = set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))
        assert described == {path.name for path in (ROOT / top).iterdir() if path.is_dir() and path.name[0] != "_"}


def test_the_environment_variables_are_those_of_the_code() -> None:
    section = PAGES["install.md"].split("## Configuration")[1].split("## ")[0]
    sources = [path.read_text("utf-8") for top in ("engine", "zoo", "cli") for path in (ROOT / top).rglob("*.py")]
    used = {name for source in sources for name in re.findall(r"\"(HYLE_[A-Z_]+)\"", source)}
    assert set(re.findall(r"^\| `(HYLE_\w+)` \|", section, flags=re.MULTILINE)) == used


def test_every_metric_has_its_row() -> None:
    table = PAGES["metrics.md"]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == len(list_metrics())
    assert f"lists all {len(rows)}, with their chance levels" in README
    for row, metric in zip(rows, list_metrics().values(), strict=True):
        name, asks, alike, chance, cost, source = (cell.strip() for cell in row.strip("|").split("|"))
        better = {True: "higher", False: "lower", None: "neither"}[metric.higher_is_better]
        assert name == f"`{metric.name}`"
        assert (asks, chance, source) == (metric.meaning, metric.chance, metric.citation)
        assert alike == (better if metric.symmetric else f"{better}, directed")
        assert (cost == "the pass") == bool(metric.needs)
        assert cost


def test_the_metrics_of_the_commands_are_told() -> None:
    said = PAGES["metrics.md"].split("`hyle run` measures ")[1].split("\n")[0]
    of_run, of_compare = said.split("; `hyle compare` the same without ")
    assert set(re.findall(r"`(\w+)`", of_run)) == set(METRICS)
    assert set(METRICS) - set(re.findall(r"`(\w+)`", of_compare)) == set(DEFAULT_METRICS)


def test_the_options_of_the_shell_examples_exist() -> None:
    from hyle.cli import cli

    for command, rest in re.findall(r"^hyle (\w+)(.*)", "\n".join(blocks("sh")), flags=re.MULTILINE):
        found = cli.get_command(None, command)  # type: ignore[arg-type]
        assert found is not None
        if isinstance(found, click.Group):
            found = found.commands[rest.split()[0]]
        known = {option for parameter in found.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest.split("#")[0])) <= known


def test_the_commands_exist() -> None:
    from hyle.cli import cli

    names = set(re.findall(r"^hyle (\w+)", "\n".join(blocks("sh")), flags=re.MULTILINE))
    assert names
    assert names <= set(cli.list_commands(None))  # type: ignore[arg-type]


def test_the_shell_example_runs(tmp_path: Path) -> None:
    example = next(block for block in blocks("sh") if "np.savez" in block)
    bin_folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-ec", f'export PATH="{bin_folder}:$PATH"\n{example}'], cwd=tmp_path, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == blocks("text")[0].strip()


def test_the_example_of_own_data_runs(tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    example = "\n".join(next(block for block in blocks("sh") if "mine.csv" in block).splitlines()[:2])
    bin_folder = str(Path(sys.executable).parent)
    command = f'export PATH="{bin_folder}:$PATH" HYLE_STORE=store\n{example}'
    done = subprocess.run(["bash", "-ec", command], cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    reason = "line 4: RDKit cannot read the SMILES 'C1CC': unclosed ring"
    assert f"1 of 3 samples of mine.csv skipped: oops ({reason})" in done.stderr


def test_the_engine_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(next(block for block in blocks("python") if "compare(" in block), "README.md", "exec"), {})
    assert "cknna" in capsys.readouterr().out


def test_the_example_of_the_functions_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(next(block for block in blocks("python") if "cka_stream" in block), "README.md", "exec"), {})
    layers, shape, directions, without, streamed = capsys.readouterr().out.splitlines()
    assert len(layers.strip("[]").split()) == 3
    assert shape == "(200, 16)"
    assert len(directions.split()) == 2
    assert abs(float(without)) < 0.2
    assert abs(float(streamed)) < 0.2


def test_the_example_of_the_losses_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(next(block for block in blocks("python") if "engine.losses" in block), "README.md", "exec"), {})
    loss, divergence = map(float, capsys.readouterr().out.split())
    assert abs(loss - 1) < 0.2
    assert divergence > 1


@pytest.mark.models
def test_the_zoo_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks("python"):
        if "load_dataset" in block:
            exec(compile(block, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert "[200, 64]" in said
    assert "[200, 32]" in said


def test_the_picture_is_of_the_panel() -> None:
    picture = (ROOT / "docs" / "alignment.svg").read_text("utf-8")
    from hyle.cli.jobs import choose_panel
    from hyle.zoo import find_dataset

    assert all(card.name in picture for card in choose_panel(None, find_dataset("qm9")))
