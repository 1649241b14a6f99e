"""L_inverse: the affine motion that moves the target's edges onto the predicted ones (method, section 2.2).

InverseForm (Borse et al., CVPR 2021) estimates this motion with a large pretrained network. Here it is solved for: both
edge maps are smoothed with a Gaussian, coarse to fine, and one Gauss-Newton step per scale refines the motion found so
far. Differentiable in the prediction, for 2D (6 parameters) and 3D (12), at any resolution: the maps are sampled on
grids of a fixed size, so displacements are relative to the image size.

Coordinates are those of `grid_sample`: x is the last spatial axis, each axis runs from -1 to 1 between the outer
borders of its first and last cell.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from nnunetv2.boundary.cell_grid import SIGMA_CELLS, centres
from nnunetv2.boundary.gauss_newton import gauss_newton_step

_SCALES = 3
_FINEST_CELLS = {2: 128, 3: 64}
_SMALLEST_HALVED = 16
_SMALLEST_WEIGHT = 1e-8  # tiny numbers are slow to multiply on a CPU


def inverse_transform(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the affine displacement theta with prediction(x) ~ target(x + theta [1, x]), for each map separately.

    Parameters:
        prediction: edge probabilities (M, *S) with two or three spatial axes of any size, float32 or float64.
        target: edges of the same shape; no gradient flows into them.

    Returns (M, D, D + 1) in normalised coordinates: rows x, y(, z); the first column is the shift, the rest the linear
    part. All zero if prediction and target are equal, and finite for empty, full and constant maps.
    """
    coarsest, *finer = reversed(_cells_by_scale(tuple(prediction.shape[1:])))
    theta = gauss_newton_step(_smooth(prediction, coarsest), _smooth(target, coarsest), None)
    for cells in finer:
        theta = gauss_newton_step(_smooth(prediction, cells), _smooth(target, cells), theta)
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
        if axis == len(cells):
            return maps @ matrix
        shape = [*maps.shape[:axis], count, *maps.shape[axis + 1 :]]
        maps = (matrix.T @ maps.reshape(math.prod(shape[:axis]), maps.shape[axis], -1)).view(shape)
    return maps


@lru_cache(maxsize=128)
def _smoothing_matrix(size: int, cells: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return (size, cells): Gaussian weights of each pixel for each cell, summing to 1 for every cell."""
    with torch.inference_mode(False), torch.no_grad():
        distance = centres(size, dtype, device)[:, None] - centres(cells, dtype, device)[None, :]
        sigma = min(SIGMA_CELLS, cells / 8) * 2 / cells
        weights = torch.softmax(-(distance**2) / (2 * sigma**2), dim=0)
        return torch.where(weights > _SMALLEST_WEIGHT, weights, torch.zeros_like(weights))
