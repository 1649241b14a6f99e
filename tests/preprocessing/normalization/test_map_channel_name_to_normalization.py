import pytest

from nnunetv2.preprocessing.normalization.map_channel_name_to_normalization import (
    channel_name_to_normalization_mapping,
    get_normalization_scheme,
)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("CT", "CTNormalization"),
        ("ct", "CTNormalization"),
        ("noNorm", "NoNormalization"),
        ("zscore", "ZScoreNormalization"),
        ("rescale_to_0_1", "RescaleTo01Normalization"),
        ("RGB_to_0_1", "RGBTo01Normalization"),
        ("R", "ZScoreNormalization"),
        ("T2", "ZScoreNormalization"),
    ],
)
def test_a_channel_name_chooses_its_scheme_in_upper_or_lower_case(name: str, scheme: str) -> None:
    assert get_normalization_scheme(name).__name__ == scheme


def test_five_names_are_known() -> None:
    known = {"ct", "nonorm", "zscore", "rescale_to_0_1", "rgb_to_0_1"}
    assert set(channel_name_to_normalization_mapping) == known
