"""One Gauss-Newton step towards the affine motion between two smooth maps, with its derivative by hand.

With the warped target t, its slopes s_i, the coordinates c_a = [1, x, y(, z)] of the cells, the weights w of the cells,
the residual r = prediction - t and J = s_i c_a, the step is d = (J^T w J + lambda I)^-1 J^T w r. Let g be the gradient
with respect to d, m the solution of the same system for g instead of J^T w r; at each cell U = sum_i s_i (d c)_i and
V = sum_i s_i (m c)_i. Then d depends on slopes, weights and residual as sum_cells w V (r - U) does, with d and m held,
but for the damping. So a derivative takes a few products for each cell, where that of each operation takes dozens.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from nnunetv2.boundary.cell_grid import CellGrid, places_of_products, product

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


class _Step(Function):
    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor, theta: Tensor | None) -> Tensor:
        grid = CellGrid.of(target)
        places = sides = None
        warped, weight = target, grid.trust_squared
        if theta is not None:
            places = theta @ grid.coordinates + grid.coordinates[1:]
            sides = grid.sides(places)
            warped, weight = _sample(target, places), product(sides) * grid.trust
        slopes, residual = _slopes(warped), (prediction - warped).flatten(1)
        normal, right = _normal_equations(slopes, weight, residual, grid)
        step = torch.linalg.solve_ex(normal, right)[0].view(len(target), grid.dims, -1)
        ctx.save_for_backward(target, theta, places, sides, slopes, weight, residual, normal, step)
        return step if theta is None else theta + step + theta[:, :, 1:] @ step

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        target, theta, places, sides, slopes, weight, residual, normal, step = ctx.saved_tensors
        grid, of_theta = CellGrid.of(target), gradients[0]
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


def _neighbours(shape: Sequence[int]) -> Iterator[tuple[int, int, Any, Any, Any]]:
    """Yield each axis of maps (M, *S) with inner cells: its number, its size, the cells before and after, and these."""
    for axis, size in enumerate(shape[1:], start=1):
        if size >= 3:
            before, after, inner = (
                (slice(None),) * axis + (slice(*ends),) for ends in ((0, size - 2), (2, size), (1, size - 1))
            )
            yield axis, size, before, after, inner


def _normal_equations(slopes: Tensor, weight: Tensor, residual: Tensor, grid: CellGrid) -> tuple[Tensor, Tensor]:
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
    of_slopes, of_coordinates = places_of_products(grid.dims, residual.device)
    normal = moments[:, of_slopes, of_coordinates]
    trace = torch.diagonal(normal, dim1=1, dim2=2).mean(dim=1)[:, None, None]
    right = weighted.mul_(residual[:, None]) @ grid.coordinates.T
    return normal + trace * grid.relative_damping + grid.damping, right.flatten(1)[..., None]
