"""What can lie in a folder in place of a file: pipes, sockets, devices, folders, lost links, and what macOS adds."""

import os
import socket
import unicodedata
from pathlib import Path

APPLE_DOUBLE = b"\0\5\26\7\0\2\0\0Mac OS X        "
"""How the content of a hidden file `._x` begins."""

KINDS = {
    "pipe": "is a named pipe",
    "socket": "is a socket",
    "device": "is a device",
    "folder": "is a folder",
    "lost link": "is a link to .*nowhere, which does not exist",
    "circle": "is a link that leads back to itself",
}
"""Kind -> how messages describe it."""


def make_odd(path: Path, kind: str) -> Path:
    """Create something that is no file at a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        _make_socket(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "lost link": "nowhere", "circle": path.name}[kind])
    return path


def _make_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket has at most about 100 characters
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)


def hide_beside(*folders: Path) -> None:
    """Write a hidden `._x` beside every file x of the folders, and a `.DS_Store`."""
    for folder in folders:
        for file in [path for path in folder.iterdir() if path.is_file()]:
            (folder / f"._{file.name}").write_bytes(APPLE_DOUBLE)
        (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")


def decomposed(name: str) -> str:
    """Return a name as macOS stores it, with its accents as characters of their own."""
    return unicodedata.normalize("NFD", name)
