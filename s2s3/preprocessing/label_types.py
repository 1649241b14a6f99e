"""Integer types of label maps during and after preprocessing."""

import numpy as np

from nnunetv2.errors import UnfitImageError


def signed_labels(seg: np.ndarray) -> np.ndarray:
    """Return unsigned labels as int64, which can also hold -1; any other type unchanged."""
    return seg.astype(np.int64) if seg.dtype.kind == "u" else seg


def compact_labels(seg: np.ndarray) -> np.ndarray:
    """Return the labels as int8, or int16 if the largest is 128 or more; UnfitImageError above 32767."""
    largest = np.max(seg)
    if largest > np.iinfo(np.int16).max:
        raise UnfitImageError(
            f"found label {largest:.0f}; preprocessed cases hold labels up to {np.iinfo(np.int16).max}"
        )
    return seg.astype(np.int16 if largest > np.iinfo(np.int8).max else np.int8, copy=False)
