"""Small potentials with random weights, compared with the predictions of their own libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Model, UnknownHashError, check_hashes, find_card, pin_hashes

pytest.importorskip("ase")
torch = pytest.importorskip("torch")

from .potentials import (  # noqa: E402
    ORB_SIZES,
    assert_rows,
    crystals,
    eqv2,
    eqv2_dens,
    fairchem_v1,
    mace,
    mattersim,
    molecules,
    of_domain,
    orb,
    orb_direct,
    orb_omol,
    pet,
    rows,
    uma,
)


def test_mace_agrees_with_its_own_calculator(tmp_path: Path) -> None:
    model = mace(tmp_path)
    from mace.calculators import MACECalculator

    calculator = MACECalculator(model_paths=str(tmp_path / "mace.model"), device="cpu", default_dtype="float32")
    for sample in [*molecules(), *crystals()]:
        out = model.adapter.forward([sample], "invariants")
        np.testing.assert_allclose(out.features, calculator.get_descriptors(sample.atoms), rtol=1e-4, atol=1e-5)
        whole = model.adapter.forward([sample], "node_feats").features
        np.testing.assert_allclose(
            whole, calculator.get_descriptors(sample.atoms, invariants_only=False), rtol=1e-4, atol=1e-5
        )
        assert out.energies == pytest.approx([calculator.get_potential_energy(sample.atoms)], rel=1e-5)


def test_mace_does_not_change_how_other_weights_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", raising=False)
    mace(tmp_path)
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in os.environ


@pytest.mark.parametrize("build", [orb, orb_direct, orb_omol])
def test_orb_agrees_with_its_own_calculator(build: Callable[[Path], Model], tmp_path: Path) -> None:
    model = build(tmp_path)
    from hyle.zoo.adapters.orb import cached_path

    network, adapter = model.adapter.model, model.adapter  # type: ignore[attr-defined]
    with cached_path():
        from orb_models.forcefield.atomic_system import ase_atoms_to_atom_graphs
        from orb_models.forcefield.calculator import ORBCalculator

    network.pair_repulsion_fn.compute_gradients = True  # for its forces
    calculator = ORBCalculator(network, device="cpu")
    for sample in of_domain(model):
        assert sample.atoms is not None
        atoms = sample.atoms.copy()
        if "omol" in model.card.name:
            atoms.info |= {"charge": 0, "spin": 1}
        out = adapter.forward([sample], "gnn_stacks.1")
        nodes = network.model(ase_atoms_to_atom_graphs(atoms, network.system_config))["node_features"]
        np.testing.assert_allclose(out.features, nodes.detach(), rtol=1e-3, atol=1e-4)
        assert out.energies == pytest.approx([calculator.get_potential_energy(atoms)], rel=1e-5)


@pytest.mark.parametrize("task", ["omol", "omat"])
def test_uma_agrees_with_its_own_calculator(task: str, tmp_path: Path) -> None:
    model = uma(tmp_path, task)
    from fairchem.core import FAIRChemCalculator
    from fairchem.core.units.mlip_unit import load_predict_unit

    unit = load_predict_unit(tmp_path / "uma.pt", "batch", device="cpu")
    calculator = FAIRChemCalculator(unit, task_name=task)
    for sample in of_domain(model):
        assert sample.atoms is not None
        atoms = sample.atoms.copy()
        taken: list[torch.Tensor] = []
        handle = unit.model.module.backbone.register_forward_hook(
            lambda module, args, out, taken=taken: taken.append(out["node_embedding"].detach())
        )
        atoms.calc = calculator
        energy = atoms.get_potential_energy()
        handle.remove()
        out = model.adapter.forward([sample], "node_embedding")
        np.testing.assert_allclose(out.features, taken[0][:, 0], rtol=1e-3, atol=1e-5)
        assert out.energies == pytest.approx([energy], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("build", [fairchem_v1, eqv2, eqv2_dens])
def test_fairchem_v1_agrees_with_its_library(build: Callable[[Path], Model], tmp_path: Path) -> None:
    model = build(tmp_path)
    from fairchem.core.common.utils import load_model_and_weights_from_checkpoint
    from fairchem.core.datasets import data_list_collater
    from fairchem.core.preprocessing import AtomsToGraphs

    network = load_model_and_weights_from_checkpoint(str(tmp_path / "fairchem.pt")).eval()
    network.backbone.otf_graph = True
    graph = AtomsToGraphs(r_energy=False, r_forces=False, r_distances=False, r_edges=False, r_pbc=True)
    for sample in of_domain(model):
        taken: list[torch.Tensor] = []
        handle = network.backbone.register_forward_hook(
            lambda module, args, out, taken=taken: taken.append(out["node_embedding"])
        )
        torch.manual_seed(0)
        out = network(data_list_collater([graph.convert(sample.atoms)], otf_graph=True))
        handle.remove()
        want = getattr(taken[0], "embedding", taken[0])[:, 0].detach()
        energy = out["energy"]["energy"] if isinstance(out["energy"], dict) else out["energy"]
        assert sample.atoms is not None
        total = 2 * float(energy.detach()) + sample.atoms.numbers.sum()  # the scale and the references of the file
        got = model.adapter.forward([sample], "node_embedding")
        np.testing.assert_allclose(got.features, want, rtol=1e-3, atol=1e-4)
        assert got.energies == pytest.approx([total], rel=1e-5, abs=1e-4)


def test_mattersim_agrees_with_its_own_calculator(tmp_path: Path) -> None:
    model = mattersim(tmp_path)
    from mattersim.forcefield import MatterSimCalculator
    from mattersim.forcefield.potential import Potential

    network = model.adapter.model  # type: ignore[attr-defined]
    calculator = MatterSimCalculator(potential=Potential(network, model_name="m3gnet", device="cpu"), device="cpu")
    for sample in of_domain(model):
        assert sample.atoms is not None
        atoms, taken = sample.atoms.copy(), []
        handle = network.final.register_forward_pre_hook(
            lambda module, args, taken=taken: taken.append(args[0].detach())
        )
        atoms.calc = calculator
        energy = atoms.get_potential_energy()
        handle.remove()
        out = model.adapter.forward([sample], "last")
        np.testing.assert_allclose(out.features, taken[0], rtol=1e-3, atol=1e-5)
        assert out.energies == pytest.approx([energy], rel=1e-4, abs=1e-4)


def test_uma_is_loaded_only_with_a_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYLE_CACHE", str(tmp_path))
    card = find_card("uma-s-1p1-omol")
    with pytest.raises(UnknownHashError, match=r"hyle fetch uma-s-1p1-omol --sha256 weights=HEX"):
        check_hashes(card)
    pin_hashes(card, {"weights": "a" * 64})
    check_hashes(card)
    check_hashes(find_card("uma-s-1p1-omat"))  # the same file


def test_pet_agrees_with_its_own_network(tmp_path: Path) -> None:
    model = pet(tmp_path)
    from metatomic.torch import ModelOutput, System
    from metatrain.utils.io import load_model
    from metatrain.utils.neighbor_lists import get_system_with_neighbor_lists

    network = load_model(tmp_path / "pet.ckpt").eval()
    layer = model.card.layers[0]
    for sample in of_domain(model):
        assert sample.atoms is not None
        system = System(
            torch.tensor(sample.atoms.numbers, dtype=torch.int32),
            torch.tensor(sample.atoms.positions, dtype=torch.float32),
            torch.tensor(sample.atoms.cell.array * sample.atoms.pbc[:, None], dtype=torch.float32),
            torch.tensor(sample.atoms.pbc),
        )
        system = get_system_with_neighbor_lists(system, network.requested_neighbor_lists())
        want = network([system], {layer: ModelOutput(sample_kind="atom"), "energy": ModelOutput(sample_kind="system")})
        out = model.adapter.forward([sample], layer)
        np.testing.assert_allclose(out.features, want[layer].block().values.detach(), rtol=1e-3, atol=1e-5)
        assert out.energies == pytest.approx(want["energy"].block().values.flatten().tolist(), rel=1e-4, abs=1e-4)


def test_random_orb_is_reproducible_and_does_not_change_the_seed() -> None:
    pytest.importorskip("orb_models")
    from hyle.zoo.adapters.orb import Orb

    card = find_card("orb-v3-direct-20-randomized")
    card = replace(card, options={**card.options, "architecture_options": ORB_SIZES}, layers=("gnn_stacks.1",))
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    models = [Model(card, Orb(card, {})) for _ in range(2)]
    assert torch.equal(before, torch.random.get_rng_state())
    assert_rows(rows(models[0], molecules()), rows(models[1], molecules()), 0)
    assert models[0].embed(molecules()).energies is None
