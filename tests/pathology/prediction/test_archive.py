"""Workers that share an archive: the order of slides, what is tried again, and what is left to others."""

import json
import logging
import os
import socket
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.errors import MissingFileError, UnreadableSlideError
from nnunetv2.foundation.files import make_folder
from nnunetv2.pathology.prediction import archive
from nnunetv2.pathology.prediction.archive import ArchiveWorker
from nnunetv2.pathology.prediction.archive_status import archive_status, release_claims, slides_per_hour, status_lines
from nnunetv2.pathology.prediction.claims import CLAIM_NAME, Claim, claiming
from nnunetv2.pathology.prediction.run_list import note_slides, read_slides
from nnunetv2.pathology.prediction.slide_state import SlideState, read_state
from nnunetv2.pathology.slides.slide_list import SlideEntry


class Recorder:
    """Stands in for a prediction: notes what it is asked for, and ends slides as it is told."""

    def __init__(self, failing: tuple[str, ...] = ()):
        self.failing, self.calls = failing, list[tuple[str, bool]]()

    def __call__(self, entry: SlideEntry, folder: Path, claim: Claim, anew: bool) -> None:
        self.calls.append((entry.name, anew))
        if read_state(folder).get("state") == "done" and not anew:
            return
        state = SlideState(folder, {"slide": entry.name, "path": entry.path}, claim.check)
        if entry.name in self.failing:
            error = UnreadableSlideError(f"{entry.path}: damaged")
            state.fail(error)
            raise error
        state.finish("done")


def slides(folder: Path, **sizes: int) -> list[SlideEntry]:
    for name, size in sizes.items():
        (folder / f"{name}.svs").write_bytes(bytes(size))
    return [SlideEntry(str(folder / f"{name}.svs"), name) for name in sizes]


def write_state(folder: Path, **entries: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(json.dumps({"attempts": 1, "started": "then", **entries}))


def test_the_largest_slide_is_first_and_one_that_ended_its_process_last(tmp_path: Path) -> None:
    entries = slides(tmp_path, small=1, killer=9, large=5)
    write_state(tmp_path / "out/killer", state="running")
    recorder = Recorder()
    assert ArchiveWorker(entries, tmp_path / "out", recorder).work() == []
    assert [name for name, _ in recorder.calls] == ["large", "small", "killer"]
    assert {read_state(tmp_path / "out" / name)["state"] for name in ("large", "small", "killer")} == {"done"}


def test_a_failed_slide_is_tried_again_when_asked_three_times_in_all(tmp_path: Path) -> None:
    entries, recorder = slides(tmp_path, a=1, b=2), Recorder(failing=("a",))

    def problems(**settings: Any) -> list[str]:
        return ArchiveWorker(entries, tmp_path / "out", recorder, **settings).work()

    path = entries[0].path
    assert problems() == [f"{path}: damaged"]
    assert problems() == [f"{path}: failed before; --retry_failed tries again"]
    assert problems(retry_failed=True) == problems(retry_failed=True) == [f"{path}: damaged"]
    assert problems() == problems(retry_failed=True) == [f"{path}: failed 3 times; --overwrite predicts it anew"]
    assert [name for name, _ in recorder.calls].count("a") == 3
    recorder.failing = ()
    assert problems(overwrite=True) == []
    assert recorder.calls[-2:] == [("b", True), ("a", True)]


def test_a_slide_that_ends_its_process_again_and_again_fails(tmp_path: Path) -> None:
    entries, recorder = slides(tmp_path, a=1), Recorder()
    write_state(tmp_path / "out/a", state="running", attempts=3)
    (problem,) = ArchiveWorker(entries, tmp_path / "out", recorder).work()
    assert "a.svs: ended its process 3 times" in problem
    assert recorder.calls == []
    assert read_state(tmp_path / "out/a")["state"] == "failed"
    (problem,) = ArchiveWorker(entries, tmp_path / "out", recorder).work()
    assert problem.endswith("failed 3 times; --overwrite predicts it anew")


def test_what_another_worker_has_done_meanwhile_is_not_done_anew(tmp_path: Path) -> None:
    entries, second = slides(tmp_path, a=2, b=1), Recorder()
    write_state(tmp_path / "out/a", state="done")
    write_state(tmp_path / "out/b", state="done")

    def first(entry: SlideEntry, folder: Path, claim: Claim, anew: bool) -> None:
        if entry.name == "a":
            write_state(tmp_path / "out/b", state="done", started="now")
        second(entry, folder, claim, anew)

    ArchiveWorker(entries, tmp_path / "out", first, overwrite=True).work()
    assert second.calls == [("a", True), ("b", False)]


def test_slides_of_others_are_waited_for_or_left_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries, recorder = slides(tmp_path, a=1, b=2), Recorder()
    with claiming(tmp_path / "out/a"):
        assert ArchiveWorker(entries, tmp_path / "out", recorder, waits=False).work() == []
        assert recorder.calls == [("b", False)]
        waits: list[float] = []

        def die(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                os.utime(tmp_path / "out/a" / CLAIM_NAME, (0, 0))

        monkeypatch.setattr(archive.time, "sleep", die)
        ArchiveWorker(entries, tmp_path / "out", recorder).work()
    assert waits == [0.2, 0.4, 0.8]
    assert recorder.calls[-1] == ("a", False)


def test_whom_a_long_wait_is_for_is_said_once_for_each_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    entries, recorder = slides(tmp_path, a=1), Recorder()
    file = tmp_path / "out/a" / CLAIM_NAME
    waits: list[float] = []

    def go_on(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            assert caplog.records == []
        if len(waits) == 6:
            file.write_text("{}")
        if len(waits) == 9:
            os.utime(file, (0, 0))

    monkeypatch.setattr(archive.time, "sleep", go_on)
    with claiming(tmp_path / "out/a"):
        assert ArchiveWorker(entries, tmp_path / "out", recorder).work() == []
    first, second = [record.getMessage() for record in caplog.records]
    assert first.startswith(
        f"{entries[0].path}: waiting for the process that has it, {socket.gethostname()} {os.getpid()} ("
    )
    assert first.endswith(f"removing {file} if it is gone")
    assert "has it, unknown (" in second
    assert recorder.calls == [("a", False)]


def test_a_folder_in_place_of_a_claim_is_a_problem_of_its_slide_alone(tmp_path: Path) -> None:
    entries, recorder = slides(tmp_path, a=1, b=2), Recorder()
    note_slides(make_folder(tmp_path / "out", "output"), entries)
    (tmp_path / "out/b" / CLAIM_NAME).mkdir(parents=True)
    (problem,) = ArchiveWorker(entries, tmp_path / "out", recorder).work()
    assert "b/.claim is a folder" in problem.replace(os.sep, "/")
    assert recorder.calls == [("a", False)]
    assert release_claims(tmp_path / "out") == []
    (_, status) = archive_status(tmp_path / "out")
    assert (status.state, status.holder) == ("waiting", ".claim is a folder, remove it")


def test_a_slide_that_was_taken_over_is_left_to_its_new_owner(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entries = slides(tmp_path, a=1)

    def lose(entry: SlideEntry, folder: Path, claim: Claim, anew: bool) -> None:
        (folder / CLAIM_NAME).unlink()
        write_state(folder, state="running", host="of the new owner")
        SlideState(folder, {}, claim.check)

    assert ArchiveWorker(entries, tmp_path / "out", lose, waits=False).work() == []
    assert "another process has taken this slide over" in caplog.text
    assert read_state(tmp_path / "out/a")["host"] == "of the new owner"


def test_status_tells_states_holders_rate_and_time_to_go(tmp_path: Path) -> None:
    note_slides(tmp_path, [SlideEntry("/x/waits.svs", "waits"), SlideEntry("/x/done_0.svs", "done_0")])
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for number in range(3):
        finished = (start + timedelta(minutes=30 * number)).isoformat()
        write_state(tmp_path / f"done_{number}", state="done", finished=finished)
    write_state(tmp_path / "broken", state="failed", error={"message": "cut off"})
    write_state(tmp_path / "stopped", state="running")
    write_state(tmp_path / "held", state="running")
    with claiming(tmp_path / "held"):
        found = archive_status(tmp_path)
    states = {slide.name: slide.state for slide in found}
    assert (states["waits"], states["stopped"], states["held"]) == ("waiting", "stopped", "running")
    assert slides_per_hour(found) == pytest.approx(2.0)
    lines = status_lines(found)
    assert lines[-2:] == [
        "7 slides: 3 done, 1 failed, 1 running, 1 stopped, 1 waiting",
        "2.0 slides an hour; about 1.5 hours to go",
    ]
    assert any(line.startswith("broken") and line.endswith("cut off") for line in lines)
    assert any(line.startswith("held") and f" {os.getpid()} (" in line for line in lines)
    json.dumps([slide.to_dict() for slide in found])


def test_claims_of_the_dead_are_released_and_those_of_the_living_kept(tmp_path: Path) -> None:
    for name in ("dead", "alive"):
        write_state(tmp_path / name, state="running")
        (tmp_path / name / CLAIM_NAME).write_text("{}")
    os.utime(tmp_path / "dead" / CLAIM_NAME, (0, 0))
    assert release_claims(tmp_path) == ["dead"]
    assert not (tmp_path / "dead" / CLAIM_NAME).exists()
    assert (tmp_path / "alive" / CLAIM_NAME).exists()


def note_one(folder: str, number: int) -> None:
    note_slides(Path(folder), [SlideEntry(f"/x/s{number}.svs", f"s{number}")])


def test_lists_that_several_processes_add_to_lose_none(tmp_path: Path) -> None:
    threads = [threading.Thread(target=note_one, args=(str(tmp_path), number)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_slides(tmp_path)) == 24
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_a_list_of_slides_that_names_other_folders_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"slides": {"../a": "a.svs", "b": "b.svs"}}))
    assert read_slides(tmp_path) == {"b": "b.svs"}
    (tmp_path / "run.json").write_text("[")
    assert read_slides(tmp_path) == {}


def test_a_folder_without_slides_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected an output folder of drift slide predict"):
        archive_status(tmp_path)
    with pytest.raises(MissingFileError, match="no such folder"):
        archive_status(tmp_path / "absent")
