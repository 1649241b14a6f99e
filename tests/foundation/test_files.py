"""Files appear whole or not at all, and errors name them."""

import errno
import json
import os
from pathlib import Path

import pytest

from nnunetv2.errors import InvalidValueError, MissingFileError, SettingsError
from nnunetv2.foundation.files import (
    copy_file,
    json_content,
    make_folder,
    mirror_file,
    read_json,
    replacing,
    write_json,
)
from s1.json_files import JsonFile


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_files_have_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_json({}, tmp_path / "x.json")
    assert (tmp_path / "x.json").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_errors_name_the_target_not_its_temporary_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_json({}, tmp_path / "no folder" / "x.json")
    assert caught.value.filename == str(tmp_path / "no folder" / "x.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught_folder:
        write_json({}, tmp_path / "folder")
    assert caught_folder.value.filename == str(tmp_path / "folder")
    assert names(tmp_path) == ["folder"]


def test_errors_about_other_files_and_our_own_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        copy_file(tmp_path / "source", tmp_path / "target")
    assert Path(caught.value.filename) == tmp_path / "source"
    with pytest.raises(MissingFileError, match=r"^no plans$"), replacing(tmp_path / "x"):
        raise MissingFileError("no plans")
    assert names(tmp_path) == []


def test_a_full_disk_while_copying_names_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(source), None, str(target))

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="No space") as caught:
        copy_file(tmp_path / "source.png", tmp_path / "target.png")
    assert caught.value.filename == str(tmp_path / "target.png")


def test_a_copy_has_the_content_mode_and_time_of_its_source(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    source.chmod(0o444)
    os.utime(source, ns=(10**18, 10**18))
    for _ in range(2):  # the second time over a file that must not be written to
        copy_file(source, tmp_path / "copy")
    status = (tmp_path / "copy").stat()
    assert (status.st_mtime_ns, status.st_mode & 0o777) == (10**18, 0o444)


def test_json_has_an_indent_of_four_and_no_last_line_break(tmp_path: Path) -> None:
    write_json({"b": 1, "a": [2]}, tmp_path / "x.json", sort_keys=True)
    assert (tmp_path / "x.json").read_text() == '{\n    "a": [\n        2\n    ],\n    "b": 1\n}'


def test_json_of_windows_editors_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes('\ufeff{"labels":\r\n {"Gewebe ä": 0}}\r\n'.encode())
    assert read_json(tmp_path / "x.json") == {"labels": {"Gewebe ä": 0}}


def test_json_that_is_missing_or_malformed_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"plans not found: .*x\.json"):
        read_json(tmp_path / "x.json", JsonFile("plans"))
    for content in (b'{"a": 1,}', b"", b"\xff\xfe\x00"):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(InvalidValueError, match=r"x\.json: not valid JSON"):
            read_json(tmp_path / "x.json")


def test_content_that_cannot_be_json_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json({"a": json}, tmp_path / "x.json")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_or_written_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_folder(tmp_path / "a" / "b", "nnUNet_results").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"cannot create .*file: File exists\. Check nnUNet_results"):
        make_folder(tmp_path / "file", "nnUNet_results")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(SettingsError, match=r"cannot write into .*read-only disk\. Check nnUNet_results"):
        make_folder(tmp_path, "nnUNet_results")


def test_json_content_is_given_as_such_or_as_a_path_or_is_in_the_default_file(tmp_path: Path) -> None:
    for name in ("given", "default"):
        write_json({"name": name}, tmp_path / name)
    assert json_content({"name": "here"}, tmp_path / "default", JsonFile()) == {"name": "here"}
    assert json_content({}, tmp_path / "default", JsonFile()) == {}
    assert json_content(str(tmp_path / "given"), tmp_path / "default", JsonFile()) == {"name": "given"}
    assert json_content(None, tmp_path / "default", JsonFile()) == {"name": "default"}


def test_a_mirrored_file_follows_its_original(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"

    assert mirror_file(source, copy) is False
    source.write_text("first")
    assert mirror_file(source, copy) is False
    source.write_text("later")
    assert mirror_file(source, copy) is False
    assert copy.read_text() == "later"
    source.unlink()
    assert mirror_file(source, copy) is True
    assert not copy.exists()
