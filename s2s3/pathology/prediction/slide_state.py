"""The file state.json of a slide: what is being done with it, what was, and how it went."""

import socket
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from nnunetv2.errors import DriftError
from nnunetv2.file_kinds.slide_files import SLIDE_STATE, STATE_NAME
from nnunetv2.foundation.files import read_json
from s1.files import write_json

FORMAT = 1
RUNNING, DONE, NO_TISSUE, FAILED = "running", "done", "no_tissue", "failed"


class SlideState:
    """The state of one slide on disk; every change is written at once and atomically.

    Parameters:
        folder: of the slide's outputs.
        begin: entries that are known at the start.
    """

    def __init__(self, folder: Path, begin: Mapping[str, Any]):
        self._file = folder / STATE_NAME
        attempts = int(read_state(folder).get("attempts", 0)) + 1
        self.content: dict[str, Any] = {
            "format": FORMAT,
            **begin,
            "state": RUNNING,
            "attempts": attempts,
            "error": None,
            "started": _now(),
            "finished": None,
            "host": socket.gethostname(),
        }
        self.update()

    def update(self, **entries: Any) -> None:
        """Add or replace entries."""
        self.content.update(entries)
        write_json(self.content, self._file)

    def finish(self, state: str, **entries: Any) -> dict[str, Any]:
        """Enter how it ended; return all entries."""
        self.update(**entries, state=state, finished=_now())
        return self.content

    def fail(self, error: BaseException) -> None:
        """Enter the error that ended it."""
        self.finish(FAILED, error={"type": type(error).__name__, "message": str(error)})


def read_state(folder: Path) -> dict[str, Any]:
    """Return the state of a slide's folder, empty if there is none or it is damaged."""
    try:
        content: dict[str, Any] = read_json(folder / STATE_NAME, SLIDE_STATE)
    except DriftError:
        return {}
    return content


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
