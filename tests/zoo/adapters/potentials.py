"""Small potentials with random weights, built by their own libraries if installed, and samples for their tests."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Model, Sample, find_card

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
    from hyle.zoo.adapters.orb import Orb, cached_path

    with cached_path():
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
# Models that claim to be invariant to rotation.
INVARIANT = ["mace", "uma", "esen", "mattersim", "uni-mol"]


def rows(model: Model, samples: list[Sample], **options: object) -> np.ndarray:
    return np.asarray(model.embed(samples, **options).embedding)  # type: ignore[arg-type]


def assert_rows(got: np.ndarray, want: np.ndarray, tolerance: float = 1e-5) -> None:
    assert got.shape == want.shape
    error = np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)
    assert error.max() <= tolerance


def turned(sample: Sample, seed: int) -> Sample:
    """Return the sample with its atoms and cell rotated, translated, and its atoms in another order."""
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
