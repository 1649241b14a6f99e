"""The normalisation of each channel, as the plans say."""

from collections.abc import Callable, Mapping
from typing import Any

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.normalization.default_normalization_schemes import ImageNormalization
from nnunetv2.utilities.plans_handling.plans_entries import named_by
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager


def make_normalizers(
    num_channels: int,
    configuration: ConfigurationManager,
    statistics: Mapping[str, dict[str, Any]],
    find_class: Callable[[str], Any],
) -> list[ImageNormalization]:
    """Return the normalisation of each channel of an image.

    Parameters:
        statistics: number of a channel as text -> its intensities in the foreground of the dataset.
        find_class: name of a scheme -> its class.

    Raises UnfitImageError if the plans normalise another number of channels.
    """
    schemes = configuration.normalization_schemes
    if num_channels != len(schemes):
        raise UnfitImageError(f"the image has {num_channels} channel(s), the plans normalise {len(schemes)}")
    with named_by(configuration, "normalization_schemes"):
        classes = {name: find_class(name) for name in schemes}
    return [
        classes[scheme](
            use_mask_for_norm=configuration.use_mask_for_norm[index], intensityproperties=statistics[str(index)]
        )
        for index, scheme in enumerate(schemes)
    ]
