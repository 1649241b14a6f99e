"""The page about predicted slides: its content and order, and that no file in the folder can break or abuse it."""

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import MissingFileError
from nnunetv2.reporting.slide_report import slide_report, write_slide_report
from tests.seen_pages import in_a_browser, problems_of


def write_slide(folder: Path, state: str = "done", picture: str | None = "overlay.png", **entries: Any) -> Path:
    """Write the folder of a slide as a prediction leaves it."""
    folder.mkdir(parents=True)
    content = {
        "slide": folder.name,
        "state": state,
        "attempts": 1,
        "error": None,
        "warnings": [],
        "model": {"name": "Tumour model", "hash": "77ab"},
        "mpp": [0.25, 0.25],
        "size": [40000, 20000],
        "tissue": {"share": 0.5, "mm2": 12.5, "threshold": None},
        "read": {"blocks": 10, "rescued": 0, "missing_share": 0.0, "failed_tissue_share": 0.0, "unread": []},
        **entries,
    }
    (folder / "state.json").write_text(json.dumps(content))
    if state == "done":
        tumour = {"name": "Tumor", "area_mm2": 2.5, "share_of_tissue": 0.2, "objects": 7, "largest_object_mm2": 1.25}
        measured = {"tissue_mm2": 12.5, "classes": [tumour], "ratios": {"Tumor/Stroma": None}}
        (folder / "measurements.json").write_text(json.dumps(measured))
    if picture:
        Image.fromarray(np.full((700, 1400, 3), 200, np.uint8)).save(folder / picture)
    return folder


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def test_each_slide_has_its_picture_its_areas_and_its_warnings(tmp_path: Path) -> None:
    write_slide(tmp_path / "a", read={"rescued": 2, "missing_share": 0.004, "failed_tissue_share": 0.001, "unread": []})
    html = slide_report(tmp_path)
    text = text_of(html)
    for fact in (
        "Tumour model",
        "10 x 5 mm, pixels of 0.25 µm",
        "0.5 % of the tissue could not be read",
        "2 damaged part(s) were taken",
        "Tumor: 2.5 mm², 20.0 % of the tissue, 7 object(s), the largest of 1.2 mm²",
        "Tumor/Stroma: -",
        "Tissue: 12.50 mm²",
    ):
        assert fact in text, fact
    (picture,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (512, 256)


def test_slides_that_need_a_look_come_first(tmp_path: Path) -> None:
    write_slide(tmp_path / "a_good")
    write_slide(tmp_path / "b_warned", warnings=["enlarged 1.5 times"])
    write_slide(tmp_path / "c_lost", read={"missing_share": 0.01, "failed_tissue_share": 0.0, "unread": []})
    write_slide(tmp_path / "d_empty", "no_tissue", "thumbnail.png")
    write_slide(tmp_path / "e_stopped", "running", None)
    write_slide(tmp_path / "f_failed", "failed", None, error={"type": "X", "message": "all readers refuse it"})
    html = slide_report(tmp_path)
    names = re.findall(r"<h3>([^<]+)</h3>", html)
    assert names == ["f_failed", "e_stopped", "d_empty", "c_lost", "b_warned", "a_good"]
    text = text_of(html)
    assert "all readers refuse it" in text
    assert "No tissue found" in text
    assert "6 slides 3 predicted 1 no tissue found 1 failed 1 not finished 2 with warnings" in text


def test_colours_unlike_those_of_the_training_images_are_a_warning(tmp_path: Path) -> None:
    training = {"mean": [180.0, 120.0, 160.0], "std": [20.0, 20.0, 20.0]}
    for name, red in (("far", 100.0), ("near", 150.0)):
        found = {"mode": "slide", "mean": [red, 120.0, 160.0], "std": [9.0, 9.0, 9.0], "training": training}
        write_slide(tmp_path / name, normalization=found)
    text = text_of(slide_report(tmp_path))
    assert text.count("unlike those of the training images") == 1
    assert "red 100 instead of 180 ± 20" in text


def test_texts_of_files_are_shown_and_never_run(tmp_path: Path) -> None:
    attack = '<script>alert("1")</script>'
    write_slide(tmp_path / "a", warnings=[attack], model={"name": attack, "hash": ""})
    write_slide(tmp_path / "b'><img src=x onerror=1>", "failed", error={"message": attack})
    html = slide_report(tmp_path)
    assert "<script" not in html
    assert "onerror=1>" not in html
    assert html.count("&lt;script&gt;") == 3
    assert not re.search(r'(src|href)="(?!data:image/jpeg;base64,|(a|b%27)[^":]*")', html)


def test_damaged_files_are_named_and_the_other_slides_shown(tmp_path: Path) -> None:
    write_slide(tmp_path / "good")
    write_slide(tmp_path / "no_state")
    (tmp_path / "no_state/state.json").write_text('{"state": 7}')
    write_slide(tmp_path / "no_numbers")
    (tmp_path / "no_numbers/measurements.json").write_text("{")
    write_slide(tmp_path / "no_picture")
    (tmp_path / "no_picture/overlay.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    html = slide_report(tmp_path)
    assert re.findall(r"<h3>([^<]+)</h3>", html) == ["no_numbers", "no_state", "good", "no_picture"]
    assert text_of(html).count("no_state/state.json") == 1
    assert "no picture" in html


def test_a_folder_without_slides_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no slide in it"):
        slide_report(tmp_path)
    with pytest.raises(MissingFileError, match="folder not found"):
        slide_report(tmp_path / "absent")


def test_the_command_writes_the_page_without_loading_torch(tmp_path: Path) -> None:
    write_slide(tmp_path / "a")
    code = (
        "import sys; sys.argv = ['drift', 'slide', 'report', '-o', sys.argv[1]]\n"
        "from nnunetv2.run.drift_command import main; main(); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"written: {tmp_path / 'report.html'}\n"
    assert write_slide_report(tmp_path).read_text() == (tmp_path / "report.html").read_text()


@in_a_browser
def test_the_page_is_readable_in_a_browser(tmp_path: Path) -> None:
    write_slide(tmp_path / "slides/TCGA-3C-AALI-01Z-00-DX1.F6E9A5DF-D8FB-45CF-B4BD-C6B76294C291", warnings=["x" * 99])
    write_slide(tmp_path / "slides/failed", "failed", None, error={"type": "X", "message": "/a/long/path/" * 9})
    assert problems_of(slide_report(tmp_path / "slides"), tmp_path) == []
