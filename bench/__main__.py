"""`python -m bench`: build the environments of the peers, measure, and write results, table and chart."""

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
from .schedule import is_applicable, skip_reason

INPUTS = Path(__file__).parent / ".inputs"
# Seconds of the measured calls, and of a whole process. A loop over pairs that does not fit in the budget is scaled.
BUDGET, LIMIT = 4.0, 60.0
LARGE_BUDGET, LARGE_LIMIT = 20.0, 900.0
QUICK_BUDGET, QUICK_LIMIT = 3.0, 30.0


def choose(only: tuple[str, ...], peers: dict[str, Peer]) -> list[Peer]:
    """Return the peers whose metric, label or LABEL/METRIC is in `only`; all peers if `only` is empty.

    Raises:
        click.UsageError: an entry of `only` matches no peer.
    """
    unknown = [name for name in only if not any(_matches(peer, name) for peer in peers.values())]
    if unknown:
        names = sorted({peer.metric for peer in peers.values()}), sorted({peer.label for peer in peers.values()})
        raise click.UsageError(
            f"no metric or tool is called {unknown[0]!r}. Metrics: {', '.join(names[0])}. Tools: {', '.join(names[1])}."
        )
    order = [*METRICS, "study", "gram"]
    chosen = [peer for peer in peers.values() if not only or any(_matches(peer, name) for name in only)]
    # The engine is measured first, so that an interrupted run already has the reference of each metric.
    return sorted(chosen, key=lambda peer: (order.index(peer.metric), peer.label != ENGINE, peer.label))


def _matches(peer: Peer, name: str) -> bool:
    return name in (peer.metric, peer.label, peer.key)


def record(peer: Peer, case: Case, result: dict[str, Any]) -> dict[str, Any]:
    """Return a measurement as a row of the results file."""
    package = peer.package
    labels = {"case": case.name, "tool": peer.label, "metric": peer.metric, "variant": peer.variant}
    return {
        **labels,
        "package": package.name,
        "version": package.version,
        "note": package.note,
        "exact": peer.exact,
    } | result


def measure_all(
    results: Results,
    peers: list[Peer],
    cases: list[Case],
    failed: dict[str, str],
    out: Path,
    *,
    quick: bool,
) -> None:
    """Measure every peer on every case that the results do not have; save after each, so that a run can be resumed."""
    measured = {(row["case"], row["tool"], row["metric"]) for row in results.measurements}
    # Of the far inputs only the values are needed; they are computed in the process of the near inputs of that size.
    far = {(case.n, case.widths): case for case in cases if case.far}
    jobs = [(case, peer) for case in cases if not case.far for peer in peers if is_applicable(peer, case)]
    for number, (case, peer) in enumerate(jobs, 1):
        twin = far.get((case.n, case.widths)) if case.kind == "pair" else None
        if (case.name, peer.label, peer.metric) in measured:
            continue
        inputs = write(INPUTS, case.n, case.widths)
        far_inputs = write(INPUTS, case.n, case.widths, far=True) if twin else []
        budget, limit = (QUICK_BUDGET, QUICK_LIMIT) if quick else (BUDGET, LIMIT)
        if peer.package.environment == "hyle":
            limit *= 4
        if case.extra or case.device == "gpu":
            budget, limit = LARGE_BUDGET, LARGE_LIMIT
        started = time.monotonic()
        reason = failed.get(peer.package.name, "") or skip_reason(results, peer, case, limit)
        if reason:
            result: dict[str, Any] = {"skipped": reason}
        else:
            python = environments.python(peer.package.environment)
            result = measure.run(python, peer, case, inputs, budget=budget, limit=limit, far=far_inputs)
        if twin and "far" in result:
            results.measurements.append(record(peer, twin, {"seconds": None, "value": result.pop("far")}))
        results.measurements.append(record(peer, case, result))
        results.save(out)
        outcome = f"skipped: {result['skipped']}" if "skipped" in result else f"{result['seconds']:.4g} s"
        elapsed = time.monotonic() - started
        click.echo(f"[{number}/{len(jobs)}] {case.name}  {peer.label} {peer.metric}  {outcome}  ({elapsed:.0f} s)")


def resumed(path: Path, facts: dict[str, Any]) -> Results:
    """Read an earlier run on this machine.

    Raises:
        click.UsageError: there is none, or it is from another machine, whose times are not comparable with these.
    """
    if not path.exists():
        raise click.UsageError(f"there is no run to resume: {path} does not exist. Run without --resume.")
    earlier = load(path)
    before, now = ({name: info.get(name) for name in ("cpu", "cores")} for info in (earlier.machine, facts))
    if before != now:
        names = " and ".join(f"{info['cpu']} with {info['cores']} cores" for info in (before, now))
        raise click.UsageError(
            f"{path} and this run are from different machines, {names}. Run without --resume, or set another --out."
        )
    return earlier


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--quick", is_flag=True, help="Fewer and smaller cases, a few minutes.")
@click.option("--large", is_flag=True, help="Also 4 models of 12,500, 25,000 and 50,000 samples.")
@click.option("--only", multiple=True, metavar="METRIC|TOOL|TOOL/METRIC", help="Measure only these; may be repeated.")
@click.option("-n", type=click.IntRange(64), help="Shrink every case to N samples, to test the benchmark.")
@click.option("--gpu/--cpu", "on_gpu", default=None, help="Measure the GPU cases, or not. Default: if JAX finds a GPU.")
@click.option("--resume", is_flag=True, help="Resume an interrupted run, and keep its measurements.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Results file, .json.")
def main(
    quick: bool, large: bool, only: tuple[str, ...], n: int | None, on_gpu: bool | None, resume: bool, out: Path | None
) -> None:
    """Measure the engine and its peers on the same inputs, and write results, table and chart.

    \b
    python -m bench --quick                    # a few minutes
    python -m bench --only cknna --only cka    # two metrics
    python -m bench.report                     # rewrite table and chart without measuring
    """
    peers = choose(only, load_peers())
    out = out or FOLDER / ("quick.json" if quick or only or n else "cpu.json")
    cases = plan(quick=quick, large=large, n=n)
    missing = gpu.find_gpu() if on_gpu is not False else "not requested"
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
