"""Tissue and regions of interest from files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from nnunetv2.errors import AnnotationError
from nnunetv2.pathology.slides.slide import Slide, open_slide
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from nnunetv2.pathology.tissue.tissue_sources import tissue_of
from tests.pathology.slides.slide_files import write_small_slide


@pytest.fixture
def slide(tmp_path: Path) -> Iterator[Slide]:
    write_small_slide(tmp_path / "a.tif", mpp=8.0)
    with open_slide(tmp_path / "a.tif") as opened:
        yield opened


def write_square(path: Path, corner: int, edge: int, **properties: Any) -> None:
    ring = [[corner, corner], [corner + edge, corner], [corner + edge, corner + edge], [corner, corner + edge]]
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    properties = properties or {"classification": {"name": "Tissue"}}
    path.write_text(json.dumps([{"type": "Feature", "geometry": geometry, "properties": properties}]))


def test_drawn_areas_are_the_tissue_exactly(slide: Slide, tmp_path: Path) -> None:
    write_square(tmp_path / "t.geojson", 100, 300)
    tissue = tissue_of(slide, tmp_path / "t.geojson")
    assert tissue.mask.sum() == 300 * 300
    assert tissue.mask[100:400, 100:400].all()


def test_areas_in_the_frame_of_the_whole_file_are_moved_to_the_scanned_area(slide: Slide, tmp_path: Path) -> None:
    write_square(tmp_path / "t.geojson", 100, 300)
    slide.origin = (60, 40)
    tissue = tissue_of(slide, tmp_path / "t.geojson", frame="file")
    assert tissue.mask.sum() == 300 * 300
    assert tissue.mask[60:360, 40:340].all()


def test_a_mask_image_may_be_coarser_than_the_slide(slide: Slide, tmp_path: Path) -> None:
    mask = np.zeros((110, 150), np.uint8)
    mask[10:20, 30:50] = 7
    tifffile.imwrite(tmp_path / "m.tif", mask, tile=(64, 64), compression="zlib")
    tissue = tissue_of(slide, tmp_path / "m.tif")
    assert tissue.mask.sum() == 200 * 100
    assert tissue.mask[100:200, 300:500].all()


def test_a_region_cuts_what_is_looked_at(slide: Slide, tmp_path: Path) -> None:
    write_square(tmp_path / "roi.geojson", 0, 256)
    found = tissue_of(slide)
    cut = tissue_of(slide, roi=tmp_path / "roi.geojson")
    np.testing.assert_array_equal(cut.mask[:256, :256], found.mask[:256, :256])
    assert not cut.mask[256:].any()
    assert tissue_of(slide, "none", tmp_path / "roi.geojson").mask.sum() == 256 * 256


def test_a_folder_has_a_file_for_each_slide_or_says_which_names_it_looked_for(slide: Slide, tmp_path: Path) -> None:
    folder = tmp_path / "tissue"
    folder.mkdir()
    with pytest.raises(AnnotationError, match=r"no file for .*a\.tif, expected one of a\.geojson, a\.geojson\.gz"):
        tissue_of(slide, folder)
    write_square(folder / "a.geojson", 0, 64)
    assert tissue_of(slide, folder).mask.sum() == 64 * 64


def test_areas_that_are_drawn_count_however_small_they_are(slide: Slide, tmp_path: Path) -> None:
    write_square(tmp_path / "drawn.geojson", 0, 20)
    for tissue in (
        tissue_of(slide, tmp_path / "drawn.geojson"),
        tissue_of(slide, "none", tmp_path / "drawn.geojson"),
        tissue_of(slide, TissueMask(np.ones((1100, 1500), bool), (1, 1), (8, 8)), tmp_path / "drawn.geojson"),
    ):
        assert tissue.mm2 == pytest.approx(400 * 64e-6)
        assert not tissue.is_empty
    speck = np.zeros((1100, 1500), bool)
    speck[5, 5] = True
    found = TissueMask(speck, (1, 1), (8, 8))
    assert found.is_empty
    assert tissue_of(slide, found, tmp_path / "drawn.geojson").is_empty


def test_a_region_needs_no_class(slide: Slide, tmp_path: Path) -> None:
    write_square(tmp_path / "roi.geojson", 0, 256, objectType="annotation")
    assert tissue_of(slide, "none", tmp_path / "roi.geojson").mask.sum() == 256 * 256
    assert tissue_of(slide, tmp_path / "roi.geojson").mask.sum() == 256 * 256


@pytest.mark.parametrize("as_region", [True, False])
def test_areas_beside_the_slide_and_objects_without_area_are_no_empty_glass(
    slide: Slide, tmp_path: Path, as_region: bool
) -> None:
    file = tmp_path / "t.geojson"

    def look() -> int:
        tissue = tissue_of(slide, "none", file) if as_region else tissue_of(slide, file)
        return int(tissue.mask.sum())

    write_square(file, 5000, 100)
    with pytest.raises(AnnotationError, match=r"none of its 1 areas lies on .*a\.tif \(1500 x 1100 pixels\)"):
        look()
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [5, 5]}, "properties": {}}
    file.write_text(json.dumps([point]))
    with pytest.raises(AnnotationError, match=r"has no area \(annotations that are points or lines left out: 1\)"):
        look()
    file.write_text("[]")
    assert look() == 0
