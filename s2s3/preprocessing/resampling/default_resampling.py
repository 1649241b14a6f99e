"""Resampling to another spacing: splines for images, a vote of interpolated indicators for label maps.

Where one axis is much coarser than the others, the slices across it are resampled in their plane; along the axis the
nearest slice is taken, so that nothing is interpolated over a large gap.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from nnunetv2.configuration import ANISO_THRESHOLD
from nnunetv2.errors import CallError
from nnunetv2.foundation.replaced_parts import OriginalParts
from nnunetv2.preprocessing.resampling.axis_resizing import nearest_samples, resize
from nnunetv2.preprocessing.resampling.label_resizing import resize_labels

if TYPE_CHECKING:
    import torch

Numbers = Sequence[float] | np.ndarray


def get_do_separate_z(spacing: Numbers, anisotropy_threshold: float = ANISO_THRESHOLD) -> bool:
    """Return whether the largest spacing is more than `anisotropy_threshold` times the smallest."""
    return bool((np.max(spacing) / np.min(spacing)) > anisotropy_threshold)


def get_lowres_axis(new_spacing: Numbers) -> np.ndarray:
    """Return the indices of all axes that have the largest spacing."""
    return np.flatnonzero(np.max(new_spacing) == np.asarray(new_spacing))


def compute_new_shape(old_shape: Numbers, old_spacing: Numbers, new_spacing: Numbers) -> np.ndarray:
    """Return the shape of the same physical size: round(old spacing / new spacing * old length), halves to even."""
    if not len(old_shape) == len(old_spacing) == len(new_spacing):
        raise CallError(
            f"shape {tuple(old_shape)} and spacings {tuple(old_spacing)}, {tuple(new_spacing)} differ in length"
        )
    axes = zip(old_spacing, new_spacing, old_shape, strict=True)
    return np.array([int(round(old / new * length)) for old, new, length in axes])  # noqa: RUF046, numpy numbers


def determine_do_sep_z_and_axis(
    force_separate_z: bool | None,
    current_spacing: Numbers,
    new_spacing: Numbers,
    separate_z_anisotropy_threshold: float = ANISO_THRESHOLD,
) -> tuple[bool, int | None]:
    """Decide whether one axis is resampled separately, and which.

    Unless forced, it is the coarse axis of the current spacing if that is anisotropic, otherwise of the new spacing if
    that is. No axis is separate if several share the largest spacing.
    """
    spacing: Numbers | None = None
    if force_separate_z:
        spacing = current_spacing
    elif force_separate_z is None:
        anisotropic = (
            s for s in (current_spacing, new_spacing) if get_do_separate_z(s, separate_z_anisotropy_threshold)
        )
        spacing = next(anisotropic, None)
    if spacing is None:
        return False, None
    axes = get_lowres_axis(spacing)
    return (True, axes[0]) if len(axes) == 1 else (False, None)


def resample_data_or_seg_to_spacing(
    data: np.ndarray,
    current_spacing: Numbers,
    new_spacing: Numbers,
    is_seg: bool = False,
    order: int = 3,
    order_z: int = 0,
    force_separate_z: bool | None = False,
    separate_z_anisotropy_threshold: float = ANISO_THRESHOLD,
) -> np.ndarray:
    """Like resample_data_or_seg_to_shape, with the shape that follows from the spacings."""
    return resample_data_or_seg_to_shape(
        data,
        compute_new_shape(data.shape[1:], current_spacing, new_spacing),
        current_spacing,
        new_spacing,
        is_seg,
        order,
        order_z,
        force_separate_z,
        separate_z_anisotropy_threshold,
    )


def resample_data_or_seg_to_shape(
    data: "torch.Tensor | np.ndarray",
    new_shape: Sequence[int] | np.ndarray,
    current_spacing: Numbers,
    new_spacing: Numbers,
    is_seg: bool = False,
    order: int = 3,
    order_z: int = 0,
    force_separate_z: bool | None = False,
    separate_z_anisotropy_threshold: float = ANISO_THRESHOLD,
) -> np.ndarray:
    """Resample (C, x, y, z), an array or a CPU tensor, to `new_shape` (x, y, z); see resample_data_or_seg.

    The spacings only decide whether an axis is resampled separately, see determine_do_sep_z_and_axis.
    """
    do_separate_z, axis = determine_do_sep_z_and_axis(
        force_separate_z, current_spacing, new_spacing, separate_z_anisotropy_threshold
    )
    array = data if isinstance(data, np.ndarray) else np.asarray(data)
    return resample_data_or_seg(array, new_shape, is_seg, axis, order, do_separate_z, order_z)


def resample_data_or_seg(
    data: np.ndarray,
    new_shape: Sequence[int] | np.ndarray,
    is_seg: bool = False,
    axis: int | None = None,
    order: int = 3,
    do_separate_z: bool = False,
    order_z: int = 0,
    dtype_out: DTypeLike | None = None,
) -> np.ndarray:
    """Resample (C, x, y, z), each channel on its own; `data` itself is returned if it has that shape already.

    Parameters:
        is_seg: labels vote instead of being interpolated.
        order: 0 nearest, 1 linear, 3 cubic; values stay within the range of their channel, or slice.
        do_separate_z: resample slices across `axis` in their plane, then along `axis` with `order_z`.
        dtype_out: type of the result; by default that of the input.
    """
    target = tuple(int(length) for length in new_shape)
    if data.ndim != 4 or len(target) != 3:
        raise CallError(f"expected data (C, x, y, z) and a new shape (x, y, z), got {data.shape} and {target}")
    if do_separate_z and axis is None:
        raise CallError("do_separate_z needs the axis to resample separately")
    if data.shape[1:] == target:
        return data
    result = np.empty((len(data), *target), dtype=dtype_out or data.dtype)
    with _one_blas_thread():
        for source, out in zip(data, result, strict=True):
            if do_separate_z and axis is not None:
                _resize_slices(np.moveaxis(source, axis, 0), np.moveaxis(out, axis, 0), is_seg, order, order_z)
            else:
                out[...] = _resize(source, target, is_seg, order, out.dtype)
    return result


def _resize(image: np.ndarray, shape: Sequence[int], is_seg: bool, order: int, dtype: DTypeLike) -> np.ndarray:
    return resize_labels(image, shape, order) if is_seg else resize(image, shape, order, clip=order > 0, dtype=dtype)


def _resize_slices(source: np.ndarray, out: np.ndarray, is_seg: bool, order: int, order_z: int) -> None:
    """Fill `out` (n_out, a, b) from `source` (n_in, c, d)."""
    n_in, n_out = len(source), len(out)
    if order_z == 0 or n_in == n_out:
        _pick_slices(source, out, nearest_samples(n_in, n_out), is_seg, order)
        return
    resized = np.empty((n_in, *out.shape[1:]), dtype=out.dtype)
    _pick_slices(source, resized, np.arange(n_in), is_seg, order)
    if not is_seg:
        out[...] = resize(resized, out.shape, order_z, clip=False)
        return
    out[...] = 0
    for label in np.unique(source):
        score = resize((resized == label).astype(np.float64), out.shape, order_z, clip=False)
        out[np.round(score) > 0.5] = label


def _pick_slices(source: np.ndarray, out: np.ndarray, picked: np.ndarray, is_seg: bool, order: int) -> None:
    """Fill each slice of `out` with the picked source slice, resized; `picked` ascends."""
    for index, source_index in enumerate(picked):
        if index > 0 and source_index == picked[index - 1]:
            out[index] = out[index - 1]
        else:
            out[index] = _resize(source[source_index], out.shape[1:], is_seg, order, out.dtype)


def _one_blas_thread() -> Any:
    """Limit BLAS to one thread: small products gain nothing from more, and waiting threads slow worker processes."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


ORIGINALS = OriginalParts.of_module(
    globals(),
    (
        "determine_do_sep_z_and_axis",
        "resample_data_or_seg_to_shape",
        "resample_data_or_seg",
        "_resize",
        "_resize_slices",
        "_pick_slices",
        "resize",
        "nearest_samples",
    ),
)
"""What decides how images are resampled to a shape; a client may have put something else in the place of each."""
