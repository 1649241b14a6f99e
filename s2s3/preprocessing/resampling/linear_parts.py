"""Linear resampling that computes a part of the result whenever it is asked for, with the bits of the whole.

A sample is the sum over the corners of the cell of inputs around it: value * weight * weight * weight, a weight for
each axis. Products and sums are taken in the order of scipy.ndimage.zoom and rounded after each operation as there.
SciPy for other processors may round less often, so the first use compares both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from nnunetv2.configuration import ANISO_THRESHOLD
from nnunetv2.preprocessing.resampling import default_resampling
from nnunetv2.preprocessing.resampling.axis_resizing import nearest_samples, resize, sample_positions
from nnunetv2.preprocessing.resampling.default_resampling import Numbers

_LINEAR = 1
_ROUNDING_HIDES_CLIPPING = (np.float16, np.float32)
"""Types in which values that are beyond the range of the input by a rounding error of float64 become its limits."""
_SUCH_TENSORS = ("torch.float16", "torch.float32")

Place = Sequence[slice]
"""A slice with start and end for each axis of the result."""
_Corner = tuple[np.ndarray, np.ndarray | None]
"""Inputs of the outputs along an axis, and their weights; None: all are 1."""


@dataclass(frozen=True)
class PartwiseResampled:
    """An array (C, x, y, z) that takes the memory of the array (C, a, b, c) which it is resampled from.

    Parameters:
        nearest_axis: the axis of x, y, z along which the nearest slice is taken; None: there is none.
    """

    source: np.ndarray
    spatial_shape: tuple[int, ...]
    nearest_axis: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, x, y, z)."""
        return len(self.source), *self.spatial_shape

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, where: tuple[Any, ...]) -> np.ndarray:
        """Return a part; `where` has slices without steps, the first of them for all channels."""
        slices = [*where[1:], *[slice(None)] * (len(self.spatial_shape) + 1 - len(where))]
        lengths = zip(slices, self.spatial_shape, strict=True)
        place = [slice(*part.indices(length)[:2]) for part, length in lengths]
        result = np.empty((len(self), *(part.stop - part.start for part in place)), dtype=self.source.dtype)
        for channel, out in zip(self.source, result, strict=True):
            out[...] = resized_part(channel, self.spatial_shape, place, self.nearest_axis)
        return result


def partwise_resampled(
    function: Any, data: Any, new_shape: Sequence[int], current_spacing: Numbers, new_spacing: Numbers
) -> PartwiseResampled | None:
    """Return what a resampling function of a configuration gives for data (C, a, b, c); None if it is not linear.

    None also for functions and types of others, values that are not finite, and where SciPy rounds in another way.
    """
    settings = _linear_settings(function)
    array = None if settings is None else _as_array(data)
    if settings is None or array is None or not _is_finite(array):
        return None
    shape = tuple(int(length) for length in new_shape)
    separate, axis = default_resampling.determine_do_sep_z_and_axis(
        settings.get("force_separate_z", False),
        current_spacing,
        new_spacing,
        settings.get("separate_z_anisotropy_threshold", ANISO_THRESHOLD),
    )
    if not separate or axis is None:
        return PartwiseResampled(array, shape)
    takes_nearest = settings.get("order_z", 0) == 0 or array.shape[axis + 1] == shape[axis]
    return PartwiseResampled(array, shape, int(axis)) if takes_nearest else None


def goes_partwise(function: Any) -> bool:
    """Tell whether a resampling function of a configuration interpolates linearly, with bits that parts have, too."""
    return _linear_settings(function) is not None


def _linear_settings(function: Any) -> dict[str, Any] | None:
    """Return the arguments of a function that interpolates linearly; None for any other."""
    of_others = not default_resampling.ORIGINALS.are_in_use()
    if of_others or not isinstance(function, partial) or function.args:
        return None
    is_default = function.func is default_resampling.resample_data_or_seg_to_shape
    is_linear = function.keywords.get("order") == _LINEAR and not function.keywords.get("is_seg", False)
    return function.keywords if is_default and is_linear and has_bits_of_scipy() else None


def _as_array(data: Any) -> np.ndarray | None:
    """Return an array, or a tensor as one; None for types in which parts could differ, and where gradients count."""
    if isinstance(data, np.ndarray):
        return data if data.dtype in _ROUNDING_HIDES_CLIPPING else None
    return None if str(data.dtype) not in _SUCH_TENSORS or data.requires_grad else data.cpu().numpy()


def _is_finite(array: np.ndarray) -> bool:
    return all(bool(np.isfinite(plane).all()) for channel in array for plane in channel)


@lru_cache(maxsize=1)
def has_bits_of_scipy() -> bool:
    """Tell whether SciPy rounds as this module does."""
    image = np.random.default_rng(0).normal(scale=5, size=(7, 9, 8))
    shape = (11, 13, 19)
    whole = [slice(0, length) for length in shape]
    return np.array_equal(resized_part(image, shape, whole), resize(image, shape, _LINEAR, clip=False))


def resized_part(image: np.ndarray, shape: Sequence[int], place: Place, nearest_axis: int | None = None) -> np.ndarray:
    """Return a part, float64, of an image that is resized to `shape`; not clipped to the range of the image."""
    lengths = zip(image.shape, shape, place, strict=True)
    axes = [_corners(n_in, n_out, part, axis == nearest_axis) for axis, (n_in, n_out, part) in enumerate(lengths)]
    needed = [_extent(corners) for corners in axes]
    inputs = image[tuple(needed)].astype(np.float64)
    shifted = [
        [(indices - extent.start, weights) for indices, weights in corners]
        for corners, extent in zip(axes, needed, strict=True)
    ]
    terms = _weighted(inputs, shifted, 0)
    total = next(terms)
    for term in terms:
        total += term
    return total


def _corners(n_in: int, n_out: int, part: slice, takes_nearest: bool) -> list[_Corner]:
    """Return the inputs below and above each output of a part of an axis, with their weights."""
    if n_in == n_out:
        return [(np.arange(part.start, part.stop), None)]
    if takes_nearest:
        return [(nearest_samples(n_in, n_out)[part], None)]
    positions = sample_positions(n_in, n_out)[part]
    below = np.floor(positions)
    weights = 1.0 - (positions - below)
    indices = below.astype(np.intp)
    return [(indices.clip(0, n_in - 1), weights), ((indices + 1).clip(0, n_in - 1), 1.0 - weights)]


def _extent(corners: Sequence[_Corner]) -> slice:
    first, last = corners[0][0], corners[-1][0]
    return slice(int(first.min()), int(last.max()) + 1)


def _weighted(values: np.ndarray, axes: Sequence[Sequence[_Corner]], axis: int) -> Iterator[np.ndarray]:
    """Yield the terms of the sum, the last axis first."""
    if axis == len(axes):
        yield values
        return
    for indices, weights in axes[axis]:
        picked = np.take(values, indices, axis)
        if weights is not None:
            picked *= weights.reshape(-1, *(1,) * (values.ndim - axis - 1))
        yield from _weighted(picked, axes, axis + 1)
