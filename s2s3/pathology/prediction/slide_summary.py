"""The files about all slides of an output folder: slides.csv, summary.csv (what was measured), summary.json (all)."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.pathology.outputs.measurements import summary_row
from nnunetv2.pathology.prediction.run_list import read_run
from nnunetv2.pathology.prediction.slide_state import FAILED, read_measurements, read_state
from s1.files import replacing, write_json

SLIDES, SUMMARY, SUMMARY_JSON = "slides.csv", "summary.csv", "summary.json"
_STATE_COLUMNS = ("slide", "path", "state", "attempts", "error", "started", "finished")
_RUN = ("model", "settings", "versions")
_OF_STATE = (*_STATE_COLUMNS, "host", "reader", "mpp", "normalization", "warnings", "seconds", "wait_share")
_MEASURED = ("tissue_mm2", "classes", "ratios")


def write_summary(folder: Path, names: Sequence[str]) -> None:
    """Write the files for the slides of these names, in this order; slides that were not begun are left out."""
    states = {name: state for name in names if (state := read_state(folder / name))}
    measured = {name: read_measurements(folder / name, state) for name, state in states.items()}
    _write_csv(folder / SLIDES, [_state_row(state) for state in states.values()])
    rows = [{**summary_row(name, found), **_work(states[name])} for name, found in measured.items() if found]
    _write_csv(folder / SUMMARY, rows)
    write_json(summary_content(read_run(folder), states, measured), folder / SUMMARY_JSON)


def summary_content(
    run: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]], measured: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the content of summary.json: how slides were predicted, what became of each, what was measured.

    Parameters:
        run: content of run.json.
        states: name -> content of state.json.
        measured: name -> content of measurements.json, empty without it.
    """
    failures = [name for name, state in states.items() if state["state"] == FAILED]
    return {
        "format": 1,
        **{key: run[key] for key in _RUN if key in run},
        "states": dict(Counter(state["state"] for state in states.values())),
        "tissue_mm2": sum(found["tissue_mm2"] for found in measured.values() if found),
        "seconds": _added([state.get("seconds", {}) for state in states.values()]),
        "failures": [{key: states[name].get(key) for key in ("slide", "path", "error")} for name in failures],
        "slides": [_entry(state, measured[name]) for name, state in states.items()],
    }


def _entry(state: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: state[key] for key in _OF_STATE if key in state}
    return {**known, **_work(state, with_seconds=False), **{key: measured[key] for key in _MEASURED if key in measured}}


def _work(state: Mapping[str, Any], with_seconds: bool = True) -> dict[str, Any]:
    """Return tiles, lost shares and seconds of a slide, as far as they are known."""
    work: dict[str, Any] = {}
    if "tiles" in state:
        tiles = state["tiles"]
        work |= {"tiles_predicted": tiles["gated"], "tiles_skipped": tiles["total"] - tiles["gated"]}
    if "read" in state:
        lost = {"failed_share": "failed_tissue_share", "missing_share": "missing_share"}
        work |= {name: state["read"].get(key) for name, key in lost.items()}
    if with_seconds:
        work |= {f"seconds_{kind}": value for kind, value in state.get("seconds", {}).items()}
        work |= {"wait_share": state["wait_share"]} if "wait_share" in state else {}
    return work


def _added(spent: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for seconds in spent:
        total.update(seconds)
    return {kind: round(value, 2) for kind, value in total.items()}


def _state_row(state: Mapping[str, Any]) -> dict[str, Any]:
    error = state.get("error") or {}
    return {**{column: state.get(column) for column in _STATE_COLUMNS}, "error": error.get("message")}


def _write_csv(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(file) as temporary:
        temporary.write_text(stream.getvalue(), encoding="utf-8", errors="backslashreplace")
