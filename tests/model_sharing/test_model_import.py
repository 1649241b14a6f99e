"""Installing zip files: what arrives, what is refused, and what is said about models that were there."""

import logging
import shutil
import stat
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from nnunetv2.errors import ArchiveError, MissingFileError
from nnunetv2.model_sharing.model_import import install_model_from_zip_file
from tests.conftest import NnunetFolders
from tests.model_sharing.factories import DATASET, files_below, model_name, write_zip

MODEL = f"{DATASET}/{model_name()}"
FILES: dict[str, bytes | str] = {
    f"{MODEL}/plans.json": b"plans",
    f"{MODEL}/fold_0/checkpoint_final.pth": b"weights",
    f"{DATASET}/inference_information.json": b"information",
}


@pytest.fixture
def results(nnunet_folders: NnunetFolders) -> Path:
    return nnunet_folders.results


def test_a_model_arrives_and_nothing_else_stays(results: Path, tmp_path: Path) -> None:
    install_model_from_zip_file(write_zip(tmp_path / "model.zip", FILES))
    assert files_below(results) == FILES
    assert [path.name for path in results.iterdir()] == [DATASET]


def test_the_results_folder_is_created_and_others_may_read_the_model(results: Path, tmp_path: Path) -> None:
    results.rmdir()
    install_model_from_zip_file(str(write_zip(tmp_path / "model.zip", FILES)))
    beside = tmp_path / "beside"
    beside.mkdir()
    assert files_below(results) == FILES
    assert stat.S_IMODE((results / DATASET).stat().st_mode) == stat.S_IMODE(beside.stat().st_mode)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../outside.json", "leads out"),
        (f"{MODEL}/../../../outside.json", "leads out"),
        ("/outside.json", "absolute"),
        ("C:/outside.json", "absolute"),
        (f"{DATASET}\\plans.json", "backslash"),
        (f"{MODEL}/plans.json/inner", "lies in a file"),
    ],
)
def test_an_entry_that_would_land_elsewhere_stops_the_installation(
    results: Path, tmp_path: Path, name: str, reason: str
) -> None:
    file = write_zip(tmp_path / "model.zip", {**FILES, name: b"x"})
    with pytest.raises(ArchiveError, match=reason) as caught:
        install_model_from_zip_file(file)
    assert repr(name) in str(caught.value)
    assert files_below(tmp_path) == {"model.zip": file.read_bytes()}


@pytest.mark.parametrize(("kind", "reason"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "no ordinary file")])
def test_links_and_special_files_are_refused(results: Path, tmp_path: Path, kind: int, reason: str) -> None:
    file = tmp_path / "model.zip"
    entry = zipfile.ZipInfo(f"{MODEL}/fold_0")
    entry.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, "/etc")
    with pytest.raises(ArchiveError, match=reason):
        install_model_from_zip_file(file)
    assert files_below(results) == {}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_for_one_file_are_refused(results: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in (f"{MODEL}/plans.json", f"{MODEL}//plans.json"):
            archive.writestr(name, "x")
    with pytest.raises(ArchiveError, match="is there twice"):
        install_model_from_zip_file(file)


def test_many_bad_entries_are_shown_in_few_lines(results: Path, tmp_path: Path) -> None:
    file = write_zip(tmp_path / "model.zip", {f"../{number}": b"x" for number in range(50)})
    with pytest.raises(ArchiveError, match="and 30 more") as caught:
        install_model_from_zip_file(file)
    assert len(str(caught.value).splitlines()) == 22


def test_what_is_no_zip_file_is_said_so_as_nnunet_does(results: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>")
    with pytest.raises(zipfile.BadZipFile, match=r"page\.html: not a zip file"):
        install_model_from_zip_file(tmp_path / "page.html")
    with pytest.raises(MissingFileError, match=r"absent\.zip"):
        install_model_from_zip_file(tmp_path / "absent.zip")


def test_a_damaged_file_leaves_the_model_that_was_there(results: Path, tmp_path: Path) -> None:
    good = write_zip(tmp_path / "good.zip", FILES)
    install_model_from_zip_file(good)
    changed = {**FILES, f"{MODEL}/plans.json": b"other", f"{MODEL}/zzz": b"damaged content"}
    damaged = write_zip(tmp_path / "damaged.zip", changed)
    damaged.write_bytes(damaged.read_bytes().replace(b"damaged content", b"damagEd content"))
    with pytest.raises(ArchiveError, match="CRC"):
        install_model_from_zip_file(damaged)
    assert files_below(results) == FILES
    assert [path.name for path in results.iterdir()] == [DATASET]


def test_an_archive_without_a_data_set_is_refused(results: Path, tmp_path: Path) -> None:
    file = write_zip(tmp_path / "model.zip", {"Task001/plans.pkl": b"x", "README.txt": b"x", "Dataset1": b"x"})
    with pytest.raises(ArchiveError, match=r"no model in it.*found Dataset1, README\.txt, Task001"):
        install_model_from_zip_file(file)


def test_stray_files_are_left_out_and_named(results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stray: dict[str, bytes | str] = {"README.txt": b"x", "__MACOSX/._x": b"x"}
    install_model_from_zip_file(write_zip(tmp_path / "model.zip", {**FILES, **stray}))
    assert files_below(results) == FILES
    assert [record.getMessage() for record in caplog.records] == [
        "not installed, as it belongs to no data set: README.txt"
    ]


def test_overwriting_a_model_is_announced_and_so_are_checkpoints_that_stay(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own: dict[str, bytes | str] = {**FILES, f"{MODEL}/fold_1/checkpoint_final.pth": b"own"}
    install_model_from_zip_file(write_zip(tmp_path / "own.zip", own))
    assert caplog.records == []
    newer: dict[str, bytes | str] = {name: b"newer" for name in FILES}
    install_model_from_zip_file(write_zip(tmp_path / "newer.zip", newer))
    assert files_below(results) == {**newer, f"{MODEL}/fold_1/checkpoint_final.pth": b"own"}
    overwriting, kept = [record.getMessage() for record in caplog.records]
    assert overwriting == f"overwriting the model {results / MODEL}"
    assert kept.endswith("stay beside it: fold_1/checkpoint_final.pth")


def test_another_model_of_the_data_set_stays_without_a_word(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other: dict[str, bytes | str] = {f"{DATASET}/{model_name('3d_fullres')}/plans.json": b"other"}
    install_model_from_zip_file(write_zip(tmp_path / "other.zip", other))
    caplog.set_level(logging.WARNING)
    install_model_from_zip_file(write_zip(tmp_path / "model.zip", FILES))
    assert files_below(results) == {**FILES, **other}
    assert caplog.records == []


def test_a_disk_without_room_is_noticed_before_unpacking(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 5, 5))
    with pytest.raises(OSError, match=r"0\.0 GB are needed"):
        install_model_from_zip_file(write_zip(tmp_path / "model.zip", FILES))
    assert files_below(results) == {}
