"""Damaged slides: each block is read as well as it can be, and what could not be read is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import UnreadableSlideError
from nnunetv2.pathology.slides import rescue
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.rescue import RescuingView, Step
from nnunetv2.pathology.slides.slide_block import PixelState
from nnunetv2.pathology.slides.slide_source import SlideSource
from sample_data.pyramids import Damage
from tests.pathology.slides.slide_files import lose_level, write_small_slide

WHOLE = Box(0, 0, 1024, 1024)
SMALL_BLOCKS: dict[str, Any] = {"glass_share": 0}


def test_a_damaged_tile_is_taken_from_the_next_level_and_the_rest_as_usual(tmp_path: Path) -> None:
    slide = write_small_slide(tmp_path / "a.tif", **SMALL_BLOCKS, damage=Damage(zeroed_tiles=((2, 3),)))
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 0.5)) as view:
        block = view.read(WHOLE)
    rescued = block.state == PixelState.RESCUED
    assert rescued.sum() == 256 * 256
    assert rescued[256:512, 256:512].all()
    assert (block.state[~rescued] == PixelState.READ).all()
    assert block.valid.all()
    (part,) = block.damaged
    assert part.box == Box(256, 256, 256, 256)
    assert part.message == "OpenSlide: Not a JPEG file: starts with 0x00 0x00"
    drawn = slide.pixels(0, 0, 1024, 1024).astype(int)
    assert np.abs(block.pixels[rescued].astype(int) - drawn[rescued]).mean() < 12
    assert np.abs(block.pixels[~rescued].astype(int) - drawn[~rescued]).mean() < 4


def test_without_a_coarser_level_it_is_white_and_failed(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", width=900, height=800, **SMALL_BLOCKS, damage=Damage(zeroed_tiles=((0, 0),)))
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 0.5)) as view:
        block = view.read(Box(0, 0, 512, 512))
    assert (block.state[:256, :256] == PixelState.FAILED).all()
    assert (block.pixels[:256, :256] == 255).all()
    assert not block.valid[:256, :256].any()
    assert block.valid.sum() == 512 * 512 - 256 * 256


def test_a_damaged_part_of_a_coarser_level_is_taken_from_the_finer_one(tmp_path: Path) -> None:
    """Level 1 of three: the finer one shows the same detail, the coarser one less."""
    slide = write_small_slide(tmp_path / "a.tif", width=3000, **SMALL_BLOCKS)
    lose_level(tmp_path / "a.tif", 1, share=0.3)
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 1.0)) as view:
        block = view.read(Box(0, 0, 1024, 550))
    rescued = block.state == PixelState.RESCUED
    assert rescued.any()
    assert (block.state[~rescued] == PixelState.READ).all()
    drawn = slide.pixels(0, 0, 2048, 1100).reshape(550, 2, 1024, 2, 3).mean((1, 3))
    assert np.abs(block.pixels - drawn)[rescued].mean() < 5


@pytest.mark.parametrize(("mpp", "most_lost"), [(1.0, 1.0), (2.0, 1.0), (4.0, 4.0)])
def test_of_a_resampled_view_no_more_is_lost_than_the_damaged_tile_and_little_around_it(
    tmp_path: Path, mpp: float, most_lost: float
) -> None:
    """Parts of 256 pixels of the level, or 32 of the view if these are larger; a tile has 128."""
    damage = Damage(zeroed_tiles=((3, 3),))
    drawn = write_small_slide(tmp_path / "a.tif", width=1000, height=1000, **SMALL_BLOCKS, damage=damage)
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), mpp)) as view:
        block = view.read(Box(0, 0, view.view.width, view.view.height))
    factor = round(mpp / 0.5)
    is_lost = block.state == PixelState.FAILED
    assert is_lost[384 // factor : 512 // factor, 384 // factor : 512 // factor].all()
    assert is_lost.sum() * factor**2 <= most_lost * 256**2 * 1.05
    assert (block.state[~is_lost] == PixelState.READ).all()
    covered = np.zeros_like(is_lost)
    for part in block.damaged:
        assert part.state == PixelState.FAILED
        covered[part.box.y : part.box.bottom, part.box.x : part.box.right] = True
    assert (covered == is_lost).all()
    whole = drawn.pixels(0, 0, 1000, 256).astype(float)[: 256 // factor * factor, : 1000 // factor * factor]
    means = whole.reshape(256 // factor, factor, 1000 // factor, factor, 3).mean((1, 3))[: 128 // factor]
    assert np.abs(block.pixels[: 128 // factor] - means).mean() < 8


def test_missing_tiles_are_no_failures_but_not_valid(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", damage=Damage(missing_tiles=((1, 0),)))
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 0.5)) as view:
        block = view.read(Box(0, 0, 512, 128))
    assert block.damaged == ()
    assert (block.state[:, 128:256] == PixelState.MISSING).all()
    assert block.valid.sum() == 3 * 128 * 128


def test_a_second_library_reads_what_the_first_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunetv2.pathology.slides.openslide_reader import OpenSlideReader

    write_small_slide(tmp_path / "a.tif")
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 0.5)) as view:
        expected = view.read(WHOLE)

        def refuse(*_: object) -> None:
            raise UnreadableSlideError("OpenSlide: no")

        monkeypatch.setattr(OpenSlideReader, "read", refuse)
        block = view.read(WHOLE)
    np.testing.assert_array_equal(block.pixels, expected.pixels)
    assert (block.state == PixelState.READ).all()


def test_an_error_that_does_not_come_back_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small_slide(tmp_path / "a.tif")
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 0.5)) as view:
        expected, read, calls = view.read(WHOLE), view.slide.reader.read, []

        def fail_once(*arguments: Any) -> Any:
            calls.append(arguments)
            if len(calls) == 1:
                raise UnreadableSlideError("once")
            return read(*arguments)

        monkeypatch.setattr(view.slide.reader, "read", fail_once)
        np.testing.assert_array_equal(view.read(WHOLE).pixels, expected.pixels)
    assert len(calls) == 2


@pytest.mark.parametrize("step", [Step.SECOND_READER, Step.OTHER_LEVEL, Step.WHITE])
def test_reading_can_start_at_a_later_way(tmp_path: Path, step: Step) -> None:
    write_small_slide(tmp_path / "a.tif")
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 0.5)) as view:
        states = np.unique(view.read(Box(0, 0, 512, 512), step).state)
    expected = {Step.SECOND_READER: PixelState.READ, Step.OTHER_LEVEL: PixelState.RESCUED}
    assert states.tolist() == [expected.get(step, PixelState.FAILED)]


def test_a_file_that_vanishes_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(rescue.time, "sleep", waits.append)
    write_small_slide(tmp_path / "a.tif", damage=Damage(zeroed_tiles=((0, 0),)))
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 0.5)) as view:
        (tmp_path / "a.tif").unlink()
        with pytest.raises(UnreadableSlideError, match=r"a\.tif: vanished while it was read"):
            view.read(Box(0, 0, 256, 256))
    assert waits == [1.0, 5.0, 30.0]


def test_a_slide_of_unknown_pixel_size_has_its_finest_level(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", mpp=None)
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), None)) as view:
        assert (view.view.width, view.view.height, view.view.mpp) == (1500, 1100, None)
        assert view.read(Box(1000, 900, 500, 200)).valid.all()
