from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2.errors import ImageProblemError, MissingFileError, UnfitImageError
from nnunetv2.imageio.nibabel_reader_writer import NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO, SimpleITKIOWithReorient

RANDOM = np.random.default_rng(0)
VOLUME = RANDOM.integers(-50, 400, (4, 5, 6)).astype(np.int16)
PERMUTED = (0.0, -1.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0)


def saved(path: Path, array: np.ndarray, is_vector: bool = False, **geometry: tuple[float, ...]) -> str:
    image = sitk.GetImageFromArray(array, isVector=is_vector)
    for name, value in geometry.items():
        getattr(image, f"Set{name}")(value)
    sitk.WriteImage(image, str(path))
    return str(path)


def test_a_volume_is_read_with_its_geometry(tmp_path: Path) -> None:
    name = saved(tmp_path / "a.nii.gz", VOLUME, Spacing=(0.5, 0.75, 2.0), Origin=(1.0, 2.0, 3.0))

    data, properties = SimpleITKIO().read_images([name])

    assert data.dtype == np.float32
    np.testing.assert_array_equal(data, VOLUME[None])
    assert list(properties) == ["sitk_stuff", "spacing"]
    assert properties["spacing"] == [2.0, 0.75, 0.5]
    assert all(isinstance(size, np.float64) for size in properties["spacing"])
    assert properties["sitk_stuff"] == {
        "spacing": (0.5, 0.75, 2.0),
        "origin": (1.0, 2.0, 3.0),
        "direction": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    }


def test_the_missing_axis_of_a_2d_image_gets_999_times_its_larger_spacing(tmp_path: Path) -> None:
    name = saved(tmp_path / "a.nrrd", VOLUME[0], Spacing=(0.5, 0.25))
    data, properties = SimpleITKIO().read_images([name])
    assert data.shape == (1, 1, 5, 6)
    assert properties["spacing"] == [499.5, 0.25, 0.5]


def test_the_fourth_axis_holds_the_channels(tmp_path: Path) -> None:
    array = RANDOM.integers(0, 99, (3, 4, 5, 6)).astype(np.int16)
    name = saved(tmp_path / "a.nii.gz", array, Spacing=(1.0, 2.0, 3.0, 4.0))

    data, properties = SimpleITKIO().read_images([name])

    np.testing.assert_array_equal(data, array)
    assert properties["spacing"] == [3.0, 2.0, 1.0]
    assert properties["sitk_stuff"]["spacing"] == (1.0, 2.0, 3.0, 4.0)


def test_a_case_from_a_4d_file_can_be_written(tmp_path: Path) -> None:
    array = RANDOM.integers(0, 99, (3, 4, 5, 6)).astype(np.int16)
    name = saved(tmp_path / "a.nii.gz", array, Spacing=(1.0, 2.0, 3.0, 4.0))
    _, properties = SimpleITKIO().read_images([name])

    SimpleITKIO().write_seg(array[0] % 3, str(tmp_path / "seg.nii.gz"), properties)

    seg, seg_properties = SimpleITKIO().read_seg(str(tmp_path / "seg.nii.gz"))
    np.testing.assert_array_equal(seg, array[:1] % 3)
    assert seg_properties["spacing"] == properties["spacing"]


@pytest.mark.parametrize(("shape", "expected"), [((4, 5, 6, 3), (3, 4, 5, 6)), ((5, 6, 3), (3, 1, 5, 6))])
def test_vector_components_are_channels(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    array = RANDOM.integers(0, 99, shape).astype(np.uint8)
    data, properties = SimpleITKIO().read_images([saved(tmp_path / "a.nrrd", array, is_vector=True)])
    assert data.shape == expected
    np.testing.assert_array_equal(data.reshape(3, *shape[:-1]), np.moveaxis(array, -1, 0))
    assert len(properties["spacing"]) == 3


def test_different_shapes_or_spacings_are_an_error(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.nii.gz", VOLUME)
    with pytest.raises(RuntimeError, match=r"differ in shape: .*a.nii.gz.*b.nii.gz"):
        SimpleITKIO().read_images([first, saved(tmp_path / "b.nii.gz", VOLUME[:3])])
    with pytest.raises(RuntimeError, match="differ in spacing"):
        SimpleITKIO().read_images([first, saved(tmp_path / "c.nii.gz", VOLUME, Spacing=(1.0, 1.0, 2.0))])


@pytest.mark.parametrize(("name", "value"), [("Origin", (0.0, 0.0, 5.0)), ("Direction", PERMUTED)])
def test_different_origins_or_directions_are_a_warning(tmp_path: Path, name: str, value: tuple[float, ...]) -> None:
    names = [saved(tmp_path / "a.nii.gz", VOLUME), saved(tmp_path / "b.nii.gz", VOLUME, **{name: value})]
    with pytest.warns(UserWarning, match=f"differ in {name.lower()}"):
        data, _ = SimpleITKIO().read_images(names)
    assert data.shape == (2, 4, 5, 6)


@pytest.mark.parametrize(("largest", "dtype"), [(254, np.uint8), (255, np.uint16)])
def test_written_labels_keep_the_geometry_of_the_image(tmp_path: Path, largest: int, dtype: type) -> None:
    name = saved(tmp_path / "a.nii.gz", VOLUME, Spacing=(0.5, 0.75, 2.0), Origin=(1.0, 2.0, 3.0), Direction=PERMUTED)
    _, properties = SimpleITKIO().read_images([name])
    seg = (VOLUME % 3).astype(int)
    seg[0, 0, 0] = largest

    SimpleITKIO().write_seg(seg, str(tmp_path / "seg.nii.gz"), properties)

    written, image = nibabel.load(tmp_path / "seg.nii.gz"), nibabel.load(name)
    np.testing.assert_allclose(written.affine, image.affine, atol=1e-6)
    assert written.get_data_dtype() == dtype
    np.testing.assert_array_equal(np.asarray(written.dataobj).T, seg)


def test_2d_labels_are_written_in_2d(tmp_path: Path) -> None:
    _, properties = SimpleITKIO().read_images([saved(tmp_path / "a.nrrd", VOLUME[0], Spacing=(0.5, 0.25))])
    SimpleITKIO().write_seg(np.ones((1, 5, 6), int), str(tmp_path / "seg.nrrd"), properties)
    written = sitk.ReadImage(str(tmp_path / "seg.nrrd"))
    assert written.GetDimension() == 2
    assert written.GetSpacing() == (0.5, 0.25)


def test_unreadable_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_text("no image")
    with pytest.raises(ImageProblemError, match=r"a\.nii\.gz: cannot be read"):
        SimpleITKIO().read_images([str(tmp_path / "a.nii.gz")])
    with pytest.raises(MissingFileError, match=r"b\.nii\.gz"):
        SimpleITKIO().read_images([str(tmp_path / "b.nii.gz")])


def test_reorienting_gives_the_array_that_nibabel_gives(tmp_path: Path) -> None:
    name = saved(tmp_path / "a.nii.gz", VOLUME, Spacing=(0.5, 0.75, 2.0), Direction=PERMUTED)

    data, properties = SimpleITKIOWithReorient().read_images([name])

    expected, expected_properties = NibabelIOWithReorient().read_images([name])
    np.testing.assert_array_equal(data, expected)
    np.testing.assert_allclose(properties["spacing"], expected_properties["spacing"])
    np.testing.assert_allclose(properties["sitk_stuff"]["direction"], np.diag([-1, -1, 1]).ravel(), atol=1e-9)
    assert len(properties["sitk_stuff"]["original_orientation"]) == 3


@pytest.mark.parametrize("largest", [2, 300])
def test_reoriented_labels_are_written_in_the_original_orientation(tmp_path: Path, largest: int) -> None:
    labels = (VOLUME % 3).astype(np.uint16)
    labels[0, 0, 0] = largest
    name = saved(tmp_path / "a.nii.gz", labels, Spacing=(0.5, 0.75, 2.0), Direction=PERMUTED)
    seg, properties = SimpleITKIOWithReorient().read_seg(name)

    SimpleITKIOWithReorient().write_seg(seg[0].astype(int), str(tmp_path / "seg.nii.gz"), properties)

    original, written = nibabel.load(name), nibabel.load(tmp_path / "seg.nii.gz")
    np.testing.assert_allclose(written.affine, original.affine, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(original.dataobj))


def test_2d_files_cannot_be_reoriented(tmp_path: Path) -> None:
    with pytest.raises(UnfitImageError, match="only 3D images can be reoriented"):
        SimpleITKIOWithReorient().read_images([saved(tmp_path / "a.nrrd", VOLUME[0])])


def test_vector_images_with_a_fourth_axis_are_refused(tmp_path: Path) -> None:
    vectors_over_time = saved(tmp_path / "a.nrrd", np.zeros((2, 4, 5, 6, 3), np.float32), is_vector=True)
    nibabel.save(nibabel.Nifti1Image(np.zeros((6, 5, 4, 1, 3), np.int16), np.eye(4)), tmp_path / "b.nii.gz")
    for name, found in ((vectors_over_time, r"4 axes and 3 value"), (str(tmp_path / "b.nii.gz"), "5 axes and 1 value")):
        with pytest.raises(UnfitImageError, match=found):
            SimpleITKIO().read_images([name])


def test_files_may_be_given_as_paths(tmp_path: Path) -> None:
    saved(tmp_path / "a.nrrd", VOLUME)
    saved(tmp_path / "b.nrrd", VOLUME, Origin=(1.0, 2.0, 3.0))
    with pytest.warns(UserWarning, match=r"differ in origin: .*a\.nrrd, .*b\.nrrd"):
        data, _ = SimpleITKIO().read_images([tmp_path / "a.nrrd", tmp_path / "b.nrrd"])  # type: ignore[list-item]
    np.testing.assert_array_equal(data, [VOLUME, VOLUME])


def test_labels_take_the_orientation_of_the_last_file(tmp_path: Path) -> None:
    names = []
    for orientation in ("RAS", "LPI"):
        turned = sitk.DICOMOrient(sitk.GetImageFromArray(VOLUME), orientation)
        names.append(str(tmp_path / f"{orientation}.nrrd"))
        sitk.WriteImage(turned, names[-1])

    data, properties = SimpleITKIOWithReorient().read_images(names)

    np.testing.assert_array_equal(data[0], data[1])
    assert properties["sitk_stuff"]["original_orientation"] == "LPI"
