import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2.errors import ImageProblemError
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.imageio.whole_files import is_whole

LABELS = np.random.default_rng(0).integers(0, 4, (6, 20, 30)).astype(np.uint16)
ENDINGS = [".nii.gz", ".nii", ".gipl", ".nrrd", ".mha"]


def write(path: Path, array: np.ndarray = LABELS, is_vector: bool = False) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=is_vector), str(path), True)
    return path


@pytest.mark.parametrize("kept", [0.5, 0.8])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, ending: str, kept: float) -> None:
    file = write(tmp_path / f"image{ending}")
    content = file.read_bytes()
    SimpleITKIO().read_images([str(file)])

    file.write_bytes(content[: int(kept * len(content))])

    with pytest.raises(ImageProblemError, match=f"image{ending}: (is cut off|is damaged .cut off|cannot be read)"):
        SimpleITKIO().read_images([str(file)])


@pytest.mark.parametrize("array", [LABELS, LABELS[0], LABELS.astype(np.float64), LABELS[None].repeat(2, axis=0)])
@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
def test_whole_files_of_any_shape_are_read(tmp_path: Path, ending: str, array: np.ndarray) -> None:
    read, _ = SimpleITKIO().read_images([str(write(tmp_path / f"image{ending}", array))])
    assert read.sum() == array.sum()


def test_vectors_count_all_their_components(tmp_path: Path) -> None:
    file = write(tmp_path / "image.nii.gz", LABELS.reshape(6, 20, 10, 3), is_vector=True)
    assert SimpleITKIO().read_images([str(file)])[0].shape == (3, 6, 20, 10)


def test_a_gzip_file_may_have_several_parts_or_be_none_at_all(tmp_path: Path) -> None:
    content = gzip.decompress(write(tmp_path / "image.nii.gz").read_bytes())
    for name, data in (
        ("parts", gzip.compress(content[:1000]) + gzip.compress(content[1000:]) + gzip.compress(b"")),
        ("longer", gzip.compress(content + b"more")),
        ("plain", content),
    ):
        file = tmp_path / f"{name}.nii.gz"
        file.write_bytes(data)
        assert SimpleITKIO().read_images([str(file)])[0].sum() == LABELS.sum()


def test_a_gzip_file_with_damage_inside_is_not_whole(tmp_path: Path) -> None:
    file = write(tmp_path / "image.nii.gz")
    image = sitk.ReadImage(str(file))
    content = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(content[:-100]))
    assert not is_whole(file, image)


def test_a_full_disk_is_noticed_when_labels_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "image.nii.gz")
    _, properties = SimpleITKIO().read_images([str(file)])
    part = file.read_bytes()[:200]
    monkeypatch.setattr(sitk, "WriteImage", lambda image, path, compressed: Path(path).write_bytes(part))

    with pytest.raises(OSError, match=r"labels\.nii\.gz"):
        SimpleITKIO().write_seg(LABELS, str(tmp_path / "labels.nii.gz"), properties)

    assert [path.name for path in tmp_path.iterdir()] == ["image.nii.gz"]
