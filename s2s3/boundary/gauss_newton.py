"""One Gauss-Newton step towards the affine motion between two smooth maps, with its derivative by hand.

With the warped target t, its slopes s_i, the coordinates c_a = [1, x, y(, z)] of the cells, the weights w of the cells,
the residual r = prediction - t and J = s_i c_a, the step is d = (J^T w J + lambda I)^-1 J^T w r. Let g be the gradient
with respect to d, m the same system's solution for g instead of J^T w r, U = sum_i s_i (d c)_i and V = sum_i s_i (m c)_i,
all at each cell. Then d depends on slopes, weights and residual as sum_cells w V (r - U) does, with d and m held, but
for the damping. So a derivative takes a few products for each cell, where that of each operation would take dozens.
"""

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

SIGMA_CELLS = 2.0
"""Smoothness of the maps, in cells; an eighth of the side where that is less."""
_RELATIVE_DAMPING = 1e-2
_ABSOLUTE_DAMPING = 1e-2
_BILINEAR, _BORDER = 0, 1
"""Of grid_sample, as its derivative takes them."""


def gauss_newton_step(prediction: Tensor, target: Tensor, theta: Tensor | None) -> Tensor:
    """Return the improved displacement, (M, D, D + 1), from maps (M, *S) of the same smoothness.

    Parameters:
        prediction: the result is differentiable in it.
        target: no gradient flows into it.
        theta: the displacement so far, (M, D, D + 1), in which the result is differentiable, too; None for none.
    """
    result: Tensor = _Step.apply(prediction, target, theta)  # type: ignore[no-untyped-call]
    return result


def centres(cells: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coordinates of the centres of cells, from -1 to 1 between the outer borders, (cells,)."""
    return (2 * torch.arange(cells, dtype=dtype, device=device) + 1) / cells - 1


class _Step(Function):
    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor, theta: Tensor | None) -> Tensor:
        grid = _Grid.of(target)
        places = sides = None
        warped, weight = target, grid.trust_squared
        if theta is not None:
            places = theta @ grid.coordinates + grid.coordinates[1:]
            sides = grid.sides(places)
            warped, weight = _sample(target, places), _product(sides) * grid.trust
        slopes, residual = _slopes(warped), (prediction - warped).flatten(1)
        normal, right = _normal_equations(slopes, weight, residual, grid)
        step = torch.linalg.solve_ex(normal, right)[0].view(len(target), grid.dims, -1)
        ctx.save_for_backward(target, theta, places, sides, slopes, weight, residual, normal, step)
        return step if theta is None else theta + step + theta[:, :, 1:] @ step

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        target, theta, places, sides, slopes, weight, residual, normal, step = ctx.saved_tensors
        grid, of_theta = _Grid.of(target), gradients[0]
        of_step = of_theta if theta is None else of_theta + theta[:, :, 1:].mT @ of_theta
        solved = torch.linalg.solve_ex(normal, of_step.flatten(1)[..., None])[0].view_as(step)
        along_solved = solved @ grid.coordinates
        risen = _dot(slopes, along_solved)
        of_prediction = (weight * risen).view_as(target)
        if theta is None:
            return of_prediction, None, None
        along_step = step @ grid.coordinates
        left = residual - _dot(slopes, along_step)
        damped = grid.damping_shares * (solved * step).sum((1, 2))[:, None]
        of_weight = risen * left - damped * _dot(slopes, slopes)
        of_slopes = along_solved.mul_(left[:, None])
        of_slopes.addcmul_(along_step, risen[:, None], value=-1).addcmul_(slopes, damped[:, None], value=-2)
        of_warped = _to_maps(of_slopes.mul_(weight[..., None, :]), target.shape).sub_(of_prediction)
        of_places = _sample_backward(of_warped, target, places)
        of_places += grid.sides_backward(of_weight * grid.trust, sides, places)
        collected = of_theta + of_places @ grid.coordinates.T
        collected[:, :, 1:] += of_theta @ step.mT
        return of_prediction, None, collected


class _Grid:
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
        own = _product(self.sides(self.coordinates[1:][None]))[0]
        self.trust = own / len(own)
        self.trust_squared = own * self.trust
        pairs = itertools.combinations_with_replacement(self.coordinates, 2)
        self.pairs = torch.stack([first * second for first, second in pairs])
        parameters = self.dims * (self.dims + 1)
        self.damping_shares = (self.coordinates**2).sum(0) * (_RELATIVE_DAMPING / parameters)
        self.damping = _ABSOLUTE_DAMPING * torch.eye(parameters, dtype=dtype, device=device)
        self.relative_damping = (_RELATIVE_DAMPING / _ABSOLUTE_DAMPING) * self.damping

    @staticmethod
    def of(maps: Tensor) -> "_Grid":
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
def _grid(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> _Grid:
    with torch.inference_mode(False), torch.no_grad():
        return _Grid(shape, dtype, device)


def _product(sides: Tensor) -> Tensor:
    product = sides[:, 0]
    for axis in range(1, sides.shape[1]):
        product = product * sides[:, axis]
    return product


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Return the sum of products of (M, D, cells) over the axes D."""
    total = first[:, 0] * second[:, 0]
    for axis in range(1, first.shape[1]):
        total.addcmul_(first[:, axis], second[:, axis])
    return total


def _sample(target: Tensor, places: Tensor) -> Tensor:
    """Return maps (M, *S) at places (M, D, cells), each cell's own; beyond the image its border goes on."""
    at = places.mT.reshape(*target.shape, -1)
    return functional.grid_sample(target[:, None], at, padding_mode="border", align_corners=False)[:, 0]


def _sample_backward(of_samples: Tensor, target: Tensor, places: Tensor) -> Tensor:
    """Return the gradient with respect to the places, (M, D, cells)."""
    at = places.mT.reshape(*target.shape, -1)
    derive = {2: torch.ops.aten.grid_sampler_2d_backward, 3: torch.ops.aten.grid_sampler_3d_backward}[places.shape[1]]
    of_places: Tensor = derive(of_samples[:, None], target[:, None], at, _BILINEAR, _BORDER, False, [False, True])[1]
    return of_places.view(*places.mT.shape).mT.contiguous()


def _slopes(maps: Tensor) -> Tensor:
    """Return the derivatives of maps (M, *S) along x, y(, z), by central differences; 0 at both ends, (M, D, cells)."""
    dims = maps.dim() - 1
    slopes = maps.new_zeros(len(maps), dims, *maps.shape[1:])
    for axis, size, before, after, inner in _neighbours(maps.shape):
        torch.sub(maps[after], maps[before], out=slopes[:, dims - axis][inner]).mul_(size / 4)
    return slopes.flatten(2)


def _to_maps(of_slopes: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the gradient with respect to maps of the shape (M, *S), given that with respect to `_slopes`."""
    dims = len(shape) - 1
    by_axis = of_slopes.view(shape[0], dims, *shape[1:])
    collected = of_slopes.new_zeros(tuple(shape))
    for axis, size, before, after, inner in _neighbours(shape):
        scaled = by_axis[:, dims - axis][inner] * (size / 4)
        collected[after] += scaled
        collected[before] -= scaled
    return collected


def _neighbours(shape: Sequence[int]) -> list[tuple[int, int, Any, Any, Any]]:
    """Return for each axis of maps (M, *S) with inner cells its number, size, and where those before, after, inner lie."""
    found = []
    for axis, size in enumerate(shape[1:], start=1):
        if size >= 3:
            cuts = [(slice(None),) * axis + (slice(*ends),) for ends in ((0, size - 2), (2, size), (1, size - 1))]
            found.append((axis, size, *cuts))
    return found


def _normal_equations(slopes: Tensor, weight: Tensor, residual: Tensor, grid: _Grid) -> tuple[Tensor, Tensor]:
    """Return J^T w J with its damping, (M, n, n), and J^T w r, (M, n, 1), with n = D (D + 1).

    J holds products of a slope and a coordinate, so the sums are moments of products of two slopes: they take one
    matrix product with the products of two coordinates, and J itself is never made. The damping grows with the
    gradients and is never zero.
    """
    weighted = slopes * weight[..., None, :]
    pairs = list(itertools.combinations_with_replacement(range(grid.dims), 2))
    products = slopes.new_empty(len(slopes), len(pairs), slopes.shape[2])
    for number, (i, j) in enumerate(pairs):
        torch.mul(weighted[:, i], slopes[:, j], out=products[:, number])
    moments = products @ grid.pairs.T
    of_slopes, of_coordinates = _places_of_products(grid.dims, residual.device)
    normal = moments[:, of_slopes, of_coordinates]
    trace = torch.diagonal(normal, dim1=1, dim2=2).mean(dim=1)[:, None, None]
    right = weighted.mul_(residual[:, None]) @ grid.coordinates.T
    return normal + trace * grid.relative_damping + grid.damping, right.flatten(1)[..., None]


@lru_cache(maxsize=8)
def _places_of_products(dims: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return for each entry of J^T w J, (n, n), which pair of slopes and which pair of coordinates it is made of."""
    parameters = list(itertools.product(range(dims), range(dims + 1)))

    def place(axes: int, first: int, second: int) -> int:
        pairs = list(itertools.combinations_with_replacement(range(axes), 2))
        return pairs.index((min(first, second), max(first, second)))

    slopes = [[place(dims, i, j) for j, _ in parameters] for i, _ in parameters]
    coordinates = [[place(dims + 1, a, b) for _, b in parameters] for _, a in parameters]
    with torch.inference_mode(False):
        return torch.tensor(slopes, device=device), torch.tensor(coordinates, device=device)
