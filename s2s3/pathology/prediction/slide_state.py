"""The file state.json of a slide: what is being done with it, what was, and how it went."""

import errno
import socket
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from nnunetv2.errors import DriftError
from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, SLIDE_MEASUREMENTS, SLIDE_STATE, STATE_NAME, WITH_OUTPUTS
from nnunetv2.foundation.files import read_json
from s1.files import write_json

FORMAT = 1
WAITING, RUNNING, FAILED = "waiting", "running", "failed"
DONE, NO_TISSUE = WITH_OUTPUTS
ENDED = (DONE, NO_TISSUE, FAILED)


class SlideState:
    """The state of one slide on disk; every change is written at once and atomically.

    Parameters:
        folder: of the slide's outputs.
        begin: entries that are known at the start.
        check: raises ClaimError before a change if the slide belongs to another process.

    The entry `attempts` counts those in a row that have not finished a band more.
    """

    def __init__(self, folder: Path, begin: Mapping[str, Any], check: Callable[[], None] = lambda: None):
        self._file, self._check = folder / STATE_NAME, check
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
        self._check()
        self.content.update(entries)
        write_json(self.content, self._file)

    def count_progress(self) -> None:
        """Enter that a band was finished: what ended earlier attempts does not end all."""
        if self.content["attempts"] > 1:
            self.update(attempts=1)

    def stop(self, error: BaseException | None = None) -> None:
        """Enter that something which is no fault of the slide stopped it: the user, a full disk, other settings.

        How it ended stays if it had ended already. On a disk too full even for that, the state goes, as a slide without
        one is waiting, too; one that seems to run would count as ended by its process.
        """
        if read_state(self._file.parent).get("state") in ENDED:
            return
        attempts = max(0, self.content["attempts"] - 1)
        try:
            self.update(state=WAITING, attempts=attempts, error=None if error is None else _described(error))
        except OSError as full:
            if full.errno in (errno.ENOSPC, errno.EDQUOT):
                self._file.unlink(missing_ok=True)
            raise

    def finish(self, state: str, **entries: Any) -> dict[str, Any]:
        """Enter how it ended; return all entries."""
        self.update(**entries, state=state, finished=_now())
        return self.content

    def fail(self, error: BaseException) -> None:
        """Enter the error that ended it."""
        self.finish(FAILED, error=_described(error))


def read_state(folder: Path) -> dict[str, Any]:
    """Return the state of a slide's folder, empty if there is none or it is damaged."""
    try:
        content: dict[str, Any] = read_json(folder / STATE_NAME, SLIDE_STATE)
    except DriftError:
        return {}
    return content


def read_measurements(folder: Path, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the measurements of a slide with this state; empty unless it has outputs, or if they are damaged."""
    if state.get("state") not in WITH_OUTPUTS:
        return {}
    try:
        found: dict[str, Any] = read_json(folder / MEASUREMENTS_NAME, SLIDE_MEASUREMENTS)
    except DriftError:  # not what a prediction wrote
        return {}
    return found


def enter_failure(folder: Path, state: Mapping[str, Any], message: str) -> None:
    """Write into the state of a slide that it failed without an error of its own."""
    error = {"type": "WorkerDiedError", "message": message}
    write_json({**state, "state": FAILED, "error": error, "finished": _now()}, folder / STATE_NAME)


def _described(error: BaseException) -> dict[str, str]:
    return {"type": type(error).__name__, "message": str(error)}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
