"""A queue on the mesh that JAX makes by default, whose axes are explicit, and losses without `axis_name`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.thorough

SCRIPT = textwrap.dedent(
    """
    import contextlib, json, warnings
    import jax, numpy as np
    from jax.sharding import NamedSharding, PartitionSpec as P
    from hyle.engine.losses import cka_loss, queue, soft_neighbour_loss

    mesh = jax.make_mesh((4,), ("d",))
    rng = np.random.default_rng(0)
    xs, ys = rng.normal(size=(2, 5, 8, 4)).astype("float32")
    keeps = rng.random((5, 8)) < 0.7
    memory, found = queue(16), {"axes": [str(kind) for kind in mesh.axis_types]}

    def loss(weight, x, y, keep, state):
        rows, new = memory.update((x @ weight, y), state, where=keep)
        return soft_neighbour_loss(rows.student, rows.teacher, where=rows.where, queries=8), new

    def train(placed, whole, jit):
        step = jax.value_and_grad(loss, has_aux=True)
        step = jax.jit(step) if jit else step
        state, weight, values = whole(memory.init(xs[0], ys[0])), whole(np.eye(4, dtype="float32")), []
        for batch in zip(xs, ys, keeps):
            (value, state), gradient = step(weight, *placed(batch), state)
            values += [float(value), *np.asarray(gradient).ravel().tolist()]
        return np.array(values), jax.tree.map(np.asarray, state)

    def put(spec):
        return lambda tree: jax.device_put(tree, NamedSharding(mesh, spec))

    one, end = train(lambda v: v, lambda v: v, True)
    for name, jit in (("eager", False), ("jit", True)):
        # JAX takes eager gradients of sharded arrays in a mesh context only.
        with contextlib.nullcontext() if jit else jax.set_mesh(mesh):
            values, state = train(put(P("d")), put(P()), jit)
        found[name] = float(np.abs(values - one).max())
        found[name + ", state"] = all(
            bool(np.allclose(a, b, rtol=1e-5)) for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(end))
        )

    def said(function):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function()
        return [str(each.message) for each in caught if "axis_name" in str(each.message)]

    def sharded(**options):
        return jax.shard_map(
            lambda a, b: cka_loss(a, b, **options)[None], mesh=mesh, in_specs=(P("d"), P("d")), out_specs=P("d")
        )

    x, y = np.concatenate(xs[:4]), np.concatenate(ys[:4])
    placed = put(P("d"))((x, y))
    found["forgotten"] = said(lambda: sharded()(*placed))
    found["given"] = said(lambda: sharded(axis_name="d")(*placed))
    found["no shard_map"] = said(lambda: (cka_loss(x, y), jax.jit(cka_loss)(*placed)))
    print(json.dumps(found))
    """
)


@pytest.fixture(scope="module")
def found(pytestconfig):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=pytestconfig.rootpath,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_queue_on_explicit_axes_is_that_on_one_device(found):
    for name in ("eager", "jit"):
        assert found[name] < 1e-4
        assert found[f"{name}, state"]


def test_a_forgotten_axis_name_is_said_and_nothing_else(found):
    (message,) = found["forgotten"]
    assert "sharded over the mesh axis 'd', and each device computes the loss of its own rows" in message
    assert "pass axis_name='d'" in message
    assert found["given"] == found["no shard_map"] == []
