"""Errors of the system while a slide is predicted: the slide's fault, or the output folder's, or the machine's."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnunetv2.errors import DriftError, UnreadableSlideError
from nnunetv2.foundation.files import describe_os_error
from nnunetv2.inference.tile_accumulation import InvalidLogitsError
from nnunetv2.pathology.slides.rescue import wait_for

_NOT_OF_SLIDES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOMEM)


@contextmanager
def slide_errors(path: str, folder: Path, timeout_s: float | None = None) -> Iterator[None]:
    """Turn errors of the system into UnreadableSlideError, unless the output folder, the disk or memory is the reason.

    Those of the network, which knows no files, get the name of the slide. A slide that has vanished, as on a network
    share, is waited for, so that the next attempt finds it.

    Parameters:
        timeout_s: how long the share may take to say whether it is there.
    """
    try:
        yield
    except InvalidLogitsError as error:
        raise InvalidLogitsError(f"{path}: {error}") from error
    except OSError as error:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        of_outputs = any(Path(name).is_relative_to(folder) for name in names)
        if isinstance(error, DriftError) or error.errno in _NOT_OF_SLIDES or of_outputs:
            raise
        wait_for(path, timeout_s)
        raise UnreadableSlideError(f"{path}: cannot be read ({describe_os_error(error)})") from error


@contextmanager
def naming(path: str, place: str) -> Iterator[None]:
    """Let errors about a slide that is read at another place name the slide."""
    try:
        yield
    except DriftError as error:
        if place == path or place not in str(error):
            raise
        raise type(error)(str(error).replace(place, path)) from error
