"""Whether a path can be read as a file without waiting: pipes, devices and sockets cannot, nor can lost links."""

import errno
import os
import stat

from s1.errors import DriftError, ImageProblemError, SourceError

PathLike = str | os.PathLike[str]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def hindrance(path: PathLike) -> str | None:
    """Return why a path cannot be read as a file, None for a regular file; links are followed, nothing is opened."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return _describe(path, error)
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), None)
    if kind:
        return f"is {kind}, expected a file"
    return None if os.access(path, os.R_OK) else "may not be read (permission denied)"


def require_file(path: PathLike, error: type[DriftError] = ImageProblemError) -> None:
    """Raise `error` for what exists at a path, but cannot be read as a file; a missing file is left to the caller."""
    reason = hindrance(path)
    if reason and os.path.lexists(path):
        raise error(f"{path}: {reason}")


def is_given(path: PathLike, error: type[DriftError] = SourceError) -> bool:
    """Tell whether an optional file exists; raise `error` for a lost link, a pipe or a folder in its place."""
    require_file(path, error)
    return os.path.lexists(path)


def _describe(path: PathLike, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a link that leads back to itself"
    if os.path.islink(path) and isinstance(error, FileNotFoundError):
        return f"is a link to {os.readlink(path)}, which does not exist"
    return "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
