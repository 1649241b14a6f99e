"""`drift slide predict` on a disk that is full at any of its writes: one line, nothing half written, and it goes on."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.pathology.prediction.slide_state import read_state
from nnunetv2.run.slide_command import slide_entry
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.pathology.prediction.small_slides import picture

OUTPUTS = (
    *("labels.ome.tif", "probabilities.ome.tif", "thumbnail.png", "tissue.geojson"),
    *("objects.geojson.gz", "overlay.png", "measurements.json"),
)
WRITTEN = ("run.json", "state.json", "plan.json", "labels_0_0.b2nd", *OUTPUTS, "summary.csv", "report.html")
"""In the order of writing."""


def write_inputs(folder: Path) -> None:
    plans = make_plans([64, 64], [1.0, 1.0], ".png", 3)
    write_model_folder(folder / "model", plans, make_dataset_json(".png", 3))
    (folder / "slides").mkdir()
    picture(folder / "slides", 80, 100).rename(folder / "slides/b.png")
    picture(folder / "slides", 90, 100)


def files_in(folder: Path) -> dict[str, bytes]:
    return {f"{slide}/{name}": (folder / slide / name).read_bytes() for slide in "ab" for name in OUTPUTS}


@pytest.mark.long
def test_every_write_may_find_the_disk_full(
    tmp_path: Path,
    run_command: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Some seconds: 14 commands."""
    write_inputs(tmp_path)
    out, full, replace = tmp_path / "out", list[str](), os.replace

    def predict(target: Path, exit_code: int) -> list[str]:
        words = [
            "predict",
            "-i",
            tmp_path / "slides",
            "-o",
            target,
            "-m",
            tmp_path / "model",
            "-device",
            "cpu",
            "-nr",
            0,
        ]
        words += ["--mpp", 0.5, "--slide_mpp", 0.5, "--tissue", "none", "--min_area", 500, "--disable_progress_bar"]
        save = ["--save", "labels", "geojson", "overlay", "probabilities"]
        run_command(slide_entry, *words, *save, exit_code=exit_code)
        return capsys.readouterr().err.splitlines()

    def replace_or_fail(source: str, target: str) -> None:
        if Path(target).name in full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source), None, str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_or_fail)
    for name in WRITTEN:
        full[:] = [name]
        (line,) = predict(out, 2)
        assert line.startswith("error: ")
        assert line.endswith(f"{name}: No space left on device; free some space, then run the command again")
        assert [path for path in out.rglob(".*") if path.name != ".work"] == []
        states = {read_state(out / slide).get("state") for slide in "ab"}
        assert states <= ({"done"} if name in WRITTEN[-2:] else {"waiting", None})
    full.clear()
    assert predict(out, 0) == predict(tmp_path / "whole", 0) == []
    assert files_in(out) == files_in(tmp_path / "whole")
