"""Relations between real models whose order a measure of similarity has to get right, for `bench.known_answers`.

After the tests of ReSi (Klabunde et al. 2024, arXiv 2408.00531), with published models of matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Domain:
    """The models of one data set and what is known of them.

    Args:
        dataset: name of a built-in data set.
        models: that are compared with each other, at their default layer.
        layers: model -> its layers by depth, from the input on.
        retrained: groups of trainings of one architecture on the same task: other seeds, versions or levels of noise.
        fine_tuned: fine-tuned model -> its parent.
        untrained: untrained network -> trained models of the same architecture.
        energies: whether models predict energies that can be compared.
        members: ensemble of the zoo -> number of its networks, which differ in their initial parameters and data split.
        trained: labels of the data set on which networks are trained by `bench.known_training`, and on the same labels
            in random order.
    """

    dataset: str
    models: Sequence[str]
    layers: Mapping[str, Sequence[str]]
    retrained: Sequence[Sequence[str]]
    fine_tuned: Mapping[str, str]
    untrained: Mapping[str, Sequence[str]]
    energies: bool = False
    members: Mapping[str, int] = field(default_factory=dict)
    trained: Sequence[str] = ()


def _numbered(template: str, *numbers: int) -> tuple[str, ...]:
    return tuple(template.format(number) for number in numbers)


_CHGNET = ("atom_embedding", *_numbered("atom_conv_layers.{}", 0, 1, 2), "mlp.layers.5", "readout_norm")
_CONVOLUTIONS = _numbered("convs.{}", 0, 1, 2, 3)
_MPNN = _numbered("encoder_layers.{}", 0, 1, 2)

DOMAINS = {
    "molecules": Domain(
        "qm9",
        (
            *("rxnfp", "rxnfp-ft", "rxnmapper", "chemnet", "minilm", "soltrannet"),
            *("admet-ai-cls", "admet-ai-cls-seed1", "admet-ai-reg", "admet-ai-reg-seed1", "minimol"),
            *("nagl-0.1.0-rc.1", "nagl-1.0.0", "espaloma-charge", "ani-1x", "ani-1ccx", "ani-2xt", "aimnet2"),
            *("chgnet-0.3.0", "chgnet-r2scan", "chgnet-untrained"),
        ),
        {
            "rxnmapper": _numbered("hidden_states.{}", 0, 2, 4, 6, 8, 10, 12),
            "rxnfp": _numbered("hidden_states.{}", 0, 3, 6, 9, 12),
            "minilm": _numbered("hidden_states.{}", 0, 1, 2, 3, 4, 5, 6),
            "soltrannet": _numbered("block.{}", 0, 2, 4, 6, 8),
            "nagl-1.0.0": _numbered("gcn_layers.{}", 0, 1, 2, 3, 4, 5),
            "espaloma-charge": ("atom_embedding", *_numbered("sages.{}", 0, 1, 2, 3)),
            "chgnet-0.3.0": _CHGNET,
        },
        (
            ("admet-ai-cls", "admet-ai-cls-seed1"),
            ("admet-ai-reg", "admet-ai-reg-seed1"),
            ("nagl-0.1.0-rc.1", "nagl-1.0.0"),
        ),
        {"rxnfp-ft": "rxnfp", "ani-1ccx": "ani-1x", "chgnet-r2scan": "chgnet-0.3.0"},
        {"chgnet-untrained": ("chgnet-0.3.0",)},
        members={"ani-1x": 4, "ani-1ccx": 4},
        trained=("gap", "alpha", "mu"),
    ),
    "materials": Domain(
        "mptrj",
        (
            *("chgnet-0.2.0", "chgnet-0.3.0", "chgnet-r2scan", "chgnet-untrained", "sevennet-0", "sevennet-0-may"),
            *("cgcnn-energy", "cgcnn-formation-energy", "cgcnn-band-gap", "cgcnn-bulk"),
        ),
        {
            "chgnet-0.3.0": _CHGNET,
            "cgcnn-energy": (*_CONVOLUTIONS, "hidden"),
            "cgcnn-band-gap": (*_CONVOLUTIONS, "hidden"),
        },
        (("sevennet-0", "sevennet-0-may"),),
        {"chgnet-r2scan": "chgnet-0.3.0"},
        {"chgnet-untrained": ("chgnet-0.2.0", "chgnet-0.3.0")},
        energies=True,
    ),
    "proteins": Domain(
        "proteins",
        (
            *("proteinmpnn-002", "proteinmpnn-010", "proteinmpnn-020", "proteinmpnn-030"),
            *("ligandmpnn-005", "ligandmpnn-010", "ligandmpnn-020", "ligandmpnn-030"),
            *("antiberty", "near", "unirep-64", "metapredict-disorder", "minilm-sequence"),
        ),
        {
            "antiberty": _numbered("hidden_states.{}", 0, 2, 4, 6, 8),
            "near": ("embedding_layer", *_numbered("conv_layers.{}", 0, 2, 4, 7)),
            "unirep-64": ("embedding", *_numbered("mlstm.{}", 0, 1, 2, 3)),
            "minilm-sequence": _numbered("hidden_states.{}", 0, 1, 2, 3, 4, 5, 6),
            "proteinmpnn-020": _MPNN,
            "ligandmpnn-020": (*_MPNN, "context"),
        },
        (
            ("proteinmpnn-002", "proteinmpnn-010", "proteinmpnn-020", "proteinmpnn-030"),
            ("ligandmpnn-005", "ligandmpnn-010", "ligandmpnn-020", "ligandmpnn-030"),
        ),
        {},
        {},
    ),
}
