"""Readers: the same pixels from different libraries, and the traps of OpenSlide."""

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import SettingsError, SlideError, UnreadableSlideError
from nnunetv2.pathology.slides import openslide_reader
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.openslide_reader import OpenSlideReader
from nnunetv2.pathology.slides.reader_choice import second_readers
from nnunetv2.pathology.slides.slide import Slide, open_slide
from nnunetv2.pathology.slides.tiff_pyramid import TiffPyramid
from sample_data.pyramids import Damage
from tests.pathology.slides.slide_files import write_small_slide


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "small.tif"
    write_small_slide(path)
    return path


@pytest.mark.parametrize("box", [Box(0, 0, 1500, 1100), Box(100, 37, 301, 129), Box(1490, 1090, 10, 10)])
def test_openslide_and_tifffile_read_the_same_bits(small: Path, box: Box) -> None:
    with open_slide(small, "openslide") as one, open_slide(small, "tifffile") as other:
        assert one.levels == other.levels
        np.testing.assert_array_equal(one.read(0, box)[0], other.read(0, box)[0])
        assert one.pixel_size is not None
        assert other.pixel_size is not None
        assert one.pixel_size.x == pytest.approx(other.pixel_size.x)


def test_a_failed_read_leaves_the_slide_usable(tmp_path: Path) -> None:
    """Trap 1: an error poisons OpenSlide's handle."""
    write_small_slide(tmp_path / "a.tif", damage=Damage(zeroed_tiles=((1, 1),)))
    with open_slide(tmp_path / "a.tif") as slide:
        with pytest.raises(UnreadableSlideError, match=r"a\.tif: OpenSlide: Not a JPEG file"):
            slide.read(0, Box(128, 128, 10, 10))
        assert slide.read(0, Box(0, 0, 100, 100))[1].all()


@pytest.mark.parametrize("reader", ["openslide", "tifffile"])
def test_missing_tiles_are_white_not_valid_and_counted(tmp_path: Path, reader: str) -> None:
    """Traps 2 and 4: they are read without an error, as transparent black."""
    write_small_slide(tmp_path / "a.tif", damage=Damage(missing_tiles=((0, 0), (2, 1))))
    with open_slide(tmp_path / "a.tif", reader) as slide:
        pixels, valid = slide.read(0, Box(100, 0, 60, 50))
        assert slide.warnings == ("2 of 108 tiles of level 0 are missing; where this level is used, they are white",)
    assert (pixels[:, :28] == 255).all()
    assert not valid[:, :28].any()
    assert valid[:, 28:].all()


@pytest.mark.parametrize("height", [1, 128, 300])
def test_half_transparent_pixels_lie_over_the_background_in_every_row(height: int) -> None:
    rows = np.arange(height)
    region = np.zeros((height, 5, 4), np.uint8)
    region[..., 0] = (rows % 200)[:, None]
    region[..., 3] = (rows % 256)[:, None]
    pixels, valid = openslide_reader.composited(Image.fromarray(region), (255, 250, 240))
    share = (rows % 256) / 255
    np.testing.assert_allclose(pixels[:, 3, 0], (rows % 200) * share + 255 * (1 - share), atol=0.501)
    np.testing.assert_allclose(pixels[:, 3, 2], 240 * (1 - share), atol=0.501)
    assert np.array_equal(valid[:, 4], rows % 256 >= 128)


def test_regions_at_uneven_levels_start_at_the_nearest_pixel(tmp_path: Path) -> None:
    """Trap 3: odd sizes give downsamples like 2.0007; a level's own pixels are at most half a pixel away."""
    write_small_slide(tmp_path / "a.tif", width=1501, height=1103, glass_share=0)
    with open_slide(tmp_path / "a.tif", "openslide") as one, open_slide(tmp_path / "a.tif", "tifffile") as other:
        assert one.levels[1].downsample == other.levels[1].downsample != 2
        box = Box(401, 303, 100, 80)
        regions = [slide.read(1, box)[0].astype(int) for slide in (one, other)]
        shifted = other.read(1, Box(402, 303, 100, 80))[0].astype(int)
    assert np.abs(regions[0] - regions[1]).mean() < 0.6 * np.abs(regions[0] - shifted).mean()


def test_an_absurd_pixel_size_counts_as_missing(tmp_path: Path) -> None:
    """Trap 5: 72 dots per inch are 352.8 um."""
    write_small_slide(tmp_path / "a.tif", mpp=352.8)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.pixel_size is None
    with open_slide(tmp_path / "a.tif", mpp=0.25) as slide:
        assert slide.mpp.source == "user"


class Bounded:
    """Stands for a handle of a format with bounds; its pixels tell where they are read."""

    dimensions = (1000, 800)
    level_dimensions = ((1000, 800), (500, 400))
    level_downsamples = (1.0, 2.0)
    properties: dict[str, str] = {  # noqa: RUF012
        "openslide.vendor": "mirax",
        **{
            f"openslide.bounds-{key}": str(value)
            for key, value in zip(("x", "y", "width", "height"), (100, 50, 600, 400), strict=True)
        },
        "openslide.background-color": "102030",
    }

    def __init__(self, _: str):
        self.corners: list[tuple[int, int]] = []

    def read_region(self, corner: tuple[int, int], level: int, size: tuple[int, int]) -> Image.Image:
        self.corners.append(corner)
        region = np.full((size[1], size[0], 4), 200, np.uint8)
        region[..., 3] = np.where(np.arange(size[0]) < 2, 0, 255)
        return Image.fromarray(region)

    def set_cache(self, _: object) -> None:
        pass

    def close(self) -> None:
        pass


def test_bounds_are_the_origin_of_the_content_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 6; and the colour of what was not scanned is the file's own."""
    library = SimpleNamespace(OpenSlide=Bounded, OpenSlideError=OSError, OpenSlideCache=int, __library_version__="4")
    monkeypatch.setattr(openslide_reader, "openslide_library", lambda: library)
    reader = OpenSlideReader("a.mrxs")
    slide = Slide("a.mrxs", reader)
    assert (slide.origin, slide.size) == ((100, 50), (600, 400))
    assert [(level.width, level.height) for level in slide.levels] == [(600, 400), (300, 200)]
    pixels, valid = slide.read(1, Box(10, 20, 5, 5))
    assert reader._handle.corners == [(120, 90)]
    assert pixels[0, 0].tolist() == [0x10, 0x20, 0x30]
    assert pixels[0, 2].tolist() == [200, 200, 200]
    assert valid[0].tolist() == [False, False, True, True, True]


def _mean_of_first_pixels(slide: Slide, answers: Any) -> None:
    answers.put(float(slide.read(0, Box(0, 0, 50, 50))[0].mean()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_opens_the_file_for_itself(small: Path) -> None:
    """Trap 7."""
    context = multiprocessing.get_context("fork")
    with open_slide(small) as slide:
        expected = float(slide.read(0, Box(0, 0, 50, 50))[0].mean())
        answers = context.Queue()
        child = context.Process(target=_mean_of_first_pixels, args=(slide, answers))
        child.start()
        assert answers.get(timeout=30) == expected
        child.join()


def test_an_open_slide_cannot_be_sent_to_another_process(small: Path) -> None:
    import pickle

    with open_slide(small) as slide, pytest.raises(TypeError, match="open it there by its path"):
        pickle.dumps(slide)


def test_a_file_cut_off_is_named_as_such_with_the_number_of_tiles(tmp_path: Path) -> None:
    """Trap 8: OpenSlide says `Unsupported or missing image file`, or cannot hash tiles."""
    drawn = write_small_slide(tmp_path / "a.tif", damage=Damage(kept_share=0.5))
    row, column = (512 * int(at[0]) for at in np.nonzero(drawn.blocks == 0))  # glass is the first in the file
    with open_slide(tmp_path / "a.tif") as slide:
        warning, _ = slide.warnings
        assert "tiles of level 0 lie beyond the end of the file (" in warning
        assert slide.read(0, Box(column, row, 10, 10))[1].all()


def test_without_openslide_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openslide", None)
    with pytest.raises(SettingsError) as caught:
        OpenSlideReader("a.svs")
    assert str(caught.value).startswith(
        "slides need openslide-python and openslide-bin: pip install openslide-python openslide-bin (no wheels exist"
        " for this platform: "
    )


def test_without_openslide_tifffile_reads_what_it_can(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openslide", None)
    with open_slide(small) as slide:
        assert slide.reader.name.startswith("tifffile")


def test_a_pyramid_in_sub_directories_is_read_by_tifffile(tmp_path: Path) -> None:
    write_small_slide(tmp_path / "a.tif", in_sub_directories=True)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.reader.name.startswith("tifffile")
        assert len(slide.levels) == 2


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_a_plain_picture_is_a_slide_of_one_level(tmp_path: Path, ending: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
    path = tmp_path / f"a.{ending}"
    tifffile.imwrite(path, pixels, photometric="rgb") if ending == "tif" else Image.fromarray(pixels).save(path)
    with open_slide(path, mpp=0.5) as slide:
        assert (slide.size, len(slide.levels)) == ((90, 70), 1)
        shown, valid = slide.view(0.5).read(0, 0, 90, 70)
        assert valid.all()
        assert ending == "jpg" or (shown == pixels).all()


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (np.zeros((64, 64), np.uint8), "1 x 8-bit grey"),
        (np.zeros((64, 64, 3), np.uint16), "3 x 16-bit colour"),
        (np.zeros((64, 64), np.uint16), "1 x 16-bit grey"),
    ],
)
def test_other_pixels_than_8_bit_colours_are_refused(tmp_path: Path, values: Any, got: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values, tile=(64, 64), photometric="rgb" if values.ndim == 3 else "minisblack")
    with pytest.raises(SlideError, match=f"a.tif: 8-bit RGB brightfield expected, got {got}"):
        open_slide(tmp_path / "a.tif")


PHYSICAL_SIZE = {"PhysicalSizeX": 500, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 500, "PhysicalSizeYUnit": "nm"}


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (np.zeros((64, 64), np.uint8), "8-bit grey"),
        (np.zeros((64, 64), bool), "1-bit grey"),
        (np.zeros((64, 64), np.uint16), "16-bit grey"),
        (np.zeros((64, 64, 2), np.uint8), "8-bit grey"),
        (np.zeros((64, 64, 3), np.uint16), "16-bit colour"),
    ],
)
@pytest.mark.parametrize("reader", ["auto", "pillow"])
def test_pictures_of_other_pixels_are_refused_when_they_are_opened(
    tmp_path: Path, values: Any, got: str, reader: str
) -> None:
    if got == "16-bit colour":
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values))
    else:
        Image.fromarray(values).save(tmp_path / "a.png")
    with pytest.raises(SlideError, match=f"a.png: 8-bit RGB brightfield expected, got {got}$"):
        open_slide(tmp_path / "a.png", reader)


def test_jpeg_files_for_print_are_refused_and_palettes_are_colours(tmp_path: Path) -> None:
    Image.new("CMYK", (64, 64)).save(tmp_path / "a.jpg")
    with pytest.raises(SlideError, match=r"a\.jpg: 8-bit RGB brightfield expected, got colours for print \(CMYK\)"):
        open_slide(tmp_path / "a.jpg")
    Image.new("RGB", (64, 64), (200, 0, 100)).quantize(4).save(tmp_path / "b.png")
    with open_slide(tmp_path / "b.png") as slide:
        assert slide.read(0, Box(0, 0, 64, 64))[0].std((0, 1)).tolist() == [0, 0, 0]


def three_planes(path: Path, **metadata: Any) -> Path:
    planes = np.stack([np.full((128, 128, 3), value, np.uint8) for value in (10, 20, 30)])
    tifffile.imwrite(path, planes, tile=(64, 64), photometric="rgb", metadata={"axes": "ZYXS", **metadata})
    return path


@pytest.mark.parametrize("reader", ["auto", "tifffile"])
@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif"])
def test_a_stack_of_planes_is_read_in_the_middle_with_a_warning(tmp_path: Path, reader: str, name: str) -> None:
    with open_slide(three_planes(tmp_path / name), reader) as slide:
        assert slide.read(0, Box(0, 0, 4, 4))[0].mean() == 20
        assert slide.warnings == ("3 planes (ZYXS), of which the middle one is read",)


def test_a_library_that_reads_the_first_plane_of_a_stack_is_no_second_reader_and_says_so(tmp_path: Path) -> None:
    path = three_planes(tmp_path / "a.ome.tif")
    with open_slide(path, "openslide") as slide:
        assert slide.read(0, Box(0, 0, 4, 4))[0].mean() == 10
        assert slide.warnings == ("3 planes, of which the first one is read",)
        assert second_readers(path, slide.reader.name) == []
    assert second_readers(path, "tifffile") == []


@pytest.mark.parametrize("reader", ["auto", "openslide", "tifffile"])
def test_the_physical_size_in_a_flat_ome_file_is_its_pixel_size_whatever_the_tags_say(
    tmp_path: Path, reader: str
) -> None:
    pixels, dots = np.zeros((128, 128, 3), np.uint8), {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        pixels,
        tile=(64, 64),
        photometric="rgb",
        metadata={"axes": "YXS", **PHYSICAL_SIZE},
        **dots,
    )
    with open_slide(tmp_path / "a.ome.tif", reader) as slide:
        assert (slide.mpp.x, slide.mpp.y, slide.mpp.source) == (0.5, 0.5, "ome.PhysicalSize")
        assert slide.warnings == ()


def test_labels_are_read_as_they_are_stored(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 5, (300, 200), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", labels, tile=(64, 64), compression="zlib")
    pyramid = TiffPyramid(tmp_path / "a.tif")
    values, valid = pyramid.read(0, Box(50, 60, 100, 110))
    pyramid.close()
    np.testing.assert_array_equal(values[..., 0], labels[60:170, 50:150])
    assert valid.all()


def test_a_jpeg_tile_that_claims_another_size_is_not_decoded(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(64, 64), compression="jpeg")
    content = (tmp_path / "a.tif").read_bytes()
    frame = content.index(b"\xff\xc0") + 5
    (tmp_path / "a.tif").write_bytes(content[:frame] + (65500).to_bytes(2, "big") * 2 + content[frame + 4 :])
    pyramid = TiffPyramid(tmp_path / "a.tif")
    with pytest.raises(UnreadableSlideError, match="a tile or strip claims 4290250000 pixels, expected 64 x 64"):
        pyramid.read(0, Box(0, 0, 64, 64))
    pyramid.close()


def test_a_jpeg_2000_tile_of_more_components_is_not_decoded(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.uint8), tile=(64, 64), compression="jpeg2000")
    content = (tmp_path / "a.tif").read_bytes()
    place = content.index(b"\xff\x4f\xff\x51") + 40
    (tmp_path / "a.tif").write_bytes(content[:place] + (16384).to_bytes(2, "big") + content[place + 2 :])
    pyramid = TiffPyramid(tmp_path / "a.tif")
    with pytest.raises(UnreadableSlideError, match="and 16384 values in each, expected 1"):
        pyramid.read(0, Box(0, 0, 64, 64))
    pyramid.close()


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _text(path: Path) -> None:
    path.write_text("no slide")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (_folder, "is a folder without DICOM files"),
        (_pipe, "is a named pipe, expected a file"),
        (_text, r"cannot be opened as a slide \(8 bytes\): OpenSlide: Unsupported or missing image file"),
        (Path.touch, r"cannot be opened as a slide \(0 bytes\)"),
    ],
)
def test_what_is_no_slide_is_named_in_one_line(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "a.svs")
    with pytest.raises(UnreadableSlideError, match=rf"a\.svs: {message}") as caught:
        open_slide(tmp_path / "a.svs")
    assert "\n" not in str(caught.value)


def test_an_unknown_reader_is_refused(small: Path) -> None:
    with pytest.raises(SettingsError, match="expected one of auto, openslide, tifffile, wsidicom, pillow"):
        open_slide(small, "pyvips")


def test_what_lies_outside_a_level_is_white_and_not_valid(small: Path) -> None:
    with open_slide(small) as slide:
        pixels, valid = slide.read(0, Box(-10, 1095, 30, 10))
        assert not slide.read(0, Box(5000, 5000, 3, 3))[1].any()
    assert valid[:5, 10:].all()
    assert valid.sum() == 100
    assert (pixels[~valid] == 255).all()


def test_a_thumbnail_is_not_larger_than_asked_for(small: Path) -> None:
    with open_slide(small) as slide:
        assert slide.thumbnail(700).shape == (513, 700, 3)
        assert slide.thumbnail(4000).shape == (1100, 1500, 3)
