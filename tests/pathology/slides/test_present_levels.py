"""Cut files: levels of which most is lost are not used, as finer ones show the same."""

from pathlib import Path

import numpy as np
import pytest

from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.rescue import RescuingView
from nnunetv2.pathology.slides.slide import open_slide
from nnunetv2.pathology.slides.slide_block import PixelState
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.tiff_directory import read_tiff_directory
from tests.pathology.slides.slide_files import lose_level, write_small_slide


@pytest.mark.parametrize("timeout_s", [None, 60.0])
def test_a_level_beyond_the_end_is_not_used_but_level_0_instead_with_a_warning(
    tmp_path: Path, timeout_s: float | None
) -> None:
    drawn = write_small_slide(tmp_path / "a.tif")
    lose_level(tmp_path / "a.tif", 1)
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 1.0), timeout_s) as view:
        assert [level.width for level in view.slide.levels] == [1500]
        assert view.slide.warnings[1:] == (
            "levels that are not used, as they lie mostly beyond the end of the file: 750 x 550",
        )
        block = view.read(Box(0, 0, 500, 400))
    assert (block.state == PixelState.READ).all()
    means = drawn.pixels(0, 0, 1000, 800).reshape(400, 2, 500, 2, 3).mean((1, 3))
    assert np.abs(block.pixels - means).mean() < 4


def test_the_levels_that_stay_are_read_as_before(tmp_path: Path) -> None:
    """Of three levels, the middle one is lost: the last is the second now."""
    path = tmp_path / "a.tif"
    write_small_slide(path, width=3000)
    lose_level(path, 1)
    with open_slide(path) as cut, open_slide(path, "tifffile") as other:
        assert [(level.index, level.width) for level in cut.levels] == [(0, 3000), (1, 750)]
        assert [(level.index, level.width) for level in other.levels] == [(0, 3000), (1, 750)]
        assert cut.read(1, Box(0, 0, 750, 275))[1].all()


def test_a_level_that_is_mostly_there_stays(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif")
    lose_level(tmp_path / "a.tif", 1, share=0.2)
    directory = read_tiff_directory(tmp_path / "a.tif")
    assert directory is not None
    assert directory.cut_off() is not None
    assert directory.lost_copies() == set()
    with open_slide(tmp_path / "a.tif") as slide:
        assert len(slide.levels) == 2
