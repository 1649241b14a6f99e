"""What a network takes: an image of the right form, at least as large as a tile."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from nnunetv2.errors import CallError
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.model_description import ModelDescription


def require_image(image: object) -> None:
    """Raise CallError unless this is a tensor (C, x, y, z) with voxels."""
    if not isinstance(image, torch.Tensor) or image.ndim != 4 or not image.numel():
        raise CallError(f"expected a 4D torch.Tensor (c, x, y, z), got {_describe(image)}")


def pad_to_tile(image: torch.Tensor, tile_size: Sequence[int]) -> tuple[torch.Tensor, tuple[slice, ...]]:
    """Zero-pad the trailing axes of `image` to at least the tile size, evenly, an odd voxel at the end.

    Returns the image (the same object if it is large enough) and the slices over all axes that undo the padding.
    """
    lengths = image.shape[image.ndim - len(tile_size) :]
    missing = [max(0, tile - length) for tile, length in zip(tile_size, lengths, strict=True)]
    crop = [slice(None)] * (image.ndim - len(tile_size))
    crop += [slice(gap // 2, gap // 2 + length) for gap, length in zip(missing, lengths, strict=True)]
    if not any(missing):
        return image, tuple(crop)
    per_axis_last_first = [side for gap in reversed(missing) for side in (gap // 2, gap - gap // 2)]
    return torch.nn.functional.pad(image, per_axis_last_first), tuple(crop)


@contextmanager
def explaining_failures(image: torch.Tensor, model: ModelDescription) -> Iterator[None]:
    """Say what the plans expect if the network fails on an image of another type or number of channels."""
    try:
        yield
    except RuntimeError as error:
        expected = _input_channels(model)
        if expected is None or (image.is_floating_point() and len(image) == expected):
            raise
        form = f"{expected} channels of floating-point numbers"
        raise CallError(f"expected {form}, got {_describe(image)} and {image.dtype}") from error


def _input_channels(model: ModelDescription) -> int | None:
    """Return the number of input channels; None if not all of the model was assigned."""
    try:
        return determine_num_input_channels(model.plans, model.configuration, model.dataset_json)
    except (AttributeError, KeyError, TypeError):
        return None


def _describe(value: object) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"
