"""Maps channel names to normalisation schemes."""

from nnunetv2.preprocessing.normalization.default_normalization_schemes import (
    CTNormalization,
    ImageNormalization,
    NoNormalization,
    RescaleTo01Normalization,
    RGBTo01Normalization,
    ZScoreNormalization,
)

channel_name_to_normalization_mapping: dict[str, type[ImageNormalization]] = {
    "ct": CTNormalization,
    "nonorm": NoNormalization,
    "zscore": ZScoreNormalization,
    "rescale_to_0_1": RescaleTo01Normalization,
    "rgb_to_0_1": RGBTo01Normalization,
}


def get_normalization_scheme(channel_name: str) -> type[ImageNormalization]:
    """Return the scheme for a channel name of dataset.json, in upper or lower case; z-scores for unknown names."""
    return channel_name_to_normalization_mapping.get(channel_name.casefold(), ZScoreNormalization)
