"""`drift slide predict` as a user types it."""

import csv
import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.pathology.prediction.run_list import note_slides
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.run.slide_command import slide_entry
from tests.conftest import exit_code_of
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.pathology.outputs.predicted_slide import write_predicted_slide


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    plans = make_plans([64, 64], [1.0, 1.0], ".png", 3)
    return write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3), folds=(0, 1))


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    head = ["predict", "-device", "cpu", "-nr", "0", "--disable_progress_bar"] if words[0] == "-i" else []
    code = exit_code_of(monkeypatch, slide_entry, *head, *words)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


def draw_slides(folder: Path) -> Path:
    """Two pictures of noise."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in "ab":
        Image.fromarray(random.integers(0, 256, (70, 90, 3), np.uint8)).save(folder / f"{name}.png")
    return folder


def test_all_slides_of_a_folder_are_predicted_and_those_that_fail_are_named_at_the_end(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slides, out = draw_slides(tmp_path / "slides"), tmp_path / "out"
    (slides / "broken.png").write_bytes(b"no picture")
    (slides / "lost.svs").symlink_to("nowhere")
    for ending in ("png", "tif"):
        (slides / f"twice.{ending}").write_bytes(b"")
    words = ("-i", slides, "-o", out, "-m", model_folder, "--mpp", 0.5, "--slide_mpp", 0.5, "--tissue", "none")
    code, shown, errors = run(monkeypatch, capsys, *words, "--save", "labels", "--stage", tmp_path / "local")
    assert list((tmp_path / "local").iterdir()) == []
    assert code == 2
    assert f"a: done ({out / 'a'})\nb: done ({out / 'b'})\n" in shown
    assert errors.count("broken.png") >= 1
    clash = f"{slides}/twice.png and {slides}/twice.tif would have the same output name 'twice'; rename or exclude one"
    lost = f"{slides}/lost.svs: is a link to nowhere, which does not exist"
    assert errors.splitlines()[-4] == "error: slides (3 problems):"
    assert errors.splitlines()[-2:] == [f"  {lost}", f"  {clash}"]
    assert f"warning: left out: {lost}" in errors.splitlines()
    assert "Traceback" not in errors
    states = {row["slide"]: row["state"] for row in rows_of(out / "slides.csv")}
    assert states == {"a": "done", "b": "done", "broken": "failed"}
    assert [row["slide"] for row in rows_of(out / "summary.csv")] == ["a", "b"]
    assert "broken.png" in (out / "report.html").read_text()
    made = json.loads((out / "run.json").read_text())
    assert made["model"]["folds"] == ["0", "1"]
    assert made["model"]["folder"] == str(model_folder)
    assert made["settings"]["tissue"] == "none"
    assert made["versions"].keys() >= {"nnunetv2", "torch"}
    assert json.loads((out / "summary.json").read_text())["states"] == {"done": 2, "failed": 1}
    again = run(monkeypatch, capsys, *words, "--save", "labels")
    assert again[0] == 2
    assert "failed before; --retry_failed tries again" in again[2]


def test_parts_share_the_slides_and_each_knows_all_of_them(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slides, out = draw_slides(tmp_path / "slides"), tmp_path / "out"
    shutil.copy(slides / "a.png", slides / "c.png")
    words = ("-i", slides, "-o", out, "-m", model_folder, "--mpp", 0.5, "--slide_mpp", 0.5, "--tissue", "none")
    words = (*words, "--save", "labels", "--num_parts", 2)
    for part, names in (("0", ["a", "c"]), ("1", ["a", "b", "c"])):
        assert run(monkeypatch, capsys, *words, "--part_id", part)[0] == 0
        assert sorted(file.parent.name for file in out.glob("*/labels.ome.tif")) == names
        assert set(json.loads((out / "run.json").read_text())["slides"]) == {"a", "b", "c"}
    assert [row["state"] for row in rows_of(out / "slides.csv")] == ["done"] * 3
    for wrong in ("2", "-1"):
        code, _, errors = run(monkeypatch, capsys, *words, "--part_id", wrong)
        assert code == 2
        assert len(errors.splitlines()) == 1
        assert "part_id" in errors


def test_status_shows_how_far_the_slides_are_and_releases_the_claims_of_the_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    write_predicted_slide(out / "a")
    (out / "b").mkdir()
    (out / "b/.claim").write_text("{}")
    os.utime(out / "b/.claim", (0, 0))
    note_slides(out, [SlideEntry("/x/b.svs", "b"), SlideEntry("/x/c.svs", "c")])
    code, shown, _ = run(monkeypatch, capsys, "status", "-o", out)
    assert code == 0
    assert shown.splitlines() == [
        "a  done       1",
        "b  waiting    0  unknown (gone)",
        "c  waiting    0",
        "",
        "3 slides: 1 done, 2 waiting",
    ]
    _, shown, _ = run(monkeypatch, capsys, "status", "-o", out, "--json")
    assert [(slide["slide"], slide["state"]) for slide in json.loads(shown)] == [
        ("a", "done"),
        ("b", "waiting"),
        ("c", "waiting"),
    ]
    _, shown, _ = run(monkeypatch, capsys, "status", "-o", out, "--release")
    assert shown.startswith("released: b\n")
    assert not (out / "b/.claim").exists()
    code, _, errors = run(monkeypatch, capsys, "status", "-o", tmp_path / "absent")
    assert code == 2
    assert errors == f"error: {tmp_path / 'absent'}: no such folder, expected one of drift slide predict\n"


def test_predicted_slides_are_exported_and_the_tables_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_predicted_slide(tmp_path / name)
    (tmp_path / "b/labels.ome.tif").unlink()
    (tmp_path / "summary.csv").write_text("")
    words = ("export", "-i", tmp_path, "--classes", "rare", "--ratio", "rare/outer")
    code, shown, errors = run(monkeypatch, capsys, *words)
    assert code == 2
    assert "a: exported (geojson)" in shown
    assert "Predict the slide with --save labels" in errors
    assert (tmp_path / "a/objects.geojson.gz").is_file()
    rows = rows_of(tmp_path / "summary.csv")
    assert float(rows[0]["ratio rare/outer"]) > 0
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name the model either by its folder (-m) or by its dataset (-d)"),
        (("-m", "MODEL", "--normalization", "values:1,2"), "expected values:m1,m2,m3/s1,s2,s3"),
        (("-m", "MODEL", "-step_size", "0"), "error: -step_size 0: expected above 0, up to 1 (a whole tile)\n"),
        (("-m", "MODEL", "-c", "2d", "-p", "x"), "-p, -c: no effect with -m, whose folder is of one trainer"),
        (("-m", "MODEL", "--jobs", "1"), "--jobs has no effect without --engine slurm"),
        (("-m", "MODEL", "--slurm", "time=1"), "--slurm has no effect without --engine slurm"),
        (("-m", "MODEL", "--engine", "slurm", "--devices", "0"), "--devices has no effect with --engine slurm"),
        (("-m", "MODEL", "--engine", "slurm", "--max_failed", "7"), "--max_failed 7: expected a share from 0 to 1"),
        (("-m", "MODEL", "--devices", "0", "-1"), "--devices -1: expected numbers of devices, from 0"),
        (("-m", "MODEL", "--devices", "0", "--margin", "-1"), "error: --margin -1: expected 0 to 999999 micrometres\n"),
        (("-m", "MODEL", "--num_parts", "0"), "num_parts is 0, expected 1 or more"),
        (("-m", "MODEL", "--tissue_mpp", "8"), "--tissue_mpp has no effect without --tissue_model"),
        (("-m", "MODEL", "--dicom_codes", "c.json"), "--dicom_codes has no effect without dicom in --save"),
        (
            ("-m", "MODEL", "--save", "labels", "--max_objects", "5"),
            "--max_objects has no effect without geojson in --save",
        ),
        (("-m", "MODEL", "--mpp", "0.5", "--classes", "outre"), "--classes outre: unknown; the model has outer, inner"),
        (("-m", "MODEL", "--slide_mpp", "0.5"), "does not state the pixel size it was trained at"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...],
    message: str,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    slides = draw_slides(tmp_path / "slides") / "a.png"
    given = [str(model_folder) if word == "MODEL" else word for word in words]
    code, _, errors = run(monkeypatch, capsys, "-i", slides, "-o", tmp_path / "out", *given)
    assert code == 2
    assert message in errors
    assert "Traceback" not in errors


def test_parts_without_the_number_of_one_are_the_first_as_in_nnunet_and_that_is_said(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slides = draw_slides(tmp_path / "slides")
    words = ("-i", slides, "-o", tmp_path / "out", "-m", model_folder, "--mpp", 0.5, "--slide_mpp", 0.5)
    code, shown, errors = run(monkeypatch, capsys, *words, "--tissue", "none", "--save", "labels", "--num_parts", 2)
    assert code == 0
    assert errors == "warning: --num_parts 2 without --part_id: only part 0 is predicted\n"
    assert "a: done" in shown
    assert "b: done" not in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--save", "overlay", "--simplify", "3"), "--simplify has no effect without geojson in --save"),
        (("--memory", "3"), "--memory has no effect without dicom in --save"),
        (("--slides", "a.svs"), "--slides has no effect without dicom in --save"),
    ],
)
def test_arguments_that_an_export_does_not_depend_on_are_refused(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, errors = run(monkeypatch, capsys, "export", "-i", tmp_path, *words)
    assert code == 2
    assert errors == f"error: {message}\n"


@pytest.mark.real
def test_bad_files_end_as_the_table_of_damage_says_and_the_whole_one_is_predicted(
    real_data: Path,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    slides, out = tmp_path / "slides", tmp_path / "out"
    slides.mkdir()
    for file in sorted((real_data / "wsi").glob("bad_*")):
        shutil.copy(file, slides)
    shutil.copy(real_data / "wsi/boxes_0.dcm", slides / "whole.dcm")
    words = ("-i", slides, "-o", out, "-m", model_folder, "-f", 0, "--mpp", 0.5, "--tissue", "none", "--slide_mpp", 0.5)
    words = (*words, "--save", "labels", "geojson", "--min_area", 500, "--read_timeout", 30)
    code, _, errors = run(monkeypatch, capsys, *words)
    assert code == 2
    assert "Traceback" not in errors
    rows = {row["slide"]: row["state"] for row in rows_of(out / "slides.csv")}
    assert rows == {
        "bad_missing_tiles": "failed",
        "bad_truncated": "failed",
        "bad_unopenable": "failed",
        "bad_unreadable": "failed",
        "bad_zeroed_tile": "done",
        "whole": "done",
    }
    messages = {name: json.loads((out / name / "state.json").read_text())["error"] for name in rows}
    assert "6.2 % of the tissue could not be read (limit 1 %)" in messages["bad_missing_tiles"]["message"]
    assert "25.0 % of the tissue could not be read" in messages["bad_truncated"]["message"]
    assert "cannot be opened as a slide (1020 bytes)" in messages["bad_unopenable"]["message"]
    assert "100.0 % of the tissue could not be read" in messages["bad_unreadable"]["message"]
    assert json.loads((out / "bad_zeroed_tile/state.json").read_text())["read"]["rescued"] > 0
    code, _, errors = run(monkeypatch, capsys, *words, "--max_failed", 0.3, "--overwrite")
    states = {row["slide"]: row["state"] for row in rows_of(out / "slides.csv")}
    assert {name for name, state in states.items() if state == "failed"} == {"bad_unopenable", "bad_unreadable"}
    assert "cut off: 13 of 64 tiles of level 0" in " ".join(
        json.loads((out / "bad_truncated/state.json").read_text())["warnings"]
    )
    assert b"Not read" in gzip.decompress((out / "bad_truncated/objects.geojson.gz").read_bytes())


def test_a_slide_without_tissue_is_no_failure(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slides").mkdir()
    Image.fromarray(np.full((400, 500, 3), 243, np.uint8)).save(tmp_path / "slides/glass.png")
    words = ("-i", tmp_path / "slides", "-o", tmp_path / "out", "-m", model_folder, "--mpp", 2.0, "--slide_mpp", 2.0)
    code, shown, errors = run(monkeypatch, capsys, *words)
    assert (code, errors) == (0, "")
    assert "glass: no tissue found" in shown
