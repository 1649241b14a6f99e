"""Combines weighted tile predictions into the logits of a whole image.

The sum and the total weight are kept in half precision and rounded after every tile, as in nnU-Net, so results agree
to the last bit. If the sum exceeds the range of half precision (65504), the caller repeats with float32.
"""

from collections.abc import Iterable, Sequence

import torch

from nnunetv2.errors import InvalidValueError
from nnunetv2.inference.sliding_window_prediction import Slicer

_VALUES_AT_ONCE = 2**18


class LogitOverflowError(InvalidValueError, RuntimeError):
    """The logits of an image exceed the range of their dtype."""


class InvalidLogitsError(InvalidValueError, RuntimeError):
    """A network predicted NaN or infinite logits."""


class TileSum:
    """The weighted sum of tile predictions over an image, or over a part of one.

    Parameters:
        num_channels: channels of the predictions, K.
        size: of the image or the part.
        weights: importance of each voxel of a tile, on `device`; None weights all voxels equally.
        dtype: half, or float32 for predictions whose sum does not fit into half.
    """

    def __init__(
        self,
        num_channels: int,
        size: Sequence[int],
        weights: torch.Tensor | None,
        device: torch.device,
        dtype: torch.dtype = torch.half,
    ):
        self._logits = torch.zeros((num_channels, *size), dtype=dtype, device=device)
        self._total_weight = torch.zeros(tuple(size), dtype=dtype, device=device)
        self._weights = weights

    def add(self, prediction: torch.Tensor, where: Slicer) -> None:
        """Add the logits of a tile, (K, *tile), which are changed, at its position."""
        prediction = prediction.to(self._logits.device)
        if self._logits.dtype is torch.float32:
            prediction = prediction.float()
        if self._weights is not None:
            prediction *= self._weights
        self._logits[where].add_(prediction)
        self._total_weight[where[1:]].add_(1 if self._weights is None else self._weights)

    def mean(self) -> torch.Tensor:
        """Return the weighted mean, (K, *size), in the memory of the sum, to which nothing can be added any more.

        Raises LogitOverflowError if a sum exceeds the range of the dtype, InvalidLogitsError for NaN.
        """
        for channel in self._logits:
            channel /= self._total_weight
            require_finite(channel)
        return self._logits


def mean_of_folds(predictions: Iterable[torch.Tensor]) -> torch.Tensor | None:
    """Return the mean of the logits of all folds, in the memory of the first; None without any.

    Half precision, or float32 where the sum does not fit into half.
    """
    total, count = None, 0
    for logits in predictions:
        total = logits if total is None else _add(total, logits)
        count += 1
        del logits  # it would be there while the next fold is computed
    if total is not None and count > 1:
        total /= count
    return total


def _add(total: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Add `other` to `total` in place and return it; a sum that overflows half precision is returned as float32."""
    fits = all(all_finite(a + b) for a, b in zip(total, other, strict=True))
    return total.add_(other) if fits else total.float() + other


def all_finite(logits: torch.Tensor) -> bool:
    """Return whether all values are finite; part by part, as looking takes several times the memory of a part."""
    rows = max(1, _VALUES_AT_ONCE // max(1, logits[:1].numel()))
    return all(bool(torch.isfinite(part).all()) for part in logits.split(rows))


def require_finite(channel: torch.Tensor) -> None:
    """Raise LogitOverflowError for infinite values, InvalidLogitsError for NaN alone."""
    if all_finite(channel):
        return
    if torch.isnan(channel).any() and not torch.isinf(channel).any():
        raise InvalidLogitsError(
            "the network predicted NaN. Either the image contains NaN or extreme values, or the checkpoint is damaged"
        )
    raise LogitOverflowError(f"the sum of the logits exceeds the range of {channel.dtype}")
