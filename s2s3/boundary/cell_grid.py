"""The cells that smoothed maps are sampled on: their coordinates, and how far maps are to be trusted in them.

Coordinates are those of `grid_sample`: x is the last spatial axis, each axis runs from -1 to 1 between the outer
borders of its first and last cell.
"""

import itertools
from functools import lru_cache

import torch
from torch import Tensor

SIGMA_CELLS = 2.0
"""Smoothness of the maps, in cells; an eighth of the side where that is less."""
_RELATIVE_DAMPING = 1e-2
_ABSOLUTE_DAMPING = 1e-2


def centres(cells: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coordinates of the centres of cells, from -1 to 1 between the outer borders, (cells,)."""
    return (2 * torch.arange(cells, dtype=dtype, device=device) + 1) / cells - 1


class CellGrid:
    """What depends on the shape of the maps only; made once for each.

    `coordinates` [1, x, y(, z)] of the cells, (D + 1, cells); `trust` in the cells themselves divided by their number,
    (cells,), and `trust_squared`, that in both maps if none is moved; `pairs`, products of each two coordinates,
    (pairs, cells); `damping_shares`, what a cell's squared slopes add to the damping, (cells,).
    """

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device):
        self.dims = len(shape)
        axes = torch.meshgrid(*(centres(size, dtype, device) for size in shape), indexing="ij")
        self.coordinates = torch.stack([torch.ones_like(axes[0]), *reversed(axes)]).flatten(1)
        sizes = torch.tensor(shape[::-1], dtype=dtype, device=device)
        self._sigmas = (sizes / 2 / (sizes / 8).clamp(max=SIGMA_CELLS))[:, None]
        own = product(self.sides(self.coordinates[1:][None]))[0]
        self.trust = own / len(own)
        self.trust_squared = own * self.trust
        pairs = itertools.combinations_with_replacement(self.coordinates, 2)
        self.pairs = torch.stack([first * second for first, second in pairs])
        parameters = self.dims * (self.dims + 1)
        self.damping_shares = (self.coordinates**2).sum(0) * (_RELATIVE_DAMPING / parameters)
        self.damping = _ABSOLUTE_DAMPING * torch.eye(parameters, dtype=dtype, device=device)
        self.relative_damping = (_RELATIVE_DAMPING / _ABSOLUTE_DAMPING) * self.damping

    @staticmethod
    def of(maps: Tensor) -> "CellGrid":
        """Return that of maps (M, *S)."""
        return _grid(tuple(maps.shape[1:]), maps.dtype, maps.device)

    def sides(self, places: Tensor) -> Tensor:
        """Return for each axis how far a place (M, D, cells) is to be trusted, from 0 to 1; their product counts.

        1 inside, falling to 0 half a sigma from the border: there the Gaussian covers pixels beyond the image, which
        are unknown.
        """
        return ((1 - places.abs()) * self._sigmas - 0.5).clamp_(0, 1)

    def sides_backward(self, of_product: Tensor, sides: Tensor, places: Tensor) -> Tensor:
        """Return the gradient with respect to the places, given that with respect to the product of the sides."""
        falls = torch.copysign(self._sigmas, places).mul_(of_product[:, None])
        for axis in range(self.dims):
            for other in range(self.dims):
                if other != axis:
                    falls[:, axis].mul_(sides[:, other])
        return torch.ops.aten.hardtanh_backward(falls.neg_(), sides, 0.0, 1.0)


@lru_cache(maxsize=64)
def _grid(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> CellGrid:
    with torch.inference_mode(False), torch.no_grad():
        return CellGrid(shape, dtype, device)


def product(sides: Tensor) -> Tensor:
    """Return the product of (M, D, cells) over the axes D."""
    result = sides[:, 0]
    for axis in range(1, sides.shape[1]):
        result = result * sides[:, axis]
    return result


@lru_cache(maxsize=8)
def places_of_products(dims: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return for each entry of J^T w J, (n, n), which pair of slopes and which pair of coordinates it is made of."""
    parameters = list(itertools.product(range(dims), range(dims + 1)))

    def place(axes: int, first: int, second: int) -> int:
        pairs = list(itertools.combinations_with_replacement(range(axes), 2))
        return pairs.index((min(first, second), max(first, second)))

    slopes = [[place(dims, i, j) for j, _ in parameters] for i, _ in parameters]
    coordinates = [[place(dims + 1, a, b) for _, b in parameters] for _, a in parameters]
    with torch.inference_mode(False):
        return torch.tensor(slopes, device=device), torch.tensor(coordinates, device=device)
