import numpy as np
import pytest

from nnunetv2.errors import CallError, UnfitImageError
from nnunetv2.preprocessing.normalization.default_normalization_schemes import (
    CTNormalization,
    ImageNormalization,
    NoNormalization,
    RescaleTo01Normalization,
    RGBTo01Normalization,
    ZScoreNormalization,
)

ALL_SCHEMES = [CTNormalization, NoNormalization, RescaleTo01Normalization, RGBTo01Normalization, ZScoreNormalization]
CT_PROPERTIES = {"mean": 3.0, "std": 2.0, "percentile_00_5": 1.0, "percentile_99_5": 5.0}


def channel() -> np.ndarray:
    return np.array([[[0, 1, 2, 3], [4, 5, 6, 250]]], np.float32)


def normalized(scheme: type[ImageNormalization], seg: np.ndarray | None = None, **settings: object) -> np.ndarray:
    return scheme(intensityproperties=CT_PROPERTIES, **settings).run(channel(), seg)[0]


def test_z_scores_match_the_golden_values() -> None:
    result = normalized(ZScoreNormalization)
    np.testing.assert_allclose([result[0, 0], result[-1, -1]], [-0.4145811, 2.6450577], rtol=1e-6)


def test_z_scores_inside_a_mask_match_the_golden_values() -> None:
    seg = np.array([[[-1, 0, 1, 2], [0, 0, 0, -1]]])
    result = normalized(ZScoreNormalization, seg, use_mask_for_norm=True)
    expected = [[0, -1.46385, -0.87831, -0.29277], [0.29277, 0.87831, 1.46385, 250]]
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_z_scores_equal_numpys_to_the_last_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 57, 61, 3)).astype(np.float32)[..., 1]
    expected = (image - image.mean()) / max(image.std(), 1e-8)
    np.testing.assert_array_equal(ZScoreNormalization(False, {}).run(image.copy()), expected)


def test_a_constant_image_becomes_zero() -> None:
    np.testing.assert_array_equal(ZScoreNormalization(False, {}).run(np.full((1, 3, 4), 7, np.float32)), 0)


def test_z_scores_with_a_mask_need_the_segmentation() -> None:
    with pytest.raises(AssertionError, match="needs the segmentation"):
        normalized(ZScoreNormalization, use_mask_for_norm=True)


def test_half_precision_does_not_overflow() -> None:
    image = np.random.default_rng(0).normal(300, 300, (1, 32, 32))
    result = ZScoreNormalization(False, {}, np.float16).run(image)
    assert result.dtype == np.float16
    np.testing.assert_allclose(result, (image - image.mean()) / image.std(), atol=0.02)


def test_ct_values_are_clipped_then_standardised() -> None:
    np.testing.assert_array_equal(normalized(CTNormalization), [[-1, -1, -0.5, 0], [0.5, 1, 1, 1]])


def test_rescaled_values_range_from_0_to_1() -> None:
    result = normalized(RescaleTo01Normalization)
    np.testing.assert_allclose([result[0, 0], result[0, 1], result[-1, -1]], [0, 0.004, 1])


def test_rgb_values_are_divided_by_255() -> None:
    np.testing.assert_allclose(normalized(RGBTo01Normalization), channel()[0] / 255)


@pytest.mark.parametrize("value", [-1, 256, np.nan])
def test_rgb_values_outside_8_bits_are_refused(value: float) -> None:
    with pytest.raises(UnfitImageError, match=r"values 0\.\.255"):
        RGBTo01Normalization(False, {}).run(np.array([[[0, value]]], np.float32))


def test_no_normalization_keeps_the_values() -> None:
    image = np.array([[[1, 2]]], np.int16)
    result = NoNormalization(False, {}).run(image)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
def test_the_result_is_float32_by_default(scheme: type[ImageNormalization]) -> None:
    assert normalized(scheme).dtype == np.float32
    assert normalized(scheme, target_dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
def test_only_z_scores_leave_zeros_outside_the_mask(scheme: type[ImageNormalization]) -> None:
    keeps_zero = scheme.leaves_pixels_outside_mask_at_zero_if_use_mask_for_norm_is_true
    assert keeps_zero is (scheme is ZScoreNormalization)


def test_settings_of_the_wrong_type_are_refused() -> None:
    with pytest.raises(CallError, match="intensityproperties has to be a dict"):
        ZScoreNormalization(False)
    with pytest.raises(CallError, match="use_mask_for_norm has to be a bool"):
        ZScoreNormalization(1, {})
