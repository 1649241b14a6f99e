"""Slides are copied to a local disk one ahead, whole, and removed; what cannot be copied is read where it is."""

import shutil
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest

from nnunetv2.pathology.prediction import slide_copy
from nnunetv2.pathology.prediction.slide_copy import SlideCopy
from nnunetv2.pathology.prediction.staging import Stage

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def slides(tmp_path: Path) -> list[str]:
    folder = tmp_path / "share"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.svs").write_bytes(name.encode() * 1000)
    return [str(folder / f"{name}.svs") for name in "abc"]


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return tmp_path / "local"


def copies(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def always(path: str) -> bool:
    return True


def wait_for_next(stage: Stage) -> None:
    for copy in stage._copies.values():
        copy.wait(10)


def test_the_next_slide_is_there_while_one_is_read_and_both_are_removed(slides: list[str], local: Path) -> None:
    with Stage(local, slides, always) as stage:
        with stage.copy(slides[0]) as place:
            assert place != slides[0]
            assert Path(place).read_bytes() == Path(slides[0]).read_bytes()
            assert Path(place).stat().st_mtime == Path(slides[0]).stat().st_mtime
            wait_for_next(stage)
            assert copies(local) == ["a.svs", "b.svs"]
        assert copies(local) == ["b.svs"]
        with stage.copy(slides[1]) as place:
            assert Path(place).name == "b.svs"
            wait_for_next(stage)
    assert list(local.iterdir()) == []


def test_slides_that_others_have_are_left_out_and_a_wrong_guess_is_dropped(slides: list[str], local: Path) -> None:
    with Stage(local, slides, lambda path: path != slides[1]) as stage, stage.copy(slides[0]):
        wait_for_next(stage)
        assert copies(local) == ["a.svs", "c.svs"]
    with Stage(local, slides, always) as stage:
        with stage.copy(slides[0]):
            wait_for_next(stage)
        with stage.copy(slides[2]) as place:
            assert Path(place).name == "c.svs"
            assert copies(local) == ["c.svs"]


class Share:
    """Stands in for copying single files from a share: hangs, as long as it is told, with half of a file there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, hanging: str):
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self._copy_file, self._hanging = SlideCopy._copy_file, hanging
        share = self

        def copy_file(copy: SlideCopy, source: Path, target: Path) -> bool:
            if source.name == share._hanging:
                target.with_name("half").write_bytes(b"half")
                share.begun.set()
                share.goes_on.wait(60)
            return share._copy_file(copy, source, target)

        monkeypatch.setattr(SlideCopy, "_copy_file", copy_file)


def wait_until_empty(folder: Path) -> None:
    end = time.monotonic() + 10
    while list(folder.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_copy_that_is_not_needed_any_more_stops(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Share(monkeypatch, "b.svs")
    with Stage(local, slides, always) as stage, stage.copy(slides[0]):
        share.begun.wait(10)
        threading.Timer(0.1, share.goes_on.set).start()
    assert list(local.iterdir()) == []


def test_a_share_that_hangs_is_given_up_and_leaves_nothing_when_it_goes_on(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    share = Share(monkeypatch, "a.svs")
    monkeypatch.setattr(slide_copy, "_ENDS_WITHIN_S", 0.05)
    with Stage(local, slides, always, timeout_s=0.1) as stage:
        for path in slides[:2]:  # of the second, no copy is tried
            with stage.copy(path) as place:
                assert place == path
        assert "a.svs: copying it makes no progress for 0.1 s; it is read where it is" in caplog.text
        assert copies(local) == []
        share.goes_on.set()
        wait_until_empty(local)
        with stage.copy(slides[2]) as place:
            assert Path(place).name == "c.svs"
    assert list(local.iterdir()) == []


def test_a_copy_ahead_that_hangs_does_not_keep_the_process(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Share(monkeypatch, "b.svs")
    monkeypatch.setattr(slide_copy, "_ENDS_WITHIN_S", 0.05)
    with Stage(local, slides, always) as stage, stage.copy(slides[0]):
        share.begun.wait(10)
    assert copies(local) == []
    share.goes_on.set()
    wait_until_empty(local)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("copies"))


def test_a_disk_that_others_fill_meanwhile_ends_the_copy(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slide_copy, "_CHUNK_BYTES", 100)
    free = iter([2**40, 2**40, 2**40, 2**20])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(2**41, 2**40, next(free)))
    with Stage(local, slides[:1], always) as stage, stage.copy(slides[0]) as place:
        assert place == slides[0]
        assert list(local.iterdir()) == []
    assert "no room for it" in caplog.text


def test_links_among_the_files_of_a_slide_are_not_followed_but_the_slide_may_be_one(
    tmp_path: Path, local: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "share/m").mkdir(parents=True)
    (tmp_path / "share/real.svs").write_bytes(b"real")
    (tmp_path / "share/s.svs").symlink_to("real.svs")
    (tmp_path / "share/m.mrxs").write_bytes(b"m")
    (tmp_path / "share/m/Data.dat").symlink_to(tmp_path / "secret")
    with Stage(local, [], always) as stage:
        with stage.copy(str(tmp_path / "share/s.svs")) as place:
            assert Path(place).name == "s.svs"
            assert not Path(place).is_symlink()
            assert Path(place).read_bytes() == b"real"
        with stage.copy(str(tmp_path / "share/m.mrxs")) as place:
            assert place == str(tmp_path / "share/m.mrxs")
    assert "Data.dat" in caplog.text
    assert list(local.iterdir()) == []


@pytest.mark.parametrize("moment", ["wait", "_following"])
def test_an_interrupt_at_any_moment_leaves_no_copy(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def interrupted(*_: object) -> None:
        assert [copy.path for copy in stage._copies.values()] == slides[:1]
        raise KeyboardInterrupt

    monkeypatch.setattr(SlideCopy if moment == "wait" else Stage, moment, interrupted)
    with Stage(local, slides, always) as stage:
        with pytest.raises(KeyboardInterrupt), stage.copy(slides[0]):
            pass
        assert list(local.iterdir()) == []


def test_a_slide_of_several_files_is_copied_with_all_of_them(tmp_path: Path, local: Path) -> None:
    folder = tmp_path / "share"
    (folder / "m/sub").mkdir(parents=True)
    (folder / "m.mrxs").write_bytes(b"m")
    (folder / "m/Slidedat.ini").write_bytes(b"s")
    (folder / "m/sub/Data0001.dat").write_bytes(b"d")
    (folder / "other.svs").write_bytes(b"o")
    with Stage(local, [], always) as stage, stage.copy(str(folder / "m.mrxs")) as place:
        assert Path(place).name == "m.mrxs"
        assert (Path(place).parent / "m/sub/Data0001.dat").read_bytes() == b"d"
        assert copies(local) == ["Data0001.dat", "Slidedat.ini", "m.mrxs"]
    assert list(local.iterdir()) == []


def test_what_has_no_room_or_is_not_there_is_read_where_it_is(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Stage(local, slides, always) as stage:
        Path(slides[2]).unlink()
        with stage.copy(slides[2]) as place:
            assert place == slides[2]
        assert "c.svs: cannot be copied" in caplog.text
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(2**40, 2**40, 2**20))
        with stage.copy(slides[0]) as place:
            assert place == slides[0]
        assert f"a.svs: cannot be copied to {local} (no room for it)" in caplog.text
    assert list(local.iterdir()) == []


def test_a_copy_that_fails_half_way_leaves_nothing_while_the_slide_is_read(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(copy: SlideCopy, source: Path, target: Path) -> bool:
        target.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(SlideCopy, "_copy_file", fail)
    with Stage(local, slides[:1], always) as stage, stage.copy(slides[0]) as place:
        assert place == slides[0]
        assert copies(local) == []
