"""Reads <case>.pkl: the properties of a case, a dict with spacing, shapes and what its reader keeps for its writer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.content_descriptions import describe_content
from nnunetv2.foundation.safe_loading.safe_pickle import load_pickle

PathLike = str | os.PathLike[str]


def load_properties(path: PathLike) -> dict[str, Any]:
    """Return the properties of a case; no code in the file runs.

    Raises MissingFileError; CheckpointError, one line, for a file that is damaged, unsafe or holds something else.
    """
    content = load_pickle(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds {describe_content(content)}; expected the properties of a case, a dict")
    return content


@contextmanager
def needed_entries(path: PathLike, user: str) -> Iterator[None]:
    """Name the file if an entry of its properties turns out to be missing.

    Parameters:
        user: who needs the entry, such as the class that writes label images.
    """
    try:
        yield
    except KeyError as error:
        raise CheckpointError(
            f"{path}: lacks the entry {error} that {user} needs; expected the properties of a case that the same "
            "reader read"
        ) from error
