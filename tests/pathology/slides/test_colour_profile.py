"""Colours of slides by the profiles in their files: from every reader, everywhere the same, and only if asked for."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from nnunetv2.errors import SettingsError, SlideError, UnreadableSlideError
from nnunetv2.pathology.slides import colour_profile
from nnunetv2.pathology.slides.colour_profile import SRGB, colours_of, profile_name
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.openslide_reader import OpenSlideReader
from nnunetv2.pathology.slides.rescue import RescuingView
from nnunetv2.pathology.slides.slide import open_slide
from nnunetv2.pathology.slides.slide_block import PixelState
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.watched_reader import HangingReadError, WatchedReader
from tests.pathology.slides.slide_files import profile_that_swaps_red_and_blue, standard_profile

WHOLE = Box(0, 0, 160, 128)
ROUNDING = 2


def pixels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (WHOLE.height, WHOLE.width, 3), np.uint8)


def write_slide(folder: Path, reader: str, profile: bytes | None) -> Path:
    if reader == "pillow":
        Image.fromarray(pixels()).save(folder / "a.png", icc_profile=profile)
        return folder / "a.png"
    options = {} if profile is None else {"iccprofile": profile}
    tifffile.imwrite(folder / "a.tif", pixels(), tile=(64, 64), photometric="rgb", metadata=None, **options)
    return folder / "a.tif"


@pytest.mark.parametrize("reader", ["openslide", "tifffile", "pillow"])
def test_colours_follow_the_profile_only_if_asked_for(tmp_path: Path, reader: str) -> None:
    path = write_slide(tmp_path, reader, profile_that_swaps_red_and_blue())
    with open_slide(path, reader, 0.5, icc=SRGB) as slide, open_slide(path, reader, 0.5) as plain:
        np.testing.assert_array_equal(plain.read(0, WHOLE)[0], pixels())
        found = slide.read(0, WHOLE)[0].astype(int)
        assert not slide.warnings
        np.testing.assert_array_equal(slide.view(0.5).read(0, 0, 160, 128)[0], found)
    assert np.abs(found - pixels()[..., ::-1]).max() <= ROUNDING


def test_without_a_profile_colours_stay_and_a_line_says_so(tmp_path: Path) -> None:
    path = write_slide(tmp_path, "tifffile", None)
    with open_slide(path, icc=SRGB) as slide:
        np.testing.assert_array_equal(slide.read(0, WHOLE)[0], pixels())
        assert slide.warnings == ("the file has no colour profile; its colours are taken for sRGB",)


def test_pixels_that_were_not_scanned_keep_their_colour() -> None:
    reader = type("Reader", (), {"icc_profile": lambda self: profile_that_swaps_red_and_blue()})()
    colours, _ = colours_of(reader, SRGB)
    values, valid = np.full((2, 2, 3), (200, 90, 10), np.uint8), np.array([[True, False], [False, True]])
    converted = colours.converted(values, valid)
    assert converted[0, 1].tolist() == [200, 90, 10]
    assert np.abs(converted[0, 0].astype(int) - (10, 90, 200)).max() <= ROUNDING


def test_a_damaged_part_has_the_same_colours_from_the_second_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SlideSource(
        str(write_slide(tmp_path, "tifffile", profile_that_swaps_red_and_blue())), 0.5, slide_mpp=0.5, icc=SRGB
    )
    with RescuingView(source) as view:
        expected = view.read(WHOLE)

    def damaged(*_: object) -> None:
        raise UnreadableSlideError("OpenSlide: not a tile")

    monkeypatch.setattr(OpenSlideReader, "read", damaged)
    with RescuingView(source, timeout_s=30) as view:
        block = view.read(WHOLE)
        assert view.slide.reader.name.startswith("openslide")
    assert (block.state == PixelState.READ).all()
    np.testing.assert_array_equal(block.pixels, expected.pixels)


@pytest.mark.parametrize("reader", ["openslide", "tifffile", "pillow"])
def test_a_damaged_profile_is_one_line_if_it_is_needed_and_nothing_otherwise(tmp_path: Path, reader: str) -> None:
    path = write_slide(tmp_path, reader, b"no profile at all" * 20)
    with open_slide(path, reader) as slide:
        np.testing.assert_array_equal(slide.read(0, WHOLE)[0], pixels())
    with pytest.raises(SlideError, match=r"a\.(tif|png): .*profile") as raised:
        open_slide(path, reader, icc=SRGB)
    assert "\n" not in str(raised.value)


def test_profiles_of_other_kinds_and_sizes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
    with pytest.raises(SlideError, match="it is for Lab instead of RGB"):
        profile_name(other)
    monkeypatch.setattr(colour_profile, "LARGEST_PROFILE_BYTES", 100)
    with pytest.raises(SlideError, match=r"it has \d+ bytes, expected 100 bytes at most"):
        profile_name(standard_profile())


def test_profiles_have_names_and_wishes_are_checked(tmp_path: Path) -> None:
    assert profile_name(None) == ""
    assert profile_name(standard_profile()) == "sRGB built-in"
    with pytest.raises(SettingsError, match="icc is 'adobe', expected one of none, srgb"):
        open_slide(write_slide(tmp_path, "tifffile", None), icc="adobe")


def test_a_picture_beyond_pillows_own_limit_of_pixels_has_its_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_slide(tmp_path, "pillow", profile_that_swaps_red_and_blue())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with open_slide(path, mpp=0.5, icc=SRGB) as slide:
        assert not slide.warnings
        assert np.abs(slide.read(0, WHOLE)[0].astype(int) - pixels()[..., ::-1]).max() <= ROUNDING


def test_a_reader_that_hangs_in_its_profile_is_closed_by_the_call_that_hung_and_no_other() -> None:
    go_on, closed_in = threading.Event(), []

    class Hanging:
        name, levels, origin, properties, warnings = "hanging", (), (0, 0), {}, ()

        def icc_profile(self) -> None:
            go_on.wait(10)

        def close(self) -> None:
            closed_in.append(threading.current_thread())

    reader = WatchedReader(Hanging(), Hanging, 0.05)
    with pytest.raises(HangingReadError, match="reading its colour profile"):
        reader.icc_profile()
    reader.close()
    assert not closed_in
    go_on.set()
    for _ in range(200):
        if closed_in:
            break
        time.sleep(0.01)
    assert len(closed_in) == 1
    assert closed_in[0] is not threading.current_thread()
