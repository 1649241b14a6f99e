"""Opens files of our own, which are written in place, without following a symbolic link that lies where they should."""

import errno
import os
from pathlib import Path
from typing import IO

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


def open_unlinked(path: Path, flags: int, mode: str) -> IO[bytes]:
    """Open a file as `os.open` does with these flags, not cut to nothing unless they say so.

    Parameters:
        mode: of the stream, as for `open`.

    Raises OSError, which says what to do, if a link lies there.
    """
    try:
        return os.fdopen(os.open(path, flags | _NO_LINKS, 0o666), mode, buffering=0)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(errno.ELOOP, "is a symbolic link, which is not followed; remove it", str(path)) from None


def append_unlinked(path: Path, data: bytes) -> None:
    """Append to a file in one write, so that processes do not mix theirs; make it if need be.

    Raises OSError if a link lies there, or the disk takes a part only.
    """
    with open_unlinked(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, "ab") as stream:
        if stream.write(data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
