"""What killed writers leave is removed by the next one, and nothing else is; with real kills."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from s1.files import replacing
from s1.partial_files import partial_folder, partial_name, remove_abandoned

WRITE_FOR_EVER = """
import sys, time
from pathlib import Path
from s1.files import replacing
from s1.partial_files import partial_folder
folder = Path(sys.argv[1])
with partial_folder(folder) as place, replacing(folder / "x.nii.gz") as temporary:
    (place / "inner").mkdir()
    while True:
        temporary.write_bytes(bytes(100_000))
        (place / "inner" / "y.png").write_bytes(b"half")
        (folder / "ready").touch()
"""
LEAVE = "import sys; from s1.files import write_json; write_json({}, sys.argv[1] + '/new.json')"


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is writing a file and a folder."""
    process = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)])
    for _ in range(1200):
        if (tmp_path / "ready").exists():
            break
        time.sleep(0.05)
    yield process
    process.kill()
    process.wait()


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path, writer: subprocess.Popen[bytes]) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(hidden(tmp_path)) == 2

    subprocess.run([sys.executable, "-c", LEAVE, str(tmp_path)], check=True)
    assert hidden(tmp_path) == []
    assert (tmp_path / "new.json").exists()


def test_what_a_living_process_writes_stays(tmp_path: Path, writer: subprocess.Popen[bytes]) -> None:
    subprocess.run([sys.executable, "-c", LEAVE, str(tmp_path)], check=True)
    assert len(hidden(tmp_path)) == 2
    assert writer.poll() is None


def test_other_files_stay_whatever_they_are_called(tmp_path: Path) -> None:
    own = partial_name(".json")
    digits = own.split("-")[0].removeprefix(".")
    elsewhere = own.replace(digits, "0" * 8).replace("-", "-9", 1)
    names = [own, elsewhere, ".x.partial", ".config", ".12345678-999999999.partial", "._a.png"]
    for name in names:
        (tmp_path / name).touch()
    remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_folder_is_looked_through_once_per_process(tmp_path: Path) -> None:
    remove_abandoned(tmp_path)
    dead = tmp_path / partial_name().replace(f"-{_own_number()}-", "-999999999-")
    dead.touch()
    remove_abandoned(tmp_path)
    assert dead.exists()


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").touch()
    link = tmp_path / partial_name().replace(f"-{_own_number()}-", f"-{_dead_number()}-")
    link.symlink_to("data")
    remove_abandoned(tmp_path)
    assert not link.is_symlink()
    assert (tmp_path / "data" / "file").exists()


def test_a_temporary_folder_is_private_and_goes_at_the_end(tmp_path: Path) -> None:
    with partial_folder(tmp_path) as folder:
        (folder / "x").touch()
        assert folder.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_left_to_the_writer(tmp_path: Path) -> None:
    remove_abandoned(tmp_path / "none")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "none" / "x"):
        pass


def _own_number() -> str:
    return partial_name().split("-")[1]


def _dead_number() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
