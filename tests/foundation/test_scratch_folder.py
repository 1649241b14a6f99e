"""Scratch folders do not stay, however their process ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from nnunetv2.foundation.scratch_folder import scratch_folder

pytest.importorskip("fcntl")

HOLDER = """
import sys
from pathlib import Path
from nnunetv2.foundation.scratch_folder import scratch_folder

with scratch_folder(Path(sys.argv[1]), "held") as folder:
    (folder / "file").write_text("x")
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_hidden_and_removed_at_the_end(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, "data") as folder:
        assert folder.name.startswith(".data-")
        (folder / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_removed_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path, "data"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_renamed_folder_stays(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, "data") as folder:
        folder.rename(tmp_path / "result")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_a_folder_in_use_stays_and_one_of_a_killed_process_goes(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    with scratch_folder(tmp_path, "data") as folder:
        assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir() if path.is_dir()) == [".data", ".held"]
        assert folder.is_dir()
    assert len(list(tmp_path.glob(".held-*/file"))) == 1
    holder.kill()
    holder.communicate()
    assert len(list(tmp_path.iterdir())) == 2, "the folder and its lock"
    with scratch_folder(tmp_path, "data"):
        assert not list(tmp_path.glob(".held-*"))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_removed_where_locks_are_not_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with scratch_folder(tmp_path, "first") as first:
        with scratch_folder(tmp_path, "second"):
            assert first.is_dir()
        assert first.is_dir()
    assert list(tmp_path.iterdir()) == []
