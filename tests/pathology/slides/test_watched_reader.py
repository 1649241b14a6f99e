"""Slides whose opening or reading hangs: one line after the timeout, and the other slides go on."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import DatasetError, UnreadableSlideError
from nnunetv2.pathology.dataset import tile_slides
from nnunetv2.pathology.prediction.predict_slides import slides_to_predict
from nnunetv2.pathology.prediction.slide_stamp import content_hash, slide_stamp
from nnunetv2.pathology.slides import reader_choice, rescue, slide_list, slide_parts, slide_search
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.openslide_reader import OpenSlideReader
from nnunetv2.pathology.slides.rescue import RescuingView, wait_for
from nnunetv2.pathology.slides.slide import open_slide
from nnunetv2.pathology.slides.slide_block import PixelState
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.tiff_reader import TiffReader
from nnunetv2.pathology.slides.watched_reader import MOST_HANGS, HangingReadError, watched_chunks, within
from nnunetv2.run.slide_command import slide_entry
from tests.conftest import NnunetFolders
from tests.pathology.dataset.annotated_slides import tiling, write_geojson
from tests.pathology.slides.slide_files import write_small_slide

BOX = Box(0, 0, 64, 64)


@pytest.fixture
def hang() -> Iterator[Callable[..., Any]]:
    """A call that does not end before the test does."""
    end = threading.Event()
    yield lambda *_, **__: end.wait(60)
    end.set()


def test_a_call_in_time_gives_its_result_or_its_own_error(hang: Callable[..., Any]) -> None:
    assert within(5, "it", lambda: None) is None
    assert within(None, "it", threading.current_thread) is threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        within(5, "it", lambda: 1 / 0)
    with pytest.raises(HangingReadError, match=r"opening it takes more than 0\.05 s \(--read_timeout\)"):
        within(0.05, "opening it", hang)


def test_opening_that_hangs_is_given_up(
    tmp_path: Path, hang: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small_slide(tmp_path / "a.tif")
    monkeypatch.setattr(reader_choice, "opening", hang)
    with pytest.raises(UnreadableSlideError, match=r"a\.tif: opening it takes more than 0\.1 s"):
        open_slide(tmp_path / "a.tif", timeout_s=0.1)


def test_a_part_whose_reading_hangs_comes_from_the_second_library(
    tmp_path: Path, hang: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small_slide(tmp_path / "a.tif")
    source = SlideSource(str(tmp_path / "a.tif"), 0.5)
    with RescuingView(source) as view:
        expected = view.read(BOX)
    monkeypatch.setattr(OpenSlideReader, "read", hang)
    with RescuingView(source, timeout_s=0.1) as view:
        block = view.read(BOX)
    assert np.array_equal(block.pixels, expected.pixels)


def test_a_slide_that_rests_is_closed_until_it_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small_slide(tmp_path / "a.tif")
    events: list[str] = []

    def noted(name: str) -> Callable[[OpenSlideReader], None]:
        call = getattr(OpenSlideReader, name)

        def note(self: OpenSlideReader) -> None:
            if self._path.startswith(str(tmp_path)):  # readers of other tests that hung are closed late
                events.append(name)
            call(self)

        return note

    for name in ("_open", "close"):
        monkeypatch.setattr(OpenSlideReader, name, noted(name))
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), None), 60) as view:
        before = view.read(BOX)
        view.rest()
        view.rest()
        assert events == ["_open", "close"]
        assert np.array_equal(view.read(BOX).pixels, before.pixels)
    assert events == ["_open", "close"] * 2


def test_a_slide_that_cannot_be_closed_or_not_in_time_is_left_behind_and_opened_anew(
    tmp_path: Path, hang: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(_: OpenSlideReader) -> None:
        raise OSError(116, "Stale file handle")

    write_small_slide(tmp_path / "a.tif")
    for close in (hang, stale):
        with RescuingView(SlideSource(str(tmp_path / "a.tif"), None), 0.5) as view:
            before = view.read(BOX)
            with monkeypatch.context() as patched:
                patched.setattr(OpenSlideReader, "close", close)
                view.rest()
            assert np.array_equal(view.read(BOX).pixels, before.pixels)


def test_a_slide_that_hangs_again_and_again_is_waited_for_a_few_times_only(
    tmp_path: Path, hang: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small_slide(tmp_path / "a.tif")
    calls: list[str] = []
    for kind in (OpenSlideReader, TiffReader):
        monkeypatch.setattr(kind, "read", lambda *_: calls.append("hangs") or hang())
    with RescuingView(SlideSource(str(tmp_path / "a.tif"), 0.5), timeout_s=0.05) as view:
        for x in range(0, 640, 64):
            block = view.read(Box(x, 0, 64, 64))
            assert (block.state == PixelState.FAILED).all()
    assert "takes more than" in block.damaged[0].message or "hung" in block.damaged[0].message
    assert len(calls) == 2 * MOST_HANGS


def test_commands_name_a_slide_that_hangs_and_go_on_with_the_others(
    tmp_path: Path,
    hang: Callable[..., Any],
    run_command: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in "ab":
        write_small_slide(tmp_path / f"{name}.tif")
    usual = reader_choice.opening
    monkeypatch.setattr(
        reader_choice, "opening", lambda name, path: hang() if Path(path).stem == "a" else usual(name, path)
    )
    run_command(slide_entry, "info", "--read_timeout", 0.2, tmp_path, exit_code=2)
    shown = capsys.readouterr()
    assert shown.err == f"error: {tmp_path / 'a.tif'}: opening it takes more than 0.2 s (--read_timeout)\n"
    assert str(tmp_path / "b.tif") in shown.out


@pytest.fixture
def silent_file(tmp_path: Path) -> Iterator[Path]:
    """A file whose opening hangs until the test ends, as on a network share that is away."""
    path = tmp_path / "silent.svs"
    os.mkfifo(path)
    yield path
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a named pipe")
def test_a_file_that_does_not_open_in_time_is_given_up(silent_file: Path, tmp_path: Path) -> None:
    with pytest.raises(HangingReadError, match=r"silent\.svs: opening it takes more than 0\.05 s"):
        list(watched_chunks(silent_file, 0.05))
    with pytest.raises(HangingReadError, match=r"silent\.svs: looking at its file takes more than"):
        slide_stamp(str(silent_file), 0.05)
    whole = tmp_path / "whole.svs"
    whole.write_bytes(bytes(5_000_000))
    assert b"".join(watched_chunks(whole, 30)) == b"".join(watched_chunks(whole, None)) == whole.read_bytes()
    assert content_hash(whole, 30) == hashlib.sha256(whole.read_bytes()).hexdigest()


def test_looking_for_a_slide_that_hangs_fails_after_the_timeout(
    tmp_path: Path, hang: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, nnunet_folders: NnunetFolders
) -> None:
    write_small_slide(tmp_path / "a.tif")
    write_geojson(tmp_path / "a.geojson", ("Tumor", (0, 0, 9, 9)))
    with monkeypatch.context() as share:
        share.setattr(rescue.os, "stat", hang)
        with pytest.raises(HangingReadError, match=r"a\.tif: looking for it takes more than 0\.05 s"):
            wait_for(str(tmp_path / "a.tif"), 0.05)
    monkeypatch.setattr(tile_slides, "_files_of", hang)
    with pytest.raises(DatasetError, match=r"a\.tif: looking at its files takes more than 0\.1 s"):
        tile_slides.tile_slides(replace(tiling(tmp_path), read_timeout_s=0.1), num_processes=0)


@pytest.mark.parametrize(
    ("place", "name", "given", "words"),
    [
        (slide_search.os, "walk", "", ": listing it"),
        (slide_search, "hindrance", "", "/a.tif: looking for it"),
        (slide_search.Path, "is_dir", "/a.tif", "/a.tif: looking for it"),
        (slide_list, "read_slide_table", "/t.csv", "/t.csv: reading it"),
    ],
)
def test_a_share_that_hangs_while_it_is_searched_for_slides_is_given_up_in_one_line(
    place: Any,
    name: str,
    given: str,
    words: str,
    tmp_path: Path,
    hang: Callable[..., Any],
    run_command: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a.tif").touch()
    (tmp_path / "t.csv").write_text("slide\na.tif\n")
    with monkeypatch.context() as share:
        share.setattr(place, name, hang)
        run_command(slide_entry, "info", "--read_timeout", 0.2, f"{tmp_path}{given}", exit_code=2)
    assert capsys.readouterr().err == f"error: {tmp_path}{words} takes more than 0.2 s (--read_timeout)\n"


def test_a_share_that_hangs_while_outputs_are_kept_out_of_it_is_given_up(
    tmp_path: Path, hang: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides/a.tif").touch()
    monkeypatch.setattr(slide_parts, "check_apart", hang)
    with pytest.raises(HangingReadError, match=r"a\.tif: looking at its folder takes more than 0\.2 s"):
        slides_to_predict([tmp_path / "slides"], tmp_path / "out", timeout_s=0.2)
