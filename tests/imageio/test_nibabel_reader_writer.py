from pathlib import Path

import nibabel
import numpy as np
import pytest

from nnunetv2.errors import ImageProblemError, MissingFileError
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient

RANDOM = np.random.default_rng(0)
VOLUME = RANDOM.integers(-50, 400, (6, 5, 4)).astype(np.int16)
AFFINE = np.array([[0, -0.75, 0, 3], [0.5, 0, 0, 4], [0, 0, -2, 5], [0, 0, 0, 1.0]])


def saved(
    path: Path, array: np.ndarray, affine: np.ndarray = AFFINE, scaling: tuple[float, float] | None = None
) -> str:
    image = nibabel.Nifti1Image(array, affine)
    if scaling is not None:
        image.header.set_slope_inter(*scaling)
    nibabel.save(image, path)
    return str(path)


def test_a_volume_is_read_slowest_axis_first(tmp_path: Path) -> None:
    data, properties = NibabelIO().read_images([saved(tmp_path / "a.nii", VOLUME)])
    assert data.dtype == np.float32
    np.testing.assert_array_equal(data[0], VOLUME.transpose(2, 1, 0))
    assert list(properties) == ["nibabel_stuff", "spacing"]
    assert properties["spacing"] == [2.0, 0.75, 0.5]
    assert all(type(size) is float for size in properties["spacing"])
    np.testing.assert_array_equal(properties["nibabel_stuff"]["original_affine"], AFFINE)


@pytest.mark.parametrize("scaling", [None, (0.1, 0.0), (1.0, -7.25)])
def test_values_are_those_of_nibabel(tmp_path: Path, scaling: tuple[float, float] | None) -> None:
    name = saved(tmp_path / "a.nii.gz", VOLUME, scaling=scaling)
    data, _ = NibabelIO().read_images([name])
    np.testing.assert_array_equal(data[0], nibabel.load(name).get_fdata().transpose(2, 1, 0).astype(np.float32))


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 4, 2)])
@pytest.mark.parametrize("reader", [NibabelIO, NibabelIOWithReorient])
def test_only_3d_files_are_read(tmp_path: Path, reader: type, shape: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError, match="only 3D files can be read"):
        reader().read_images([saved(tmp_path / "a.nii", np.zeros(shape, np.int16))])


@pytest.mark.parametrize("reader", [NibabelIO, NibabelIOWithReorient])
def test_different_spacings_are_an_error_and_different_origins_a_warning(tmp_path: Path, reader: type) -> None:
    first = saved(tmp_path / "a.nii", VOLUME)
    moved, coarser = AFFINE.copy(), AFFINE.copy()
    moved[0, 3] += 1
    coarser[2, 2] *= 2
    with pytest.warns(UserWarning, match="differ in their affine"):
        data, _ = reader().read_images([first, saved(tmp_path / "b.nii", VOLUME, moved)])
    assert data.shape == (2, 4, *data.shape[2:])
    with pytest.warns(UserWarning, match="affine"), pytest.raises(RuntimeError, match="differ in spacing"):
        reader().read_images([first, saved(tmp_path / "c.nii", VOLUME, coarser)])


def test_reorienting_makes_the_axes_grow_to_right_anterior_superior(tmp_path: Path) -> None:
    name = saved(tmp_path / "a.nii", VOLUME)

    data, properties = NibabelIOWithReorient().read_images([name])

    canonical = nibabel.as_closest_canonical(nibabel.load(name))
    np.testing.assert_array_equal(data[0], np.asarray(canonical.dataobj).transpose(2, 1, 0))
    np.testing.assert_array_equal(properties["nibabel_stuff"]["original_affine"], AFFINE)
    np.testing.assert_array_equal(properties["nibabel_stuff"]["reoriented_affine"], canonical.affine)
    assert properties["spacing"] == [2.0, 0.5, 0.75]


@pytest.mark.parametrize("reader", [NibabelIO, NibabelIOWithReorient])
@pytest.mark.parametrize(("largest", "dtype"), [(254, np.uint8), (255, np.uint16)])
def test_written_labels_match_the_file_they_came_from(tmp_path: Path, reader: type, largest: int, dtype: type) -> None:
    labels = (VOLUME % 3).astype(np.int16)
    labels[0, 0, 0] = largest
    seg, properties = reader().read_seg(saved(tmp_path / "a.nii.gz", labels))

    reader().write_seg(seg[0].astype(int), str(tmp_path / "seg.nii.gz"), properties)

    written = nibabel.load(tmp_path / "seg.nii.gz")
    np.testing.assert_allclose(written.affine, AFFINE)
    assert written.get_data_dtype() == dtype
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels)


def test_unreadable_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_text("no image")
    with pytest.raises(ImageProblemError, match=r"a\.nii: cannot be read"):
        NibabelIO().read_images([str(tmp_path / "a.nii")])
    with pytest.raises(MissingFileError, match=r"b\.nii"):
        NibabelIO().read_images([str(tmp_path / "b.nii")])


def test_a_truncated_volume_is_named(tmp_path: Path) -> None:
    path = Path(saved(tmp_path / "a.nii.gz", VOLUME))
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ImageProblemError, match=r"a\.nii\.gz: is damaged \(cut off"):
        NibabelIO().read_images([str(path)])
