"""The layers of DPA-3 on the neighbours that there are, where its frozen model fills every atom up to the most."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class _Graph(NamedTuple):
    """What stays the same from layer to layer, of n atoms with at most k neighbours, c of them close.

    Args:
        neighbour: int [n, k], the atom that a neighbour is, or is an image of; any where there is none.
        switch: [n, k, 1], smoothly 1 to 0 towards the cutoff, and 0 where there is no neighbour.
        direction: [n, k, 3].
        close: bool [n, c, 1], whether a neighbour is there and within the cutoff of the angles.
        both: [n, c, c, 1], product of the switches of both sides of an angle.
        most, most_close: what the model fills up to, by which it divides.
    """

    neighbour: Tensor
    switch: Tensor
    direction: Tensor
    close: Tensor
    both: Tensor
    most: int
    most_close: int


def run_repflows(descriptor: Any, positions: Tensor, types: Tensor, nearest: Tensor, home: Tensor) -> Tensor:
    """Return the descriptors [n, d] of DPA-3.

    Args:
        descriptor: of the frozen model.
        positions: [all, 3] in Angstrom, atoms and, after them, periodic images.
        types: int [n].
        nearest: int [n, most], neighbours of each atom from near to far, -1 where there are no more.
        home: int [all], the atom that each is or is an image of.

    Source: Zhang et al. (2025), arXiv 2506.01686; settings and order of sums are those of the published weights.
    """
    import torch

    flows = descriptor.repflows
    positions = positions.to(flows.stddev.dtype)
    there = nearest >= 0
    k = max(1, int(there.sum(1).max()))
    nearest, there = nearest[:, :k], there[:, :k, None]
    apart = (positions[nearest.clamp(min=0)] - positions[: len(types), None]) * there
    length = torch.linalg.norm(apart, dim=-1, keepdim=True)
    safe = length + ~there
    switch = _switch(safe, flows.e_rcut_smth, flows.e_rcut) * there
    # The statistics of the published weights: no mean, and one deviation for all.
    deviation = flows.stddev[0, 0, 0]
    close = (there & (length < flows.a_rcut))[:, : flows.a_sel]
    c = max(1, int(close.sum(1).max()))
    close = close[:, :c]
    of_angle = _switch(safe[:, :c], flows.a_rcut_smth, flows.a_rcut) * close
    unit = apart[:, :c] * close / (length[:, :c] * close + 1e-6)
    cosine = (unit @ unit.transpose(1, 2) * (1 - 1e-6))[..., None] / math.sqrt(math.pi)
    graph = _Graph(
        home[nearest.clamp(min=0)],
        switch,
        apart / safe**2 * switch / deviation,
        close,
        of_angle[:, :, None] * of_angle[:, None, :],
        flows.nnei,
        flows.a_sel,
    )
    node = flows.act(descriptor.type_embedding(types))
    edge = flows.act(flows.edge_embd(switch / safe / deviation))
    angle = flows.angle_embd(cosine)
    for i in range(flows.nlayers):
        node, edge, angle = _layer(getattr(flows.layers, str(i)), graph, node, edge, angle)
    return node


def _switch(length: Tensor, begin: float, end: float) -> Tensor:
    u = ((length - begin) / (end - begin)).clamp(0, 1)
    return u**3 * (-6 * u**2 + 15 * u - 10) + 1


def _layer(layer: Any, graph: _Graph, node: Tensor, edge: Tensor, angle: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    import torch

    act, c = layer.act, graph.close.shape[1]

    def around(x: Tensor) -> Tensor:
        """Return invariants [n, axes d] of what the neighbours are, and in which direction."""
        turned = graph.direction.transpose(1, 2) @ (x * graph.switch) / math.sqrt(graph.most)
        return (turned[..., : layer.axis_neuron].transpose(1, 2) @ turned / 3).flatten(1)

    def of_edge(linear: Any) -> Tensor:
        """Map both atoms and their edge."""
        own, other, between = linear.matrix.split([node.shape[1], node.shape[1], edge.shape[-1]])
        return act((node @ own)[:, None] + (node @ other)[graph.neighbour] + edge @ between + linear.bias)

    few = node[:, : layer.n_a_compress_dim]
    near = edge[:, :c, : layer.e_a_compress_dim] * graph.close

    def of_angle(linear: Any) -> Tensor:
        """Map an angle, its atom and both edges."""
        own, centre, to, start = linear.matrix.split([angle.shape[-1], few.shape[1], near.shape[-1], near.shape[-1]])
        ends = (near @ to)[:, None] + (near @ start)[:, :, None]
        return act(angle @ own + (few @ centre)[:, None, None] + ends + linear.bias)

    alone = act(layer.node_self_mlp(node))
    turned = act(layer.node_sym_linear(torch.cat([around(edge), around(node[graph.neighbour])], -1)))
    message = (of_edge(layer.node_edge_linear) * graph.switch).sum(1) / graph.most
    bent = (of_angle(layer.edge_angle_linear1) * graph.both).sum(2) / math.sqrt(graph.most_close)
    # Edges that are in no angle stand for themselves.
    mixed = torch.cat([torch.where(graph.close, bent, edge[:, :c]), edge[:, c:]], 1)
    steps = layer.n_residual, layer.e_residual, layer.a_residual
    ahead = getattr(steps[0], "0") * alone + getattr(steps[0], "1") * turned + getattr(steps[0], "2") * message
    along = getattr(steps[1], "0") * of_edge(layer.edge_self_linear)
    along = along + getattr(steps[1], "1") * act(layer.edge_angle_linear2(mixed))
    return node + ahead, edge + along, angle + getattr(steps[2], "0") * of_angle(layer.angle_self_linear)
