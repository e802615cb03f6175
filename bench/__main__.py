"""`python -m bench`: builds the peers' environments, measures, writes results, table and chart."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import click

from . import environments, gpu, measure
from .cases import Case, gpu_plan, plan
from .inputs import write
from .metrics import METRICS
from .peers import Peer, load_peers
from .report import write_report
from .results import ENGINE, FOLDER, Results, load, machine
from .schedule import applies, skip_reason

INPUTS = Path(__file__).parent / ".inputs"
# Seconds of measured calls and of a whole process: a loop over pairs is scaled from what fits in the first.
BUDGET, LIMIT = 4.0, 60.0
LARGE_BUDGET, LARGE_LIMIT = 20.0, 900.0
QUICK_BUDGET, QUICK_LIMIT = 3.0, 30.0


def choose(only: tuple[str, ...], peers: dict[str, Peer]) -> list[Peer]:
    """Return the peers whose metric, name or NAME/METRIC was asked for, all where nothing was.

    Raises:
        click.UsageError: something asked for matches none.
    """
    unknown = [one for one in only if not any(_matches(peer, one) for peer in peers.values())]
    if unknown:
        names = sorted({peer.metric for peer in peers.values()}), sorted({peer.label for peer in peers.values()})
        raise click.UsageError(
            f"nothing is called {unknown[0]!r}. Metrics: {', '.join(names[0])}. Tools: {', '.join(names[1])}."
        )
    order = [*METRICS, "study", "gram"]
    found = [peer for peer in peers.values() if not only or any(_matches(peer, one) for one in only)]
    # The engine goes first, so that a run that is stopped has something to compare with.
    return sorted(found, key=lambda peer: (order.index(peer.metric), peer.label != ENGINE, peer.label))


def _matches(peer: Peer, wanted: str) -> bool:
    return wanted in (peer.metric, peer.label, peer.key)


def record(peer: Peer, case: Case, found: dict[str, Any]) -> dict[str, Any]:
    package = peer.package
    told = {"case": case.name, "tool": peer.label, "metric": peer.metric, "variant": peer.variant}
    return {
        **told,
        "package": package.name,
        "version": package.version,
        "note": package.note,
        "exact": peer.exact,
    } | found


def measure_all(
    results: Results,
    peers: list[Peer],
    cases: list[Case],
    failed: dict[str, str],
    out: Path,
    *,
    quick: bool,
) -> None:
    """Measure every peer on every case but what the results have, and save after each: a run may be stopped."""
    kept = {(one["case"], one["tool"], one["metric"]) for one in results.measurements}
    # The far inputs are for the values alone, and go into the process of the near ones of that size.
    far = {(case.n, case.widths): case for case in cases if case.far}
    jobs = [(case, peer) for case in cases if not case.far for peer in peers if applies(peer, case)]
    for number, (case, peer) in enumerate(jobs, 1):
        twin = far.get((case.n, case.widths)) if case.kind == "pair" else None
        if (case.name, peer.label, peer.metric) in kept:
            continue
        inputs = write(INPUTS, case.n, case.widths)
        away = write(INPUTS, case.n, case.widths, far=True) if twin else []
        budget, limit = (QUICK_BUDGET, QUICK_LIMIT) if quick else (BUDGET, LIMIT)
        if peer.package.environment == "hyle":
            limit *= 4
        if case.extra or case.device == "gpu":
            budget, limit = LARGE_BUDGET, LARGE_LIMIT
        started = time.monotonic()
        needless = failed.get(peer.package.name, "") or skip_reason(results, peer, case, limit)
        if needless:
            found: dict[str, Any] = {"skipped": needless}
        else:
            python = environments.python(peer.package.environment)
            found = measure.run(python, peer, case, inputs, budget=budget, limit=limit, far=away)
        if twin and "far" in found:
            results.measurements.append(record(peer, twin, {"seconds": None, "value": found.pop("far")}))
        results.measurements.append(record(peer, case, found))
        results.save(out)
        told = f"skipped: {found['skipped']}" if "skipped" in found else f"{found['seconds']:.4g} s"
        took = time.monotonic() - started
        click.echo(f"[{number}/{len(jobs)}] {case.name}  {peer.label} {peer.metric}  {told}  ({took:.0f} s)")


def resumed(path: Path, facts: dict[str, Any]) -> Results:
    """Return an earlier run on this machine.

    Raises:
        click.UsageError: there is none, or it is of another machine, whose times would stand beside these.
    """
    if not path.exists():
        raise click.UsageError(f"there is no run to resume: {path} does not exist. Leave --resume out.")
    earlier = load(path)
    before, now = ({name: one.get(name) for name in ("cpu", "cores")} for one in (earlier.machine, facts))
    if before != now:
        told = " and ".join(f"{one['cpu']} with {one['cores']} cores" for one in (before, now))
        raise click.UsageError(f"{path} and this run are of two machines, {told}. Leave --resume out, or name --out.")
    return earlier


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--quick", is_flag=True, help="Fewer and smaller cases, a few minutes.")
@click.option("--large", is_flag=True, help="Also 4 models of 12,500, 25,000 and 50,000 samples.")
@click.option("--only", multiple=True, metavar="METRIC|TOOL|TOOL/METRIC", help="Measure these; may be repeated.")
@click.option("-n", type=click.IntRange(64), help="Shrink every case to N samples, to try the bench.")
@click.option("--gpu/--cpu", "on_gpu", default=None, help="Measure the GPU cases; by default where JAX sees one.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped, keeping what it measured.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Results file, .json.")
def main(
    quick: bool, large: bool, only: tuple[str, ...], n: int | None, on_gpu: bool | None, resume: bool, out: Path | None
) -> None:
    """Measure the engine and its peers on the same inputs, and write results, table and chart.

    \b
    python -m bench --quick                    # a few minutes
    python -m bench --only cknna --only cka    # two metrics
    python -m bench.report                     # table and chart again, without measuring
    """
    peers = choose(only, load_peers())
    out = out or FOLDER / ("quick.json" if quick or only or n else "cpu.json")
    cases = plan(quick=quick, large=large, n=n)
    missing = gpu.find_gpu() if on_gpu is not False else "not asked for"
    facts = machine()
    earlier = resumed(out, facts) if resume else Results(facts)
    if not missing:
        cases += gpu_plan()
        facts |= gpu.facts()
    elif on_gpu:
        raise click.ClickException(missing)
    else:
        facts["gpu_skipped"] = missing
    failed = environments.build({peer.package for peer in peers}, click.echo)
    names = {peer.package.environment for peer in peers} | {"hyle"}
    results = Results(facts, {name: environments.versions(name) for name in sorted(names)})
    results.cases = [dataclasses.asdict(case) for case in cases]
    planned = {case.name for case in cases}
    results.cases += [case for case in earlier.cases if case["name"] not in planned]
    results.measurements = list(earlier.measurements)
    started = time.monotonic()
    measure_all(results, peers, cases, failed, out, quick=quick)
    click.echo(f"measured in {(time.monotonic() - started) / 60:.0f} min")
    for path in write_report(results, out):
        click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
