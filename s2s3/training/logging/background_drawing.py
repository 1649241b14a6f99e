"""Draws a picture in a thread, so that a training goes on meanwhile."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from nnunetv2.foundation.worker_process import signals_held_back


class BackgroundDrawing:
    """One drawing at a time; one that fails costs a warning.

    The thread is no daemon: a program that ends waits for the last drawing.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def start(self, draw: Callable[[], None], target: Path) -> None:
        """Wait for the drawing before, then start this one; if there is no picture at `target` yet, wait for it too."""
        self.wait()
        thread = threading.Thread(target=_draw_or_warn, args=(draw, target), name=f"drawing of {target.name}")
        is_first = not target.is_file()
        with signals_held_back():  # nobody can wait for a thread whose start Ctrl-C interrupted
            thread.start()
            self._thread = thread
        if is_first:
            self.wait()

    def wait(self) -> None:
        """Wait until the last drawing is done."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None


def _draw_or_warn(draw: Callable[[], None], target: Path) -> None:
    try:
        draw()
    except Exception as error:
        logging.getLogger(__name__).warning("WARNING: %s could not be drawn: %s", target, error)
