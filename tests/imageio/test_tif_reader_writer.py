import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nnunetv2.errors import ImageProblemError, MissingFileError, UnfitImageError
from nnunetv2.imageio.tif_reader_writer import Tiff3DIO

VOLUME = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype(np.uint16)


def saved(path: Path, array: np.ndarray = VOLUME) -> str:
    tifffile.imwrite(path, array, photometric="minisblack")
    return str(path)


def test_channels_share_the_side_file_of_their_case(tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(json.dumps({"spacing": [2, 0.5, 0.5]}))
    names = [saved(tmp_path / "case_0000.tif"), saved(tmp_path / "case_0001.tif", VOLUME + 1)]

    data, properties = Tiff3DIO().read_images(names)

    assert data.dtype == np.float32
    np.testing.assert_array_equal(data, [VOLUME, VOLUME + 1])
    assert properties == {"spacing": [2, 0.5, 0.5]}


def test_the_side_file_is_known_before_it_exists(tmp_path: Path) -> None:
    names = [str(tmp_path / f"case_000{channel}.tif") for channel in range(2)]
    assert Tiff3DIO().side_files(names) == [str(tmp_path / "case.json")]


def test_labels_have_a_side_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(json.dumps({"spacing": [2, 0.5, 0.5]}))
    data, properties = Tiff3DIO().read_seg(saved(tmp_path / "case.TIFF"))
    np.testing.assert_array_equal(data, VOLUME[None])
    assert properties == {"spacing": [2, 0.5, 0.5]}


def test_without_a_side_file_the_spacing_is_1_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"no spacing file .*case\.json"):
        _, properties = Tiff3DIO().read_images([saved(tmp_path / "case_0000.tif")])
    assert properties == {"spacing": (1, 1, 1)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"spacing": [1, 2]}, r"spacing is \[1, 2\], expected a list of three numbers above 0"),
        ({"spacing": [1, 0, 1]}, r"spacing\[1\] is 0, expected a number above 0"),
        ({"spacing": [1, 1, float("inf")]}, r"spacing\[2\] is inf, expected a number"),
        ({"spacing": "1"}, "expected a list of three numbers above 0"),
        ({}, "lacks the key 'spacing'"),
        ([1, 1, 1], "expected an object with the key 'spacing'"),
    ],
)
def test_a_wrong_spacing_is_refused(tmp_path: Path, content: object, reason: str) -> None:
    (tmp_path / "case.json").write_text(json.dumps(content))
    with pytest.raises(UnfitImageError, match=rf"case\.json: .*{reason}"):
        Tiff3DIO().read_images([saved(tmp_path / "case_0000.tif")])


@pytest.mark.parametrize("shape", [(5, 6), (2, 4, 5, 6)])
def test_only_3d_files_are_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "case.json").write_text(json.dumps({"spacing": [1, 1, 1]}))
    with pytest.raises(RuntimeError, match=r"case_0000\.tif: only 3D files can be read"):
        Tiff3DIO().read_images([saved(tmp_path / "case_0000.tif", np.zeros(shape, np.uint8))])


@pytest.mark.parametrize(("largest", "dtype"), [(254, np.uint8), (255, np.uint16)])
def test_written_labels_are_read_back_with_their_spacing(tmp_path: Path, largest: int, dtype: type) -> None:
    seg = (VOLUME % 3).astype(int)
    seg[0, 0, 0] = largest
    path = tmp_path / "case.tif"

    Tiff3DIO().write_seg(seg, str(path), {"spacing": [2, 0.5, 0.5]})

    assert tifffile.imread(path).dtype == dtype
    assert (tmp_path / "case.json").read_text() == json.dumps({"spacing": [2, 0.5, 0.5]}, indent=4)
    read, properties = Tiff3DIO().read_seg(str(path))
    np.testing.assert_array_equal(read, seg[None])
    assert properties == {"spacing": [2, 0.5, 0.5]}


def test_unreadable_missing_and_misnamed_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(json.dumps({"spacing": [1, 1, 1]}))
    (tmp_path / "case_0000.tif").write_text("no image")
    with pytest.raises(ImageProblemError, match=r"case_0000\.tif: cannot be read"):
        Tiff3DIO().read_images([str(tmp_path / "case_0000.tif")])
    with pytest.raises(MissingFileError, match=r"case_0001\.tif"):
        Tiff3DIO().read_images([str(tmp_path / "case_0001.tif")])
    with pytest.raises(UnfitImageError, match="has to end in"):
        Tiff3DIO().read_images([str(tmp_path / "case_0000.png")])
