"""A lock that one process holds, until it ends in whatever way."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.foundation import file_lock
from nnunetv2.foundation.file_lock import FileLock

pytest.importorskip("fcntl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.lock"


def test_one_holder_at_a_time(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    assert not first.excludes_others
    assert first.take()
    assert first.excludes_others
    assert first.take(), "it already holds the lock"
    assert not second.take()
    second.release()
    assert path.exists()
    first.release()
    assert not path.exists()
    assert second.take()
    second.release()


def test_a_killed_process_does_not_hold_the_lock(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from nnunetv2.foundation.file_lock import FileLock;"
        "lock = FileLock(Path(sys.argv[1])); assert lock.take(); print('taken', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "taken\n"
    mine = FileLock(path)
    assert not mine.take()
    holder.kill()
    holder.communicate()
    assert path.exists()
    assert mine.take()
    mine.release()


def test_a_file_that_its_holder_has_removed_is_not_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (FileLock(path) for _ in range(3))
    assert first.take()
    opened = file_lock.open_unlinked

    def open_just_before_release(*arguments: Any) -> object:
        stream = opened(*arguments)
        monkeypatch.undo()
        first.release()
        return stream

    monkeypatch.setattr(file_lock, "open_unlinked", open_just_before_release)
    assert second.take()
    assert not third.take()
    second.release()


def test_a_link_in_the_place_of_a_lock_is_not_followed(path: Path, tmp_path: Path) -> None:
    for target in ("precious.txt", "absent.txt"):
        path.unlink(missing_ok=True)
        path.symlink_to(tmp_path / target)
        (tmp_path / "precious.txt").write_text("precious")
        with pytest.raises(OSError, match="is a symbolic link, which is not followed; remove it"):
            FileLock(path).take()
    assert (tmp_path / "precious.txt").read_text() == "precious"
    assert not (tmp_path / "absent.txt").exists()


def test_a_pickled_copy_does_not_hold_the_lock(path: Path) -> None:
    lock = FileLock(path)
    assert lock.take()
    copy = pickle.loads(pickle.dumps(lock))
    assert not copy.take()
    copy.release()
    assert path.exists()
    lock.release()


def test_every_process_gets_the_lock_if_the_file_system_has_no_locks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    first, second = FileLock(path), FileLock(path)
    assert first.take()
    assert second.take()
    assert not first.excludes_others
    first.release()
    second.release()
