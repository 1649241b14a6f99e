"""The tables over all slides of an output folder: slides.csv (how they went) and summary.csv (what was measured)."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.errors import DriftError
from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, SLIDE_MEASUREMENTS
from nnunetv2.foundation.files import read_json
from nnunetv2.pathology.outputs.measurements import summary_row
from nnunetv2.pathology.prediction.slide_state import DONE, read_state
from s1.files import replacing

SLIDES, SUMMARY = "slides.csv", "summary.csv"
_STATE_COLUMNS = ("slide", "path", "state", "attempts", "error", "started", "finished")


def write_summary(folder: Path, names: Sequence[str]) -> None:
    """Write both tables for the slides of these names, in this order; slides that were not begun are left out."""
    states = [state for name in names if (state := read_state(folder / name))]
    _write_csv(folder / SLIDES, [_state_row(state) for state in states])
    _write_csv(folder / SUMMARY, [row for name in names if (row := _measured(folder / name, name))])


def _state_row(state: dict[str, Any]) -> dict[str, Any]:
    error = state.get("error") or {}
    return {**{column: state.get(column) for column in _STATE_COLUMNS}, "error": error.get("message")}


def _measured(folder: Path, name: str) -> dict[str, Any]:
    if read_state(folder).get("state") != DONE:
        return {}
    try:
        return summary_row(name, read_json(folder / MEASUREMENTS_NAME, SLIDE_MEASUREMENTS))
    except DriftError:  # not what a prediction wrote
        return {}


def _write_csv(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(file) as temporary:
        temporary.write_text(stream.getvalue())
