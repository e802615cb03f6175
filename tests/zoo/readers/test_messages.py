"""Messages on files with any content: short, and printable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset, read_embeddings

NAMES = ["a.sdf", "a.csv", "a.smi", "a.fasta", "a.xyz", "a.traj", "a.cif", "a.vasp", "a.pdb", "a.db", "a.aselmdb"]
NAMES += ["a.parquet", "a.sdf.gz", "a.npz", "a.npy", "a.safetensors", "a.h5"]
NOISE = np.random.default_rng(0).bytes(20_000)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [NOISE, NOISE.replace(b"\n", b""), b"x" * 20_000, b">" + b"\x01" * 20_000])
def test_a_binary_file_has_a_short_printable_message(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    read = read_embeddings if Path(name).suffix in (".npz", ".npy", ".safetensors", ".h5") else read_dataset
    with pytest.raises((InputError, ImportError)) as caught:
        read(tmp_path / name)
    message = str(caught.value)
    assert len(message) < 700
    assert "".join(message.splitlines()).isprintable()


def test_long_ids_and_column_names_are_cut(tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    long = "x" * 1000
    (tmp_path / "twice.csv").write_text(f"id,smiles\n{long},C\n{long},C\n")
    with pytest.raises(InputError, match=rf"the id '{'x' * 59}…' is in line 2 and in line 3"):
        read_dataset(tmp_path / "twice.csv")
    (tmp_path / "columns.csv").write_text(",".join(f"{i}{long}" for i in range(100)) + "\n1\n")
    with pytest.raises(InputError, match=r"has: 0x+…, 1x+…, .*19x+…, and 80 more$") as caught:
        read_dataset(tmp_path / "columns.csv")
    assert len(str(caught.value)) < 2000
    np.savez(tmp_path / "twice.npz", embedding=np.eye(2), ids=[long, long])
    with pytest.raises(InputError, match=rf"the id '{'x' * 59}…' is in rows 1 and 2"):
        read_embeddings(tmp_path / "twice.npz")
