"""A lock between processes that does not outlive them."""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from nnunetv2.foundation.unlinked_files import open_unlinked


class FileLock:
    """Held by one process at a time, from `take` to `release` or the end of the process, however it ends.

    The system locks an open file; that the file exists means nothing. A pickled copy does not hold the lock. If the
    system or the file system has no such locks, every process gets the lock, see `excludes_others`.
    """

    def __init__(self, path: Path):
        self.path = path
        self._stream: IO[bytes] | None = None
        self._is_supported = True

    def __reduce__(self) -> tuple[type["FileLock"], tuple[Path]]:
        return type(self), (self.path,)

    @property
    def excludes_others(self) -> bool:
        """Whether the lock is held and keeps other processes out."""
        return self._stream is not None and self._is_supported

    def take(self) -> bool:
        """Take the lock, which creates the file; False if another process holds it. Raises OSError for a link."""
        while self._stream is None:
            stream = open_unlinked(self.path, os.O_RDWR | os.O_CREAT, "rb+")
            try:
                self._is_supported = _lock(stream)
            except BlockingIOError:
                stream.close()
                return False
            if self._is_at_its_place(stream):
                self._stream = stream
            else:  # its holder removed it after we had opened it
                stream.close()
        return True

    def release(self) -> None:
        """Give the lock back and remove the file; do nothing if the lock is not held."""
        if self._stream is not None:
            with suppress(OSError):  # Windows does not remove open files
                self.path.unlink()
            self._stream.close()
            self._stream = None

    def _is_at_its_place(self, stream: IO[bytes]) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(stream.fileno()), os.stat(self.path))
        return False


def _lock(stream: IO[bytes]) -> bool:
    """Lock an open file; False if that is not supported. Raises BlockingIOError if another process holds the lock."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return False
    return True
