"""Options for the devices and processes that compute a comparison, and for the folder from which it continues."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hyle.zoo import InputError

from .common import LocalPath, option_group


class DevicesType(click.ParamType):
    """A number of devices from 1, ``all`` or ``cluster``."""

    name = "N|all|cluster"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or the word as it is."""
        if value in ("all", "cluster"):
            return str(value)
        try:
            return int(click.IntRange(1).convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is neither a number of devices nor all nor cluster", param, ctx)


@dataclass(frozen=True)
class DeviceOptions:
    """Where a comparison is computed.

    Args:
        devices: number of devices, ``all``, or ``cluster``; None for one device, or with processes for all.
        coordinator: ``host:port`` of the process of rank 0.
        processes: number of processes.
        rank: of this process.
        checkpoint: folder from which an interrupted comparison continues; None for none.
    """

    devices: int | str | None
    coordinator: str | None
    processes: int | None
    rank: int | None
    checkpoint: Path | None

    def __post_init__(self) -> None:
        given = {"--coordinator": self.coordinator, "--processes": self.processes, "--rank": self.rank}
        missing = [option for option, value in given.items() if value is None]
        if 0 < len(missing) < len(given):
            raise InputError(
                f"{' and '.join(missing)} missing: a comparison of several processes needs --coordinator, --processes "
                "and --rank in each of them, or --devices cluster where a cluster tells JAX"
            )
        if self.coordinator and self.devices not in (None, "all"):
            raise InputError(f"--devices {self.devices}: several processes use all of their devices; omit --devices")


device_options = option_group(
    DeviceOptions,
    "where",
    click.option(
        "--devices",
        type=DevicesType(),
        metavar="N|all|cluster",
        help="Divide the samples among so many GPUs or TPUs, all of this computer, or those of all processes that "
        "Slurm, Open MPI, GKE or Cloud TPU has started with this command (cluster). [default: one device]",
    ),
    click.option(
        "--coordinator",
        metavar="HOST:PORT",
        help="With --processes and --rank, where no cluster tells JAX: the computer of rank 0 and a free port on it. "
        "Start the same command in every process; the one of rank 0 prints and writes.",
    ),
    click.option("--processes", type=click.IntRange(1), help="Number of processes."),
    click.option("--rank", type=click.IntRange(0), help="Rank of this process, from 0."),
    click.option(
        "--checkpoint",
        type=LocalPath(path_type=Path, file_okay=False),
        metavar="FOLDER",
        help="For comparisons that take long: save what is computed in this folder, from which the same command "
        "continues after an interruption. It is removed at the end.",
    ),
)
