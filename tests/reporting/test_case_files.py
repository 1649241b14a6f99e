"""Cases are read from every kind of image file."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import tifffile
from PIL import Image

from nnunetv2.errors import ImageProblemError
from nnunetv2.reporting.case_files import PictureFolders, read_case_picture
from nnunetv2.reporting.evaluation_results import BadCase
from tests.reporting.model_folder import labels


def bad_case(prediction: Path, reference: Path) -> BadCase:
    return BadCase("c", "", 0.5, str(prediction), str(reference), {})


def test_a_volume_is_shown_by_the_plane_that_differs_most(tmp_path: Path) -> None:
    reference = np.zeros((6, 9, 8), np.uint8)
    reference[:, 2:5, 2:5] = 1
    prediction = reference.copy()
    prediction[1, 2, 2] = 0
    prediction[4, 2:5, 2] = 0
    image = np.random.default_rng(0).normal(100, 20, reference.shape).astype(np.float32)
    for name, array in (("p.nii.gz", prediction), ("r.nii.gz", reference), ("p_0000.nii.gz", image)):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(tmp_path / name))

    folders = PictureFolders(tmp_path, (tmp_path,), ())
    picture = read_case_picture(bad_case(tmp_path / "p.nii.gz", tmp_path / "r.nii.gz"), folders, ".nii.gz")

    assert picture.plane == 4
    np.testing.assert_array_equal(picture.prediction, prediction[4])
    assert picture.image.shape == (9, 8, 3)
    assert picture.image.dtype == np.uint8
    assert np.ptp(picture.image) == 255


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16"])
def test_every_kind_of_picture_becomes_colour(mode: str, tmp_path: Path) -> None:
    grey = np.linspace(0, 255, 40 * 48).reshape(40, 48)
    if mode == "I;16":
        image = Image.fromarray((grey * 200).astype(np.uint16))
    else:
        image = Image.fromarray(grey.astype(np.uint8)).convert(mode)
    image.save(tmp_path / "p_0000.png")
    for name in ("p.png", "r.png"):
        Image.fromarray(labels()).save(tmp_path / name)

    folders = PictureFolders(tmp_path, (tmp_path,), ())
    picture = read_case_picture(bad_case(tmp_path / "p.png", tmp_path / "r.png"), folders, ".png")

    assert picture.image.shape == (40, 48, 3)
    assert picture.image[0].mean() < 20 < 235 < picture.image[-1].mean()


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_labels_in_palette_and_colour_files_are_their_indices_and_values(mode: str, tmp_path: Path) -> None:
    stored = Image.fromarray(labels())
    if mode == "P":
        stored.putpalette([0, 0, 0, 200, 30, 30, 30, 200, 30])
    for name in ("p.png", "r.png"):
        (stored if mode == "P" else stored.convert(mode)).save(tmp_path / name)
    Image.fromarray(labels()).save(tmp_path / "p_0000.png")

    folders = PictureFolders(tmp_path, (tmp_path,), ())
    picture = read_case_picture(bad_case(tmp_path / "p.png", tmp_path / "r.png"), folders, ".png")

    assert picture.plane is None
    np.testing.assert_array_equal(picture.prediction, labels())
    np.testing.assert_array_equal(picture.reference, labels())


def test_tiff_files_are_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p_0000.tif", np.full((40, 48, 3), 7, np.uint8), photometric="rgb")
    for name in ("p.tif", "r.tif"):
        tifffile.imwrite(tmp_path / name, labels())

    folders = PictureFolders(tmp_path, (tmp_path,), ())
    picture = read_case_picture(bad_case(tmp_path / "p.tif", tmp_path / "r.tif"), folders, ".tif")

    assert (picture.image == 7).all()


def test_mismatched_unreadable_and_missing_files_are_named(tmp_path: Path) -> None:
    Image.fromarray(labels()).save(tmp_path / "p.png")
    Image.fromarray(labels()[:-1]).save(tmp_path / "r.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    Image.fromarray(labels()).save(tmp_path / "p_0000.png")
    folders = PictureFolders(tmp_path, (tmp_path,), ())

    with pytest.raises(ImageProblemError, match="differ in shape"):
        read_case_picture(bad_case(tmp_path / "p.png", tmp_path / "r.png"), folders, ".png")
    with pytest.raises(ImageProblemError, match=r"broken\.png cannot be read"):
        read_case_picture(bad_case(tmp_path / "p.png", tmp_path / "broken.png"), folders, ".png")
    with pytest.raises(ImageProblemError, match=r"reference absent\.png not found"):
        read_case_picture(bad_case(tmp_path / "p.png", tmp_path / "absent.png"), folders, ".png")
