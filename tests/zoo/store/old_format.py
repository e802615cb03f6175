"""A shard as earlier releases wrote it: by Orbax, under a running number."""

import hashlib
import json

import numpy as np
import orbax.checkpoint as ocp


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def write_old_shard(folder, number, ids, matrix, energies):
    arrays = {"embedding": matrix, "energies": energies}
    about = {"ids": list(ids), "dropped": {}, "width": [matrix.shape[1], matrix.dtype.name]}
    about["sha256"] = {name: sha256(np.ascontiguousarray(array).tobytes()) for name, array in arrays.items()}
    about["about_sha256"] = sha256(json.dumps(about, sort_keys=True).encode())
    handler = ocp.CompositeCheckpointHandler(
        arrays=ocp.PyTreeCheckpointHandler(use_ocdbt=False, use_zarr3=True),
        about=ocp.JsonCheckpointHandler(filename="about.json"),
    )
    items = {"about": ocp.args.JsonSave(about), "arrays": ocp.args.PyTreeSave(arrays)}
    with ocp.Checkpointer(handler) as checkpointer:
        checkpointer.save((folder / f"{number:06d}").absolute(), ocp.args.Composite(**items))


def identity(recipe, ids):
    return sha256(json.dumps([recipe, ids], sort_keys=True).encode())[:16]
