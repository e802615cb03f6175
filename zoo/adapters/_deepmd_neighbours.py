"""Neighbour lists as DeePMD-kit builds them, down to the order of neighbours at equal distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

ENTRIES = 1 << 24  # distances that are kept in memory at once


def nearest_neighbours(atoms: Any, cutoff: float, most: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the positions of atoms and of their periodic images, and the nearest neighbours of each atom.

    Where an atom has more neighbours than the model takes, and several at the same distance compete for the last
    places, the model's choice depends on the order of the images, on rounding and on the sort of torch, which differs
    between processors. So all operations are those of the library, in its order.

    Args:
        atoms: ASE atoms, isolated or periodic in all directions.
        cutoff: in Angstrom.
        most: maximum number of neighbours.
        device: a torch device.

    Returns:
        Positions float64 [all, 3] in Angstrom, atoms first, wrapped into the cell, and then the images; for each
        position, the index [all] of the atom that it is or is an image of; and the neighbours [atoms, at most most],
        at least one column, in order of distance, padded with -1.
    """
    import torch

    positions = torch.tensor(atoms.positions, dtype=torch.float64, device=device)[None]
    shifts = positions.new_zeros(1, 1, 3)
    if atoms.pbc.any():
        cell = torch.tensor(atoms.cell.array, dtype=torch.float64, device=device)[None]
        positions = torch.remainder(positions @ torch.linalg.inv(cell), 1.0) @ cell
        shifts = torch.einsum("sd,fdk->fsk", _shifts(cell.cpu(), cutoff).to(device), cell)
    n = len(atoms)
    everything = (positions[:, None] + shifts[:, :, None]).reshape(-1, 3)
    lists = []
    for start in range(0, n, rows := max(1, ENTRIES // len(everything))):
        centres = everything[start : min(start + rows, n)]
        distance = torch.linalg.norm(everything - centres[:, None], dim=-1)
        row = torch.arange(len(centres), device=device)
        distance[row, row + start] -= 1.0  # the atom itself comes first
        # Not a stable sort, and of all images: the library sorts so, and ties fall as in the library.
        length, place = distance.sort()
        length, place = length[:, 1 : most + 1], place[:, 1 : most + 1]
        lists.append(torch.where(length <= cutoff, place, -1))
    neighbours = torch.cat(lists)
    used = torch.zeros(len(everything), dtype=torch.bool, device=device)
    used[:n] = True
    used[neighbours[neighbours >= 0]] = True
    renumbered = used.cumsum(0) - 1
    neighbours = torch.where(neighbours >= 0, renumbered[neighbours], -1)
    padded = torch.nn.functional.pad(neighbours, (0, max(0, 1 - neighbours.shape[1])), value=-1)
    return everything[used], used.nonzero()[:, 0] % n, padded


def _shifts(cell: Tensor, cutoff: float) -> Tensor:
    """Return the images of the cell [1, 3, 3] within the cutoff, as integers in float64 [s, 3], nearest first."""
    import torch

    volume = torch.linalg.det(cell).abs()
    faces = [torch.cross(cell[:, i], cell[:, j], dim=-1) for i, j in ((1, 2), (2, 0), (0, 1))]
    to_face = torch.stack([volume / torch.linalg.norm(face, dim=-1) for face in faces], 1)
    reach = torch.ceil(torch.reciprocal(to_face) * cutoff).long().amax(0).tolist()
    ranges = [torch.arange(-k, k + 1, dtype=torch.float64) for k in reach]
    shifts = torch.cartesian_prod(*ranges)
    return shifts[torch.argsort(torch.linalg.norm(shifts, dim=-1))]
