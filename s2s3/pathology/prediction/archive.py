"""Many slides, shared by any number of workers that know nothing of each other but the output folder.

A worker takes the largest slide that nobody has and that is not done, until there is none. What other workers have is
waited for, as they may die: then their slides are free again.
"""

import logging
import time
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nnunetv2.errors import ClaimError, DriftError
from nnunetv2.pathology.prediction.claims import CLAIM_NAME, Claim, ClaimOwner, claiming, find_claim
from nnunetv2.pathology.prediction.slide_state import ENDED, FAILED, RUNNING, enter_failure, read_state
from nnunetv2.pathology.slides.reader_process import READ_TIMEOUT_S
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.pathology.slides.slide_parts import slide_bytes
from nnunetv2.pathology.slides.watched_reader import HangingReadError, within

MOST_ATTEMPTS = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 10.0
_SILENT_WAIT_S = 1.0
"""Up to waits of this length, nothing is said: slides that are nearly done."""
_DIED = f"ended its process {MOST_ATTEMPTS} times without a further part; --overwrite predicts it anew"
_log = logging.getLogger(__name__)

PredictSlide = Callable[[SlideEntry, Path, Claim, bool], Any]
"""Predicts a slide into a folder that is claimed for it, the last argument: anew. Raises DriftError."""
Marks = dict[str, tuple[Any, ...]]
"""Slide -> what changes in its state when it is worked on."""


@dataclass
class ArchiveWorker:
    """One of the processes that predict slides into the same folder.

    Parameters:
        output: with a folder for each slide.
        retry_failed: whether slides that failed are tried again, three times in all.
        overwrite: whether slides are predicted anew; those that another worker has done meanwhile are not.
        before: what `marks_of` returned when the command began; None: it begins now.
        waits: whether slides of other workers are waited for; if not, they are left to them.
        equal: name of a slide -> that of an equal one, which has its turn before.

    The list `problems` has a line for each slide that could not be predicted.
    """

    entries: Sequence[SlideEntry]
    output: Path
    predict: PredictSlide
    retry_failed: bool = False
    overwrite: bool = False
    waits: bool = True
    before: "Marks | None" = None
    equal: Mapping[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _said: set[tuple[str, ClaimOwner | None]] = field(default_factory=set, init=False)

    def work(self) -> list[str]:
        """Predict slides until none is left and return the problems.

        An error that is not the slide's, as of a full disk, ends it with that error.
        """
        self._before = marks_of(self.output, self.entries) if self.before is None else self.before
        left, wait_s = in_order(self.entries, self.output, self.equal), _FIRST_WAIT_S
        while left:
            remaining = self._those_of_others(left)
            if remaining and not self.waits:
                _log.info("%d slides are left to the processes that have them: drift slide status", len(remaining))
                break
            wait_s = _FIRST_WAIT_S if len(remaining) < len(left) else min(_LONGEST_WAIT_S, 2 * wait_s)
            left = remaining
            if left:
                if wait_s > _SILENT_WAIT_S:
                    self._say_who_has(left)
                time.sleep(wait_s)
        return self.problems

    def _say_who_has(self, entries: Sequence[SlideEntry]) -> None:
        """Say once for each holder of a slide that it is waited for."""
        for entry in entries:
            claim = find_claim(self.output / entry.name)
            if claim is None or (entry.name, claim.owner) in self._said:
                continue
            self._said.add((entry.name, claim.owner))
            _log.info(
                "%s: waiting for the process that has it, %s; ten minutes without a sign of it free the slide, as does"
                " removing %s if it is gone",
                entry.path,
                claim.holder,
                self.output / entry.name / CLAIM_NAME,
            )

    def _those_of_others(self, entries: Sequence[SlideEntry]) -> list[SlideEntry]:
        """Predict each slide that nobody has; return the others, and those that are equal to one of them."""
        left: dict[str, SlideEntry] = {}
        for entry in entries:
            if self.equal.get(entry.name) in left or not self._is_visited(entry):
                left[entry.name] = entry
        return list(left.values())

    def _is_visited(self, entry: SlideEntry) -> bool:
        """Do what is to be done for a slide; False if another process has it."""
        folder = self.output / entry.name
        try:
            with claiming(folder) as claim:
                return claim is not None and self._visit(entry, folder, claim)
        except DriftError as error:
            self.problems.append(str(error))
            return True

    def _visit(self, entry: SlideEntry, folder: Path, claim: Claim) -> bool:
        state = read_state(folder)
        is_changed = _mark(state) != self._before.get(entry.name)
        anew = self.overwrite and not is_changed
        reason = None if anew else self._why_not(state, is_changed)
        if reason is not None:
            self.problems.append(reason if reason.startswith(entry.path) else f"{entry.path}: {reason}")
            if state["state"] == RUNNING:
                enter_failure(folder, state, reason)
            return True
        try:
            self.predict(entry, folder, claim, anew)
        except ClaimError as error:
            _log.warning("%s", error)
            return False
        return True

    def _why_not(self, state: dict[str, Any], is_changed: bool) -> str | None:
        """Return why a slide is not tried, None if it is."""
        attempts = int(state.get("attempts", 0))
        if state.get("state") == RUNNING:
            return _DIED if attempts >= MOST_ATTEMPTS else None
        if state.get("state") != FAILED:
            return None
        if is_changed:
            return str((state.get("error") or {}).get("message"))
        if attempts >= MOST_ATTEMPTS:
            return f"failed {attempts} times; --overwrite predicts it anew"
        return None if self.retry_failed else "failed before; --retry_failed tries again"


def in_order(entries: Sequence[SlideEntry], output: Path, equal: Container[str] = ()) -> list[SlideEntry]:
    """Return the largest first, as they decide when all is done; then those that ended their process.

    Parameters:
        equal: names of slides that are equal to another one; they are last.
    """
    sizes = _sizes(entries)

    def key(entry: SlideEntry) -> tuple[bool, bool, int]:
        has_ended_its_process = read_state(output / entry.name).get("state") == RUNNING
        return entry.name in equal, has_ended_its_process, -sizes.get(entry.name, 0)

    return sorted(entries, key=key)


def _sizes(entries: Sequence[SlideEntry]) -> dict[str, int]:
    """Return the bytes of each slide, up to one at which the network share hangs: the order is no more than good."""
    sizes: dict[str, int] = {}
    with suppress(HangingReadError):
        for entry in entries:
            sizes[entry.name] = within(READ_TIMEOUT_S, entry.path, partial(slide_bytes, entry.path))
    return sizes


def is_free(folder: Path, again: bool = False) -> bool:
    """Tell whether a slide is still to be predicted, and nobody does.

    Parameters:
        again: whether slides that are done or have failed are predicted once more.
    """
    if not again and read_state(folder).get("state") in ENDED:
        return False
    claim = find_claim(folder)
    return claim is None or claim.is_stale


def marks_of(output: Path, entries: Sequence[SlideEntry]) -> "Marks":
    """Return what tells, later, which slides have been worked on meanwhile."""
    return {entry.name: _mark(read_state(output / entry.name)) for entry in entries}


def _mark(state: dict[str, Any]) -> tuple[Any, ...]:
    """Return what changes when a slide is worked on."""
    return state.get("started"), state.get("finished"), state.get("attempts")
