"""Combines weighted tile predictions into the logits of a whole image.

The sum and the total weight are kept in half precision and rounded after every tile, as in nnU-Net, so results agree
to the last bit. If the sum exceeds the range of half precision (65504), the caller repeats with float32.
"""

from collections.abc import Callable, Iterable, Sequence

import torch

from nnunetv2.errors import InvalidValueError
from nnunetv2.inference.sliding_window_prediction import Slicer


class LogitOverflowError(InvalidValueError, RuntimeError):
    """The logits of an image exceed the range of their dtype."""


class InvalidLogitsError(InvalidValueError, RuntimeError):
    """A network predicted NaN or infinite logits."""


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


def accumulate_tiles(
    tiles: Iterable[tuple[torch.Tensor, Slicer]],
    predict_tile: Callable[[torch.Tensor], torch.Tensor],
    num_channels: int,
    image_size: Sequence[int],
    weights: torch.Tensor | None,
    device: torch.device,
    dtype: torch.dtype = torch.half,
) -> torch.Tensor:
    """Return the weighted mean of all tile predictions, (K, *image_size) of `dtype` on `device`.

    Parameters:
        tiles: pairs of a tile, as a batch of one (1, C, *tile), and its position in the image.
        predict_tile: returns the logits of such a batch, (1, K, *tile).
        weights: importance of each voxel of a tile, on `device`; None weights all voxels equally.

    Raises LogitOverflowError if a sum exceeds the range of `dtype`, InvalidLogitsError for NaN.
    """
    logits = torch.zeros((num_channels, *image_size), dtype=dtype, device=device)
    total_weight = torch.zeros(tuple(image_size), dtype=dtype, device=device)
    for tile, where in tiles:
        prediction = predict_tile(tile)[0].to(device)
        if dtype is torch.float32:
            prediction = prediction.float()
        if weights is not None:
            prediction *= weights
        logits[where].add_(prediction)
        total_weight[where[1:]].add_(1 if weights is None else weights)
    for channel in logits:
        channel /= total_weight
        _check_finite(channel)
    return logits


def add_logits(total: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Add `other` to `total` in place and return it; a sum that overflows half precision is returned as float32."""
    fits = all(torch.isfinite(a + b).all() for a, b in zip(total, other, strict=True))
    return total.add_(other) if fits else total.float() + other


def _check_finite(channel: torch.Tensor) -> None:
    if torch.isfinite(channel).all():
        return
    if torch.isnan(channel).any() and not torch.isinf(channel).any():
        raise InvalidLogitsError(
            "the network predicted NaN. Either the image contains NaN or extreme values, or the checkpoint is damaged"
        )
    raise LogitOverflowError(f"the sum of the logits exceeds the range of {channel.dtype}")
