"""Whether a slide has changed: of one file, of a folder of DICOM files, of MRXS with its folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.pathology.prediction.slide_stamp import slide_stamp

DICOM = bytes(128) + b"DICM"


def one_file(folder: Path) -> tuple[Path, Path]:
    (folder / "a.svs").write_bytes(bytes(300_000))
    return folder / "a.svs", folder / "a.svs"


def dicom_folder(folder: Path) -> tuple[Path, Path]:
    for name in ("1.dcm", "2.dcm"):
        (folder / name).write_bytes(DICOM + name.encode())
    return folder, folder / "2.dcm"


def dicom_file(folder: Path) -> tuple[Path, Path]:
    dicom_folder(folder)
    return folder / "1.dcm", folder / "2.dcm"


def mrxs(folder: Path) -> tuple[Path, Path]:
    (folder / "a.mrxs").write_bytes(b"index")
    (folder / "a").mkdir()
    (folder / "a/Data0001.dat").write_bytes(b"pixels")
    return folder / "a.mrxs", folder / "a/Data0001.dat"


@pytest.mark.parametrize("write", [one_file, dicom_folder, dicom_file, mrxs])
def test_a_change_of_any_file_of_a_slide_is_noticed(write: Callable[[Path], tuple[Path, Path]], tmp_path: Path) -> None:
    slide, part = write(tmp_path)
    before = slide_stamp(str(slide))
    assert before == slide_stamp(str(slide))
    assert before["path"] == str(slide)
    part.write_bytes(part.read_bytes()[:-1] + b"!!")
    assert slide_stamp(str(slide)) != before


def test_a_new_file_of_a_series_is_noticed_and_one_of_another_kind_is_not(tmp_path: Path) -> None:
    slide, _ = dicom_folder(tmp_path)
    before = slide_stamp(str(slide))
    (tmp_path / "notes.txt").write_text("not a slide")
    assert slide_stamp(str(slide)) == before
    (tmp_path / "3.dcm").write_bytes(DICOM)
    assert slide_stamp(str(slide)) != before


def test_a_slide_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        slide_stamp(str(tmp_path / "gone.svs"))
