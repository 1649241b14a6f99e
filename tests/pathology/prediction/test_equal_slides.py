"""Copies of a slide: predicted once, their outputs linked; what only seems equal is predicted by itself."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.pathology import SlideSettings, predict_slides
from nnunetv2.pathology.outputs import written_files
from nnunetv2.pathology.prediction import equal_slides
from nnunetv2.pathology.prediction.archive import ArchiveWorker
from nnunetv2.pathology.prediction.claims import Claim, claiming
from nnunetv2.pathology.prediction.equal_slides import seemingly_equal
from nnunetv2.pathology.prediction.slide_prediction import SlidePrediction
from nnunetv2.pathology.prediction.slide_state import SlideState, read_state
from nnunetv2.pathology.slides.slide_list import SlideEntry, list_slides
from tests.pathology.prediction.small_slides import make_predictor, picture

SETTINGS = SlideSettings(mpp=0.5, tissue="none", save=("labels", "overlay"))
TIMEOUT_S = 30.0
LONGER_THAN_ITS_ENDS = bytes(300_000)


def three_slides(folder: Path) -> list[Path]:
    """A slide, a copy, and one of the same size and ends that differs between them."""
    folder.mkdir()
    slide = picture(folder, 70, 90)
    slide.write_bytes(slide.read_bytes() + LONGER_THAN_ITS_ENDS)
    shutil.copy(slide, folder / "copy.png")
    content = bytearray(slide.read_bytes())
    content[-150_000] = 1
    (folder / "other.png").write_bytes(content)
    return [slide, folder / "copy.png", folder / "other.png"]


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The slides that go through the network."""
    names: list[str] = []
    finish = SlidePrediction.finish_bands

    def noted(self: SlidePrediction, *arguments: Any) -> Any:
        names.append(Path(self.source.path).stem)
        return finish(self, *arguments)

    monkeypatch.setattr(SlidePrediction, "finish_bands", noted)
    return names


def test_a_copy_gets_the_outputs_of_the_first_and_what_differs_inside_is_predicted(
    tmp_path: Path, predicted: list[str]
) -> None:
    slides, out = three_slides(tmp_path / "in"), tmp_path / "out"
    found = predict_slides(slides, out, make_predictor(), SETTINGS, slide_mpp=0.5)
    assert found.problems == ()
    assert sorted(predicted) == ["a", "other"]
    first, copy = found.slides["a"], found.slides["copy"]
    assert copy.files.keys() == first.files.keys()
    assert os.path.samefile(copy.files["labels.ome.tif"], first.files["labels.ome.tif"])
    assert copy.measurements == first.measurements
    assert copy.state["linked_to"] == "a"
    assert (copy.state["slide"], copy.state["path"]) == ("copy", str(slides[1]))
    assert copy.state["warnings"][-1] == f"the same file as {slides[0]}; the outputs are those of a"
    assert "seconds" not in copy.state
    assert "linked_to" not in found.slides["other"].state
    predict_slides(slides, out, make_predictor(), SETTINGS, slide_mpp=0.5)
    assert sorted(predicted) == ["a", "other"]


def test_a_copy_is_linked_anew_when_all_is_predicted_anew_and_alone_it_is_predicted(
    tmp_path: Path, predicted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slides, out = three_slides(tmp_path / "in")[:2], tmp_path / "out"

    def without_hard_links(*_: object, **__: object) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(written_files.os, "link", without_hard_links)
    predict_slides(slides, out, make_predictor(), SETTINGS, slide_mpp=0.5)
    anew = SlideSettings(**{**SETTINGS.to_dict(), "save": ("labels",), "overwrite": True})
    found = predict_slides(slides, out, make_predictor(), anew, slide_mpp=0.5)
    assert predicted == ["a", "a"]
    assert found.slides["copy"].files.keys() == found.slides["a"].files.keys()
    assert "overlay.png" not in found.slides["copy"].files
    assert not os.path.samefile(*(found.slides[name].files["labels.ome.tif"] for name in ("a", "copy")))
    alone = predict_slides(slides[1:], tmp_path / "alone", make_predictor(), SETTINGS, slide_mpp=0.5)
    assert "linked_to" not in alone.slides["copy"].state


def test_outputs_that_change_while_they_are_linked_are_not_taken_over(
    tmp_path: Path, predicted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slides, out = three_slides(tmp_path / "in")[:2], tmp_path / "out"

    def link_while_another_process_begins(source: Path, target: Path) -> None:
        written_files.link_outputs(source, target)
        SlideState(source, {})

    monkeypatch.setattr(equal_slides, "link_outputs", link_while_another_process_begins)
    found = predict_slides(slides, out, make_predictor(), SETTINGS, slide_mpp=0.5)
    assert predicted == ["a", "copy"]
    assert (found.slides["copy"].state["attempts"], read_state(out / "a")["state"]) == (1, "running")


def test_other_settings_for_a_slide_and_links_in_the_output_are_not_taken_over(
    tmp_path: Path, predicted: list[str]
) -> None:
    slides, out = three_slides(tmp_path / "in")[:2], tmp_path / "out"
    predict_slides(slides[:1], out, make_predictor(), SETTINGS, slide_mpp=0.5)
    (out / "a").rename(tmp_path / "elsewhere")
    (out / "a").symlink_to(tmp_path / "elsewhere")
    found = predict_slides(slides, out, make_predictor(), SETTINGS, slide_mpp=0.5)
    assert len(found.problems) == 1
    assert "a is a link, expected a folder" in found.problems[0]
    assert predicted == ["a", "copy"]


def test_tables_give_equal_files_pixel_sizes_that_make_them_different(tmp_path: Path) -> None:
    slides = [SlideEntry(str(path), path.stem, 0.5) for path in three_slides(tmp_path / "in")]
    equal = seemingly_equal(slides, tmp_path, TIMEOUT_S)
    assert {name: first.entry.name for name, first in equal.items()} == {"copy": "a", "other": "a"}
    other_size = SlideEntry(slides[1].path, "copy", 0.25)
    assert seemingly_equal([slides[0], other_size], tmp_path, TIMEOUT_S) == {}
    absent = SlideEntry(str(tmp_path / "absent.png"), "absent", 0.5)
    assert seemingly_equal([absent, absent], tmp_path, TIMEOUT_S) == {}


def test_slides_of_a_share_that_hangs_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slides = list_slides(three_slides(tmp_path / "in"))
    waiting = equal_slides.within

    def impatient(timeout_s: float, what: str, call: Any) -> Any:
        import threading

        return waiting(0.05, what, threading.Event().wait if what == slides[1].path else call)

    monkeypatch.setattr(equal_slides, "within", impatient)
    assert seemingly_equal(slides, tmp_path, TIMEOUT_S) == {}


def test_a_copy_waits_for_the_first_while_another_process_has_it(tmp_path: Path) -> None:
    entries, calls = list_slides(three_slides(tmp_path / "in")[:2]), list[str]()

    def predict(entry: SlideEntry, folder: Path, claim: Claim, anew: bool) -> None:
        calls.append(entry.name)
        SlideState(folder, {"slide": entry.name}, claim.check).finish("done")

    worker = ArchiveWorker(entries, tmp_path / "out", predict, waits=False, equal={"copy": "a"})
    with claiming(tmp_path / "out/a"):
        assert worker.work() == []
        assert calls == []
    assert worker.work() == []
    assert calls == ["a", "copy"]
    assert read_state(tmp_path / "out/copy")["state"] == "done"


def test_a_copy_is_predicted_by_itself_if_the_first_has_vanished(
    tmp_path: Path, predicted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slides, out = three_slides(tmp_path / "in")[:2], tmp_path / "out"
    same = equal_slides._same

    def without_the_first(first: str, *others: Any) -> bool:
        Path(first).unlink()
        return same(first, *others)

    monkeypatch.setattr(equal_slides, "_same", without_the_first)
    found = predict_slides(slides, out, make_predictor(), SETTINGS, slide_mpp=0.5)
    assert found.problems == ()
    assert sorted(predicted) == ["a", "copy"]


def test_a_full_disk_while_linking_leaves_a_slide_that_waits(
    tmp_path: Path, predicted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slides, out = three_slides(tmp_path / "in")[:2], tmp_path / "out"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(out / "copy"))

    monkeypatch.setattr(equal_slides, "link_outputs", full)
    with pytest.raises(OSError, match="No space left"):
        predict_slides(slides, out, make_predictor(), SETTINGS, slide_mpp=0.5)
    assert read_state(out / "copy")["state"] == "waiting"
