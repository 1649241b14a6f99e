import json
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile

from nnunetv2.errors import AnnotationError, CallError, InvalidValueError, MissingFileError
from nnunetv2.pathology.annotations.label_tiff import LabelPyramid
from nnunetv2.pathology.outputs.label_pyramid import PyramidDescription, write_label_pyramid
from nnunetv2.pathology.outputs.label_reduction import halved
from nnunetv2.pathology.outputs.ome_pyramid import level_sizes
from tests.pathology.annotations.label_maps import blobs

DESCRIPTION = PyramidDescription("a.svs", {"background": 0, "Tumor": 1, "Stroma": 2}, "Dataset120", (0.499, 0.5))


def written(labels: np.ndarray, target: Path) -> Path:
    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        return labels[top : top + height, left : left + width]

    write_label_pyramid(read, *labels.shape, labels.dtype, DESCRIPTION, target)
    return target


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return blobs(2100, 1537)


@pytest.fixture(scope="module")
def pyramid(labels, tmp_path_factory) -> Path:
    return written(labels, tmp_path_factory.mktemp("pyramid") / "labels.ome.tif")


def test_tifffile_reads_every_level_back(labels, pyramid):
    with tifffile.TiffFile(pyramid) as file:
        levels = file.series[0].levels
        assert [level.shape for level in levels] == [(2100, 1537), (1050, 768), (525, 384)]
        assert np.array_equal(levels[0].asarray(), labels)
        assert np.array_equal(levels[1].asarray(), halved(labels))
        assert np.array_equal(levels[2].asarray(), halved(halved(labels)))


def test_lower_resolutions_may_be_pages_which_openslide_sees(labels, tmp_path):
    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        return labels[top : top + height, left : left + width]

    target = tmp_path / "labels.ome.tif"
    write_label_pyramid(read, *labels.shape, labels.dtype, DESCRIPTION, target, as_pages=True)
    with openslide.OpenSlide(target) as slide:
        assert slide.level_dimensions == ((1537, 2100), (768, 1050), (384, 525))
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.499)
        found = np.asarray(slide.read_region((0, 0), 2, (384, 525)))[..., 0]
    assert np.array_equal(found, halved(halved(labels)))
    with LabelPyramid(target) as pyramid:
        assert pyramid.sizes[0] == labels.shape
        assert pyramid.description["labels"] == dict(DESCRIPTION.labels)
        assert np.array_equal(pyramid.read(0, 0, *labels.shape), labels)


def test_the_pages_are_those_of_a_big_tiled_deflated_tiff_with_sub_ifds(pyramid):
    with tifffile.TiffFile(pyramid) as file:
        page = file.pages[0]
        assert file.is_bigtiff
        assert (page.tile, page.compression.name, page.predictor, page.photometric.name) == (
            (512, 512),
            "ADOBE_DEFLATE",
            1,
            "MINISBLACK",
        )
        assert [sub.tags["NewSubfileType"].value for sub in page.pages] == [1, 1]
        assert page.resolutionunit == 3
        assert page.resolution == pytest.approx((10_000 / 0.499, 20_000))


def test_the_ome_xml_has_what_the_schema_requires(pyramid):
    with tifffile.TiffFile(pyramid) as file:
        root = ElementTree.fromstring(file.ome_metadata)
    namespace = {"o": root.tag[1:].split("}")[0]}
    image, pixels, channel = (root.find(path, namespace) for path in ("o:Image", ".//o:Pixels", ".//o:Channel"))
    assert image.attrib == {"ID": "Image:0", "Name": "a.svs"}
    assert {key: pixels.attrib[key] for key in ("SizeX", "SizeY", "SizeZ", "SizeC", "SizeT", "Type")} == {
        "SizeX": "1537",
        "SizeY": "2100",
        "SizeZ": "1",
        "SizeC": "1",
        "SizeT": "1",
        "Type": "uint8",
    }
    assert {"ID", "DimensionOrder"} <= set(pixels.attrib)
    assert (pixels.attrib["PhysicalSizeX"], pixels.attrib["PhysicalSizeYUnit"]) == ("0.499", "µm")
    assert channel.attrib["Name"] == "labels"
    assert json.loads(image.find("o:Description", namespace).text)["labels"] == DESCRIPTION.labels


def test_equal_labels_are_equal_bytes(labels, pyramid, tmp_path):
    assert written(labels, tmp_path / "again.ome.tif").read_bytes() == pyramid.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["again.ome.tif"]


def test_any_window_of_any_level_is_read(labels, pyramid):
    with LabelPyramid(pyramid) as file:
        assert file.sizes == level_sizes(*labels.shape)
        assert file.description["model"] == "Dataset120"
        for top, left, height, width in [(0, 0, 2100, 1537), (500, 510, 40, 20), (2099, 1536, 1, 1), (7, 9, 0, 0)]:
            window = file.read(top, left, height, width)
            assert np.array_equal(window, labels[top : top + height, left : left + width])
        assert np.array_equal(file.read(500, 0, 25, 384, level=2), halved(halved(labels))[500:])
        with pytest.raises(CallError, match="is not inside a level of 2100 x 1537"):
            file.read(2000, 0, 101, 5)


def test_labels_above_255_are_16_bit_and_small_images_have_one_level(tmp_path):
    labels = np.arange(30, dtype=np.uint16).reshape(5, 6) * 100
    with LabelPyramid(written(labels, tmp_path / "a.ome.tif")) as file:
        assert file.sizes == [(5, 6)]
        assert np.array_equal(file.read(0, 0, 5, 6), labels)


def test_other_and_damaged_files_are_refused_in_one_line(pyramid, tmp_path):
    text, picture, cut = tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "c.ome.tif"
    text.write_text("no")
    tifffile.imwrite(picture, np.zeros((5, 5, 3), np.uint8))
    data = bytearray(pyramid.read_bytes())
    with tifffile.TiffFile(pyramid) as file:
        start = file.pages[0].dataoffsets[3]
    data[start : start + 50] = bytes(50)
    cut.write_bytes(data)
    for file in (text, picture):
        with pytest.raises(AnnotationError, match="damaged, or no label image in TIFF") as caught:
            LabelPyramid(file)
        assert "\n" not in str(caught.value)
    with LabelPyramid(cut) as file, pytest.raises(AnnotationError, match="tile 3"):
        file.read(0, 1536, 10, 1)
    with pytest.raises(MissingFileError):
        LabelPyramid(tmp_path / "none.tif")


@pytest.mark.parametrize("mpp", [(0, 0.5), (float("nan"), 0.5), (0.5,)])
def test_pixel_sizes_have_to_be_positive(mpp):
    with pytest.raises(InvalidValueError, match="pixel size is"):
        PyramidDescription("a", {}, "m", mpp)


def test_labels_of_other_types_are_refused(tmp_path):
    with pytest.raises(InvalidValueError, match="labels are int64, expected uint8 or uint16"):
        written(np.zeros((4, 4), np.int64), tmp_path / "a.ome.tif")


def test_levels_end_at_1024_pixels_and_never_have_none():
    assert level_sizes(1024, 1024) == [(1024, 1024)]
    assert level_sizes(80_000, 100_000)[-1] == (625, 781)
    assert level_sizes(1, 5000) == [(1, 5000)]


@pytest.mark.slow
def test_a_quarter_of_a_gigapixel_takes_seconds_and_little_memory(tmp_path):
    """Bounds of the design: 12 s of CPU for a gigapixel, 300 MB."""
    block = blobs(2048, 2048)

    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        rows = block[(top + np.arange(height)) % 2048]
        return np.tile(rows, (1, -(-width // 2048)))[:, :width]

    start = time.process_time()
    write_label_pyramid(read, 16_384, 16_384, np.uint8, DESCRIPTION, tmp_path / "a.ome.tif")
    assert time.process_time() - start < 30
