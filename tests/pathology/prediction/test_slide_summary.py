"""summary.json and the tables: what became of the slides of an output folder."""

import csv
import json
from pathlib import Path
from typing import Any

from nnunetv2.pathology.prediction.run_list import note_slides, read_run
from nnunetv2.pathology.prediction.slide_summary import write_summary
from nnunetv2.pathology.slides.slide_list import SlideEntry

RUN = {"model": {"name": "m", "hash": "77ab"}, "settings": {"mpp": 0.5}, "versions": {"nnunetv2": "0.1"}}
CLASS = {"name": "Tumor", "area_mm2": 2.0, "share_of_tissue": 0.5, "objects": 3, "largest_object_mm2": 1.0}


def write_slide(folder: Path, measured: dict[str, Any] | None = None, **state: Any) -> None:
    folder.mkdir()
    known = {"slide": folder.name, "path": f"/x/{folder.name}.svs", "attempts": 1, "error": None}
    (folder / "state.json").write_text(json.dumps({**known, **state}))
    if measured is not None:
        (folder / "measurements.json").write_text(json.dumps(measured))


def write_archive(folder: Path) -> None:
    note_slides(folder, [SlideEntry(f"/x/{name}.svs", name) for name in "abc"], RUN)
    work = {
        "tiles": {"total": 10, "gated": 4},
        "read": {"unread": [], "missing_share": 0.01, "failed_tissue_share": 0.002},
        "seconds": {"reading": 1.0, "network": 6.5, "writing": 2.0},
        "wait_share": 0.13,
        "warnings": ["pale"],
    }
    write_slide(folder / "a", {"tissue_mm2": 4.0, "classes": [CLASS], "ratios": {}}, state="done", **work)
    error = {"type": "UnreadableSlideError", "message": "/x/b.svs: cut off"}
    write_slide(folder / "b", state="failed", error=error, seconds={"network": 1.0})
    write_summary(folder, ["a", "b", "c"])


def test_the_summary_has_how_what_and_why_of_all_slides(tmp_path: Path) -> None:
    write_archive(tmp_path)
    found = json.loads((tmp_path / "summary.json").read_text())
    assert {key: found[key] for key in RUN} == RUN
    assert found["states"] == {"done": 1, "failed": 1}
    assert found["seconds"] == {"reading": 1.0, "network": 7.5, "writing": 2.0}
    (failure,) = found["failures"]
    assert (failure["slide"], failure["error"]["message"]) == ("b", "/x/b.svs: cut off")
    first = found["slides"][0]
    assert (first["tissue_mm2"], first["classes"][0]["objects"], first["warnings"]) == (4.0, 3, ["pale"])
    assert (first["tiles_predicted"], first["tiles_skipped"]) == (4, 6)
    assert (first["failed_share"], first["missing_share"]) == (0.002, 0.01)
    assert first["seconds"]["network"] == 6.5


def test_the_table_has_a_column_for_each_number(tmp_path: Path) -> None:
    write_archive(tmp_path)
    (row,) = csv.DictReader((tmp_path / "summary.csv").read_text().splitlines())
    numbers = {name: float(value) for name, value in row.items() if name != "slide"}
    assert numbers["Tumor area_mm2"] == 2
    assert (numbers["tiles_predicted"], numbers["tiles_skipped"]) == (4, 6)
    assert (numbers["seconds_reading"], numbers["seconds_network"], numbers["seconds_writing"]) == (1, 6.5, 2)
    assert (numbers["failed_share"], numbers["missing_share"], numbers["wait_share"]) == (0.002, 0.01, 0.13)


def test_the_run_keeps_its_model_when_slides_are_added_without_one(tmp_path: Path) -> None:
    write_archive(tmp_path)
    note_slides(tmp_path, [SlideEntry("/x/d.svs", "d")])
    run = read_run(tmp_path)
    assert sorted(run["slides"]) == ["a", "b", "c", "d"]
    assert run["model"] == RUN["model"]


def test_an_output_folder_without_a_usable_list_has_a_summary_all_the_same(tmp_path: Path) -> None:
    write_archive(tmp_path)
    (tmp_path / "run.json").write_text("[")
    write_summary(tmp_path, ["a"])
    assert json.loads((tmp_path / "summary.json").read_text())["states"] == {"done": 1}
