"""Claims on slides: one process at a time, also when others die, sleep, or lay traps."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nnunetv2.errors import ClaimError
from nnunetv2.pathology.prediction import claims
from nnunetv2.pathology.prediction.claims import CLAIM_NAME, claiming, find_claim, release_stale, take_claim

ENDED = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
DEAD_PID = int(ENDED.stdout)


def leave_claim(folder: Path, age_s: float = 0.0, **changes: object) -> None:
    """Write the claim of another process that touched it some time ago."""
    folder.mkdir(exist_ok=True)
    other = {"host": "elsewhere", "pid": 7, "boot": "another boot", "uuid": "0" * 32, **changes}
    (folder / CLAIM_NAME).write_text(json.dumps(other))
    then = time.time() - age_s
    os.utime(folder / CLAIM_NAME, (then, then))


def test_a_slide_belongs_to_one_claim_until_it_is_released(tmp_path: Path) -> None:
    with claiming(tmp_path / "a") as first:
        assert first is not None
        assert first.is_own
        assert take_claim(tmp_path / "a") is None
        found = find_claim(tmp_path / "a")
        assert found is not None
        assert found.owner is not None
        assert (found.owner.host, found.owner.pid, found.is_stale) == (socket.gethostname(), os.getpid(), False)
    assert os.listdir(tmp_path / "a") == []
    with claiming(tmp_path / "a") as second:
        assert second is not None


@pytest.mark.parametrize(("age_s", "is_free"), [(0, False), (599, False), (601, True)])
def test_a_claim_of_another_computer_is_dead_after_ten_minutes_without_a_touch(
    tmp_path: Path, age_s: float, is_free: bool
) -> None:
    leave_claim(tmp_path / "a", age_s)
    with claiming(tmp_path / "a") as claim:
        assert (claim is not None) == is_free


def test_a_wrong_clock_of_this_computer_does_not_make_claims_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_claim(tmp_path / "a")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert take_claim(tmp_path / "a") is None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux tells starts of a computer apart")
def test_a_process_of_this_computer_that_has_ended_leaves_its_slide_at_once(tmp_path: Path) -> None:
    leave_claim(tmp_path / "a", pid=DEAD_PID, boot=claims._this_boot())
    leave_claim(tmp_path / "b", pid=os.getpid(), boot=claims._this_boot())
    with claiming(tmp_path / "a") as of_the_dead:
        assert of_the_dead is not None
    assert take_claim(tmp_path / "b") is None


def test_an_owner_notices_that_its_slide_was_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = take_claim(tmp_path / "a")
    assert sleeper is not None
    os.utime(tmp_path / "a" / CLAIM_NAME, (0, 0))
    thief = take_claim(tmp_path / "a")
    assert thief is not None
    with pytest.raises(ClaimError, match="another process has taken this slide over"):
        sleeper.check()
    sleeper.release()
    thief.check()
    thief.release()


def test_a_claim_is_touched_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "TOUCHED_EVERY_S", 0.01)
    with claiming(tmp_path / "a"):
        os.utime(tmp_path / "a" / CLAIM_NAME, (0, 0))
        deadline = time.monotonic() + 10
        while os.stat(tmp_path / "a" / CLAIM_NAME).st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        found = find_claim(tmp_path / "a")
        assert found is not None
        assert found.age_s < 10


def test_links_are_neither_followed_nor_believed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("{}")
    (tmp_path / "a").symlink_to(outside)
    with pytest.raises(ClaimError, match="is a link"):
        take_claim(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / CLAIM_NAME).symlink_to(outside / "precious")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / CLAIM_NAME).symlink_to(outside / "new")
    for name in "bc":
        with claiming(tmp_path / name) as claim:
            assert claim is not None
    assert sorted(os.listdir(outside)) == ["precious"]
    assert (outside / "precious").read_text() == "{}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with names")
def test_a_pipe_in_place_of_a_claim_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / CLAIM_NAME)
    with claiming(tmp_path / "a") as claim:
        assert claim is not None
        assert claim.is_own


@pytest.mark.parametrize("age_s", [0.0, 2 * claims.STALE_AFTER_S])
def test_a_folder_in_place_of_a_claim_is_named_and_left_alone(tmp_path: Path, age_s: float) -> None:
    (tmp_path / "a" / CLAIM_NAME).mkdir(parents=True)
    then = time.time() - age_s
    os.utime(tmp_path / "a" / CLAIM_NAME, (then, then))
    with pytest.raises(ClaimError, match=r"\.claim is a folder, expected a file .*: remove it"):
        take_claim(tmp_path / "a")
    assert not release_stale(tmp_path / "a")
    found = find_claim(tmp_path / "a")
    assert found is not None
    assert found.holder == ".claim is a folder, remove it"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff" * 5000, b'{"host": "a", "pid": 1, "boot": "", "uuid": "../../b"}']
)
def test_a_claim_that_says_nothing_sensible_holds_until_it_is_old(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / CLAIM_NAME
    file.write_bytes(content)
    assert take_claim(tmp_path / "a") is None
    assert not release_stale(tmp_path / "a")
    os.utime(file, (0, 0))
    assert release_stale(tmp_path / "a")
    assert os.listdir(tmp_path / "a") == []


@pytest.mark.parametrize("races", [100, pytest.param(500, marks=pytest.mark.slow)])
def test_of_many_that_find_the_same_dead_claim_one_gets_it(tmp_path: Path, races: int) -> None:
    together = threading.Barrier(4)
    taken: list[list[claims.Claim]] = [[] for _ in range(races)]

    def race() -> None:
        for number, winners in enumerate(taken):
            together.wait()
            claim = take_claim(tmp_path / str(number))
            winners += [claim] if claim else []

    for number in range(races):
        leave_claim(tmp_path / str(number), 1000, uuid=f"{number:032x}")
    racers = [threading.Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [len(winners) for winners in taken] == [1] * races
    assert all(winner.is_own for (winner,) in taken)
    for (winner,) in taken:
        winner.release()


def work(folder: Path, number: int) -> None:
    """Note down each of 40 slides whose claim this process gets, until all are noted; some hang and are killed."""
    while unfinished := [slide for slide in map(str, range(40)) if not (folder / slide / "done").exists()]:
        for slide in unfinished:
            with claiming(folder / slide) as claim:
                if claim is None or (folder / slide / "done").exists():
                    continue
                (folder / f"at_work_{number}").touch()
                if number < 2:
                    time.sleep(600)
                with (folder / slide / "done").open("x") as stream:
                    stream.write(str(number))
        time.sleep(0.02)


@pytest.mark.long
def test_of_40_slides_and_8_processes_two_of_them_killed_each_is_done_once_and_none_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(tmp_path, number)) for number in range(8)]
    for worker in workers[:2]:  # each has a slide before the others can have done all
        worker.start()
    while len(list(tmp_path.glob("at_work_*"))) < 2:
        assert all(worker.is_alive() for worker in workers[:2])
        time.sleep(0.01)
    for worker in workers[2:]:
        worker.start()
    for worker in workers[:2]:
        worker.kill()
        worker.join()
    for worker in workers[2:]:
        worker.join()
        assert worker.exitcode == 0
    assert {(tmp_path / str(slide) / "done").read_text() for slide in range(40)} <= set("234567")
    assert [os.listdir(tmp_path / str(slide)) for slide in range(40)] == [["done"]] * 40


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_full_disk_leaves_no_empty_claim_that_others_would_wait_for(tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            take_claim(tmp_path / "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.filename == str(tmp_path / "a/.claim")
    assert list((tmp_path / "a").iterdir()) == []
