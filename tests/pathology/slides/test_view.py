"""A slide at any pixel size: independent of how it is cut, and the level itself where that fits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nnunetv2.errors import SettingsError, SlideTooCoarseError
from nnunetv2.pathology.slides.geometry import Box, PixelSize, make_level, regrid, view_grid
from nnunetv2.pathology.slides.slide import open_slide
from nnunetv2.pathology.slides.slide_reader import Pixels, Valid
from nnunetv2.pathology.slides.view import BLOCK_PX, SlideView
from sample_data.pyramids import PyramidSettings, SyntheticSlide
from tests.pathology.slides.slide_files import write_small_slide

ReadLevel = Callable[[int, Box], tuple[Pixels, Valid]]


def reading(image: Pixels, valid: NDArray[np.bool_] | None = None) -> ReadLevel:
    there = np.ones(image.shape[:2], bool) if valid is None else valid

    def read(_: int, box: Box) -> tuple[Pixels, Valid]:
        part = np.s_[box.y : box.bottom, box.x : box.right]
        assert image[part].shape[:2] == (box.height, box.width)
        return image[part].copy(), there[part].copy()

    return read


def view_of(image: Pixels, target: float, valid: NDArray[np.bool_] | None = None) -> SlideView:
    size = image.shape[1], image.shape[0]
    levels = [make_level(0, size, size)]
    pixel = PixelSize(0.5, 0.5, "test")
    return SlideView(levels, reading(image, valid), view_grid(levels, pixel, target), pixel)


@pytest.fixture(scope="module")
def tissue() -> Pixels:
    settings = PyramidSettings(1100, 900, block_px=2048, drawn_px=256, glass_share=0)
    return SyntheticSlide(settings).pixels(0, 0, 1100, 900)


@pytest.fixture(scope="module")
def noise() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (900, 1100, 3), dtype=np.uint8)


@pytest.mark.parametrize("target", [0.6, 0.8, 1.0, 1.2345, 3.9, 0.4])
def test_windows_show_exactly_what_the_whole_view_shows(tissue: Pixels, noise: Pixels, target: float) -> None:
    there = np.ones(noise.shape[:2], bool)
    there[:, 300:500] = False
    for image, valid in ((tissue, None), (noise, there)):
        view = view_of(image, target, valid)
        whole, whole_valid = view.read(0, 0, view.width, view.height)
        rng = np.random.default_rng(1)
        for _ in range(10):
            width, height = (int(edge) for edge in rng.integers(1, (view.width // 2, view.height // 2)))
            x, y = int(rng.integers(0, view.width - width)), int(rng.integers(0, view.height - height))
            window, window_valid = view.read(x, y, width, height)
            np.testing.assert_array_equal(window, whole[y : y + height, x : x + width])
            np.testing.assert_array_equal(window_valid, whole_valid[y : y + height, x : x + width])


@pytest.mark.parametrize("target", [0.6, 0.8, 1.2345])
def test_cells_leave_no_seams(target: float) -> None:
    """A ramp stays a ramp across the borders of the cells that are computed one by one."""
    ramp = np.repeat(np.linspace(0, 255, 1100).round().astype(np.uint8)[None, :, None], 900, axis=0).repeat(3, axis=2)
    view = view_of(ramp, target)
    row = view.read(0, 0, view.width, 300)[0][:, :, 0].astype(int)
    factor = view.grid.factor_x
    expected = ((np.arange(view.width) + 0.5) * factor - 0.5) * 255 / 1099
    assert np.abs(row - expected)[:, 5:-5].max() <= 1.01
    assert np.diff(row, axis=1).min() >= 0
    assert (row == row[0]).all()


def test_a_level_that_fits_is_returned_bit_for_bit(noise: Pixels) -> None:
    view = view_of(noise, 0.505)
    assert view.grid.is_level
    assert view.mpp == (0.5, 0.5)
    np.testing.assert_array_equal(view.read(13, 17, 200, 100)[0], noise[17:117, 13:213])


def test_halving_is_the_triangle_filter_centred_on_pixel_edges() -> None:
    """Weights 1 3 3 1 (of 8) around the edge between the two pixels, by hand on a single bright column."""
    image = np.zeros((8, 64, 3), np.uint8)
    image[:, 30] = 240
    row = view_of(image, 1.0).read(0, 0, 32, 4)[0][2, :, 0]
    assert {int(column): int(value) for column, value in enumerate(row) if value} == {14: 30, 15: 90}


def test_outside_the_view_is_white_and_not_valid(noise: Pixels) -> None:
    view = view_of(noise, 1.0)
    pixels, valid = view.read(view.width - 10, -5, 20, 10)
    assert valid[5:, :10].all()
    assert valid.sum() == 50
    assert (pixels[~valid] == 255).all()


def test_a_pixel_is_valid_if_half_of_what_it_covers_is(noise: Pixels) -> None:
    there = np.ones(noise.shape[:2], bool)
    there[:, 100:200] = False
    _, valid = view_of(noise, 1.0, there).read(0, 0, 300, 10)
    assert valid[:, :50].all()
    assert not valid[:, 50:100].any()
    assert valid[:, 100:].all()


def test_large_factors_are_read_in_pieces_of_limited_size() -> None:
    image = np.random.default_rng(0).integers(0, 256, (500, 9000, 3), dtype=np.uint8)
    size = image.shape[1], image.shape[0]
    levels, pixel, sizes = [make_level(0, size, size)], PixelSize(0.5, 0.5, "test"), []

    def read(level: int, box: Box) -> tuple[Pixels, Valid]:
        sizes.append((box.width, box.height))
        return reading(image)(level, box)

    view = SlideView(levels, read, view_grid(levels, pixel, 20.0), pixel)
    pixels, _ = view.read(0, 0, view.width, view.height)
    assert max(max(size) for size in sizes) < 4096 + 2 * 50
    assert abs(pixels.mean() - image.mean()) < 1


def test_blocks_cover_the_view_on_a_grid_from_its_corner() -> None:
    levels = [make_level(0, (2500, 1100), (2500, 1100))]
    pixel = PixelSize(0.5, 0.5, "test")
    view = SlideView(levels, reading(np.zeros((1, 1, 3), np.uint8)), view_grid(levels, pixel, 0.5), pixel)
    blocks = list(view.blocks())
    assert blocks[2] == Box(2048, 0, 452, BLOCK_PX)
    assert blocks[-1] == Box(2048, 1024, 452, 76)


def test_a_coarser_level_shows_the_same_place(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif")
    with open_slide(tmp_path / "a.tif") as slide:
        fine = slide.view(0.5)
        coarse = SlideView(slide.levels, slide.read, regrid(fine.grid, slide.levels[1]), slide.mpp)
        difference = np.abs(fine.read(300, 200, 256, 256)[0].astype(int) - coarse.read(300, 200, 256, 256)[0])
        shifted = np.abs(fine.read(303, 200, 256, 256)[0].astype(int) - coarse.read(300, 200, 256, 256)[0])
    assert difference.mean() < 0.7 * shifted.mean()


def test_enlarging_is_refused_beyond_twice_unless_asked_for(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", mpp=1.0)
    with open_slide(tmp_path / "a.tif") as slide:
        with pytest.raises(SlideTooCoarseError) as caught:
            slide.view(0.25)
        assert str(caught.value) == (
            f"{tmp_path / 'a.tif'}: pixel size 1.0 um is coarser than the model's 0.25 um; enlarging 4 times would"
            " invent detail. Use --allow_upsampling to do it anyway"
        )
        assert slide.view(0.25, allow_upsampling=True).width == 6000
        enlarged = slide.view(0.6)
        assert enlarged.warnings == ("the slide is coarser than asked for: its pixels are enlarged 1.67 times",)
        assert slide.view(1.0).warnings == ()


@pytest.mark.parametrize("mpp", [0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("allow_upsampling", [False, True])
def test_what_is_no_pixel_size_is_refused(tmp_path: Path, mpp: float, allow_upsampling: bool) -> None:
    write_small_slide(tmp_path / "a.tif")
    with (
        open_slide(tmp_path / "a.tif") as slide,
        pytest.raises(SettingsError, match=rf"^a view at mpp={mpp}: expected micrometres per pixel above 0$"),
    ):
        slide.view(mpp, allow_upsampling)


def test_a_thumbnail_has_a_pixel_at_least(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif")
    with (
        open_slide(tmp_path / "a.tif") as slide,
        pytest.raises(SettingsError, match="largest_px=0: expected 1 or more"),
    ):
        slide.thumbnail(0)
