"""Worker script for `environments.worker`, run by the Python of an isolated environment.

It reads one JSON request per line and answers each with one line of JSON. hyle is not installed in that environment:
this script builds the package from the folder that it is in.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _make_package() -> None:
    folder = Path(__file__).resolve().parent
    sys.path.remove(str(folder))  # Python puts the folder of the script first
    parent = types.ModuleType("hyle")
    parent.__path__ = []
    sys.modules["hyle"] = parent
    spec = importlib.util.spec_from_file_location(
        "hyle.zoo", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["hyle.zoo"] = package
    spec.loader.exec_module(package)


def serve(name: str, device: str, answer: Callable[[dict[str, Any]], None]) -> None:
    """Load a model, then answer requests until standard input is closed."""
    from safetensors.numpy import save_file

    from hyle.zoo import find_card, keep_freed_memory, weights_files
    from hyle.zoo.embeddings import to_numpy
    from hyle.zoo.environments import from_wire
    from hyle.zoo.models import checked_output, outputs_of

    keep_freed_memory()
    card = find_card(name)
    module, _, cls = card.adapter.partition(":")
    files = weights_files(card, notify=lambda line: answer({"say": line}))
    adapter = getattr(importlib.import_module(module), cls)(card, files, device)
    answer({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        samples = [from_wire(data) for data in request["samples"]]
        if request["do"] == "unsupported":
            answer({"reasons": [adapter.unsupported(sample) for sample in samples]})
            continue
        if request["do"] == "node_numbers":
            numbers = adapter.node_numbers(samples[0])
            answer({"numbers": None if numbers is None else list(numbers)})
            continue
        if request["do"] == "token_spans":
            answer({"spans": adapter.token_spans(samples[0])})
            continue
        arrays, facts = {}, []
        for number, returned in enumerate(outputs_of(adapter, samples, request["layers"])):
            output = checked_output(returned, len(samples), card)
            features = output.features
            if str(getattr(features, "dtype", "")) == "torch.bfloat16":
                features = features.float()
            arrays[str(number)] = to_numpy(features).copy()
            counts = None if output.counts is None else [int(count) for count in output.counts]
            energies = None if output.energies is None else [float(energy) for energy in output.energies]
            facts.append({"counts": counts, "energies": energies})
        save_file(arrays, request["out"])
        answer({"outputs": facts})


def _reason(error: Exception) -> str:
    try:
        from hyle.zoo import describe_user_error, is_on_purpose
    except ImportError:  # hyle itself cannot be imported here
        return f"{type(error).__name__}: {error}"
    return str(error) if is_on_purpose(error) else describe_user_error(error) or f"{type(error).__name__}: {error}"


def main() -> None:
    # An interrupt in a terminal reaches all its processes; this one is ended by the one that started it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Text that libraries print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        _make_package()
        serve(sys.argv[1], sys.argv[2], answer)
    except Exception as error:
        import traceback

        traceback.print_exc()
        answer({"error": _reason(error)})
        sys.exit(1)


if __name__ == "__main__":
    main()
