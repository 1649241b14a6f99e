"""What a prediction on slides left in its output folder: state and measurements of each slide, from JSON files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnunetv2.errors import DriftError, MissingFileError
from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, SLIDE_MEASUREMENTS, SLIDE_STATE, STATE_NAME
from nnunetv2.foundation.files import read_json

FAILED, NO_TISSUE, DONE = "failed", "no_tissue", "done"
_COLOURS = ("red", "green", "blue")
_UNUSUAL = 2.0
"""Standard deviations of the training images from which the colour of a slide is worth a warning."""


@dataclass(frozen=True)
class ReportedSlide:
    """One slide.

    Parameters:
        state: content of state.json.
        measured: content of measurements.json, empty if there is none.
    """

    folder: Path
    state: Mapping[str, Any]
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the slide, as its folder has it."""
        return self.folder.name

    @property
    def outcome(self) -> str:
        """`done`, `no_tissue` or `failed`; anything else is not finished."""
        return str(self.state["state"])

    @property
    def tissue_mm2(self) -> float:
        """Area of the tissue, 0 if it is not known."""
        return float(self.state.get("tissue", {}).get("mm2", 0.0))

    @property
    def lost_share(self) -> float:
        """Share of the tissue that could not be read or that the file lacks, 0..1."""
        read = self.state.get("read", {})
        return float(read.get("missing_share", 0.0) + read.get("failed_tissue_share", 0.0))

    @property
    def error(self) -> str | None:
        """Why it failed."""
        error = self.state.get("error")
        return str(error["message"]) if error else None

    @property
    def warnings(self) -> list[str]:
        """What should be known before the predictions are used."""
        found = list(self.state.get("warnings", ()))
        if self.lost_share > 0:
            found.append(f"{_percent(self.lost_share)} of the tissue could not be read; nothing is known of it")
        rescued = self.state.get("read", {}).get("rescued", 0)
        if rescued:
            found.append(f"{rescued:g} damaged part(s) were taken from another level of the same file")
        left_out = self.measured.get("objects_left_out", 0)
        if left_out:
            found.append(f"The {left_out} smallest objects are not in the file for QuPath")
        return found + list(self._unusual_colours())

    def _unusual_colours(self) -> Iterator[str]:
        """Yield a warning if the colours of the tissue are far from those of the training images."""
        found = self.state.get("normalization", {})
        training = found.get("training")
        if training is None or "mean" not in found:
            return
        far = [
            f"{colour} {mean:.0f} instead of {expected:.0f} ± {spread:.0f}"
            for colour, mean, expected, spread in zip(
                _COLOURS, found["mean"], training["mean"], training["std"], strict=True
            )
            if abs(mean - expected) > _UNUSUAL * spread
        ]
        if far:
            yield f"Its colours are unlike those of the training images ({', '.join(far)}): check its outlines"


def read_slide_results(folder: Path) -> list[ReportedSlide]:
    """Return the slides of an output folder, those that need a look first.

    A slide whose state is damaged counts as failed. Raises MissingFileError for a folder without slides.
    """
    if not folder.is_dir():
        raise MissingFileError(f"folder not found: {folder}")
    results = [_result(file.parent) for file in sorted(folder.glob(f"*/{STATE_NAME}"))]
    if not results:
        raise MissingFileError(f"{folder}: no slide in it ({STATE_NAME} in a folder each); was it written by predict?")
    return sorted(results, key=_urgency)


def _result(folder: Path) -> ReportedSlide:
    try:
        state = read_json(folder / STATE_NAME, SLIDE_STATE)
    except DriftError as error:
        return ReportedSlide(folder, {"state": FAILED, "error": {"message": str(error)}})
    if state["state"] != DONE:
        return ReportedSlide(folder, state)
    try:
        return ReportedSlide(folder, state, read_json(folder / MEASUREMENTS_NAME, SLIDE_MEASUREMENTS))
    except DriftError as error:
        return ReportedSlide(folder, {**state, "state": FAILED, "error": {"message": str(error)}})


def _urgency(result: ReportedSlide) -> tuple[int, float, str]:
    """Return the place in the list: failed, unfinished, without tissue, then by warnings and what was lost."""
    ranks = {FAILED: 0, NO_TISSUE: 2, DONE: 3 if result.warnings else 4}
    return ranks.get(result.outcome, 1), -result.lost_share, result.name


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
