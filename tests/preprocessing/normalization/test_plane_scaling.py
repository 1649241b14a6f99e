"""The reference is each scheme, run on the whole channel."""

import numpy as np
import pytest

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.normalization.default_normalization_schemes import (
    CTNormalization,
    NoNormalization,
    RescaleTo01Normalization,
    RGBTo01Normalization,
    ZScoreNormalization,
)
from nnunetv2.preprocessing.normalization.plane_scaling import PlaneRows, plane_scales

STATISTICS = {"mean": 103.7, "std": 21.3, "percentile_00_5": 10.5, "percentile_99_5": 240.2}
SCHEMES = [CTNormalization, NoNormalization, RescaleTo01Normalization, RGBTo01Normalization, ZScoreNormalization]


def rows_of(plane: np.ndarray) -> PlaneRows:
    """Return the rows of two channels, of which the second is brighter."""
    both = np.stack([plane, plane // 2 + 5])
    return PlaneRows(lambda first, end: both[:, first:end].astype(np.float32), *plane.shape, has_gaps=False)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["noise", "constant", "black"])
def test_parts_have_the_bits_of_the_channel_normalised_at_once(scheme, kind):
    plane = np.random.default_rng(0).integers(3, 250, (300, 41), dtype=np.uint8)
    plane = {"noise": plane, "constant": np.full_like(plane, 7), "black": np.zeros_like(plane)}[kind]
    scales = plane_scales([scheme(False, STATISTICS)] * 2, rows_of(plane))
    assert scales is not None
    scale = scales[0]
    whole = scheme(False, STATISTICS).run(plane[None].astype(np.float32))[0]
    parts = [scale(plane[top : top + 70].astype(np.float32)) for top in range(0, 300, 70)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_values_that_a_scheme_refuses_are_refused_before_the_first_part():
    plane = np.full((3, 4), 502, dtype=np.uint16)
    with pytest.raises(UnfitImageError, match=r"values 0\.\.255, this one has 256"):
        plane_scales([NoNormalization(False, STATISTICS), RGBTo01Normalization(False, STATISTICS)], rows_of(plane))


def test_schemes_that_need_the_mask_and_those_of_clients_are_left_to_the_whole_image():
    class OfAClient(ZScoreNormalization):
        pass

    rows = rows_of(np.ones((3, 4), dtype=np.uint8))
    for needs_all in (ZScoreNormalization(True, STATISTICS), OfAClient(False, STATISTICS)):
        assert plane_scales([NoNormalization(False, STATISTICS), needs_all], rows) is None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_replaced_method_of_a_scheme_gets_the_whole_image(scheme, monkeypatch):
    rows = rows_of(np.ones((3, 4), dtype=np.uint8))
    normalizers = [NoNormalization(False, STATISTICS), scheme(False, STATISTICS)]
    assert plane_scales(normalizers, rows) is not None
    monkeypatch.setattr(scheme, "run", lambda self, image, seg=None: image)
    assert plane_scales(normalizers, rows) is None
