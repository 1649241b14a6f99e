"""Resampling with torch: linear for images, a vote of linear scores for label maps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnunetv2.configuration import ANISO_THRESHOLD
from nnunetv2.errors import CallError
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.torch_threads import torch_threads
from nnunetv2.preprocessing.resampling.default_resampling import Numbers, determine_do_sep_z_and_axis

if TYPE_CHECKING:
    import torch

    Array = torch.Tensor | np.ndarray
    Device = torch.device | str

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(__name__, {"nnunetv2.imageio.simpleitk_reader_writer": ("SimpleITKIO",)})

SCORE_SCALE = 1000
"""Label scores are stored as float16, in thousandths."""
CERTAIN_SCORE = 700
"""A label with a larger score takes the voxel without a comparison."""
_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}


def resample_torch_simple(
    data: "Array",
    new_shape: Sequence[int] | np.ndarray,
    is_seg: bool = False,
    num_threads: int = 4,
    device: "Device" = "cpu",
    memefficient_seg_resampling: bool = False,
    mode: str = "linear",
) -> "Array":
    """Resample (C, x, y, z) or (C, x, y) to `new_shape`; `data` itself is returned if it has that shape already.

    Images become float32, label maps int8, or int16 if their largest label is 127 or more. An array gives an array, a
    tensor gives a tensor on its own device.

    Parameters:
        num_threads: threads of torch during the work, at most as many as this process may run; 0 keeps their number.
        memefficient_seg_resampling: write one label after the other where it has more than half of the weight;
            voxels without such a label become 0.
        mode: as in torch.nn.functional.interpolate; "linear" means linear along all axes.
    """
    import torch

    target = tuple(int(length) for length in new_shape)
    if data.ndim != len(target) + 1:
        raise CallError(f"data of shape {tuple(data.shape)} does not have the number of axes of the new shape {target}")
    if tuple(data.shape[1:]) == target:
        return data
    mode = _LINEAR[len(target) + 2] if mode == "linear" else mode
    with torch.no_grad(), torch_threads(num_threads):
        tensor = torch.as_tensor(data).to(device)
        if is_seg:
            resample_labels = _write_majorities if memefficient_seg_resampling else _vote
            result = resample_labels(tensor, target, mode)
        else:
            result = _interpolate(tensor.float(), target, mode)
    return result.cpu().numpy() if isinstance(data, np.ndarray) else result.to(data.device)


def resample_torch_fornnunet(
    data: "Array",
    new_shape: Sequence[int] | np.ndarray,
    current_spacing: Numbers,
    new_spacing: Numbers,
    is_seg: bool = False,
    num_threads: int = 4,
    device: "Device" = "cpu",
    memefficient_seg_resampling: bool = False,
    force_separate_z: bool | None = None,
    separate_z_anisotropy_threshold: float = ANISO_THRESHOLD,
    mode: str = "linear",
    aniso_axis_mode: str = "nearest-exact",
) -> "Array":
    """Resample (C, x, y, z) to `new_shape`; a coarse axis is resampled after, and separately from, the other two.

    `mode` is for the other two, `aniso_axis_mode` for the coarse axis. Without a coarse axis everything is linear.
    """
    if data.ndim != 4 or len(new_shape) != 3:
        raise CallError(f"expected data (C, x, y, z) and a new shape (x, y, z), got {tuple(data.shape)}, {new_shape}")
    separate, axis = determine_do_sep_z_and_axis(
        force_separate_z, current_spacing, new_spacing, separate_z_anisotropy_threshold
    )
    if not separate or axis is None:
        return resample_torch_simple(data, new_shape, is_seg, num_threads, device, memefficient_seg_resampling)
    axis = int(axis) + 1
    options = (is_seg, num_threads, device, memefficient_seg_resampling)
    slices = _move_axis(data, axis, 1)
    channels, count = slices.shape[:2]
    plane = [int(length) for index, length in enumerate(new_shape) if index + 1 != axis]
    folded = slices.reshape(channels * count, *slices.shape[2:])
    resized = resample_torch_simple(folded, plane, *options, mode)
    unfolded = _move_axis(resized.reshape(channels, count, *plane), 1, axis)
    return resample_torch_simple(unfolded, new_shape, *options, aniso_axis_mode)


def _move_axis(data: "Array", source: int, destination: int) -> "Array":
    if isinstance(data, np.ndarray):
        return np.moveaxis(data, source, destination)
    return data.movedim(source, destination)


def _interpolate(tensor: "torch.Tensor", shape: tuple[int, ...], mode: str) -> "torch.Tensor":
    from torch.nn.functional import interpolate

    return interpolate(tensor[None], shape, mode=mode, antialias=False)[0]


def _signed_dtype(labels: "torch.Tensor") -> "torch.dtype":
    import torch

    return torch.int8 if labels.max() < 127 else torch.int16


def _vote(seg: "torch.Tensor", shape: tuple[int, ...], mode: str) -> "torch.Tensor":
    """Give each voxel the label with the largest score; the smallest label wins a tie."""
    import torch

    labels = torch.unique(seg)
    result = torch.zeros((seg.shape[0], *shape), dtype=_signed_dtype(labels), device=seg.device)
    scores = torch.zeros((len(labels), *result.shape), dtype=torch.float16, device=seg.device)
    undecided = torch.ones(result.shape, dtype=torch.bool, device=seg.device)
    for score, label in zip(scores, labels, strict=True):
        score[:] = _interpolate((seg == label).float() * SCORE_SCALE, shape, mode)
        certain = score > CERTAIN_SCORE
        undecided &= ~certain
        result[certain] = label.to(result.dtype)
    if undecided.any():
        result[undecided] = labels[scores[:, undecided].argmax(0)].to(result.dtype)
    return result


def _write_majorities(seg: "torch.Tensor", shape: tuple[int, ...], mode: str) -> "torch.Tensor":
    """Write labels in ascending order where they have more than half of the weight."""
    import torch

    labels = torch.unique(seg)
    result = torch.zeros((seg.shape[0], *shape), dtype=_signed_dtype(labels), device=seg.device)
    for label in labels:
        result[_interpolate((seg == label).float(), shape, mode) > 0.5] = label.to(result.dtype)
    return result
