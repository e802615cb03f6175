"""`python -m bench.distill`: measure what alignment with a teacher is worth to a student of molecules.

Few labels: see `bench.few_labels`. The fast student of the second part is trained by `hyle distill`, whose result.json
is passed by --result:

    hyle embed sevennet-0 -n 4000
    hyle distill sevennet-0 -n 4000 --student atoms-invariant --steps 350 --name fast
    python -m bench.distill --page --result MODELS/fast/result.json

The results are written to bench/results/distill.json, and from there to docs/distillation.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .distill_page import markdown
from .few_labels import (
    BATCH,
    LABELLED,
    LABELS,
    LARGEST,
    LOSSES,
    SELECTING,
    SPLITS,
    STEPS,
    STUDENT,
    TEACHER,
    Students,
    measure,
    molecules,
    summary,
)
from .results import FOLDER, machine

DOCS = Path(__file__).parents[1] / "docs" / "distillation.md"


def processor_rates(names: list[str], n: int) -> dict[str, Any]:
    """Measure samples per CPU second, on which the load of other processes has little influence."""
    import time

    import torch

    from hyle.cli.jobs import train_val_test_split
    from hyle.zoo import load, load_dataset

    torch.set_num_threads(1)
    samples = train_val_test_split(load_dataset("qm9", n=n).samples, 0).test[:128]
    rates: dict[str, Any] = {"samples": len(samples), "unit": "samples per CPU second"}
    for name in names:
        model, seconds = load(name), []
        for _ in range(3):  # the first run compiles
            start = time.process_time()
            model.run(samples)
            seconds.append(time.process_time() - start)
        rates[name] = len(samples) / min(seconds)
    return {**rates, "ratio": {name: rates[names[0]] / rates[name] for name in names[1:]}}


@click.command(context_settings={"show_default": True})
@click.option("-n", default=4000, help="Number of molecules; the store must contain their embeddings by the teacher.")
@click.option("--seeds", default=10, help="Number of seeds of the runs with few labels.")
@click.option("--result", type=click.Path(exists=True, path_type=Path), help="result.json of `hyle distill`.")
@click.option(
    "--resume", is_flag=True, help="Keep the students of the results file and train only those that it lacks."
)
@click.option("--page", is_flag=True, help="Rewrite the page without measuring.")
@click.option("--store", "store_path", envvar="HYLE_STORE", type=click.Path(path_type=Path))
def main(n: int, seeds: int, result: Path | None, resume: bool, page: bool, store_path: Path | None) -> None:
    """Measure, and write bench/results/distill.json and docs/distillation.md."""
    from hyle.cli.jobs.sources import find_representations
    from hyle.zoo import Store, load_dataset

    path = FOLDER / "distill.json"
    results: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if page:
        few = results["few_labels"]
        few["summary"] = summary(few["runs"], few["units"])
        path.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    else:
        if store_path is None:
            raise click.UsageError("--store is needed to measure")
        data = load_dataset("qm9", n=n)
        (teacher,) = find_representations([TEACHER], Store(store_path), dataset=f"{data.name}-{data.version}")
        known = molecules(data, teacher)
        students = Students(known.teacher.shape[1])
        few = {"teacher": TEACHER, "student": STUDENT, "samples": n, "labelled": LABELLED}
        few |= {"steps": STEPS, "batch_size": BATCH, "losses": LOSSES, "selecting": SELECTING, "largest": LARGEST}
        few |= {"units": dict(known.units)}
        earlier = results.get("few_labels", {}) if resume else {}
        done = {
            (run["split"], run["label"], run["seed"]): run
            for run in earlier.get("runs", [])
            if {name: earlier.get(name) for name in few} == few
        }
        for seed in range(seeds):
            for split in SPLITS:
                for label in LABELS:
                    task = split, label, seed
                    done[task] = measure(known, students, *task, done.get(task))
                    click.echo(json.dumps(done[task]))
            # Written after each seed, so that an interruption does not lose the results.
            runs = list(done.values())
            results["few_labels"] = {**few, "summary": summary(runs, known.units), "runs": runs}
            results["machine"] = machine()
            path.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    if result is not None:
        fast = json.loads(result.read_text("utf-8"))
        fast = {key: fast[key] for key in ("name", "student", "teachers", "samples", "alignment", "parameters")}
        fast["speed"] = processor_rates([fast["name"], *fast["teachers"]], n)
        results["speed"] = fast
        path.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    DOCS.write_text(markdown(results), "utf-8")
    click.echo(f"wrote {path} and {DOCS}")


if __name__ == "__main__":
    main()
