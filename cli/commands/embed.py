"""`hyle embed`: embed samples with models and store the result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from hyle.zoo import (
    NODE_KINDS,
    Dataset,
    InputError,
    Representation,
    Store,
    check_output,
    describe_repeats,
    find_card,
    group_sizes,
    write_embeddings,
)
from hyle.zoo.fleet import Fleet, Processes, RayCluster
from hyle.zoo.store import DamagedFolderError

from ..console import say
from ..interrupts import INTERRUPTS
from ..jobs import (
    Incomplete,
    Shard,
    check_views,
    chosen_layers,
    embed_shard_with_progress,
    embed_together_with_progress,
    embedding_data,
    repair_command,
)
from ..options import (
    LocalPath,
    SampleSelection,
    SectionedCommand,
    dataset_options,
    json_option,
    print_json,
    store_option,
)
from ..outputs import check_file, replace_option

# Number of commands that are listed.
SHOWN = 8


class ShardType(click.ParamType):
    """A value ``i/n`` with 1 <= i <= n."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check and convert the value of the option."""
        if isinstance(value, Shard):
            return value
        i, slash, n = str(value).partition("/")
        if not (slash and i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
            self.fail(f"{value!r} is not i/n with 1 <= i <= n, such as 3/16", param, ctx)
        return Shard(int(i), int(n))


@click.command(cls=SectionedCommand, short_help="Embed samples with models.")
@click.argument("models", nargs=-1, required=True)
@dataset_options(default_n=500)
@click.option("--layer", help="The layer to embed with. [default: the first in the model's card]")
@click.option(
    "--layers",
    help="Several layers, comma-separated, or all; each is stored, and is called MODEL@LAYER in `hyle compare`.",
)
@click.option(
    "--pooling",
    help="How atoms, tokens or residues become one row per sample: mean, sum or cumulants(N), with N from 1 to 4. "
    "[default: that of the model's card]",
)
@click.option(
    "--per",
    type=click.Choice(NODE_KINDS),
    help="Store a row for each atom, residue or token instead of pooling them, for `hyle compare --per`.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    help="Type of the stored rows; float16 takes half the space. [default: that of the model]",
)
@click.option(
    "--batch-size", type=click.IntRange(1), help="Number of samples per batch. [default: that of the model's card]"
)
@click.option(
    "--shard",
    type=ShardType(),
    help="Embed only every n-th sample, starting with the i-th, while other processes embed the others; the last one "
    "stores the embeddings.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Embed with this many processes on this machine, each with its share of the cores, or of the GPUs with "
    "--device cuda. With --ray, the number of workers of the cluster. [default: this process; with --ray, one for each "
    "node or GPU]",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Embed with workers of a Ray cluster: auto, local, HOST:PORT or ray://HOST:PORT. The store has to be a folder "
    "that all nodes share, or an address.",
)
@click.option("--device", default="cpu", show_default=True, help="Torch device that runs the model, such as cuda.")
@click.option(
    "-o",
    "--output",
    type=LocalPath(path_type=Path),
    help="Also write the embeddings to this file: .npz, .npy, .parquet, .safetensors, .csv, .h5 or .zarr.",
)
@replace_option
@store_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    models: tuple[str, ...],
    draw: SampleSelection,
    layer: str | None,
    layers: str | None,
    pooling: str | None,
    per: str | None,
    dtype: str | None,
    batch_size: int | None,
    shard: Shard | None,
    workers: int | None,
    ray: str | None,
    device: str,
    output: Path | None,
    replace_output: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """Embed samples with MODELS and store the embeddings, for `hyle compare` and the other commands.

    MODELS are names of `hyle models`, adapter classes of your own (MODULE:CLASS), or models of the Hugging Face hub
    (hf:ORGANISATION/NAME). Weights are downloaded if necessary.

    An interrupted run continues where it stopped. Embeddings that are stored already are not computed again.

    \b
    Examples:
      hyle embed minilm chgnet-0.3.0 -n 500
      hyle embed aimnet2 -n 1000 -o aimnet2.npz
      hyle embed rxnfp --layers all
      hyle compare rxnfp@all                  compares these layers
      hyle embed mymodule:MyModel hf:organisation/name
      hyle embed aimnet2 nagl-1.0.0 --per atom
      hyle embed aimnet2 --workers 4          four processes of this machine
      hyle embed aimnet2 --ray auto           on the nodes of a Ray cluster
      hyle embed aimnet2 --shard $SLURM_ARRAY_TASK_ID/16    in a job array

    \b
    Samples of your own: --dataset takes a file, or a folder of files:
      tables of SMILES, SELFIES or sequences  .csv .tsv .parquet .smi .fasta
      molecules and crystals in 3D            .sdf .xyz .extxyz .cif .vasp
                                              .traj .db .aselmdb POSCAR
      protein chains                          .pdb .mmcif
      hyle embed minilm --dataset mine.csv --column canonical --id-column name
      hyle embed chgnet-0.3.0 --dataset relaxed.extxyz -n 1000
      hyle embed sevennet-0 --dataset omat24/val -n 5000 --seed 1
    """
    if layer is not None and layers is not None:
        raise click.UsageError("give --layer or --layers, not both")
    if shard is not None and (workers is not None or ray is not None):
        raise click.UsageError("give --shard, or --workers or --ray, not both: workers share all samples among them")
    fleet: Fleet | None = None
    if ray is not None:
        fleet = RayCluster(ray, workers, device=device, notify=say)
    elif workers is not None:
        fleet = Processes(workers, device=device, notify=say)
    wanted: list[tuple[str, Sequence[str | None]]] = []
    for name in models:
        card = find_card(name, notify=say)
        wanted.append((name, [layer] if layers is None else chosen_layers(card, layers)))
    if output is not None and sum(len(each) for _, each in wanted) > 1:
        raise click.UsageError("--output takes one model and one layer at a time")
    if output is not None and shard is not None:
        raise click.UsageError("give --output without --shard, once all shards are embedded")
    if output is not None:
        check_output(output)
        ids = [output.with_suffix(".ids.txt")] if output.suffix == ".npy" else []
        target = check_file(output, replace=replace_output, companions=ids)
    data = draw.load(models=models)
    if repeats := describe_repeats(len(data), group_sizes(data.groups)):
        say(f"{data.name}: {repeats}")
    check_views(models, data, per=per, pooling=pooling)
    store = Store(store_path)
    rows: dict[str, Any] = {"pooling": pooling, "per": per, "half": dtype == "float16"}
    options: dict[str, Any] = {**rows, "batch_size": batch_size, "device": device}
    results: list[Any] = []
    incomplete: list[Incomplete] = []

    def take(made: Representation, _: bool) -> Any:
        if output is not None:
            say(target.written(write_embeddings(made, output)))
        return embedding_data(made, data)

    with _ending(fleet):
        for name, chosen in wanted:
            try:
                if shard is not None:
                    found = embed_shard_with_progress(name, data, store, shard, chosen, take, **options)
                else:
                    found = embed_together_with_progress(name, data, store, chosen, take, fleet=fleet, **options)
            except DamagedFolderError as error:
                repair = repair_command(error.path, _command_again(error.ids, data, shard, ctx))
                raise InputError(f"{error.path} is damaged; to repair it: {repair}") from error
            for each in found:
                if isinstance(each, Incomplete):
                    incomplete.append(each)
                    each = _incomplete_data(each, ctx)
                results.append(each)
    if any(each.shards for each in incomplete):
        _say_commands(_commands([part for each in incomplete for part in each.shards], ctx))
    if as_json:
        print_json(results)


@contextmanager
def _ending(fleet: Fleet | None) -> Iterator[None]:
    """End the workers after the block, also after an interrupt; without workers, an interrupt ends it at once."""
    if fleet is None:
        yield
        return
    with INTERRUPTS.unwinding(), fleet:
        yield


def _incomplete_data(made: Incomplete, ctx: click.Context) -> dict[str, Any]:
    """Return what is missing of a representation as plain data."""
    counts = {"samples": made.total, "missing": made.missing}
    return {"model": made.model, "layer": made.layer, **counts, "commands": _commands(made.shards, ctx)}


def _say_commands(commands: Sequence[str]) -> None:
    say("the last process to finish stores the embeddings; to embed shards that no process is working on:")
    for line in commands[:SHOWN]:
        say(f"  {line}")
    if len(commands) > SHOWN:
        say(f"  and {len(commands) - SHOWN} more, up to {commands[-1].rpartition(' ')[2]}; --json lists all")


def _command_again(ids: Sequence[str], data: Dataset, shard: Shard | None, ctx: click.Context) -> str:
    """Return this command for the shards that some samples are in, or for the same shard if the ids are not known."""
    if shard is None:
        return shlex.join(["hyle", "embed", *_arguments(ctx)])
    wanted = set(ids)
    parts = {position % shard.n for position, i in enumerate(data.ids) if i in wanted}
    return " && ".join(_commands([Shard(part + 1, shard.n) for part in parts] or [shard], ctx))


def _commands(shards: Sequence[Shard], ctx: click.Context) -> list[str]:
    """Return this command for each of other shards."""
    order = sorted(set(shards), key=lambda shard: (shard.n, shard.i))
    return [shlex.join(["hyle", "embed", *_arguments(ctx), "--shard", str(shard)]) for shard in order]


def _arguments(ctx: click.Context) -> list[str]:
    """Return the arguments that the user gave, without the shard and the form of the output."""
    words: list[str] = []
    for parameter in ctx.command.params:
        name, value = str(parameter.name), ctx.params.get(str(parameter.name))
        given = ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if isinstance(parameter, click.Argument):
            words += map(str, value or ())
        elif given and name not in ("shard", "as_json"):
            words += [parameter.opts[0]] if value is True else [parameter.opts[0], str(value)]
    return words
