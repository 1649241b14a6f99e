"""The tissue of a slide: its place, area and outlines."""

from pathlib import Path

import numpy as np
import pytest

from nnunetv2.pathology import find_tissue, open_slide
from nnunetv2.pathology.slides.geometry import Box, cells
from nnunetv2.pathology.tissue.slide_tissue import TissueMask, everything
from sample_data.pyramids import Damage
from tests.pathology.slides.slide_files import write_small_slide


def write(path: Path, damage: Damage | None = None) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Write a slide of 12 x 8.8 mm and return where its blocks of tissue are, (1100, 1500)."""
    slide = write_small_slide(path, mpp=8.0, damage=damage or Damage())
    return np.asarray(slide.blocks > 0).repeat(512, 0).repeat(512, 1)[:1100, :1500]


def test_the_tissue_of_a_drawn_slide_is_where_it_was_drawn(tmp_path: Path) -> None:
    truth = write(tmp_path / "a.tif")
    with open_slide(tmp_path / "a.tif") as slide:
        tissue = find_tissue(slide)
    assert (tissue.mask & truth).sum() / truth.sum() > 0.85  # lumina are holes
    assert tissue.mask[~truth].mean() < 0.02
    assert tissue.mm2 == pytest.approx(tissue.mask.sum() * 64e-6)
    assert not tissue.is_empty
    assert tissue.warnings == ()
    assert sum(polygon.area for polygon in tissue.polygons()) == pytest.approx(tissue.mask.sum())


def test_damaged_parts_do_not_end_the_search(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", Damage(zeroed_tiles=((0, 0),), missing_tiles=((1, 1),)))
    with open_slide(tmp_path / "a.tif") as slide:
        assert not find_tissue(slide).is_empty


def test_what_no_library_and_no_coarser_level_can_read_is_known(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", width=1000, height=900, mpp=8.0, damage=Damage(zeroed_tiles=((0, 0),)))
    with open_slide(tmp_path / "a.tif") as slide:
        tissue = find_tissue(slide)
    assert tissue.unread is not None
    assert tissue.unread[:128, :128].all()
    assert tissue.unread.mean() < 0.1
    assert not (tissue.mask & tissue.unread).any()
    assert tissue.warnings == (
        f"{100 * tissue.unread.mean():.1f} % of the slide could not be read when tissue was looked for; it may be"
        " tissue and counts as such",
    )
    assert (tissue.with_unread().mask == (tissue.mask | tissue.unread)).all()
    region = np.zeros_like(tissue.mask)
    region[:, :100] = True
    cut = tissue.within(region)
    assert cut.unread is not None
    assert (cut.unread == (tissue.unread & region)).all()


def mask_at_8_um() -> TissueMask:
    mask = np.zeros((100, 200), bool)
    mask[50, 100] = True
    return TissueMask(mask, (16.0, 16.0), (8.0, 8.0))


def test_a_box_of_a_view_touches_tissue_exactly_where_it_overlaps_it(tmp_path: Path) -> None:
    """View pixels of 1 um, mask pixels of 8 um: the tissue is at 800..808, 400..408."""
    write_small_slide(tmp_path / "a.tif", width=3200, height=1600)
    with open_slide(tmp_path / "a.tif") as slide:
        grid = slide.view(1.0).grid
    tissue = mask_at_8_um()
    touched = [box for box in cells(grid.width, grid.height, 100) if tissue.touches(box, grid)]
    assert touched == [Box(800, 400, 100, 100)]
    assert not tissue.touches(Box(700, 300, 100, 100), grid)
    assert tissue.touches(Box(701, 301, 100, 100), grid)
    assert tissue.with_margin(16).touches(Box(690, 400, 100, 4), grid)
    of_view = tissue.of_view(Box(790, 390, 30, 30), grid)
    assert of_view.sum() == 64
    assert of_view[10:18, 10:18].all()


def test_outlines_are_in_pixels_of_the_slide() -> None:
    (polygon,) = mask_at_8_um().polygons()
    assert polygon.bounds == (1600, 800, 1616, 816)


def test_little_tissue_counts_as_none() -> None:
    assert mask_at_8_um().is_empty


def test_everything_can_be_taken_as_tissue_also_without_a_pixel_size(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", mpp=None)
    with open_slide(tmp_path / "a.tif") as slide:
        tissue = everything(slide)
    assert tissue.share == 1
    assert tissue.touches(Box(0, 0, 1, 1), slide.finest_view().grid)


def test_everything_has_the_area_of_the_slide_also_where_its_sides_are_no_multiples_of_mask_pixels(
    tmp_path: Path,
) -> None:
    write_small_slide(tmp_path / "a.tif", width=1003, height=71, mpp=0.5)
    with open_slide(tmp_path / "a.tif") as slide:
        tissue = everything(slide)
    assert tissue.mm2 == pytest.approx(1003 * 71 * 0.25e-6)
    (outline,) = tissue.polygons()
    assert outline.bounds == pytest.approx((0, 0, 1003, 71))
