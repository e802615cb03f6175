"""An adapter that runs in another environment: it sends samples there and receives features."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import OperationError, Sample
from ..cards import ModelCard
from .environment import Environment
from .wire import to_wire

SCRIPT = Path(__file__).parents[1] / "_serve.py"


class WorkerDiedError(RuntimeError):
    """The worker process ended before it answered."""


class Worker(OnePassAdapter):
    """The adapter of a card, run by the Python of its isolated environment.

    If the worker process crashes on a batch, a new one runs the samples one by one, so that the error names the sample
    that caused the crash.

    Args:
        card: the card of the model.
        device: the torch device to run on.
        notify: called with one line before the environment is built or anything is downloaded.
    """

    def __init__(self, card: ModelCard, device: str = "cpu", notify: Callable[[str], None] | None = None) -> None:
        super().__init__(card, {}, device)
        self._report = notify or (lambda line: None)
        self._python = Environment.of(card).build(notify=notify)
        self._folder = tempfile.TemporaryDirectory(prefix="hyle-")
        self._start()

    def unsupported(self, sample: Sample) -> str | None:
        """Return why this sample cannot be embedded, by the adapter in the worker."""
        return self._request({"do": "unsupported"}, [sample])["reasons"][0]

    def node_numbers(self, sample: Sample) -> Sequence[int] | None:
        """Return which atom or residue each row stands for, by the adapter in the worker."""
        return self._request({"do": "node_numbers"}, [sample])["numbers"]

    def token_spans(self, sample: Sample) -> Sequence[tuple[int, int]] | None:
        """Return the characters that each row stands for, by the adapter in the worker."""
        return self._request({"do": "token_spans"}, [sample])["spans"]

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Run the adapter in the worker, in one pass if it can."""
        try:
            return self._forward(samples, layers)
        except WorkerDiedError as error:
            self._start()
            if len(samples) == 1:
                raise OperationError(f"{self.card.name} crashed on the sample {samples[0].id!r}: {error}") from error
            alone = [self.forward_layers([sample], layers) for sample in samples]
            return [_concatenate(of_layer) for of_layer in zip(*alone, strict=True)]

    def _forward(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        from safetensors.numpy import load_file

        out = Path(self._folder.name) / "features.safetensors"
        answer = self._request({"do": "forward", "layers": list(layers), "out": str(out)}, samples)
        arrays = load_file(out)
        out.unlink()
        return [
            Output(_tensor(arrays[str(number)]), facts["counts"], facts["energies"])
            for number, facts in enumerate(answer["outputs"])
        ]

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the worker
        # Without the module paths of this process, because the other environment has its own packages.
        variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        self._process = subprocess.Popen(
            [self._python, SCRIPT, self.card.name, self.device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=variables,
        )
        # The worker ends when its standard input is closed; this also ends it when this object is no longer used.
        weakref.finalize(self, _stop, self._process)
        try:
            self._read_answer()
        except WorkerDiedError as error:
            raise OperationError(f"{self.card.name} could not be loaded in its environment: {error}") from error

    def _request(self, request: dict[str, Any], samples: Sequence[Sample]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(
                json.dumps({**request, "samples": [to_wire(sample, self.card.view) for sample in samples]}) + "\n"
            )
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # reading the answer raises the reason
        return self._read_answer()

    def _read_answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "say" in message:
                self._report(message["say"])
            elif "error" in message:
                self._process.wait()
                raise WorkerDiedError(message["error"])
            else:
                return message
        code = self._process.wait()
        self._errors.seek(0)
        lines = [line for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        ended = f"its worker was ended by signal {-code}" if code < 0 else f"its worker ended with code {code}"
        raise WorkerDiedError(f"{ended}: {lines[-1].strip()}" if lines else ended)


def _stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def _tensor(features: np.ndarray) -> Any:
    try:
        import torch
    except ImportError:
        return features
    return torch.from_numpy(features)


def _concatenate(outputs: Sequence[Output]) -> Output:
    rows = np.concatenate([np.asarray(output.features) for output in outputs])
    counts = [count for output in outputs for count in output.counts or ()]
    energies = [energy for output in outputs for energy in output.energies or ()]
    return Output(_tensor(rows), counts or None, energies or None)
