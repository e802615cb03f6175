"""M3GNet, which needs a separate environment from PyTorch models: skipped if that was not built."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

pytest.importorskip("ase")
pytest.importorskip("torch")

from click.testing import CliRunner

from hyle.cli import cli
from hyle.zoo import Environment, Key, Store, find_card, load_dataset, model_recipe, weights_files
from hyle.zoo.environments.wire import to_wire

from .matter import crystals, energies, model, molecules, structures

pytestmark = pytest.mark.models

OFFICIAL = """
import json, os, sys
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import ase, ase.constraints, ase.filters
ase.constraints.ExpCellFilter = ase.filters.ExpCellFilter
from m3gnet.models import M3GNet
model = M3GNet.load(sys.argv[1])
found = []
for data in json.load(sys.stdin):
    atoms = ase.Atoms(data["numbers"], data["positions"], cell=data["cell"], pbc=data["pbc"])
    found.append(float(model.predict_structure(atoms)[0][0]))
print(json.dumps([found, sum(int(v.shape.num_elements()) for v in model.trainable_variables)]))
"""


def test_energies_and_parameter_count_agree_with_its_library_and_card():
    card = model("m3gnet").card
    samples = structures(*crystals().values(), *(sample.atoms for sample in molecules()))
    message = json.dumps([to_wire(sample, "atoms")["atoms"] for sample in samples])
    folder = weights_files(card)["model"].parent
    command = [Environment.of(card).executable, "-c", OFFICIAL, folder]
    want, parameters = json.loads(subprocess.run(command, input=message, text=True, capture_output=True).stdout)
    np.testing.assert_allclose(energies("m3gnet", samples), want, rtol=1e-6)
    assert parameters == card.parameters


def test_elements_that_are_not_in_its_training_data_are_rejected():
    import ase

    adapter = model("m3gnet").adapter
    for symbol in ("Po", "Rn", "Ra", "Cf"):
        assert "not trained for" in adapter.unsupported(structures(ase.Atoms(symbol))[0])
    assert adapter.unsupported(structures(ase.Atoms("Pu"))[0]) is None


def test_one_command_embeds_it_with_pytorch_models_and_energies_agree_with_dft(tmp_path):
    model("m3gnet")
    names = ("m3gnet", "sevennet-0", "chgnet-0.3.0")
    for name in names[1:]:
        model(name)
    done = CliRunner().invoke(cli, ["embed", *names, "--dataset", "alexandria", "-n", "40", "--store", str(tmp_path)])
    assert done.exit_code == 0, done.output
    data = load_dataset("alexandria", n=40)
    atoms = np.array([len(sample.atoms) for sample in data])
    dft = np.array([sample.labels["energy"] for sample in data])
    for name in names[:2]:
        recipe = model_recipe(find_card(name))
        key = Key.of(recipe | {"dataset": data.name, "dataset_version": data.version, "dataset_source": data.source})
        found = Store(tmp_path).load(key)
        assert list(found.ids) == list(data.ids)
        assert np.abs((found.energies - dft) / atoms).mean() < 0.15
