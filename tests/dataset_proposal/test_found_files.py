"""Folders are searched within limits, and files for other commands are counted."""

from pathlib import Path

import pytest

from nnunetv2.dataset_proposal import found_files
from nnunetv2.dataset_proposal.found_files import advice_about, find_files
from nnunetv2.errors import DatasetError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_pictures_and_tables_are_found_at_any_depth_and_hidden_files_are_none(tmp_path: Path) -> None:
    touch(tmp_path, "b.PNG", "x/y/a.tif", "t.csv", ".hidden.png", "._b.png", "__MACOSX/c.png", "x/readme.txt")
    found = find_files(tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in found.pictures] == ["b.PNG", "x/y/a.tif"]
    assert [file.name for file in found.tables] == ["t.csv"]
    assert (found.others, found.problems) == ({}, [])


def test_files_for_other_commands_are_counted_with_what_to_do(tmp_path: Path) -> None:
    touch(tmp_path, "a.svs", "b.ndpi", "a.geojson", "c.nii.gz")
    assert find_files(tmp_path).others == {"whole slides": 2, "annotations as outlines": 1, "volumes": 1}
    assert "drift slide tile" in advice_about("whole slides")


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "data/a.png", "elsewhere/b.png")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "out").symlink_to(tmp_path / "elsewhere")
    found = find_files(tmp_path / "data")
    assert [file.name for file in found.pictures] == ["a.png"]
    assert [problem.what for problem in found.problems] == ["is a link to a folder, which is not followed"] * 2


def test_depth_and_number_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "/".join("d" * 14) + "/a.png", "b.png", "c.png")
    found = find_files(tmp_path)
    assert [file.name for file in found.pictures] == ["b.png", "c.png"]
    assert "more than 12 folders deep" in found.problems[0].what
    monkeypatch.setattr(found_files, "MOST_FILES", 1)
    with pytest.raises(DatasetError, match="more than 1 files"):
        find_files(tmp_path)


def test_a_raw_dataset_is_sent_to_the_next_command(tmp_path: Path) -> None:
    touch(tmp_path, "dataset.json", "imagesTr/a_0000.png")
    with pytest.raises(DatasetError, match="raw dataset of nnU-Net already"):
        find_files(tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        find_files(tmp_path / "none")
