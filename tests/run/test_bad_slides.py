"""Every damaged slide of the real data through `drift slide info --check` and `drift slide predict`."""

import csv
import json
from pathlib import Path

import pytest

from nnunetv2.run.slide_command import slide_entry
from tests.conftest import exit_code_of
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans

pytestmark = pytest.mark.real

FAILED = {
    "bad_missing_tiles": "6.2 % of the tissue could not be read (limit 1 %)",
    "bad_truncated": "% of the tissue could not be read (limit 1 %)",
    "bad_unopenable": "cannot be opened as a slide (1020 bytes)",
    "bad_unreadable": "100.0 % of the tissue could not be read (limit 1 %)",
}
"""Slide -> what is said of it; that of which a tile is rescued is done."""
RESCUED, MISSING = "bad_zeroed_tile", "bad_missing_tiles"


@pytest.fixture
def bad_slides(real_data: Path) -> list[Path]:
    found = sorted((real_data / "wsi").glob("bad_*"))
    assert {file.stem for file in found} == {*FAILED, RESCUED}
    return found


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = exit_code_of(monkeypatch, slide_entry, *words)
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    return code, shown.out, shown.err


def test_the_check_says_what_is_damaged_or_missing_and_exits_with_2_for_damage(
    bad_slides: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in bad_slides:
        code, shown, errors = run(monkeypatch, capsys, "info", file, "--check")
        assert file.name in shown + errors
        if file.stem == MISSING:
            assert "4 of 64 tiles of level 0 are missing" in shown
        assert code == (0 if file.stem == MISSING else 2)


@pytest.mark.parametrize("readers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_prediction_fails_those_with_too_much_damage_one_line_each_and_does_the_others(
    bad_slides: list[Path],
    readers: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plans = make_plans([256, 256], [1.0, 1.0], ".png", 3)
    model = write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3))
    words = ("--mpp", 0.499, "--tissue", "none", "-step_size", 1, "--save", "labels", "-device", "cpu", "-nr", readers)
    given = ("predict", "-i", *bad_slides, "-o", tmp_path / "out", "-m", model, *words, "--disable_progress_bar")
    code, shown, errors = run(monkeypatch, capsys, *given)
    assert code == 2
    assert f"{RESCUED}: done" in shown
    states = {
        row["slide"]: row["state"] for row in csv.DictReader((tmp_path / "out/slides.csv").read_text().splitlines())
    }
    assert states == {RESCUED: "done", **dict.fromkeys(FAILED, "failed")}
    for name, words_of_it in FAILED.items():
        lines = [line for line in errors.splitlines() if f"{name}." in line and words_of_it in line]
        assert len(lines) == 1, (name, errors)
    read = json.loads((tmp_path / f"out/{RESCUED}/state.json").read_text())["read"]
    assert (read["rescued"], read["failed"]) == (1, 0)
