"""Intensity normalisation of one channel. All arithmetic uses the target type, normally float32."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from nnunetv2.errors import CallError, UnfitImageError

SMALLEST_DIVISOR = 1e-8
SMALLEST_DIVISOR_FLOAT16 = 1e-4


class ImageNormalization(ABC):
    """Base of all schemes; subclasses in nnunetv2.preprocessing.normalization are found by their class name.

    Parameters:
        use_mask_for_norm: compute statistics from, and change, only voxels whose segmentation is 0 or higher.
        intensityproperties: statistics of this channel's foreground over the dataset, from the fingerprint.
        target_dtype: type of the result.
    """

    leaves_pixels_outside_mask_at_zero_if_use_mask_for_norm_is_true: bool | None = None

    def __init__(
        self,
        use_mask_for_norm: bool | None = None,
        intensityproperties: dict[str, Any] | None = None,
        target_dtype: type[np.number] = np.float32,
    ):
        if use_mask_for_norm is not None and not isinstance(use_mask_for_norm, bool):
            raise CallError(f"use_mask_for_norm has to be a bool or None, got {use_mask_for_norm!r}")
        if not isinstance(intensityproperties, dict):
            raise CallError(f"intensityproperties has to be a dict, got {intensityproperties!r}")
        self.use_mask_for_norm = use_mask_for_norm
        self.intensityproperties = intensityproperties
        self.target_dtype = target_dtype

    @abstractmethod
    def run(self, image: np.ndarray, seg: np.ndarray | None = None) -> np.ndarray:
        """Return the normalised channel (x, y, z), which may be `image` itself, changed in place."""

    def _smallest_divisor(self) -> float:
        return SMALLEST_DIVISOR_FLOAT16 if self.target_dtype == np.float16 else SMALLEST_DIVISOR


class ZScoreNormalization(ImageNormalization):
    """Subtracts the mean and divides by the standard deviation of the image."""

    leaves_pixels_outside_mask_at_zero_if_use_mask_for_norm_is_true = True

    def run(self, image: np.ndarray, seg: np.ndarray | None = None) -> np.ndarray:
        """Return z-scores (x, y, z), with a mask of its pixels. Raises CallError for a mask without `seg`."""
        image = image.astype(self.target_dtype, copy=False)
        if not self.use_mask_for_norm:
            return self._standardised(image)
        if seg is None:
            raise CallError("ZScoreNormalization with a mask needs the segmentation")
        mask = seg >= 0
        image[mask] = self._standardised(image[mask])
        return image

    def _standardised(self, values: np.ndarray) -> np.ndarray:
        """Return z-scores in a new array; the deviations are computed once, for the variance and the result."""
        deviations = values - values.mean()
        # sums of squares overflow in half precision
        squares = np.square(deviations, dtype=np.float32 if values.dtype == np.float16 else None)
        deviation = np.sqrt(squares.mean())
        deviations /= max(deviation, self._smallest_divisor())
        return deviations


class CTNormalization(ImageNormalization):
    """Clips to the 0.5 and 99.5 percentiles of the dataset's foreground, then uses its mean and standard deviation."""

    leaves_pixels_outside_mask_at_zero_if_use_mask_for_norm_is_true = False

    def run(self, image: np.ndarray, seg: np.ndarray | None = None) -> np.ndarray:
        """Return the normalised channel (x, y, z)."""
        properties = self.intensityproperties
        image = image.astype(self.target_dtype, copy=False)
        np.clip(image, properties["percentile_00_5"], properties["percentile_99_5"], out=image)
        image -= properties["mean"]
        image /= max(properties["std"], self._smallest_divisor())
        return image


class NoNormalization(ImageNormalization):
    """Changes the type only."""

    leaves_pixels_outside_mask_at_zero_if_use_mask_for_norm_is_true = False

    def run(self, image: np.ndarray, seg: np.ndarray | None = None) -> np.ndarray:
        """Return the channel (x, y, z) as it is, in the target type."""
        return image.astype(self.target_dtype, copy=False)


class RescaleTo01Normalization(ImageNormalization):
    """Moves the smallest value of the image to 0 and the largest to 1."""

    leaves_pixels_outside_mask_at_zero_if_use_mask_for_norm_is_true = False

    def run(self, image: np.ndarray, seg: np.ndarray | None = None) -> np.ndarray:
        """Return the channel (x, y, z), from 0 to 1."""
        image = image.astype(self.target_dtype, copy=False)
        image -= image.min()
        image /= max(image.max(), self._smallest_divisor())
        return image


class RGBTo01Normalization(ImageNormalization):
    """Divides 8-bit values by 255; values outside 0..255 are refused."""

    leaves_pixels_outside_mask_at_zero_if_use_mask_for_norm_is_true = False

    def run(self, image: np.ndarray, seg: np.ndarray | None = None) -> np.ndarray:
        """Return the channel (x, y, z), from 0 to 1. Raises UnfitImageError for values outside 0..255."""
        smallest, largest = image.min(), image.max()
        if not (smallest >= 0 and largest <= 255):  # NaN fails both comparisons
            raise UnfitImageError(
                f"RGBTo01Normalization is for 8-bit images with values 0..255, this one has {smallest}..{largest};"
                " choose another scheme by the channel names in dataset.json, for example 'zscore'"
            )
        image = image.astype(self.target_dtype, copy=False)
        image /= 255
        return image
