"""Potentials whose weights lie on the web: their own libraries build small ones with random weights, where they are."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Model, Sample, UnknownHashError, check_hashes, expect, find_card, list_models

ase_build = pytest.importorskip("ase.build")
torch = pytest.importorskip("torch")


def molecules() -> list[Sample]:
    names = ("CH3CH2OH", "C6H6", "CH3CONH2", "H2O", "C5H5N", "CH3CHO")
    return [Sample(name, atoms=ase_build.molecule(name)) for name in names]


def crystals() -> list[Sample]:
    cells = {
        "diamond": ase_build.bulk("C", "diamond", a=3.57),
        "CO": ase_build.bulk("CO", "rocksalt", a=4.1),
        "N": ase_build.bulk("N", "fcc", a=3.0),
        "CN": ase_build.bulk("CN", "zincblende", a=3.7),
    }
    return [Sample(name, atoms=atoms) for name, atoms in cells.items()]


def mace(folder: Path, channels: str = "8x0e+8x1o") -> Model:
    pytest.importorskip("mace")
    from e3nn import o3
    from mace import modules

    torch.manual_seed(0)
    model = modules.ScaleShiftMACE(
        r_max=4.0,
        num_bessel=6,
        num_polynomial_cutoff=5,
        max_ell=2,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        num_interactions=2,
        num_elements=4,
        hidden_irreps=o3.Irreps(channels),
        MLP_irreps=o3.Irreps("4x0e"),
        atomic_energies=np.arange(4.0),
        avg_num_neighbors=8.0,
        atomic_numbers=[1, 6, 7, 8],
        correlation=2,
        gate=torch.nn.functional.silu,
        radial_MLP=[8],
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )
    torch.save(model, folder / "mace.model")
    from hyle.zoo.adapters.mace import MACE

    card = replace(find_card("mace-mp-medium"), dim=16)
    return Model(card, MACE(card, {"weights": folder / "mace.model"}))


ORB_SIZES = {
    "latent_dim": 32,
    "base_mlp_hidden_dim": 32,
    "head_mlp_hidden_dim": 16,
    "num_message_passing_steps": 2,
}


def orb(folder: Path, kind: str = "conservative", **more: object) -> Model:
    pytest.importorskip("orb_models")
    from hyle.zoo.adapters.orb import Orb, _cached_path

    with _cached_path():
        from orb_models.forcefield import pretrained
        from orb_models.forcefield.atomic_system import SystemConfig

    architecture, options = f"orb_v3_{kind}_architecture", {**ORB_SIZES, **more}
    torch.manual_seed(0)
    network = getattr(pretrained, architecture)(
        device="cpu", system_config=SystemConfig(radius=6.0, max_num_neighbors=120), **options
    )
    torch.save(network.state_dict(), folder / "orb.ckpt")
    card = find_card("orb-v3-conservative-inf-omat" if not more else "orb-v3-conservative-omol")
    card = replace(
        card,
        dim=32,
        layers=("gnn_stacks.1", "gnn_stacks.0"),
        options={**card.options, "architecture": architecture, "architecture_options": options},
    )
    return Model(card, Orb(card, {"weights": folder / "orb.ckpt"}))


def orb_direct(folder: Path) -> Model:
    return orb(folder, "direct")


def orb_omol(folder: Path) -> Model:
    return orb(folder, has_charge_spin_cond=True, has_stress=False)


def fairchem_or_skip(version: str) -> None:
    try:
        found = importlib.metadata.version("fairchem-core")
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if not found.startswith(version):
        pytest.skip(f"needs fairchem-core {version}x; found {found}")


def uma(folder: Path, task: str = "omol") -> Model:
    fairchem_or_skip("2.")
    import hydra
    from fairchem.core.units.mlip_unit.api.inference import MLIPInferenceCheckpoint

    uma = "fairchem.core.models.uma"
    config = {
        "_target_": "fairchem.core.models.base.HydraModel",
        "pass_through_head_outputs": True,
        "model_id": "UMA-1.2",
        "backbone": {
            "model": f"{uma}.escn_moe.eSCNMDMoeBackbone",
            "num_experts": 4,
            "moe_dropout": 0.0,
            "use_composition_embedding": True,
            "sphere_channels": 16,
            "hidden_channels": 16,
            "edge_channels": 16,
            "num_distance_basis": 16,
            "num_layers": 2,
            "lmax": 2,
            "mmax": 2,
            "cutoff": 5.0,
            "otf_graph": True,
            "direct_forces": False,
            "regress_forces": True,
            "always_use_pbc": False,
            "dataset_mapping": {"omol": "omol", "omat": "omat"},
        },
        "heads": {
            "energyandforcehead": {
                "module": f"{uma}.escn_moe.DatasetSpecificSingleHeadWrapper",
                "dataset_names": ["omol", "omat"],
                "head_cls": f"{uma}.escn_md.MLP_EFS_Head",
                "head_kwargs": {"wrap_property": False},
            }
        },
    }
    tasks = [
        {
            "_target_": "fairchem.core.units.mlip_unit.mlip_unit.Task",
            "name": f"{name}_energy",
            "level": "system",
            "property": "energy",
            "out_spec": {"dim": [1], "dtype": "float32"},
            "normalizer": {
                "_target_": "fairchem.core.modules.normalization.normalizer.Normalizer",
                "mean": 0.0,
                "rmsd": 2.0,
            },
            "datasets": [name],
        }
        for name in ("omol", "omat")
    ]
    torch.manual_seed(0)
    network = torch.optim.swa_utils.AveragedModel(hydra.utils.instantiate(config))
    checkpoint = MLIPInferenceCheckpoint(config, network.module.state_dict(), network.state_dict(), tasks)
    torch.save(checkpoint, folder / "uma.pt")
    from hyle.zoo.adapters.fairchem import FairChem

    card = replace(find_card(f"uma-s-1p1-{task}"), dim=16)
    return Model(card, FairChem(card, {"weights": folder / "uma.pt"}))


def uma_omat(folder: Path) -> Model:
    return uma(folder, "omat")


def pet(folder: Path) -> Model:
    pytest.importorskip("metatrain")
    import copy

    from metatrain import pet as library
    from metatrain.utils.architectures import get_default_hypers
    from metatrain.utils.data import DatasetInfo
    from metatrain.utils.data.target_info import get_energy_target_info

    sizes = copy.deepcopy(get_default_hypers("pet")["model"])
    sizes |= {"d_pet": 16, "d_head": 8, "d_node": 16, "d_feedforward": 16, "num_heads": 2, "num_attention_layers": 1}
    sizes |= {"featurizer_type": "residual"}  # as in PET-MAD
    target = get_energy_target_info("energy", {"quantity": "energy", "unit": "eV"})
    torch.manual_seed(0)
    network = library.PET(sizes, DatasetInfo("Angstrom", [1, 6, 7, 8], {"energy": target}))
    torch.save(network.get_checkpoint(), folder / "pet.ckpt")
    from hyle.zoo.adapters.pet import PET

    card = replace(find_card("pet-mad-1.0.2"), dim=32)
    return Model(card, PET(card, {"weights": folder / "pet.ckpt"}))


def mattersim(folder: Path) -> Model:
    pytest.importorskip("mattersim.forcefield.m3gnet")
    from mattersim.forcefield.m3gnet.m3gnet import M3Gnet

    torch.manual_seed(0)
    network = M3Gnet(device="cpu", units=16, num_blocks=2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    content = {"model_name": "m3gnet", "model_args": network.model_args, "model": network.state_dict()}
    torch.save(content, folder / "mattersim.pth")
    from hyle.zoo.adapters.mattersim import MatterSim

    card = replace(find_card("mattersim-1m"), dim=16, layers=("last", "graph_conv.0"))
    return Model(card, MatterSim(card, {"weights": folder / "mattersim.pth"}))


def unimol(folder: Path) -> Model:
    library = pytest.importorskip("unimol_tools.models.unimol")
    (folder / "mol.dict.txt").write_text("\n".join(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "C", "N", "O", "H"]))
    whole = library.molecule_architecture

    def small() -> object:
        sizes = whole()
        sizes |= {
            "encoder_layers": 2,
            "encoder_embed_dim": 32,
            "encoder_ffn_embed_dim": 32,
            "encoder_attention_heads": 4,
        }
        return sizes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "molecule_architecture", small)
        patch.setattr(library.UniMolModel, "load_pretrained_weights", lambda *args, **options: None)
        torch.manual_seed(0)
        given = {"pretrained_model_path": "none", "pretrained_dict_path": str(folder / "mol.dict.txt")}
        network = library.UniMolModel(output_dim=1, data_type="molecule", **given)
    state = {key: value for key, value in network.state_dict().items() if not key.startswith("classification_head.")}
    torch.save({"model": state}, folder / "unimol.pt")
    from hyle.zoo.adapters.unimol import UniMol

    card = replace(find_card("unimol"), dim=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "molecule_architecture", small)
        adapter = UniMol(card, {"weights": folder / "unimol.pt", "dictionary": folder / "mol.dict.txt"})
    return Model(card, adapter)


ESEN = {
    "backbone": {
        "model": "esen_backbone",
        "sphere_channels": 16,
        "hidden_channels": 16,
        "edge_channels": 16,
        "num_distance_basis": 16,
        "lmax": 2,
        "mmax": 2,
        "cutoff": 5.0,
        "direct_forces": False,
        "regress_forces": True,
        "act_type": "gate",
        "mlp_type": "spectral",
        "use_envelope": True,
    },
    "heads": {"mptrj": {"module": "esen_mlp_efs_head"}},
}
EQV2 = {
    "backbone": {
        "model": "equiformer_v2_backbone",
        "num_layers": 2,
        "sphere_channels": 16,
        "attn_hidden_channels": 8,
        "num_heads": 2,
        "attn_alpha_channels": 8,
        "attn_value_channels": 8,
        "ffn_hidden_channels": 16,
        "edge_channels": 16,
        "num_distance_basis": 16,
        "lmax_list": [2],
        "mmax_list": [2],
        "grid_resolution": 18,
        "max_radius": 5.0,
        "max_num_elements": 96,
        "avg_num_nodes": 20.0,
        "avg_degree": 20.0,
        "enforce_max_neighbors_strictly": False,
    },
    "heads": {
        "energy": {"module": "equiformerV2_scalar_head"},
        "forces": {"module": "equiformerV2_vector_head"},
    },
}
DENS = {
    "backbone": {
        **EQV2["backbone"],
        "model": "equiformer_v2_dens_backbone",
    },
    "heads": {"energy": {"module": "eqV2_DeNS_scalar_head"}},
}


def fairchem_v1(folder: Path, name: str = "esen-30m-oam", config: dict | None = None) -> Model:
    fairchem_or_skip("1.")
    import copy

    from hyle.zoo.adapters import fairchem_v1 as module

    config = {"name": "hydra", "pass_through_head_outputs": True, **(config or ESEN)}
    with module._libraries():
        for one in (*module.MODULES, *module.HEADS):
            importlib.import_module(f"fairchem.core.models.{one}")
        from fairchem.core.models.base import HydraModel
    torch.manual_seed(0)
    network = HydraModel(**{key: value for key, value in copy.deepcopy(config).items() if key != "name"})
    references = torch.arange(119.0)
    torch.save(
        {
            "config": {"model": config},
            "state_dict": {f"module.{key}": value for key, value in network.state_dict().items()},
            "normalizers": {"energy": {"mean": torch.tensor(0.0), "rmsd": torch.tensor(2.0)}},
            "elementrefs": {"energy": {"element_references": references}},
        },
        folder / "fairchem.pt",
    )
    card = replace(find_card(name), dim=16)
    return Model(card, module.FairChemV1(card, {"weights": folder / "fairchem.pt"}))


def eqv2(folder: Path) -> Model:
    return fairchem_v1(folder, "eqv2-small-omat", EQV2)


def eqv2_dens(folder: Path) -> Model:
    return fairchem_v1(folder, "eqv2-dens-small-mp", DENS)


BUILDERS: dict[str, Callable[[Path], Model]] = {
    "mace": mace,
    "orb": orb,
    "orb-direct": orb_direct,
    "orb-omol": orb_omol,
    "uma-omol": uma,
    "uma-omat": uma_omat,
    "pet": pet,
    "mattersim": mattersim,
    "unimol": unimol,
    "esen": fairchem_v1,
    "eqv2": eqv2,
    "eqv2-dens": eqv2_dens,
}
# What claims to give the same rows for a sample that was turned.
INVARIANT = ["mace", "uma", "esen", "mattersim", "uni-mol"]


@pytest.fixture(scope="module", params=BUILDERS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    threads = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()
    built = BUILDERS[request.param](tmp_path_factory.mktemp(request.param))
    assert threads == (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype())
    return built


def rows(model: Model, samples: list[Sample], **options: object) -> np.ndarray:
    return np.asarray(model.embed(samples, **options).embedding)  # type: ignore[arg-type]


def assert_rows(got: np.ndarray, want: np.ndarray, tolerance: float = 1e-5) -> None:
    assert got.shape == want.shape
    error = np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)
    assert error.max() <= tolerance


def turned(sample: Sample, seed: int) -> Sample:
    """Return the same matter, rotated with its cell, moved, its atoms in another order."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    assert sample.atoms is not None
    other = sample.atoms.copy()[rng.permutation(len(sample.atoms))]
    other.positions = other.positions @ rotation + rng.normal(scale=5.0, size=3)
    other.cell[:] = sample.atoms.cell.array @ rotation
    return Sample(sample.id, atoms=other)


def of_domain(model: Model) -> list[Sample]:
    return [
        *(molecules() if "molecules" in model.card.domains else []),
        *(crystals() if "materials" in model.card.domains else []),
    ]


def test_batch_size_and_order_do_not_matter(model: Model) -> None:
    samples = of_domain(model)
    want = rows(model, samples)
    assert want.shape == (len(samples), model.card.dim)
    assert want.dtype == np.float32
    assert len(np.unique(want.round(6), axis=0)) == len(samples)
    order = np.random.default_rng(0).permutation(len(samples))
    assert_rows(rows(model, samples, batch_size=1), want)
    assert_rows(rows(model, [samples[i] for i in order], batch_size=3), want[order])


def test_layers_differ(model: Model) -> None:
    layers = [rows(model, of_domain(model), layer=layer) for layer in model.card.layers]
    for i, one in enumerate(layers):
        assert all(one.shape != other.shape or not np.allclose(one, other) for other in layers[:i])


def test_pose_and_order_of_atoms_do_not_matter(model: Model) -> None:
    samples = of_domain(model)
    other = [turned(sample, seed) for seed, sample in enumerate(samples)]
    still, moved = model.embed(samples), model.embed(other)
    if model.card.family.lower() not in INVARIANT:
        pytest.skip("its architecture does not claim it")
    assert_rows(np.asarray(moved.embedding), np.asarray(still.embedding), 2e-5)
    if model.card.energy:
        np.testing.assert_allclose(moved.energies, still.energies, rtol=1e-5, atol=1e-5)


def test_a_supercell_has_the_mean_of_its_cell_and_twice_the_energy(model: Model) -> None:
    if "materials" not in model.card.domains:
        pytest.skip("not made for crystals")
    doubled = [Sample(s.id, atoms=s.atoms.repeat((2, 1, 1))) for s in crystals()]
    one, two = model.embed(crystals()), model.embed(doubled)
    assert_rows(np.asarray(two.embedding), np.asarray(one.embedding))
    assert_rows(rows(model, doubled, pooling="sum"), 2 * rows(model, crystals(), pooling="sum"))
    if model.card.energy:
        assert one.energies is not None
        np.testing.assert_allclose(two.energies, 2 * one.energies, rtol=1e-5)


def test_samples_are_not_changed_and_features_are_not_written_again(model: Model) -> None:
    samples = of_domain(model)
    before = [(s.atoms.positions.copy(), s.atoms.cell.array.copy()) for s in samples if s.atoms is not None]
    features = model.adapter.forward(samples[:2], model.card.layers[0]).features
    kept = np.asarray(features).copy()
    model.adapter.forward(samples[2:4], model.card.layers[0])
    np.testing.assert_array_equal(np.asarray(features), kept)
    assert not features.requires_grad
    for sample, (positions, cell) in zip(samples, before, strict=True):
        assert sample.atoms is not None
        np.testing.assert_array_equal(sample.atoms.positions, positions)
        np.testing.assert_array_equal(sample.atoms.cell.array, cell)


def test_charge_and_spin_are_read_or_refused(model: Model) -> None:
    ion = ase_build.molecule("OH")
    ion.info["charge"] = -1
    neutral = Sample("neutral", atoms=ase_build.molecule("OH"))
    if model.card.options.get("charged") or model.card.options.get("task") == "omol":
        both = rows(model, [neutral, Sample("ion", atoms=ion)])
        assert not np.allclose(both[0], both[1])
    else:
        assert "charge" in (model.adapter.unsupported(Sample("ion", atoms=ion)) or "")


def test_what_it_cannot_take_is_refused(model: Model) -> None:
    strange = Sample("strange", atoms=ase_build.bulk("Og", "fcc", a=5.0))
    found = model.embed([*molecules()[:1], *crystals()[:1], strange])
    assert "strange" in found.dropped


# --- against the library's own call ---


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


def test_mace_leaves_the_loading_of_others_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", raising=False)
    mace(tmp_path)
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in os.environ


@pytest.mark.parametrize("build", [orb, orb_direct, orb_omol])
def test_orb_agrees_with_its_own_calculator(build: Callable[[Path], Model], tmp_path: Path) -> None:
    model = build(tmp_path)
    from hyle.zoo.adapters.orb import _cached_path

    network, adapter = model.adapter.model, model.adapter  # type: ignore[attr-defined]
    with _cached_path():
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
def test_fairchem_v1_agrees_with_what_its_library_loads(build: Callable[[Path], Model], tmp_path: Path) -> None:
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


def test_uma_is_read_with_a_hash_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYLE_CACHE", str(tmp_path))
    card = find_card("uma-s-1p1-omol")
    with pytest.raises(UnknownHashError, match=r"hyle fetch uma-s-1p1-omol --sha256 weights=HEX"):
        check_hashes(card)
    expect(card, {"weights": "a" * 64})
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


def test_random_orb_is_the_same_each_time_and_touches_no_seed() -> None:
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


# --- the cards ---


def test_what_is_unpickled_has_a_hash_or_is_refused() -> None:
    for card in list_models():
        if card.weights is not None and card.weights.pickled:
            assert card.weights.remote
