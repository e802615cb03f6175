"""The layers of DPA-3 on the actual neighbours of each atom; its frozen model pads them to the maximum number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class _Graph(NamedTuple):
    """The inputs shared by all layers, for n atoms with at most k neighbours, c of them within the angle cutoff.

    Args:
        neighbour: int [n, k], index of the atom that a neighbour is or is an image of; arbitrary for padding.
        switch: [n, k, 1], falls smoothly from 1 to 0 at the cutoff; 0 for padding.
        direction: [n, k, 3].
        close: bool [n, c, 1], whether there is a neighbour within the angle cutoff.
        both: [n, c, c, 1], product of the switches of both sides of an angle.
        most, most_close: numbers of neighbours to which the model pads; it divides by them.
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
        descriptor: descriptor module of the frozen model.
        positions: [all, 3] in Angstrom, atoms followed by periodic images.
        types: int [n].
        nearest: int [n, most], neighbours of each atom in order of distance, padded with -1.
        home: int [all], index of the atom that each position is or is an image of.

    Source: Zhang et al. (2025), arXiv 2506.01686; settings and order of the sums are those of the published weights.
    """
    import torch

    flows = descriptor.repflows
    positions = positions.to(flows.stddev.dtype)
    mask = nearest >= 0
    k = max(1, int(mask.sum(1).max()))
    nearest, mask = nearest[:, :k], mask[:, :k, None]
    offset = (positions[nearest.clamp(min=0)] - positions[: len(types), None]) * mask
    length = torch.linalg.norm(offset, dim=-1, keepdim=True)
    safe = length + ~mask
    switch = _switch(safe, flows.e_rcut_smth, flows.e_rcut) * mask
    # The published weights have mean 0 and the same standard deviation for all entries.
    deviation = flows.stddev[0, 0, 0]
    close = (mask & (length < flows.a_rcut))[:, : flows.a_sel]
    c = max(1, int(close.sum(1).max()))
    close = close[:, :c]
    angle_switch = _switch(safe[:, :c], flows.a_rcut_smth, flows.a_rcut) * close
    unit = offset[:, :c] * close / (length[:, :c] * close + 1e-6)
    cosine = (unit @ unit.transpose(1, 2) * (1 - 1e-6))[..., None] / math.sqrt(math.pi)
    graph = _Graph(
        home[nearest.clamp(min=0)],
        switch,
        offset / safe**2 * switch / deviation,
        close,
        angle_switch[:, :, None] * angle_switch[:, None, :],
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

    def symmetrise(x: Tensor) -> Tensor:
        """Return rotation invariants [n, axes d] of the neighbours' features and directions."""
        rotated = graph.direction.transpose(1, 2) @ (x * graph.switch) / math.sqrt(graph.most)
        return (rotated[..., : layer.axis_neuron].transpose(1, 2) @ rotated / 3).flatten(1)

    def edge_linear(linear: Any) -> Tensor:
        """Map the features of both atoms and of their edge."""
        centre, other, between = linear.matrix.split([node.shape[1], node.shape[1], edge.shape[-1]])
        return act((node @ centre)[:, None] + (node @ other)[graph.neighbour] + edge @ between + linear.bias)

    node_part = node[:, : layer.n_a_compress_dim]
    edge_part = edge[:, :c, : layer.e_a_compress_dim] * graph.close

    def angle_linear(linear: Any) -> Tensor:
        """Map the features of an angle, of its atom and of both edges."""
        sizes = [angle.shape[-1], node_part.shape[1], edge_part.shape[-1], edge_part.shape[-1]]
        inner, centre, to, start = linear.matrix.split(sizes)
        ends = (edge_part @ to)[:, None] + (edge_part @ start)[:, :, None]
        return act(angle @ inner + (node_part @ centre)[:, None, None] + ends + linear.bias)

    node_self = act(layer.node_self_mlp(node))
    node_symmetric = act(layer.node_sym_linear(torch.cat([symmetrise(edge), symmetrise(node[graph.neighbour])], -1)))
    message = (edge_linear(layer.node_edge_linear) * graph.switch).sum(1) / graph.most
    from_angles = (angle_linear(layer.edge_angle_linear1) * graph.both).sum(2) / math.sqrt(graph.most_close)
    # Edges that belong to no angle keep their own features.
    mixed = torch.cat([torch.where(graph.close, from_angles, edge[:, :c]), edge[:, c:]], 1)
    steps = layer.n_residual, layer.e_residual, layer.a_residual
    node_update = getattr(steps[0], "0") * node_self + getattr(steps[0], "1") * node_symmetric
    node_update = node_update + getattr(steps[0], "2") * message
    edge_update = getattr(steps[1], "0") * edge_linear(layer.edge_self_linear)
    edge_update = edge_update + getattr(steps[1], "1") * act(layer.edge_angle_linear2(mixed))
    return (
        node + node_update,
        edge + edge_update,
        angle + getattr(steps[2], "0") * angle_linear(layer.angle_self_linear),
    )
