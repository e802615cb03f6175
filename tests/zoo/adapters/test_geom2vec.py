"""Geom2Vec with its published weights, if they were downloaded, and with random ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.build
import numpy as np
import pytest

from hyle.zoo import Model, find_card

torch = pytest.importorskip("torch")
visnet = pytest.importorskip("torch_geometric.nn.models.visnet")

from hyle.zoo.adapters.geom2vec import Geom2VecViSNet  # noqa: E402
from hyle.zoo.weights import cached_urls  # noqa: E402

from ..one_pass import assert_one_pass  # noqa: E402
from .matter import assert_rows, model, structures  # noqa: E402

NAME = "geom2vec-visnet-64"
# By the code of Geom2Vec at commit 371d642 in float32, with a dense search of neighbours in place of torch-cluster,
# for geometries of ase.build.molecule: the norm of the mean over atoms, and its first columns.
PUBLISHED = {
    "CH3CH2OH": [2.24991, 0.04626, 0.49858, 0.03978],
    "C6H6": [2.25517, 0.13530, 0.54787, -0.02630],
    "CH3COF": [1.97287, 0.08646, 0.51321, -0.14018],
    "C4H4S": [2.13196, 0.10002, 0.57339, -0.06951],
    "isobutane": [2.53254, -0.02624, 0.54022, -0.03538],
}


class Dense(torch.nn.Module):
    """All pairs within the cutoff, in place of the search by torch-cluster."""

    def forward(self, positions: torch.Tensor, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        distances = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
        target, source = ((distances < 7.5) & (batch[:, None] == batch)).nonzero().T
        between = positions[source] - positions[target]
        return torch.stack([source, target]), torch.linalg.vector_norm(between, dim=1), between


def block(width: int = 16) -> torch.nn.Module:
    torch.manual_seed(0)
    network = visnet.ViSNetBlock(
        vecnorm_type="max_min", trainable_vecnorm=True, hidden_channels=width, num_layers=3, num_rbf=8, cutoff=7.5
    )
    network.distance = Dense()
    return network.double().eval()


@pytest.fixture
def random(tmp_path: Path) -> tuple[Model, torch.nn.Module]:
    """Provide the adapter and the block of PyTorch Geometric, with the same random weights."""
    network = block()
    torch.save({f"representation_model.{k}": v.float() for k, v in network.state_dict().items()}, tmp_path / "w.pth")
    network.load_state_dict({k: v.float() for k, v in network.state_dict().items()})
    card = replace(find_card(NAME), dim=16, layers=["out_norm", "vis_mp_layers.2", "vis_mp_layers.1"])
    return Model(card, Geom2VecViSNet(card, {"weights": tmp_path / "w.pth"})), network


def test_rows_are_those_of_the_block(random: tuple[Model, torch.nn.Module]) -> None:
    found, network = random
    molecules = [ase.build.molecule(name) for name in ("CH3CH2OH", "CH3COF", "C4H4S", "H")]
    batch = torch.repeat_interleave(torch.arange(4), torch.tensor([len(atoms) for atoms in molecules]))
    numbers = torch.tensor(np.concatenate([atoms.numbers for atoms in molecules]))
    positions = torch.tensor(np.concatenate([atoms.positions for atoms in molecules]))
    with torch.no_grad():
        want = network(numbers, positions, batch)[0]
    out = found.adapter.forward(structures(*molecules), "out_norm")
    assert out.counts == [9, 7, 9, 1]
    assert_rows(out.features.numpy(), want.numpy(), 1e-6)
    last = found.adapter.forward(structures(*molecules), "vis_mp_layers.2").features.double()
    assert_rows(network.out_norm(last).detach().numpy(), want.numpy(), 1e-5)
    before = found.adapter.forward(structures(*molecules), "vis_mp_layers.1").features.double()
    assert (before - last).abs().max() > 1e-3


def test_layers_are_taken_from_one_pass(random: tuple[Model, torch.nn.Module]) -> None:
    found, _ = random
    assert_one_pass(found, structures(*(ase.build.molecule(name) for name in ("CH3CH2OH", "C6H6", "H", "H2O"))))


def test_rows_of_symmetric_molecules_do_not_depend_on_pose_and_batch(random: tuple[Model, torch.nn.Module]) -> None:
    """Methane, whose carbon atom has vectors that are zero by symmetry; C60, with neighbours at equal distances."""
    found, _ = random
    for name in ("CH4", "C60", "CO2"):
        atoms = ase.build.molecule(name)
        turned = atoms.copy()
        turned.rotate(33, (1, 2, 3))
        turned.translate((11, -7, 5))
        rows = np.asarray(found.embed(structures(atoms, turned, ase.build.molecule("C6H6"))).embedding)
        assert_rows(rows[1:2], rows[:1], 1e-5)
        assert_rows(np.asarray(found.embed(structures(atoms), batch_size=1).embedding), rows[:1], 1e-5)


def test_unsupported_samples_are_dropped_with_a_reason(random: tuple[Model, torch.nn.Module]) -> None:
    found, _ = random
    ion = ase.build.molecule("OH")
    ion.info["charge"] = -1
    samples = [ase.build.molecule("H2O"), ase.build.bulk("Si"), ase.build.molecule("AlF3"), ion]
    dropped = found.embed(structures(*samples)).dropped
    assert sorted(dropped) == ["1", "2", "3"]
    for id_, word in {"1": "periodic", "2": "not trained for Al", "3": "charge -1"}.items():
        assert word in dropped[id_]


@pytest.mark.models
def test_published_weights_give_the_rows_of_the_authors() -> None:
    """Skipped unless ``hyle fetch geom2vec-visnet-64`` was run."""
    if cached_urls(find_card(NAME).weights) is None:
        pytest.skip("the weights were not downloaded")
    found = model(NAME)
    assert sum(p.numel() for p in found.adapter.model.parameters()) == found.card.parameters
    rows = np.asarray(found.embed(structures(*map(ase.build.molecule, PUBLISHED))).embedding, np.float64)
    got = np.column_stack([np.linalg.norm(rows, axis=1), rows[:, :3]])
    np.testing.assert_allclose(got, list(PUBLISHED.values()), atol=1e-5)
