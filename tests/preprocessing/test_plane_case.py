"""The reference is `run_case` of the default preprocessor, which has the whole image as float32."""

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import ImageProblemError, UnfitImageError
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.row_images import RowImage
from nnunetv2.pathology.stain.colour_features import colour_features
from nnunetv2.pathology.stain.intensities_entry import PROPERTY
from nnunetv2.preprocessing import plane_case
from nnunetv2.preprocessing.plane_case import run_plane_case
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.stored_plane import StoredPlane
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from s1 import tiff_rows
from tests.preprocessing.factories import DATASET_JSON, managers, plans

KINDS = ["full", "black border", "black above", "black", "one column"]


def picture(kind: str) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(1, 256, (61, 130, 3), dtype=np.uint8)
    dark = {"black border": np.s_[5:50, 7:99], "black above": np.s_[9:], "one column": np.s_[3:44, 8:9]}
    if kind == "full":
        return pixels
    shown = np.zeros_like(pixels)
    if kind in dark:
        shown[dark[kind]] = pixels[dark[kind]]
    return shown


def saved(folder: Path, pixels: np.ndarray, name: str = "a_0000.png") -> str:
    Image.fromarray(pixels).save(folder / name)
    return str(folder / name)


def model(content: dict[str, Any] | None = None, channels: int = 3) -> ModelDescription:
    names = {str(number): f"channel{number}" for number in range(channels)}
    content = content or plans()
    entries = content["configurations"]["2d"]
    entries |= {f"resampling_fn_probabilities{end}": entries[f"resampling_fn_data{end}"] for end in ("", "_kwargs")}
    manager, configuration = managers(content)
    return ModelDescription.of(manager, configuration, {**DATASET_JSON, "channel_names": names})


def whole(files: list[str], described: ModelDescription) -> tuple[np.ndarray, dict[str, Any]]:
    managers_of_it = described.plans, described.configuration, described.dataset_json
    data, _, properties = DefaultPreprocessor(verbose=False).run_case(files, None, *managers_of_it)
    return data, properties


def in_parts(plane: StoredPlane) -> np.ndarray:
    """Put the plane together from parts."""
    result = np.full((len(plane), *plane.shape[2:]), np.nan, dtype=np.float32)
    tops, lefts = range(0, plane.shape[2], 13), range(0, plane.shape[3], 40)
    for top, left in itertools.product(tops, lefts):
        place = slice(top, min(top + 13, plane.shape[2])), slice(left, min(left + 40, plane.shape[3]))
        result[(slice(None), *place)] = plane.part(*place)
    return result[:, None]


@pytest.mark.parametrize("scheme", ["ZScoreNormalization", "RescaleTo01Normalization", "RGBTo01Normalization"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_in_parts_has_the_bits_of_the_preprocessed_image(tmp_path, kind, scheme):
    files, described = [saved(tmp_path, picture(kind))], model(plans(schemes=(scheme,) * 3))
    plane, properties = run_plane_case(files, described, DefaultPreprocessor(verbose=False))
    data, expected = whole(files, described)
    assert isinstance(plane, StoredPlane)
    assert plane.images[0].dtype == np.uint8
    assert properties == expected
    assert plane.shape == data.shape
    assert np.array_equal(in_parts(plane), data)


@pytest.fixture
def read_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_rows, "SMALLEST_BYTES", 0)


def saved_tiff(folder: Path, pixels: np.ndarray, name: str = "a_0000.tif") -> str:
    tifffile.imwrite(folder / name, pixels, photometric="rgb", tile=(16, 16), compression="zlib")
    return str(folder / name)


@pytest.mark.usefixtures("read_in_rows")
@pytest.mark.parametrize("scheme", ["ZScoreNormalization", "RescaleTo01Normalization", "RGBTo01Normalization"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_read_in_rows_has_the_bits_of_the_preprocessed_image(tmp_path, kind, scheme):
    files, described = [saved_tiff(tmp_path, picture(kind))], model(plans(schemes=(scheme,) * 3))
    plane, properties = run_plane_case(files, described, DefaultPreprocessor(verbose=False))
    data, expected = whole(files, described)
    assert isinstance(plane.images[0], RowImage)
    assert properties == expected
    assert plane.shape == data.shape
    assert np.array_equal(in_parts(pickle.loads(pickle.dumps(plane))), data)
    assert np.array_equal(plane.some_pixels(7), data.reshape(3, -1)[:, ::7])


@pytest.mark.usefixtures("read_in_rows")
def test_a_picture_in_rows_that_is_resampled_is_read_as_any_other(tmp_path):
    files = [saved_tiff(tmp_path, picture("black border"))]
    described = model(plans(spacing=(2.0, 1.0)))
    data, _ = run_plane_case(files, described, DefaultPreprocessor(verbose=False))
    assert np.array_equal(data, whole(files, described)[0])


@pytest.mark.usefixtures("read_in_rows")
@pytest.mark.parametrize("scheme", ["ZScoreNormalization", "NoNormalization"])
def test_damage_in_rows_is_found_before_the_prediction(tmp_path, scheme):
    file = Path(saved_tiff(tmp_path, picture("full")))
    content = bytearray(file.read_bytes())
    with tifffile.TiffFile(file) as tiff:
        start = tiff.pages[0].dataoffsets[-1]
    content[start : start + 40] = bytes(40)
    file.write_bytes(content)
    with pytest.raises(ImageProblemError, match=r"a_0000\.tif: cannot be read, damaged"):
        run_plane_case([str(file)], model(plans(schemes=(scheme,) * 3)), DefaultPreprocessor(verbose=False))


def test_channels_in_files_of_their_own_are_normalised_each_by_its_scheme(tmp_path):
    pixels = picture("black border")
    files = [saved(tmp_path, pixels[..., index], f"a_000{index}.png") for index in range(2)]
    described = model(plans(schemes=("ZScoreNormalization", "CTNormalization")), channels=2)
    plane, properties = run_plane_case(files, described, DefaultPreprocessor(verbose=False))
    data, expected = whole(files, described)
    assert isinstance(plane, StoredPlane)
    assert properties == expected
    assert np.array_equal(in_parts(plane), data)


class OfAClient(DefaultPreprocessor):
    pass


class ReaderOfAClient(NaturalImage2DIO):
    def read_images(self, image_fnames):
        images, properties = super().read_images(image_fnames)
        return images + 1, properties


@pytest.mark.parametrize(
    "content",
    [
        plans(spacing=(2.0, 1.0)),
        plans(transpose_forward=(0, 2, 1)),
        plans(use_mask_for_norm=[True] * 3),
        plans(spacing=(1.0, 1.0, 1.0)),
    ],
    ids=["resampled", "turned", "with a mask", "three axes"],
)
def test_a_case_that_is_needed_at_once_is_preprocessed_as_any_other(tmp_path, content):
    files, described = [saved(tmp_path, picture("black border"))], model(content)
    data, properties = run_plane_case(files, described, DefaultPreprocessor(verbose=False))
    expected, expected_properties = whole(files, described)
    assert isinstance(data, np.ndarray)
    assert np.array_equal(data, expected)
    assert properties == expected_properties


def test_a_turned_photo_is_preprocessed_as_any_other(tmp_path):
    file = str(tmp_path / "a_0000.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture("full")).save(file, exif=exif)
    data, _ = run_plane_case([file], model(), DefaultPreprocessor(verbose=False))
    assert np.array_equal(data, whole([file], model())[0])


def test_preprocessors_and_readers_of_clients_are_asked(tmp_path, monkeypatch):
    files = [saved(tmp_path, picture("full"))]
    data, _ = run_plane_case(files, model(), OfAClient(verbose=False))
    assert isinstance(data, np.ndarray)
    described = model(plans(schemes=("NoNormalization",) * 3))
    monkeypatch.setattr(type(described.plans), "image_reader_writer_class", ReaderOfAClient)
    plane, _ = run_plane_case(files, described, DefaultPreprocessor(verbose=False))
    assert in_parts(plane)[:, 0].transpose(1, 2, 0).min() == picture("full").min() + 1
    monkeypatch.setattr(DefaultPreprocessor, "_normalize", lambda self, data, *_: data * 0)
    data, _ = run_plane_case(files, model(), DefaultPreprocessor(verbose=False))
    assert not data.any()


def test_another_number_of_channels_is_refused_with_the_file(tmp_path):
    file = saved(tmp_path, picture("full")[..., 0])
    with pytest.raises(UnfitImageError, match=r"a_0000.png: 1 channel\(s\), dataset.json names 3"):
        run_plane_case([file], model(), DefaultPreprocessor(verbose=False))


def test_the_image_is_not_converted_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(plane_case, "stack_channels", lambda *_: pytest.fail("joined"))
    plane, _ = run_plane_case([saved(tmp_path, picture("full"))], model(), DefaultPreprocessor(verbose=False))
    assert isinstance(plane, StoredPlane)


@pytest.mark.parametrize("scheme", ["ZScoreNormalization", "RescaleTo01Normalization", "RGBTo01Normalization"])
@pytest.mark.parametrize("kind", ["full", "black border"])
@pytest.mark.parametrize("save", [saved, saved_tiff])
@pytest.mark.usefixtures("read_in_rows")
def test_colours_are_described_as_of_the_whole_image(tmp_path, kind, scheme, save):
    files, described = [save(tmp_path, picture(kind))], model(plans(schemes=(scheme,) * 3))
    preprocessor = DefaultPreprocessor(verbose=False)
    preprocessor.keep_colours = True
    plane, properties = run_plane_case(files, described, preprocessor)
    data, _, expected = preprocessor.run_case(
        files, None, described.plans, described.configuration, described.dataset_json
    )
    assert isinstance(plane.images[0], RowImage if save is saved_tiff else np.ndarray)
    np.testing.assert_equal(properties[PROPERTY], expected[PROPERTY])
    assert np.array_equal(plane.some_pixels(7), data.reshape(3, -1)[:, ::7])
    assert np.array_equal(colour_features(plane.some_pixels(1), properties), colour_features(data, expected))
