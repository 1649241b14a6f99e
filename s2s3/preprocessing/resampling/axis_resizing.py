"""Resizing of arrays by splines; cubic ones as matrix products, one axis after the other.

Sample i of n_out lies at u = (i + 0.5) * n_in / n_out - 0.5 of the input, edges continue with their value, nothing is
smoothed first. An interpolating cubic B-spline (Unser 1999, "Splines: a perfect fit") is a convolution of the samples
with the cardinal spline, whose weights fall below 1e-16 within 28 samples; so each output needs few inputs, and a
block of outputs is a small matrix times a slab. Up to rounding, this gives the same as scipy.ndimage.zoom with
mode='nearest', grid_mode=True, in a fraction of the time. Linear splines are left to scipy: they resize the
half-precision scores of a network, where values halfway between two representable numbers are common and rounding must
not depend on the order of a sum.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike

_CUBIC = 3
_CUBIC_POLE = np.sqrt(3.0) - 2.0
_CUBIC_REACH = 28
_OUTPUTS_PER_BLOCK = 32
_ELEMENTS_PER_SLAB = 1 << 19


@dataclass(frozen=True)
class _Block:
    """Outputs [start, stop) of an axis are `weights` (stop - start, last - first) times inputs [first, last)."""

    start: int
    stop: int
    first: int
    last: int
    weights: np.ndarray


def resize(
    image: np.ndarray, shape: Sequence[int], order: int, clip: bool = True, dtype: DTypeLike | None = None
) -> np.ndarray:
    """Resize a 1D, 2D or 3D array to `shape`, computing in float64; the result has the type of the input, or `dtype`.

    Parameters:
        order: 0 (nearest), 1 (linear), 3 (cubic), up to 5; all except 3 by scipy.ndimage.zoom.
        clip: keep the result within the smallest and largest value of the input.
    """
    if order != _CUBIC:
        return _resize_with_scipy(image, shape, order, clip).astype(dtype or image.dtype)
    padding = (1,) * (3 - image.ndim)
    volume = image.reshape(padding + image.shape)
    target = padding + tuple(int(size) for size in shape)
    limits = (image.min(), image.max()) if clip else None
    operators = [_operator(n_in, n_out) for n_in, n_out in zip(volume.shape, target, strict=True)]
    result = np.empty(target, dtype=dtype or image.dtype)
    for start, stop, slab in _resize_first_axis(volume, operators[0]):
        for index in range(start, stop):
            plane = _apply(operators[1], slab[index - start])
            plane = _apply(operators[2], plane.T).T
            if limits is not None:
                np.clip(plane, *limits, out=plane)
            result[index] = plane
    return result.reshape(target[3 - image.ndim :])


def sample_positions(n_in: int, n_out: int) -> np.ndarray:
    """Return the input coordinates of the outputs of an axis."""
    return (np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5


def nearest_samples(n_in: int, n_out: int) -> np.ndarray:
    """Return the index of the input sample nearest to each output of an axis; the upper of two equally near ones."""
    return np.floor(sample_positions(n_in, n_out) + 0.5).clip(0, n_in - 1).astype(np.intp)


def _resize_with_scipy(image: np.ndarray, shape: Sequence[int], order: int, clip: bool) -> np.ndarray:
    from scipy.ndimage import zoom

    factors = [n_out / n_in for n_in, n_out in zip(image.shape, shape, strict=True)]
    result = zoom(image.astype(np.float64), factors, order=order, mode="nearest", grid_mode=True)
    return np.clip(result, image.min(), image.max(), out=result) if clip else result


def _resize_first_axis(
    volume: np.ndarray, operator: tuple[_Block, ...] | None
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield (start, stop, float64 array) for slabs of the first axis."""
    if operator is None:
        for index, plane in enumerate(volume):
            yield index, index + 1, plane[None].astype(np.float64)
        return
    rows = max(1, _ELEMENTS_PER_SLAB // (_OUTPUTS_PER_BLOCK * volume.shape[2]))
    for block in operator:
        slab = np.empty((block.stop - block.start, *volume.shape[1:]))
        for row in range(0, volume.shape[1], rows):
            part = volume[block.first : block.last, row : row + rows].astype(np.float64)
            product = block.weights @ part.reshape(len(part), -1)
            slab[:, row : row + rows] = product.reshape(len(slab), *part.shape[1:])
        yield block.start, block.stop, slab


def _apply(operator: tuple[_Block, ...] | None, plane: np.ndarray) -> np.ndarray:
    """Resize the first axis of (n, m)."""
    if operator is None:
        return plane
    result = np.empty((operator[-1].stop, plane.shape[1]))
    for block in operator:
        np.matmul(block.weights, plane[block.first : block.last], out=result[block.start : block.stop])
    return result


@lru_cache(maxsize=16)
def _operator(n_in: int, n_out: int) -> tuple[_Block, ...] | None:
    """Return the blocks of an axis; None if its length stays the same."""
    if n_in == n_out:
        return None
    positions = sample_positions(n_in, n_out)
    starts = range(0, n_out, _OUTPUTS_PER_BLOCK)
    return tuple(_block(start, positions[start : start + _OUTPUTS_PER_BLOCK], n_in) for start in starts)


def _block(start: int, positions: np.ndarray, n_in: int) -> _Block:
    first_input = int(np.floor(positions[0])) - _CUBIC_REACH
    inputs = np.arange(first_input, int(np.ceil(positions[-1])) + _CUBIC_REACH + 1)
    weights = cardinal_spline(positions[:, None] - inputs)
    first, last = max(int(inputs[0]), 0), min(int(inputs[-1]) + 1, n_in)
    kept = weights[:, first - inputs[0] : last - inputs[0]].copy()
    kept[:, 0] += weights[:, : first - inputs[0]].sum(axis=1)
    kept[:, -1] += weights[:, last - inputs[0] :].sum(axis=1)
    return _Block(start, start + len(positions), first, last, kept)


def cardinal_spline(distance: np.ndarray) -> np.ndarray:
    """Return the weight of a sample at this distance in cubic B-spline interpolation: 1 at 0, 0 at other integers.

    eta(x) = sqrt(3) * sum_k z^|k| * beta3(x - k), z = sqrt(3) - 2 (Unser 1999, equations 11 and 17).
    """
    base = np.floor(distance)
    fraction = distance - base
    total = np.zeros_like(distance)
    for offset, weight in zip((-1, 0, 1, 2), _basis_weights(fraction), strict=True):
        total += weight * _CUBIC_POLE ** np.abs(base + offset)
    return np.sqrt(3.0) * total


def _basis_weights(fraction: np.ndarray) -> tuple[np.ndarray, ...]:
    """Values of the cubic B-spline centred at -1, 0, 1 and 2 for positions in [0, 1)."""
    rest = 1.0 - fraction
    return (
        rest**3 / 6,
        (4 - 6 * fraction**2 + 3 * fraction**3) / 6,
        (4 - 6 * rest**2 + 3 * rest**3) / 6,
        fraction**3 / 6,
    )
