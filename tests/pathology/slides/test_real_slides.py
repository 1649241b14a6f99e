"""Real slides of several formats, whole and damaged, in the folder `wsi` of the real data."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import SlideError, UnreadableSlideError
from nnunetv2.pathology.slides.colour_profile import profile_name
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.rescue import RescuingView
from nnunetv2.pathology.slides.slide import open_slide
from nnunetv2.pathology.slides.slide_block import PixelState
from nnunetv2.pathology.slides.slide_source import SlideSource

pytestmark = pytest.mark.real

TABLE = [
    ("cmu_1_small_region.svs", "openslide", (2220, 2967), 1, 0.499),
    ("tcga_cr_7395_ts1.svs", "openslide", (4443, 3567), 2, None),
    ("cmu_small_pyramid.tif", "openslide", (2220, 2967), 4, 0.499),
    ("cmu_small_crop.ome.tif", "tifffile", (1280, 1024), 3, 0.499),
    ("mosaic_node.tif", "openslide", (3072, 2048), 4, 1.0),
    ("boxes_pyramid.tiff", "openslide", (300, 250), 4, None),
    ("boxes_0.dcm", "openslide", (16, 16), 1, 0.499),
    ("tiny_16px.svs", "openslide", (16, 16), 1, 0.499),
    ("dicom_cmu", "openslide", (1280, 1536), 3, 0.499),
]


@pytest.mark.parametrize(("name", "reader", "size", "levels", "mpp"), TABLE)
def test_every_slide_has_the_size_levels_and_pixel_size_it_should(
    real_data: Path, name: str, reader: str, size: tuple[int, int], levels: int, mpp: float | None
) -> None:
    with open_slide(real_data / "wsi" / name) as slide:
        assert slide.reader.name.startswith(reader)
        assert (slide.size, len(slide.levels)) == (size, levels)
        assert (slide.pixel_size.x if slide.pixel_size else None) == mpp


@pytest.mark.parametrize("name", [row[0] for row in TABLE if row[0].endswith(("svs", "tif", "tiff"))])
def test_both_libraries_read_the_same_bits_of_level_0(real_data: Path, name: str) -> None:
    path = real_data / "wsi" / name
    with open_slide(path, "openslide") as one, open_slide(path, "tifffile") as other:
        box = Box(0, 0, *one.size).within(1000, 1000)
        pixels = one.read(0, box)[0]
        np.testing.assert_array_equal(pixels, other.read(0, box)[0])


def test_the_profile_of_a_dicom_slide_is_the_same_through_both_libraries(real_data: Path) -> None:
    pytest.importorskip("wsidicom")
    path = real_data / "wsi" / "dicom_cmu"
    with open_slide(path, "openslide") as one, open_slide(path, "wsidicom") as other:
        assert profile_name(one.reader.icc_profile()) == profile_name(other.reader.icc_profile()) == "sRGB built-in"


def test_a_pixel_hash_of_the_scanned_slide_stays_the_same(real_data: Path) -> None:
    with open_slide(real_data / "wsi" / "cmu_1_small_region.svs") as slide:
        pixels = slide.read(0, Box(1000, 1500, 256, 256))[0]
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == "d87321e5e083b469"


def test_dicom_is_the_same_through_openslide_and_wsidicom(real_data: Path) -> None:
    pytest.importorskip("wsidicom")
    path = real_data / "wsi" / "dicom_cmu"
    with open_slide(path, "openslide") as one, open_slide(path, "wsidicom") as other:
        assert one.levels == other.levels
        for level in range(3):
            np.testing.assert_array_equal(
                one.read(level, Box(50, 60, 200, 150))[0], other.read(level, Box(50, 60, 200, 150))[0]
            )


def test_a_file_that_openslide_refuses_falls_back_to_wsidicom(real_data: Path) -> None:
    pytest.importorskip("wsidicom")
    with open_slide(real_data / "wsi" / "dicom_ybr_full.dcm") as slide:
        assert slide.reader.name.startswith("wsidicom")
        assert slide.size == (320, 384)
        assert 150 < slide.read(0, Box(0, 0, 320, 384))[0].mean() < 240


def test_without_wsidicom_the_message_names_the_extra(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnunetv2.pathology.slides.dicom_reader.find_spec", lambda name: None)
    with pytest.raises(UnreadableSlideError, match=r"YBR_FULL.*pip install nnunetv2\[dicom\]"):
        open_slide(real_data / "wsi" / "dicom_ybr_full.dcm")


@pytest.mark.parametrize("named_by", ["folder", "file"])
def test_damaged_parts_of_a_dicom_slide_are_rescued_whether_its_folder_or_a_file_is_named(
    real_data: Path, tmp_path: Path, named_by: str
) -> None:
    for file in (real_data / "wsi/dicom_cmu").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    finest = tmp_path / "level_0.dcm"
    content = finest.read_bytes()
    kept = len(content) // 4
    finest.write_bytes(content[:kept] + bytes(len(content) - kept - 2000) + content[-2000:])
    with RescuingView(SlideSource(str(tmp_path if named_by == "folder" else finest), None)) as view:
        states = view.read(Box(0, 0, 1024, 1024)).state
    assert set(np.unique(states)) == {PixelState.READ, PixelState.RESCUED}


def test_every_bad_file_is_handled_as_the_table_of_damage_says(real_data: Path) -> None:
    def states(name: str) -> dict[PixelState, float]:
        with RescuingView(SlideSource(str(real_data / "wsi" / name), None)) as view:
            block = view.read(Box(0, 0, view.view.width, view.view.height))
        return {state: float((block.state == state).mean()) for state in PixelState if (block.state == state).any()}

    assert states("bad_zeroed_tile.tif") == {PixelState.READ: 1 - 1 / 16, PixelState.RESCUED: 1 / 16}
    assert states("bad_missing_tiles.tif") == {PixelState.READ: 0.9375, PixelState.MISSING: 0.0625}
    assert states("bad_unreadable.svs") == {PixelState.FAILED: 1.0}
    assert states("bad_truncated.tif") == {PixelState.READ: 0.75, PixelState.FAILED: 0.25}
    with pytest.raises(
        UnreadableSlideError, match=r"cannot be opened as a slide \(1020 bytes\): OpenSlide: Unsupported TIFF"
    ):
        open_slide(real_data / "wsi" / "bad_unopenable.tiff")
    with open_slide(real_data / "wsi" / "bad_truncated.tif") as slide:
        assert slide.warnings[0].startswith(
            "cut off: 13 of 64 tiles of level 0 lie beyond the end of the file (292148 bytes"
        )
    with pytest.raises(SlideError, match="8-bit RGB brightfield expected, got 1 x 8-bit grey"):
        open_slide(real_data / "wsi" / "mosaic_node_mask.tif")
