from pathlib import Path

import numpy as np
import pytest
import tifffile

from nnunetv2.errors import AnnotationError, MissingFileError
from nnunetv2.pathology.annotations.mask_pyramid import MaskPyramid
from tests.pathology.annotations.label_maps import blobs

MASK = blobs(100, 150)


@pytest.fixture(params=["tiles", "strips"])
def mask_file(request, tmp_path) -> Path:
    layout = {"tile": (32, 48)} if request.param == "tiles" else {"rowsperstrip": 7}
    tifffile.imwrite(tmp_path / "a_mask.tif", MASK, compression="zlib", **layout)
    return tmp_path / "a_mask.tif"


def test_a_mask_of_the_size_of_the_slide_is_read_as_it_is(mask_file):
    with MaskPyramid(mask_file, (150, 100)) as mask:
        drawn = mask.draw(10, 20, 70, 90)
    assert np.array_equal(drawn, MASK[10:80, 20:110])


def test_values_are_those_at_the_centres_of_pixels_at_any_scale(mask_file):
    with MaskPyramid(mask_file, (600, 400)) as mask:
        assert np.array_equal(mask.draw(0, 0, 200, 300, (2, 2)), np.kron(MASK, np.ones((2, 2), np.uint8)))
        assert np.array_equal(mask.draw(0, 0, 50, 75, (8, 8)), MASK[1::2, 1::2])


def test_outside_of_the_mask_there_is_background(mask_file):
    with MaskPyramid(mask_file, (150, 100)) as mask:
        drawn = mask.draw(-5, 145, 20, 10)
    assert not drawn[:5].any()
    assert not drawn[:, 5:].any()
    assert np.array_equal(drawn[5:, :5], MASK[:15, 145:])


def test_other_proportions_than_those_of_the_slide_are_refused_with_both_sizes(mask_file):
    MaskPyramid(mask_file, (300, 201)).close()
    with pytest.raises(AnnotationError, match="the mask has 150 x 100 pixels, the slide 300 x 202; expected the same"):
        MaskPyramid(mask_file, (300, 202))


def test_pictures_and_texts_are_no_masks(tmp_path):
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((9, 9, 3), np.uint8), photometric="rgb")
    (tmp_path / "text.tif").write_text("no")
    for name in ("rgb.tif", "text.tif"):
        with pytest.raises(AnnotationError, match=f"{name}: damaged, or no label image in TIFF"):
            MaskPyramid(tmp_path / name, (9, 9))
    with pytest.raises(MissingFileError):
        MaskPyramid(tmp_path / "none.tif", (9, 9))


@pytest.mark.real
def test_the_mask_of_the_mosaic_has_its_tumour(real_data):
    file = real_data / "wsi" / "mosaic_node_mask.tif"
    with MaskPyramid(file, (3072, 2048)) as mask:
        drawn = mask.draw(0, 0, 2048, 3072)
    assert np.array_equal(drawn, tifffile.imread(file, key=0))
    assert drawn.any()
