"""Micrometres per pixel: who states them, and what is no statement."""

import pytest

from nnunetv2.errors import MissingPixelSizeError, SlideError
from nnunetv2.pathology.slides.pixel_size import missing_pixel_size, slide_pixel_size, stated_pixel_size

VENDOR = {"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.25"}
TAGS = {"tiff.XResolution": "20000", "tiff.YResolution": "20000", "tiff.ResolutionUnit": "centimeter"}


@pytest.mark.parametrize(
    ("properties", "size", "source"),
    [
        (VENDOR | TAGS, 0.25, "openslide.mpp"),
        (TAGS, 0.5, "tiff.Resolution"),
        ({"aperio.MPP": "0.499"}, 0.499, "aperio.MPP"),
        ({"ome.PhysicalSizeX": "250", "ome.PhysicalSizeY": "250", "ome.PhysicalSizeXUnit": "nm"}, None, ""),
        ({"ome.PhysicalSizeX": "0.25", "ome.PhysicalSizeY": "0.25"}, 0.25, "ome.PhysicalSize"),
        ({"openslide.mpp-x": "352.8", "openslide.mpp-y": "352.8"} | TAGS, 0.5, "tiff.Resolution"),
        ({**TAGS, "tiff.ResolutionUnit": "none"}, None, ""),
        ({"tiff.XResolution": "0", "tiff.YResolution": "0", "tiff.ResolutionUnit": "inch"}, None, ""),
        ({"openslide.mpp-x": "much", "openslide.mpp-y": "inf"}, None, ""),
        ({"openslide.objective-power": "40"}, None, ""),
    ],
)
def test_the_first_plausible_statement_wins(properties: dict[str, str], size: float | None, source: str) -> None:
    """Magnification is none: 20x covers 0.23 to 0.5. A unit is needed for both axes (the default of OME is µm)."""
    stated = stated_pixel_size(properties)
    assert (stated.x if stated else None) == (pytest.approx(size) if size else None)
    assert not stated or stated.source == source


def test_nearly_square_pixels_get_their_mean() -> None:
    size, doubts = slide_pixel_size("a.svs", {"openslide.mpp-x": "0.500", "openslide.mpp-y": "0.504"})
    assert size is not None
    assert (size.x, size.y, doubts) == (0.502, 0.502, [])


def test_unequal_pixels_are_kept_with_a_doubt_and_very_unequal_ones_refused() -> None:
    size, doubts = slide_pixel_size("a.svs", {"openslide.mpp-x": "0.50", "openslide.mpp-y": "0.55"})
    assert size is not None
    assert (size.x, size.y, len(doubts)) == (0.5, 0.55, 1)
    with pytest.raises(SlideError, match=r"^a\.svs: pixels of 0\.5 x 0\.7 um"):
        slide_pixel_size("a.svs", {"openslide.mpp-x": "0.5", "openslide.mpp-y": "0.7"})


def test_the_user_is_believed_and_told_if_the_file_differs() -> None:
    size, doubts = slide_pixel_size("a.svs", VENDOR, by_user=0.5)
    assert size is not None
    assert (size.x, size.source) == (0.5, "user")
    assert doubts == ["the file states a pixel size of 0.25 um, 0.5 um was given and is used"]
    assert slide_pixel_size("a.svs", VENDOR, by_user=0.26)[1] == []


@pytest.mark.parametrize("size", [0.0, -1.0, 40.0, float("nan")])
def test_an_absurd_size_by_the_user_is_refused(size: float) -> None:
    with pytest.raises(SlideError, match=r"expected 0\.05 to 20 micrometres per pixel"):
        slide_pixel_size("a.svs", VENDOR, by_user=size)


def test_the_message_for_a_missing_size_says_what_to_pass() -> None:
    error = missing_pixel_size("a.svs")
    assert isinstance(error, MissingPixelSizeError)
    assert str(error) == (
        "a.svs: the file does not state its pixel size. Pass --slide_mpp 0.25 (micrometres per pixel) or a table"
        " --mpp_of FILE with the columns slide,mpp"
    )
