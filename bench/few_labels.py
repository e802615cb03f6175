"""What alignment with a teacher is worth to a student of molecules with few labels, next to what explains it otherwise.

Every arm of a task (a split, a label and a seed) has the same molecules, labels, labelled batches, initial parameters
and steps. The students differ in what they are aligned with: nothing, the teacher, the teacher's rows in the order of
other molecules, and the numbers of atoms of each element. The ridge regressions have no student: they read the
student's own input, the teacher's rows, or the numbers of atoms, and are fitted to the same labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

TEACHER, STUDENT, LABELS = "aimnet2", "fingerprint-mlp", ("gap", "alpha", "mu")
SPLITS = ("in distribution", "out of distribution")
LABELLED, STEPS, BATCH, TEST = 100, 300, 64, 800
# Out of distribution: trained on molecules of at most this many heavy atoms, tested on larger ones.
LARGEST = 8
# Samples to measure on during training, and labelled samples to select parameters by, of the `LABELLED`.
MONITORED, SELECTING, EVAL_EVERY = 64, 20, 25
LOSSES = {"cka": 1.0, "cosine": 1.0}
# Students whose errors are compared with those of all other arms.
COMPARED = ("aligned", "cosine alone", "aligned, by label", "aligned, by alignment")
ELEMENTS = (1, 6, 7, 8, 9)


class Molecules(NamedTuple):
    """The molecules of the benchmark.

    Args:
        inputs: fingerprint counts [n, bits] of the student.
        teacher: rows [n, d] of the teacher.
        composition: numbers of atoms [n, 5] of H, C, N, O, F.
        labels: name -> [n].
        units: name -> unit of the label.
    """

    inputs: Mapping[str, np.ndarray]
    teacher: np.ndarray
    composition: np.ndarray
    labels: Mapping[str, np.ndarray]
    units: Mapping[str, str]

    def of(self, rows: np.ndarray) -> Molecules:
        """Select molecules."""
        return Molecules(
            {name: values[rows] for name, values in self.inputs.items()},
            self.teacher[rows],
            self.composition[rows],
            {name: values[rows] for name, values in self.labels.items()},
            self.units,
        )


def molecules(data: Any, teacher: Any) -> Molecules:
    """Collect the inputs, rows and labels of a data set and the representation of its teacher."""
    from flax import nnx

    from hyle.zoo.students import find_student

    position = {id_: row for row, id_ in enumerate(teacher.ids)}
    numbers = [np.asarray(sample.atoms.numbers) for sample in data]
    return Molecules(
        find_student(STUDENT)(8, rngs=nnx.Rngs(0)).featurise(data.samples),
        np.asarray(teacher.embedding, np.float32)[[position[sample.id] for sample in data]],
        np.array([[(each == element).sum() for element in ELEMENTS] for each in numbers], np.float32),
        {label: np.array([sample.labels[label] for sample in data]) for label in LABELS},
        {label: data.units[label] for label in LABELS},
    )


def split(known: Molecules, name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the training and the test molecules of a seed; the first `LABELLED` training molecules are labelled."""
    order = np.random.default_rng([seed, 20]).permutation(len(known.teacher))
    if name == "in distribution":
        return order[TEST:], order[:TEST]
    small = known.composition[order, 1:].sum(1) <= LARGEST
    return order[small], order[~small][:TEST]


class Students:
    """Students of one architecture, compiled once for all runs.

    Args:
        width: of their rows.
    """

    def __init__(self, width: int) -> None:
        import jax
        from flax import nnx

        from hyle.zoo.students import find_student, split_params

        self._build = lambda seed: find_student(STUDENT)(width, rngs=nnx.Rngs(seed))
        self._params = lambda seed: split_params(self._build(seed))[1]
        self.apply, _ = split_params(self._build(0))
        self.embed: Callable[[Any, Any], Any] = jax.jit(self.apply)

    def train(
        self,
        train: Molecules,
        labels: np.ndarray,
        target: np.ndarray,
        seed: int,
        losses: Mapping[str, float],
        select: str = "last",
    ) -> tuple[Any, Any]:
        """Train one student on molecules, labels [n] (NaN: not known) and rows [n, d] to align with.

        Returns:
            Its parameters, and the function from rows to labels.
        """
        from hyle.engine.training import Settings, distill

        n = len(labels)
        # The last molecules are measured; for the selection by the label some labelled ones, which are not trained on.
        held_out = np.arange(n) >= n - MONITORED
        if select == "label":
            held_out = (np.arange(n) < LABELLED) & (np.arange(n) >= LABELLED - SELECTING)
        settings = Settings(
            losses=losses,
            steps=STEPS,
            batch_size=BATCH,
            eval_every=STEPS if select == "last" else EVAL_EVERY,
            patience=0,
            seed=seed,
            select=select,  # type: ignore[arg-type]
        )
        run = distill(
            self.apply,
            self._params(seed),
            dict(train.inputs),
            {TEACHER: target},
            held_out=held_out,
            labels=labels,
            settings=settings,
        )
        return run.params, run.predict


def measure(
    known: Molecules, students: Students, name: str, label: str, seed: int, done: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Measure all arms of one task: mean absolute errors on the test molecules, and CKA with the teacher there.

    Args:
        known: the molecules.
        students: the students to train.
        name: of the split.
        label: name of the label.
        seed: of the split, the initial parameters and the batches.
        done: an earlier result of this task, whose students are not trained again.
    """
    from hyle.engine import cka
    from hyle.engine.training import in_batches

    train_rows, test_rows = split(known, name, seed)
    train, test = known.of(train_rows), known.of(test_rows)
    values, truth = train.labels[label], test.labels[label]
    labels = np.where(np.arange(len(values)) < LABELLED, values, np.nan)
    errors: dict[str, float] = dict(done["mae"]) if done else {}
    alignment: dict[str, float] = dict(done["cka"]) if done else {}
    shuffled = train.teacher[np.random.default_rng([seed, 21]).permutation(len(train.teacher))]
    arms: dict[str, tuple[np.ndarray, dict[str, float], str]] = {
        "alone": (train.teacher, {}, "last"),
        "aligned": (train.teacher, LOSSES, "last"),
        "cosine alone": (train.teacher, {"cosine": 1.0}, "last"),
        "permuted": (shuffled, LOSSES, "last"),
        "composition": (train.composition, LOSSES, "last"),
        "permuted, cosine alone": (shuffled, {"cosine": 1.0}, "last"),
        "composition, cosine alone": (train.composition, {"cosine": 1.0}, "last"),
    }
    if name == SPLITS[0]:
        arms |= {
            "aligned, by label": (train.teacher, LOSSES, "label"),
            "aligned, by alignment": (train.teacher, LOSSES, "alignment"),
        }
    for arm, (target, losses, select) in arms.items():
        if arm in alignment:
            continue
        params, predict = students.train(train, labels, target, seed, losses, select)
        rows = in_batches(lambda x, params=params: students.embed(params, x), dict(test.inputs), BATCH)
        errors[arm] = float(np.abs(predict(rows) - truth).mean())
        alignment[arm] = float(cka(rows, test.teacher))
    for arm, of in {
        "ridge on the student's input": lambda m: np.log1p(m.inputs["counts"].astype(np.float64)),
        "ridge on the teacher": lambda m: m.teacher,
        "ridge on composition": lambda m: m.composition,
    }.items():
        errors[arm] = ridge(of(train)[:LABELLED], values[:LABELLED], of(test), truth)
    errors["median"] = float(np.abs(truth - np.median(values[:LABELLED])).mean())
    counts = {"train": len(train_rows), "test": len(test_rows)}
    return {"split": name, "label": label, "seed": seed, **counts, "mae": errors, "cka": alignment}


def ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray, truth: np.ndarray) -> float:
    """Compute the mean absolute error on new rows of a ridge regression of labels y on rows x."""
    from hyle.engine.analysis.probe import fit

    fitted = fit("ridge", np.asarray(x, np.float64), np.asarray(y, np.float64))
    return float(np.abs(fitted.predict(np.asarray(new, np.float64)) - truth).mean())


def interval(values: Any) -> dict[str, float]:
    """Estimate the mean over seeds and its 95 % interval by Student's t."""
    from scipy import stats

    x = np.asarray(values, float)
    n, mean = len(x), float(x.mean())
    half = float(stats.t.ppf(0.975, n - 1) * x.std(ddof=1) / n**0.5) if n > 1 else float("nan")
    return {"mean": mean, "low": mean - half, "high": mean + half, "seeds": n}


def summary(runs: list[dict[str, Any]], units: Mapping[str, str]) -> list[dict[str, Any]]:
    """Summarise the seeds of each task: errors, and changes of aligned students relative to each other arm."""
    rows = []
    for task in dict.fromkeys((run["split"], run["label"]) for run in runs):
        seeds = [run for run in runs if (run["split"], run["label"]) == task]
        arms = [arm for arm in seeds[0]["mae"] if all(arm in run["mae"] for run in seeds)]
        row: dict[str, Any] = {"split": task[0], "label": task[1], "unit": units[task[1]]}
        row |= {"train": [run["train"] for run in seeds], "test": seeds[0]["test"]}
        row["mae"] = {arm: interval([run["mae"][arm] for run in seeds]) for arm in arms}
        row["cka"] = {arm: interval([run["cka"][arm] for run in seeds]) for arm in arms if arm in seeds[0]["cka"]}
        row["change"] = {
            student: {
                arm: interval([run["mae"][student] / run["mae"][arm] - 1 for run in seeds])
                for arm in arms
                if arm != student
            }
            for student in arms
            if student in COMPARED
        }
        rows.append(row)
    return rows
