"""Labels and probabilities of a finished band; only 8-bit values (16-bit for large labels) leave its device."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from nnunetv2.inference.label_conversion import label_dtype
from nnunetv2.inference.stripe_accumulation import Band
from nnunetv2.utilities.label_handling.label_handling import LabelManager

_PIXELS_AT_ONCE = 2**15
PROBABILITY_ONE = 255


def band_labels(band: Band, label_manager: LabelManager, inside: np.ndarray | None = None) -> np.ndarray:
    """Return the label image of a band, (rows, columns), uint8 or uint16 as for image files.

    Parameters:
        inside: bool, (rows, columns); elsewhere, and where no tile was predicted, the label is 0.
    """
    labels = np.zeros(tuple(band.covered.shape), dtype=label_dtype(label_manager))
    shown = _shown(band, inside)
    for rows in _row_slabs(*labels.shape):
        if shown[rows].any():
            channels = label_manager.convert_logits_to_segmentation(band.logits[:, rows])
            values = _as_labels(channels, label_manager, band.logits.shape[0]) * shown[rows]
            labels[rows] = values.to(torch.int32).cpu().numpy()
    return labels


def band_probabilities(
    band: Band,
    label_manager: LabelManager,
    inside: np.ndarray | None = None,
    channels: Sequence[int] | None = None,
    factor: int = 1,
) -> np.ndarray:
    """Return the probabilities of a band, (C, rows / factor, columns / factor) rounded up, uint8 with 255 for 1.

    Each is the mean over the pixels that it covers. Where there is no prediction (see `band_labels`) everything is
    background: 1 in channel 0, or 0 everywhere for regions.

    Parameters:
        channels: of the network's output; None: all.
        factor: pixels of the band along the edge of one of the result.
    """
    chosen = list(range(band.logits.shape[0])) if channels is None else list(channels)
    height, width = (-(-length // factor) for length in band.covered.shape)
    probabilities = np.zeros((len(chosen), height, width), dtype=np.uint8)
    shown = _shown(band, inside)
    slab = max(_rows_at_once(band.covered.shape[1]), factor) // factor
    for first in range(0, height, slab):
        rows = slice(first * factor, (first + slab) * factor)
        values = label_manager.apply_inference_nonlin(band.logits[:, rows]) * shown[rows]
        if not label_manager.has_regions:
            values[0] += ~shown[rows]
        mean = avg_pool2d(values[chosen].float(), factor, ceil_mode=True, count_include_pad=False)
        probabilities[:, first : first + slab] = (mean * PROBABILITY_ONE).round().to(torch.uint8).cpu().numpy()
    return probabilities


def _shown(band: Band, inside: np.ndarray | None) -> torch.Tensor:
    return band.covered if inside is None else band.covered & torch.from_numpy(inside).to(band.covered.device)


def _as_labels(channels: torch.Tensor, label_manager: LabelManager, num_channels: int) -> torch.Tensor:
    """Return the label of each channel number; with regions, these are labels already."""
    if label_manager.has_regions or len(label_manager.all_labels) != num_channels:
        return channels
    return torch.tensor(label_manager.all_labels, device=channels.device)[channels.long()]


def _row_slabs(height: int, width: int) -> list[slice]:
    rows = _rows_at_once(width)
    return [slice(first, first + rows) for first in range(0, height, rows)]


def _rows_at_once(width: int) -> int:
    return max(1, _PIXELS_AT_ONCE // width)
