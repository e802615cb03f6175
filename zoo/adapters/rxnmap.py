"""Chython's RxnMap, a graph transformer that maps the atoms of reactions, as the ONNX file of its package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ..base import molecule, unreadable

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

# Encoding used in training: values start at two, after padding and the molecule token.
SHIFT, ELSEWHERE, FARTHEST, MOST = 2, 1, 10, 14
MOLECULE, REACTION, REACTANT = 0, 1, 2  # roles


class RxnMap(OnePassAdapter):
    """Per-atom vectors [heavy atoms, 1024] of a molecule, read as the reactant of a reaction without a product.

    Nugmanov et al. (2022), doi 10.1021/acs.jcim.2c00344: attention among atoms, biased by the number of bonds between
    them. Layers: ``rxn_layer.N``, the output of block N of those that attend to the whole reaction, counted from 0, and
    ``mol_layer.N``, the output of the earlier blocks, which attend within each molecule. Runs on the CPU, one molecule
    at a time.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import onnx
        from onnxruntime import InferenceSession

        # The only output of the file is the attention; the layers are intermediate results with their own names.
        model = onnx.load(str(files["weights"]))
        self.outputs = {layer: _output(layer) for layer in card.layers}
        for name in self.outputs.values():
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        self.session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def unsupported(self, sample: Sample) -> str | None:
        """Reject SMILES that RDKit cannot read."""
        return unreadable(sample.view(self.card.view))

    def node_numbers(self, sample: Sample) -> Sequence[int]:
        """Return the numbers of the atoms that RDKit reads."""
        return range(molecule(sample.view(self.card.view)).GetNumAtoms())

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all heavy atoms after each layer."""
        rows: list[list[np.ndarray]] = [[] for _ in layers]
        names = [self.outputs[layer] for layer in layers]
        for sample in samples:
            tokens, positions = encode(molecule(sample.view(self.card.view)))
            feed = {name: array[None] for name, array in tokens.items()}
            for taken, values in zip(rows, self.session.run(names, feed), strict=True):
                taken.append(values.reshape(-1, values.shape[-1])[positions])
        return [Output(np.concatenate(taken), [len(row) for row in taken]) for taken in rows]


def encode(mol: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the int64 inputs of a molecule, fragment by fragment, and the token position of each atom."""
    from rdkit import Chem

    atoms, neighbours, roles, blocks = [0], [0], [REACTION], []
    order: list[int] = [-1]
    for fragment in Chem.GetMolFrags(mol):
        members = [mol.GetAtomWithIdx(index) for index in fragment]
        atoms += [1, *(atom.GetAtomicNum() + SHIFT for atom in members)]
        neighbours += [0, *(min(atom.GetTotalDegree(), MOST) + SHIFT for atom in members)]
        roles += [MOLECULE, *[REACTANT] * len(members)]
        order += [-1, *fragment]
        bonds = Chem.GetDistanceMatrix(mol)[np.ix_(fragment, fragment)]
        blocks.append(np.pad(np.minimum(bonds, FARTHEST).astype(np.int64) + SHIFT, ((1, 0), (1, 0)), constant_values=1))
    distances = np.zeros((len(atoms), len(atoms)), np.int64)
    distances[0, 0] = ELSEWHERE
    start = 1
    for block in blocks:
        distances[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    tokens = {"atoms": atoms, "neighbors": neighbours, "distances": distances, "roles": roles}
    positions = np.argsort(order)[order.count(-1) :]
    return {name: np.asarray(value, np.int64) for name, value in tokens.items()}, positions


def _output(layer: str) -> str:
    name, _, number = layer.partition(".")
    return f"/{name}/norm2{f'_{number}' if number != '0' else ''}/LayerNormalization_output_0"
