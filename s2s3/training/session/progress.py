"""Progress bars, and the end of loader processes."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any


def with_progress(count: int, description: str, visible: bool = True) -> Iterator[int]:
    """Yield 0 .. count - 1 under a bar that is only drawn on a terminal and disappears when full."""
    from tqdm import tqdm

    yield from tqdm(range(count), desc=description, leave=False, disable=None if visible else True)


def end_loader(loader: Any) -> None:
    """End the processes of a loader without output, if it has any."""
    finish = getattr(loader, "_finish", None)
    if finish is None:
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        finish()
