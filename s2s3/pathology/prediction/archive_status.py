"""How far the slides of an output folder are, read from its files alone, wherever they are predicted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nnunetv2.errors import MissingFileError
from nnunetv2.file_kinds.slide_files import STATE_NAME
from nnunetv2.pathology.prediction.claims import FoundClaim, find_claim, release_stale
from nnunetv2.pathology.prediction.run_list import read_slides
from nnunetv2.pathology.prediction.slide_state import ENDED, RUNNING, WAITING, read_state

STOPPED = "stopped"
"""A slide whose process has ended in the middle; the next one goes on with it."""
_LATEST = 20
"""Slides whose times tell the rate."""
_S_PER_H = 3600


@dataclass(frozen=True)
class SlideStatus:
    """One slide as its files say."""

    name: str
    state: str
    attempts: int
    finished: datetime | None
    claim: FoundClaim | None
    message: str
    """Of the error that ended it."""

    @property
    def holder(self) -> str:
        """Who has it, and for how long it was silent."""
        return "" if self.claim is None else self.claim.holder

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        owner = self.claim.owner if self.claim else None
        claim = self.claim and {
            "host": owner and owner.host,
            "pid": owner and owner.pid,
            "age_s": round(self.claim.age_s, 1),
            "is_stale": self.claim.is_stale,
        }
        return {
            "slide": self.name,
            "state": self.state,
            "attempts": self.attempts,
            "finished": self.finished and self.finished.isoformat(),
            "claim": claim,
            "error": self.message or None,
        }


def archive_status(output: Path) -> list[SlideStatus]:
    """Return the slides that were asked for or begun, by name. Raises MissingFileError if that is no output folder."""
    if not output.is_dir():
        raise MissingFileError(f"{output}: no such folder, expected one of drift slide predict")
    begun = [file.parent.name for file in output.glob(f"*/{STATE_NAME}")]
    names = sorted({*read_slides(output), *begun})
    if not names:
        raise MissingFileError(f"{output}: no slides, expected an output folder of drift slide predict")
    return [_status(output / name) for name in names]


def release_claims(output: Path) -> list[str]:
    """Remove the claims of processes that are gone; return the names of their slides."""
    stale = [slide.name for slide in archive_status(output) if slide.claim and slide.claim.is_stale]
    return [name for name in stale if release_stale(output / name)]


def status_lines(slides: Sequence[SlideStatus]) -> list[str]:
    """Return a table for people: a line a slide, then how many are in which state, how fast, and how long to go."""
    width = max(len(slide.name) for slide in slides)
    lines = [
        f"{slide.name:<{width}}  {slide.state:<9}  {slide.attempts}  {slide.holder or slide.message}".rstrip()
        for slide in slides
    ]
    counts = Counter(slide.state for slide in slides)
    summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    return [*lines, "", f"{len(slides)} slides: {summary}", *_rate_line(slides)]


def slides_per_hour(slides: Sequence[SlideStatus]) -> float | None:
    """Return how many slides ended in an hour, by the latest twenty; None if too few have."""
    times = sorted(slide.finished for slide in slides if slide.finished and slide.state in ENDED)[-_LATEST:]
    seconds = (times[-1] - times[0]).total_seconds() if times else 0.0
    return (len(times) - 1) / seconds * _S_PER_H if seconds else None


def _rate_line(slides: Sequence[SlideStatus]) -> list[str]:
    rate, left = slides_per_hour(slides), sum(slide.state not in ENDED for slide in slides)
    if rate is None or not left:
        return []
    return [f"{rate:.1f} slides an hour; about {left / rate:.1f} hours to go"]


def _status(folder: Path) -> SlideStatus:
    state = read_state(folder)
    claim = None if folder.is_symlink() else find_claim(folder)
    name = str(state.get("state", WAITING))
    if claim is not None and not claim.is_stale and not claim.is_folder:
        name = RUNNING if name not in ENDED else name
    elif name == RUNNING:
        name = STOPPED
    message = str((state.get("error") or {}).get("message", ""))
    return SlideStatus(folder.name, name, int(state.get("attempts", 0)), _time(state.get("finished")), claim, message)


def _time(text: Any) -> datetime | None:
    """Return a time of a state file; None for one that is missing, without time zone or none at all."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None
