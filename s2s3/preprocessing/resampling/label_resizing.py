"""Resizing label maps: every label is interpolated on its own and the largest score wins.

In an exact tie the label of the nearest sample wins if it is among the tied ones, otherwise the smallest of them.
Linear scores are computed only where neighbouring samples differ, with the same steps as scipy.ndimage.zoom, so that
ties are the same to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from nnunetv2.preprocessing.resampling.axis_resizing import nearest_samples, sample_positions

_VOXELS_PER_STEP = 1 << 18


@dataclass(frozen=True)
class _Axis:
    """Neighbours of each output along an axis: indices (2, n), weights (2, n), index of the nearest sample (n,)."""

    neighbours: np.ndarray
    weights: np.ndarray
    nearest: np.ndarray


def resize_labels(labels: np.ndarray, shape: Sequence[int], order: int) -> np.ndarray:
    """Resize a 2D or 3D label map, keeping its type; orders above 1 use scipy's splines."""
    target = tuple(int(size) for size in shape)
    axes = [_axis(n_in, n_out) for n_in, n_out in zip(labels.shape, target, strict=True)]
    nearest = labels[np.ix_(*(axis.nearest for axis in axes))]
    if order == 0:
        return nearest
    if order == 1:
        return _resize_linearly(labels, axes, nearest)
    return _resize_with_splines(labels, nearest, order)


def _axis(n_in: int, n_out: int) -> _Axis:
    positions = sample_positions(n_in, n_out)
    lower = np.floor(positions)
    upper_weight = positions - lower
    neighbours = np.stack([lower, lower + 1]).clip(0, n_in - 1).astype(np.intp)
    weights = np.stack([1.0 - upper_weight, upper_weight])
    return _Axis(neighbours, weights, nearest_samples(n_in, n_out))


def _resize_linearly(labels: np.ndarray, axes: list[_Axis], result: np.ndarray) -> np.ndarray:
    """Correct `result`, which holds the nearest labels, where the samples around an output differ."""
    mixed = _mixed_cells(labels)[np.ix_(*(axis.neighbours[0] for axis in axes))]
    outputs = np.flatnonzero(mixed)
    for first in range(0, len(outputs), _VOXELS_PER_STEP):
        step = outputs[first : first + _VOXELS_PER_STEP]
        result.flat[step] = _vote(labels, axes, np.unravel_index(step, result.shape), result.flat[step])
    return result


def _mixed_cells(labels: np.ndarray) -> np.ndarray:
    """Return where a sample and its next neighbours, along all axes together, have different labels."""
    mixed = np.zeros(labels.shape, dtype=bool)
    for axis in range(labels.ndim):
        ahead = tuple(slice(1, None) if other == axis else slice(None) for other in range(labels.ndim))
        behind = tuple(slice(None, -1) if other == axis else slice(None) for other in range(labels.ndim))
        mixed[behind] |= mixed[ahead] | (labels[behind] != labels[ahead])
    return mixed


def _vote(labels: np.ndarray, axes: list[_Axis], voxels: tuple[np.ndarray, ...], nearest: np.ndarray) -> np.ndarray:
    """Return the label with the largest sum of linear weights at each output voxel; ties as in the module docstring."""
    corners = list(product((0, 1), repeat=labels.ndim))
    found = [
        labels[tuple(axis.neighbours[side][index] for axis, side, index in zip(axes, corner, voxels, strict=True))]
        for corner in corners
    ]
    weights = [_corner_weight(axes, corner, voxels) for corner in corners]
    best_label, best_score = nearest.copy(), _score(nearest, found, weights)
    is_nearest = np.ones(len(nearest), dtype=bool)
    for candidate in found:
        score = _score(candidate, found, weights)
        wins = (score > best_score) | ((score == best_score) & ~is_nearest & (candidate < best_label))
        best_label[wins], best_score[wins], is_nearest[wins] = candidate[wins], score[wins], False
    return best_label


def _corner_weight(axes: list[_Axis], corner: tuple[int, ...], voxels: tuple[np.ndarray, ...]) -> np.ndarray:
    weight = np.ones(len(voxels[0]))
    for axis, side, index in zip(axes, corner, voxels, strict=True):
        weight = weight * axis.weights[side][index]
    return weight


def _score(label: np.ndarray, found: list[np.ndarray], weights: list[np.ndarray]) -> np.ndarray:
    score = np.zeros(len(label))
    for corner_label, weight in zip(found, weights, strict=True):
        score += np.where(corner_label == label, weight, 0.0)
    return score


def _resize_with_splines(labels: np.ndarray, nearest: np.ndarray, order: int) -> np.ndarray:
    from scipy.ndimage import zoom

    factors = [n_out / n_in for n_in, n_out in zip(labels.shape, nearest.shape, strict=True)]
    result = np.empty_like(nearest)
    best = np.full(nearest.shape, -np.inf)
    nearest_score = np.full(nearest.shape, -np.inf)
    for label in np.unique(labels):
        indicator = (labels == label).astype(np.float64)
        score = zoom(indicator, factors, order=order, mode="nearest", grid_mode=True).clip(0, 1)
        wins = score > best
        result[wins], best[wins] = label, score[wins]
        is_nearest = nearest == label
        nearest_score[is_nearest] = score[is_nearest]
    keeps = nearest_score == best
    result[keeps] = nearest[keeps]
    return result
