"""MEGNet, a graph network for crystals with a global state, in plain torch.

Its library needs an old TensorFlow; a test compares this module with the library if it is installed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from .atoms import crystal_only

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

KINDS = ("atom", "bond", "state")
INITIAL = 0.05  # embeddings are initialised uniformly between this value and its negative


class MEGNet(OnePassAdapter):
    """One vector per crystal [n, d]: the pooled features, or a layer of the readout.

    Chen et al. (2019), doi 10.1021/acs.chemmater.9b01294. Atoms v, bonds e within a cutoff and a state u pass through
    dense layers; then each block adds, with dense layers phi, the last of which is linear,

        e_ij' = phi_e(v_i, v_j, e_ij, u);  v_i' = phi_v(mean_j e_ij', v_i, u);  u' = phi_u(mean e', mean v', u)

    and set2set pooling (Vinyals et al. 2016, arXiv 1511.06391) yields one vector of the atoms and one of the bonds.

    Layers: ``concatenate``, both pooled vectors and the state, the input of the readout; ``readout_0`` and
    ``readout_1``, its hidden layers.

    Options:
        energy: whether the target is an energy per atom; the total energy of the cell is then returned.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        layers = _read(files["weights"])
        dense = iter(layers["dense"])

        def pair_of_dense() -> nn.Sequential:
            return nn.Sequential(*(_linear(*next(dense)) for _ in range(2)))

        blocks = []
        for block in layers["meg_net_layer"]:
            parts = {f"{kind}_ff": pair_of_dense() for kind in KINDS}
            parts |= {name: nn.Sequential(*(_linear(*pair) for pair in block[name])) for name in ("e", "v", "u")}
            blocks.append(nn.ModuleDict(parts))
        self.model = nn.ModuleDict(
            {
                "embedding": nn.Embedding.from_pretrained(layers["embedding"]),
                "blocks": nn.ModuleList(blocks),
                "pools": nn.ModuleList(nn.ModuleList(_linear(*pair) for pair in pool) for pool in layers["set2_set"]),
                "readout": nn.ModuleList(_linear(*pair) for pair in dense),
            }
        )
        # Embeddings of elements that are absent from the training set keep their initial values.
        trained = layers["embedding"].abs().amax(1) > INITIAL
        self.elements = set(trained.nonzero().flatten().tolist())
        self.model.double().eval().requires_grad_(False).to(device)
        self.reads: int = layers["reads"]
        settings = json.loads(files["settings"].read_text("utf-8"))["graph_converter"]
        self.cutoff = float(settings["cutoff"])
        self.centres = torch.tensor(settings["bond_converter"]["centers"]["data"], dtype=torch.float64, device=device)
        self.width = float(settings["bond_converter"]["width"])

    def unsupported(self, sample: Sample) -> str | None:
        """Reject anything but crystals, elements that are not in the training set, and atoms without neighbours."""
        atoms = sample.view(self.card.view)
        reason = crystal_only(atoms, self.elements)
        if reason:
            return reason
        isolated = len(atoms) - len(np.unique(self._bonds(atoms)[0]))
        return f"{isolated} atoms have no neighbour within {self.cutoff:g} Angstrom" if isolated else None

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return one vector per crystal for each layer; crystals are run one at a time."""
        import torch

        crystals = [sample.view(self.card.view) for sample in samples]
        with torch.no_grad():
            outputs = [self._run(atoms) for atoms in crystals]
        energies = None
        if self.card.options["energy"]:
            energies = [float(out["target"]) * len(atoms) for out, atoms in zip(outputs, crystals, strict=True)]
        return [Output(torch.cat([out[layer] for out in outputs]).float(), None, energies) for layer in layers]

    def _bonds(self, atoms: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from ase.neighborlist import neighbor_list

        i, j, d = neighbor_list("ijd", atoms, self.cutoff)
        return i, j, d

    def _run(self, atoms: Any) -> dict[str, torch.Tensor]:
        """Return all layers of one crystal, each [1, d], and the target."""
        import torch

        model: Any = self.model
        i, j, d = (torch.from_numpy(array).to(self.device) for array in self._bonds(atoms))
        v = model.embedding(torch.tensor(atoms.numbers, device=self.device))
        e = torch.exp(-(((d[:, None] - self.centres) / self.width) ** 2))
        u = v.new_zeros(1, 2)
        bonds_of = torch.bincount(i, minlength=len(v))[:, None]
        for number, block in enumerate(model.blocks):
            before = v, e, u
            v, e, u = (_dense(block[f"{kind}_ff"], x) for kind, x in zip(KINDS, before, strict=True))
            if number == 0:  # the residual connection of the first block starts after its dense layers
                before = v, e, u
            new_e = _dense(block["e"], torch.cat([v[i], v[j], e, u.expand(len(e), -1)], 1), linear_end=True)
            mean = v.new_zeros(len(v), new_e.shape[1]).index_add_(0, i, new_e) / bonds_of
            new_v = _dense(block["v"], torch.cat([mean, v, u.expand(len(v), -1)], 1), linear_end=True)
            ends = torch.cat([new_e.mean(0, keepdim=True), new_v.mean(0, keepdim=True), u], 1)
            new_u = _dense(block["u"], ends, linear_end=True)
            v, e, u = (old + new for old, new in zip(before, (new_v, new_e, new_u), strict=True))
        pools = [_pool(pool, x, self.reads) for pool, x in zip(model.pools, (v, e), strict=True)]
        taken = {"concatenate": torch.cat([*pools, u], 1)}
        taken["readout_0"] = _dense(model.readout[:1], taken["concatenate"])
        taken["readout_1"] = _dense(model.readout[1:2], taken["readout_0"])
        return taken | {"target": model.readout[2](taken["readout_1"])}


def _dense(layers: Any, x: torch.Tensor, *, linear_end: bool = False) -> torch.Tensor:
    """Apply dense layers with the activation log((exp(x) + 1) / 2), except after a linear last layer."""
    from torch.nn.functional import softplus

    for number, layer in enumerate(layers, 1):
        x = layer(x)
        if not (linear_end and number == len(layers)):
            x = softplus(x) - float(np.log(2))
    return x


def _pool(layers: Any, x: torch.Tensor, reads: int) -> torch.Tensor:
    """Map a set [n, d] to [1, 2 h]: the query and the attention result after the last read."""
    import torch
    from torch.nn.functional import hardtanh

    to_memory, recurrent = layers
    memory = to_memory(x)
    query = x.new_zeros(1, recurrent.in_features)
    for _ in range(reads):
        # The library, and so the training of the weights, starts each read with an empty LSTM cell.
        input_gate, _, cell, output_gate = recurrent(query).chunk(4, 1)
        input_gate, output_gate = (hardtanh(0.2 * gate + 0.5, 0.0, 1.0) for gate in (input_gate, output_gate))
        h = output_gate * torch.tanh(input_gate * torch.tanh(cell))
        result = (memory @ h.T).softmax(0).T @ memory
        query = torch.cat([h, result], 1)
    return query


def _linear(kernel: np.ndarray, bias: np.ndarray) -> torch.nn.Linear:
    import torch

    layer = torch.nn.Linear(*kernel.shape)
    layer.load_state_dict({"weight": torch.from_numpy(kernel.T.copy()), "bias": torch.from_numpy(bias)})
    return layer


def _read(path: Path) -> dict[str, Any]:
    """Read the weights of the layers of each kind, in the order in which the model was built."""
    import h5py
    import torch

    with h5py.File(path) as file:
        content = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                content[tuple(re.sub(r":0$", "", name).split("/"))] = item[()]

        file["model_weights"].visititems(visit)
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
    named: dict[str, dict[str, np.ndarray]] = {}
    for parts, value in content.items():
        named.setdefault(parts[0], {})[parts[-1]] = value

    def of(kind: str) -> list[dict[str, np.ndarray]]:
        numbers = {int(name.rpartition("_")[2]): name for name in named if re.fullmatch(rf"{kind}_\d+", name)}
        return [named[numbers[number]] for number in sorted(numbers)]

    return {
        "reads": next(layer["config"]["T"] for layer in layers if layer["class_name"] == "Set2Set"),
        "embedding": torch.from_numpy(of("embedding")[0]["embeddings"]),
        "dense": [(layer["kernel"], layer["bias"]) for layer in of("dense")],
        "meg_net_layer": [
            {p: [(layer[f"weight_{p}_{k}"], layer[f"bias_{p}_{k}"]) for k in range(3)] for p in ("e", "v", "u")}
            for layer in of("meg_net_layer")
        ],
        "set2_set": [
            [(layer["x_to_m_weight"], layer["x_to_m_bias"]), (layer["recurrent_kernel"], layer["recurrent_bias"])]
            for layer in of("set2_set")
        ],
    }
