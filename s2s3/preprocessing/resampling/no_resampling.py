"""A resampling function that does nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def no_resampling_hack(
    data: "torch.Tensor | np.ndarray",
    new_shape: Sequence[int] | np.ndarray,
    current_spacing: Sequence[float] | np.ndarray,
    new_spacing: Sequence[float] | np.ndarray,
) -> "torch.Tensor | np.ndarray":
    """Return `data` unchanged."""
    return data
