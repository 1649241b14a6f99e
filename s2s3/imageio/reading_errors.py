"""What image libraries raise while they read a file, as errors that name the file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from nnunetv2.errors import DriftError, ImageProblemError, MissingFileError
from s1.damaged_files import require_whole
from s1.readable_files import require_file


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Check that the file is whole; raise MissingFileError or ImageProblemError for what a library raises about it.

    Pipes, devices, lost links, and files that are cut off or have a wrong checksum are refused before a library opens
    them. Our own errors and MemoryError pass.
    """
    require_whole(path)
    with naming_file(path):
        yield


@contextmanager
def reading_volume(path: str) -> Iterator[None]:
    """Do as `reading` does, except that whether a file is whole is left to `check_voxels`, unless reading it fails."""
    require_file(path)
    with naming_file(path):
        try:
            yield
        except Exception:
            require_whole(path)
            raise


@contextmanager
def naming_file(path: str) -> Iterator[None]:
    """Translate errors as `reading` does, for a file that has been checked."""
    try:
        yield
    except (DriftError, MemoryError):
        raise
    except Exception as error:
        if _is_missing(path, error):
            raise MissingFileError(f"image not found: {path}") from None
        raise ImageProblemError(
            f"{path}: cannot be read, damaged or of another format ({_details(path, error)})"
        ) from error


def _is_missing(path: str, error: Exception) -> bool:
    """Tell whether there is no such file; SimpleITK does not raise FileNotFoundError."""
    return isinstance(error, FileNotFoundError) or not (isinstance(error, OSError) or os.path.exists(path))


def _details(path: str, error: Exception) -> str:
    """Return the size of the file and the last line of the error."""
    size = os.path.getsize(path) if os.path.exists(path) else 0
    reason = str(error).strip().splitlines()
    return f"{size} bytes; {type(error).__name__}: {reason[-1] if reason else 'no reason given'}"
