"""Exact analysis of one case for the fingerprint, done in a worker process."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.errors import UnfitImageError
from nnunetv2.experiment_planning.dataset_fingerprint.case_reading import read_cropped
from nnunetv2.experiment_planning.dataset_fingerprint.intensity_summary import IntensitySummary, summarize_intensities

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter


@dataclass(frozen=True)
class CaseAnalysis:
    """Geometry and intensities of one case."""

    shape_after_crop: tuple[int, ...]
    spacing: Any
    relative_size: np.float64
    intensities: tuple[IntensitySummary, ...]
    """One entry per channel."""


def analyze_case_exactly(
    image_files: Sequence[str],
    segmentation_file: str,
    reader_writer_class: type["BaseReaderWriter"],
    num_channels: int,
    spill_prefix: str,
) -> CaseAnalysis:
    """Analyze one case; the foreground is everything above 0 in the segmentation, the ignore label included.

    Parameters:
        num_channels: channels that dataset.json names; another number is an error.
        spill_prefix: beginning of the paths for files of float values, one per channel.
    """
    case = read_cropped(image_files, segmentation_file, reader_writer_class, num_channels)
    foreground = case.segmentation[0] > 0
    summaries = []
    for channel, image in enumerate(case.images):
        values = image[foreground]
        if not np.isfinite(values).all():
            raise UnfitImageError(f"infinite values in the foreground of channel {channel}; make them finite")
        summaries.append(summarize_intensities(values, Path(f"{spill_prefix}_{channel}.f32")))
    return CaseAnalysis(case.shape, case.spacing, case.relative_size, tuple(summaries))
