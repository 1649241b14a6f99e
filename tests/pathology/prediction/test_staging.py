"""Slides are copied to a local disk one ahead, whole, and removed; what cannot be copied is read where it is."""

import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from nnunetv2.pathology.prediction import staging
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
    assert stage._ahead is not None
    assert stage._ahead.ready is not None
    stage._ahead.ready.result(10)


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


def test_a_copy_that_is_not_needed_any_more_stops(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_CHUNK_BYTES", 1)
    begun, copy_file = threading.Event(), staging._copy_file

    def noted(source: Path, target: Path, stopped: threading.Event) -> bool:
        begun.set()
        if source.name == "b.svs":
            stopped.wait(10)
        return copy_file(source, target, stopped)

    monkeypatch.setattr(staging, "_copy_file", noted)
    with Stage(local, slides, always) as stage, stage.copy(slides[0]):
        begun.wait(10)
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
        assert "a.svs: no room for it" in caplog.text
    assert list(local.iterdir()) == []


def test_a_copy_that_fails_half_way_leaves_nothing_while_the_slide_is_read(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: Path, target: Path, stopped: threading.Event) -> bool:
        target.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(staging, "_copy_file", fail)
    with Stage(local, slides[:1], always) as stage, stage.copy(slides[0]) as place:
        assert place == slides[0]
        assert copies(local) == []


def test_an_interrupted_wait_for_a_copy_stops_it_and_removes_it(
    slides: list[str], local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def endless(source: Path, target: Path, stopped: threading.Event) -> bool:
        target.write_bytes(b"half")
        begun.set()
        return not stopped.wait(60)

    class Interrupted:
        def result(self) -> None:
            begun.wait(10)
            raise KeyboardInterrupt

    monkeypatch.setattr(staging, "_copy_file", endless)
    with Stage(local, slides[:1], always) as stage:
        taken = stage._begin(slides[0])
        taken.ready, copying = Interrupted(), taken.ready  # type: ignore[assignment]
        monkeypatch.setattr(stage, "_taken", lambda _: taken)
        with pytest.raises(KeyboardInterrupt), stage.copy(slides[0]):
            pass
        assert copying is not None
        assert copying.result(10) is None
    assert copies(local) == []
