import errno
import shutil
from pathlib import Path

import pytest

from s1.files import describe_os_error, replacing, write_json, write_together
from s1.json_files import read_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_at_the_end_and_nothing_else_stays(tmp_path: Path) -> None:
    target = tmp_path / "x.nii.gz"
    target.write_text("old")
    with replacing(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(".nii.gz")
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["x.nii.gz"]


@pytest.mark.parametrize("name", ["x" * 250 + ".b2nd", "x." + "y" * 248 + ".b2nd", "x" * 255, "x." + "y" * 253])
def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name) as temporary:
        assert temporary.suffix == (".b2nd" if name.endswith(".b2nd") else ".partial")
        temporary.write_text("new")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt(), SystemExit(143)])
def test_a_file_stays_as_it_was_if_writing_breaks_off(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "x.json"
    target.write_text("old")
    with pytest.raises(type(error)), replacing(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["x.json"]


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"x\.json") as caught, replacing(tmp_path / "x.json"):
        raise OSError(errno.ENOSPC, "No space left on device")  # what writing raises: it names no file
    expected = f"{tmp_path / 'x.json'}: No space left on device; free some space, then run the command again"
    assert describe_os_error(caught.value) == expected


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/a"), "/a: Permission denied"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded; free some space, then run the command"),
        (OSError(errno.ENOSPC, "Full", "/source", None, "/target"), "/target: Full; free some space, then run the"),
        (
            shutil.Error([("/a/x", "/b/x", "Full"), ("/a/y", "/b/y", "Full")]),
            "/a/x: cannot be copied to /b/x (Full); 2 such failure(s)",
        ),
        (shutil.Error("/a and /b are the same file"), "/a and /b are the same file"),
        (OSError("decoder error"), "decoder error"),
        (OSError(), "OSError"),
    ],
)
def test_an_os_error_in_one_line(error: OSError, text: str) -> None:
    assert describe_os_error(error).startswith(text)


def test_a_full_disk_names_the_file_of_several_that_was_being_written(tmp_path: Path, monkeypatch) -> None:
    def full(path: Path, content: bytes) -> None:
        if content == b"2":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_together(tmp_path, {"a": b"1", "b": b"2", "c": b"3"})
    assert caught.value.filename == str(tmp_path / "b")
    assert names(tmp_path) == []


def test_files_are_written_together_or_not_at_all(tmp_path):
    write_together(tmp_path / "new", {"a": b"1", "b": b"2"})
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a", "b"]
    with pytest.raises(TypeError):
        write_together(tmp_path / "new", {"a": b"changed", "b": "text instead of bytes"})
    assert (tmp_path / "new" / "a").read_bytes() == b"1"
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_written_files_have_the_usual_permissions(tmp_path):
    write_json({}, tmp_path / "ours.json")
    (tmp_path / "plain.json").write_text("{}")
    assert (tmp_path / "ours.json").stat().st_mode == (tmp_path / "plain.json").stat().st_mode


def test_json_is_read_back_and_nan_is_refused(tmp_path):
    write_json({"ä": [1, 2]}, tmp_path / "x.json")
    assert read_json(tmp_path / "x.json") == {"ä": [1, 2]}
    with pytest.raises(ValueError, match="JSON"):
        write_json({"x": float("nan")}, tmp_path / "x.json")
    assert read_json(tmp_path / "x.json") == {"ä": [1, 2]}
