import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

import nnunetv2.imageio
from nnunetv2.errors import SettingsError
from nnunetv2.imageio.reader_writer_registry import (
    LIST_OF_IO_CLASSES,
    determine_reader_writer_from_dataset_json,
    determine_reader_writer_from_file_ending,
    recursive_find_reader_writer_by_name,
)


@pytest.fixture
def own_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a reader in a module that seems to lie in the package; other tests read the real folder meanwhile."""
    (tmp_path / "reader_of_a_test.py").write_text(
        "from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO\n\n\n"
        "class ReaderOfATest(NaturalImage2DIO):\n    pass\n"
    )
    monkeypatch.setattr(nnunetv2.imageio, "__path__", [str(tmp_path), *nnunetv2.imageio.__path__])
    yield "ReaderOfATest"
    sys.modules.pop("nnunetv2.imageio.reader_of_a_test", None)


def test_the_order_of_the_readers_is_that_of_nnunet_with_ours_at_the_end() -> None:
    names = [reader.__name__ for reader in LIST_OF_IO_CLASSES]
    assert names == [
        "NaturalImage2DIO",
        "SimpleITKIO",
        "Tiff3DIO",
        "NibabelIO",
        "NibabelIOWithReorient",
        "JpegImage2DIO",
    ]


@pytest.mark.parametrize(
    ("ending", "name"),
    [
        (".png", "NaturalImage2DIO"),
        (".PNG", "NaturalImage2DIO"),
        (".bmp", "NaturalImage2DIO"),
        (".tif", "NaturalImage2DIO"),
        (".tiff", "Tiff3DIO"),
        (".nii.gz", "SimpleITKIO"),
        (".nii", "NibabelIO"),
        (".nrrd", "SimpleITKIO"),
        (".mha", "SimpleITKIO"),
        (".gipl", "SimpleITKIO"),
        (".jpg", "JpegImage2DIO"),
        (".jpeg", "JpegImage2DIO"),
        (".JPG", "JpegImage2DIO"),
    ],
)
def test_the_ending_decides(ending: str, name: str) -> None:
    assert determine_reader_writer_from_file_ending(ending, verbose=False).__name__ == name


@pytest.mark.parametrize("ending", [".webp", "png", ""])
def test_an_unknown_ending_is_an_error(ending: str) -> None:
    with pytest.raises(RuntimeError, match=r"no reader for the file ending .* \(known: .*\.png"):
        determine_reader_writer_from_file_ending(ending)


def test_a_3d_tif_goes_to_the_reader_of_stacks(tmp_path: Path) -> None:
    example = str(tmp_path / "a_0000.tif")
    tifffile.imwrite(example, np.zeros((5, 6, 7), np.uint8))
    with pytest.warns(UserWarning, match="no spacing file"):
        found = determine_reader_writer_from_file_ending(".tif", example)
    assert found.__name__ == "Tiff3DIO"


def test_a_file_that_simpleitk_rejects_goes_to_nibabel(tmp_path: Path) -> None:
    affine = np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), affine)
    image.set_qform(None, 0)
    nibabel.save(image, tmp_path / "a.nii.gz")
    found = determine_reader_writer_from_file_ending(".nii.gz", str(tmp_path / "a.nii.gz"))
    assert found.__name__ == "NibabelIO"


def test_if_no_reader_takes_the_example_the_reasons_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(SettingsError, match=r"tried on .*a\.png: NaturalImage2DIO: .*cannot be read"):
        determine_reader_writer_from_file_ending(".png", str(tmp_path / "a.png"))


def test_other_endings_are_tried_only_on_request(tmp_path: Path) -> None:
    example = str(tmp_path / "a_0000.png")
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(example)
    with pytest.raises(SettingsError):
        determine_reader_writer_from_file_ending(".webp", example)
    assert determine_reader_writer_from_file_ending(".webp", example, True).__name__ == "NaturalImage2DIO"


def test_labels_that_are_no_image_choose_the_reader_too_and_none_reads_what_another_refused(tmp_path: Path) -> None:
    palette = Image.fromarray(np.zeros((5, 6), np.uint8)).convert("P")
    palette.save(tmp_path / "clear.png", transparency=0)
    Image.fromarray(np.zeros((5, 6, 3), np.uint8)).convert("CMYK").save(tmp_path / "print.png", format="JPEG")
    for nonmatching in (False, True):
        chosen = determine_reader_writer_from_file_ending(".png", str(tmp_path / "clear.png"), nonmatching)
        assert chosen.__name__ == "NaturalImage2DIO"
        with pytest.raises(SettingsError, match="JPEG file"):
            determine_reader_writer_from_file_ending(".png", str(tmp_path / "print.png"), nonmatching)


@pytest.mark.parametrize("overwrite", [None, "None", "NoSuchReader"])
def test_without_a_usable_name_the_ending_decides(overwrite: str | None) -> None:
    content = {"file_ending": ".png", "overwrite_image_reader_writer": overwrite}
    assert determine_reader_writer_from_dataset_json(content).__name__ == "NaturalImage2DIO"


def test_dataset_json_may_name_the_reader() -> None:
    content = {"file_ending": ".nii.gz", "overwrite_image_reader_writer": "SimpleITKIOWithReorient"}
    assert determine_reader_writer_from_dataset_json(content).__name__ == "SimpleITKIOWithReorient"


def test_readers_dropped_into_the_package_are_found(own_reader: str) -> None:
    found = recursive_find_reader_writer_by_name(own_reader)
    assert found.__name__ == own_reader
    assert (
        determine_reader_writer_from_dataset_json({"file_ending": ".png", "overwrite_image_reader_writer": own_reader})
        is found
    )


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no reader named 'NoSuchReader'"):
        recursive_find_reader_writer_by_name("NoSuchReader")


def test_a_reader_whose_module_cannot_be_imported_is_reported_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.py").write_text("import a_library_that_is_not_installed\n\nReaderOfATest = object\n")
    monkeypatch.setattr(nnunetv2.imageio, "__path__", [str(tmp_path)])
    reason = r"broken\.py: ModuleNotFoundError: .*a_library_that_is_not_installed"
    with pytest.raises(SettingsError, match=reason):
        recursive_find_reader_writer_by_name("ReaderOfATest")
    determine_reader_writer_from_dataset_json({"file_ending": ".png", "overwrite_image_reader_writer": "ReaderOfATest"})
    assert re.search(reason, caplog.text)


@pytest.mark.parametrize("name", ["os", "BaseReaderWriter", 5, ["NaturalImage2DIO"]])
def test_what_is_no_reader_is_refused_or_with_dataset_json_passed_over(
    name: object, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SettingsError, match="reader"):
        recursive_find_reader_writer_by_name(name)
    content = {"file_ending": ".png", "overwrite_image_reader_writer": name}
    assert determine_reader_writer_from_dataset_json(content).__name__ == "NaturalImage2DIO"
    assert "the reader is chosen by the file ending" in caplog.text
