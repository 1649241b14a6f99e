"""L_inverse: the affine motion that moves the target's edges onto the predicted ones (method, section 2.2).

InverseForm (Borse et al., CVPR 2021) estimates this motion with a large pretrained network. Here it is solved for: both
edge maps are smoothed with a Gaussian, coarse to fine, and one Gauss-Newton step per scale refines the motion found so
far. Differentiable in the prediction, for 2D (6 parameters) and 3D (12), at any resolution: the maps are sampled on
grids of a fixed size, so displacements are relative to the image size.

Coordinates are those of `grid_sample`: x is the last spatial axis, each axis runs from -1 to 1 between the outer
borders of its first and last cell.
"""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

_SCALES = 3
_FINEST_CELLS = {2: 128, 3: 64}
_SMALLEST_HALVED = 16
_SIGMA_CELLS = 2.0
_SMALLEST_WEIGHT = 1e-8  # tiny numbers are slow to multiply on a CPU
_RELATIVE_DAMPING = 1e-2
_ABSOLUTE_DAMPING = 1e-2


def inverse_transform(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the affine displacement theta with prediction(x) ~ target(x + theta [1, x]), for each map separately.

    Parameters:
        prediction: edge probabilities (M, *S) with one to three spatial axes of any size, float32 or float64.
        target: edges of the same shape; no gradient flows into them.

    Returns (M, D, D + 1) in normalised coordinates: rows x, y(, z); the first column is the shift, the rest the linear
    part. All zero if prediction and target are equal, and finite for empty, full and constant maps.
    """
    dims = prediction.dim() - 1
    theta = prediction.new_zeros(len(prediction), dims, dims + 1)
    for cells in reversed(_cells_by_scale(tuple(prediction.shape[1:]))):
        theta = _gauss_newton_step(_smooth(prediction, cells), _smooth(target, cells), theta)
    return theta


def inverse_distance(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the Euclidean norm of the displacement of `inverse_transform`, (M,); 0 if both maps are equal."""
    return torch.linalg.vector_norm(inverse_transform(prediction, target), dim=(1, 2))


def _cells_by_scale(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of the grids that smoothed maps are sampled on, finest first; short axes are not halved."""
    finest = _FINEST_CELLS.get(len(shape), 128)
    grids = [tuple(math.ceil(size / math.ceil(size / finest)) for size in shape)]
    while len(grids) < _SCALES and max(grids[-1]) >= _SMALLEST_HALVED:
        grids.append(tuple(size // 2 if size >= _SMALLEST_HALVED else size for size in grids[-1]))
    return grids


def _smooth(maps: Tensor, cells: tuple[int, ...]) -> Tensor:
    """Smooth maps (M, *S) and sample them on a coarser grid, (M, *cells), by one matrix product per axis."""
    for axis, count in enumerate(cells, start=1):
        matrix = _smoothing_matrix(maps.shape[axis], count, maps.dtype, maps.device)
        maps = torch.movedim(torch.movedim(maps, axis, -1) @ matrix, -1, axis)
    return maps


@lru_cache(maxsize=128)
def _smoothing_matrix(size: int, cells: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return (size, cells): Gaussian weights of each pixel for each cell, summing to 1 for every cell."""
    with torch.inference_mode(False), torch.no_grad():
        distance = _centres(size, dtype, device)[:, None] - _centres(cells, dtype, device)[None, :]
        sigma = min(_SIGMA_CELLS, cells / 8) * 2 / cells
        weights = torch.softmax(-(distance**2) / (2 * sigma**2), dim=0)
        return torch.where(weights > _SMALLEST_WEIGHT, weights, torch.zeros_like(weights))


def _centres(cells: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return (2 * torch.arange(cells, dtype=dtype, device=device) + 1) / cells - 1


@lru_cache(maxsize=64)
def _homogeneous(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coordinates [1, x, y(, z)] of each cell, (D + 1, *S)."""
    with torch.inference_mode(False), torch.no_grad():
        axes = torch.meshgrid(*(_centres(size, dtype, device) for size in shape), indexing="ij")
        return torch.stack([torch.ones_like(axes[0]), *reversed(axes)])


def _trust(places: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return weights for a smoothed map at coordinates (..., D): 1 inside, falling to 0 half a sigma from the border.

    There the Gaussian covers pixels beyond the image, which are unknown, so those cells must not count.
    """
    trust = torch.ones_like(places[..., 0])
    for index, size in enumerate(reversed(shape)):
        sigmas_to_border = (1 - places[..., index].abs()) * (size / 2 / min(_SIGMA_CELLS, size / 8))
        trust = trust * (sigmas_to_border - 0.5).clamp(0, 1)
    return trust


@lru_cache(maxsize=64)
def _own_trust(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the weights of the cells themselves, divided by their number, (*S)."""
    own = _homogeneous(shape, dtype, device)
    with torch.inference_mode(False), torch.no_grad():
        return _trust(torch.movedim(own[1:], 0, -1), shape) / own[0].numel()


def _gauss_newton_step(prediction: Tensor, target: Tensor, theta: Tensor) -> Tensor:
    """Return the improved theta, (M, D, D + 1), from maps (M, *S) of the same smoothness.

    The step is (J^T W J + lambda I)^-1 J^T W (prediction - warped target) with J = grad warped target * [1, x, y(, z)]
    and the weights W of the cells.
    """
    shape = tuple(target.shape[1:])
    own = _homogeneous(shape, target.dtype, target.device)
    places = torch.einsum("mij,j...->m...i", theta, own) + torch.movedim(own[1:], 0, -1)
    warped = functional.grid_sample(target[:, None], places, padding_mode="border", align_corners=False)[:, 0]
    weight = _trust(places, shape) * _own_trust(shape, target.dtype, target.device)
    slopes = [_slope(warped, axis) for axis in range(len(shape), 0, -1)]
    step = _solve(*_normal_equations(slopes, weight, prediction - warped))
    return _compose(theta, step.view_as(theta))


def _normal_equations(slopes: Sequence[Tensor], weight: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
    """Return J^T W J, (M, n, n), and J^T W r, (M, n, 1), with n = D (D + 1), given maps (M, *S).

    J holds products of a slope and a coordinate, so the sums are moments of products of two slopes: they take one
    matrix product with the products of two coordinates, and J itself is never made.
    """
    shape, dims = tuple(residual.shape[1:]), len(slopes)
    own = _homogeneous(shape, residual.dtype, residual.device).flatten(1)
    weighted = [slope * weight for slope in slopes]
    pairs = list(itertools.combinations_with_replacement(range(dims), 2))
    products = torch.stack([weighted[i] * slopes[j] for i, j in pairs], dim=1).flatten(2)
    moments = products @ _coordinate_products(shape, residual.dtype, residual.device)
    of_slopes, of_coordinates = _places_of_products(dims, residual.device)
    normal = moments[:, of_slopes, of_coordinates]
    right = torch.stack([slope * residual for slope in weighted], dim=1).flatten(2) @ own.T
    return normal, right.flatten(1)[..., None]


@lru_cache(maxsize=64)
def _coordinate_products(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the products of each two of the coordinates [1, x, y(, z)] of each cell, (cells, pairs)."""
    own = _homogeneous(shape, dtype, device).flatten(1)
    with torch.inference_mode(False), torch.no_grad():
        pairs = itertools.combinations_with_replacement(range(len(own)), 2)
        return torch.stack([own[a] * own[b] for a, b in pairs], dim=1)


@lru_cache(maxsize=8)
def _places_of_products(dims: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return for each entry of J^T W J, (n, n), which pair of slopes and which pair of coordinates it is made of."""
    parameters = list(itertools.product(range(dims), range(dims + 1)))

    def place(axes: int, first: int, second: int) -> int:
        pairs = list(itertools.combinations_with_replacement(range(axes), 2))
        return pairs.index((min(first, second), max(first, second)))

    slopes = [[place(dims, i, j) for j, _ in parameters] for i, _ in parameters]
    coordinates = [[place(dims + 1, a, b) for _, b in parameters] for _, a in parameters]
    with torch.inference_mode(False):
        return torch.tensor(slopes, device=device), torch.tensor(coordinates, device=device)


def _solve(normal: Tensor, right: Tensor) -> Tensor:
    """Solve the damped normal equations; the damping grows with the gradients and is never zero."""
    trace = torch.diagonal(normal, dim1=1, dim2=2).mean(dim=1)
    damping = _RELATIVE_DAMPING * trace + _ABSOLUTE_DAMPING
    identity = torch.eye(normal.shape[1], dtype=normal.dtype, device=normal.device)
    solution: Tensor = torch.linalg.solve_ex(normal + damping[:, None, None] * identity, right)[0]
    return solution


def _slope(maps: Tensor, axis: int) -> Tensor:
    """Return the derivative along an axis in normalised coordinates, by central differences; 0 at both ends."""
    size = maps.shape[axis]
    if size < 3:
        return torch.zeros_like(maps)
    inner = (maps.narrow(axis, 2, size - 2) - maps.narrow(axis, 0, size - 2)) * (size / 4)
    padding = [0, 0] * (maps.dim() - 1 - axis) + [1, 1]
    return functional.pad(inner, padding)


def _compose(first: Tensor, second: Tensor) -> Tensor:
    """Return the displacement of x -> W(x + second [1, x]), where W(x) = x + first [1, x]."""
    linear = first[:, :, 1:]
    moved = first + second
    return moved + torch.cat([linear @ second[:, :, :1], linear @ second[:, :, 1:]], dim=2)
