"""`python -m bench.scale`: what comparisons of up to 100 million samples would take, on paper.

Operations and memory are counted, `tests/bench/test_scale.py` checks the counts against runs of small size, and the
rates of the machines are those of data sheets. Nothing here was measured on an accelerator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from .text import rows_of

METRICS = ("cka", "mutual_knn", "cknna")
MODELS, COLUMNS = 60, 256
SIZES = (1_000_000, 100_000_000)
QUERIES = 20_000
# Of mutual k-NN between queries; see bench/results/queries.md.
DEVIATION = 0.1
# Bytes that a TPU moves for each pair of samples and model, as its compiler counts them: the product, and each table.
PRODUCT_BYTES, TABLE_BYTES = 8, 90
TABLES = 1  # mutual k-NN and CKNNA share one, of the cosine
# Rows of a block, and arrays of its size that the pass holds: the product, distances and candidates.
BLOCK, HELD = 64, 3


@dataclass(frozen=True)
class Machine:
    """A machine, by data sheets.

    Args:
        name: as in the table.
        devices: number of devices.
        flops: of each, in float32, per second: of a TPU, six products of bfloat16.
        bandwidth: of the memory of each, bytes per second.
        memory: of each, bytes.
        passes: seconds for one pass over a number on a CPU, all cores together; None on an accelerator.
    """

    name: str
    devices: int
    flops: float
    bandwidth: float
    memory: float
    passes: float | None = None


MACHINES = (
    Machine("two cores", 1, 0.1e12, 20e9, 24e9, passes=0.05e-9),
    Machine("one H100", 1, 50e12, 3.35e12, 80e9),
    Machine("eight H100", 8, 50e12, 3.35e12, 80e9),
    Machine("256 TPU v5e", 256, 197e12 / 6, 0.82e12, 16e9),
)


def device_memory(n: int, m: int, d: int, devices: int, *, block: int = BLOCK, cpu: bool = False) -> float:
    """Return the bytes that each device needs at least, without kernels of all pairs or ranks.

    Its share of the rows and the points of all models, of one of them once more, and blocks of distances of one model.
    A CPU keeps the rows only, whose points it computes for each block.
    """
    share = -(-n // devices)
    return (1 if cpu else 2) * 4 * share * d * (m + (devices > 1)) + HELD * 4 * block * share


def stages_of(machine: Machine, n: int, queries: int | None) -> Any:
    """Return the stages of a comparison; an accelerator multiplies all pairs of rows, as a CPU does in fixed blocks."""
    from hyle.engine import estimate

    block = None if machine.passes is not None else BLOCK
    return estimate(n, [COLUMNS] * MODELS, list(METRICS), queries=queries, block=block).stages


def operations(machine: Machine, n: int, queries: int | None) -> float:
    """Return the multiplications and additions of a comparison."""
    return 2 * sum(stage.products for stage in stages_of(machine, n, queries))


def hours(machine: Machine, n: int, queries: int | None) -> float:
    """Return the hours that the products and the passes over their entries take."""
    seconds = operations(machine, n, queries) / machine.flops
    if machine.passes is not None:
        return (seconds + sum(stage.passes for stage in stages_of(machine, n, queries)) * machine.passes) / 3600
    moved = MODELS * n * (queries or n) * (PRODUCT_BYTES + TABLES * TABLE_BYTES)
    return (seconds + moved / machine.bandwidth) / machine.devices / 3600


def _duration(hours: float) -> str:
    if hours < 1 / 60:
        return f"{3600 * hours:.2g} s"
    if hours < 1:
        return f"{60 * hours:.2g} min"
    return f"{hours:.2g} h" if hours < 100 else f"{hours / 24:,.0f} days"


def _bytes(number: float) -> str:
    for unit in ("GB", "TB"):
        number /= 1e9 if unit == "GB" else 1e3
        if number < 1000 or unit == "TB":
            return f"{number:,.2g} {unit}" if number < 100 else f"{number:,.0f} {unit}"
    raise AssertionError


def table() -> Iterator[list[str]]:
    """Yield the rows of the table: each size and way on each machine."""
    for n in SIZES:
        for queries in (None, QUERIES):
            way = "exact" if queries is None else f"{queries:,} queries, ± {1.96 * DEVIATION / queries**0.5:.4f}"
            for machine in MACHINES:
                need = device_memory(n, MODELS, COLUMNS, machine.devices, cpu=machine.passes is not None)
                fits = need <= machine.memory
                time = _duration(hours(machine, n, queries))
                yield [
                    f"{n:,}",
                    way,
                    f"{operations(machine, n, queries):.1e}",
                    machine.name,
                    _bytes(need),
                    time if fits else f"does not fit ({time})",
                ]


def lines() -> list[str]:
    """Return the lines of the table."""
    head = ("samples", "way, 95 % interval", "operations", "machine", "memory of each device", "time")
    return rows_of(head, table())


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Print what large comparisons would take, on paper."""
    for line in lines():
        click.echo(line)


if __name__ == "__main__":
    main()
