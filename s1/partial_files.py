"""Names of temporary files and folders that say who writes them, and removing those whose writer was killed.

`.<place>-<process>-<random>.partial<ending>`; a place is a computer, or a container with process numbers of its own.
"""

import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.partial(\..*)?")


def partial_name(ending: str = "") -> str:
    """Return a new hidden name; `ending` starts with a dot or is empty."""
    return f".{_place()}-{os.getpid()}-{secrets.token_hex(4)}.partial{ending}"


@contextmanager
def partial_folder(parent: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new hidden folder in `parent`, which is removed at the end."""
    remove_abandoned(parent)
    folder = Path(parent) / partial_name()
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes of this place left in a folder; looks once per process and folder.

    What a living process writes, what another computer left, and all other files stay.
    """
    _remove_abandoned(os.path.abspath(folder), os.getpid())


@functools.lru_cache(maxsize=1024)
def _remove_abandoned(folder: str, process: int) -> None:
    with suppress(OSError):  # the folder is missing, or what lies there is somebody else's
        for name in os.listdir(folder):
            match = _NAME.fullmatch(name)
            if match and match[1] == _place() and not _is_alive(int(match[2])):
                _remove(Path(folder) / name)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _is_alive(process: int) -> bool:
    """Return whether a process exists; True where that cannot be asked without side effects."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@functools.cache
def _place() -> str:
    """Return eight digits for the computer's name and, on Linux, the space of process numbers in it."""
    numbers = ""
    with suppress(OSError):
        numbers = str(os.stat("/proc/self/ns/pid").st_ino)
    return hashlib.sha256(f"{platform.node()} {numbers}".encode()).hexdigest()[:8]
