"""Reader processes: the same blocks in the same order, also when processes hang or die."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import UnreadableSlideError
from nnunetv2.pathology.slides import reader_process
from nnunetv2.pathology.slides.geometry import Box, cells
from nnunetv2.pathology.slides.reader_process import Reading, read_blocks, reading_windows
from nnunetv2.pathology.slides.rescue import RescuingView, Step
from nnunetv2.pathology.slides.slide import open_slide
from nnunetv2.pathology.slides.slide_block import Block, PixelState
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.thumbnail import readable_thumbnail
from sample_data.pyramids import Damage
from tests.pathology.slides.slide_files import write_small_slide

BOXES = list(cells(1500, 1100, 512))
POISON = Box(512, 0, 512, 512)


def read_all(path: Path, readers: int, timeout_s: float = 60) -> list[Block]:
    with closing(read_blocks(SlideSource(str(path), 0.5), BOXES, readers, timeout_s)) as blocks:
        return list(blocks)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "a.tif"
    write_small_slide(path, damage=Damage(zeroed_tiles=((9, 7),)))
    return path


def test_processes_return_what_this_process_reads(damaged: Path) -> None:
    require_equal(read_all(damaged, 0), read_all(damaged, 2))


def require_equal(blocks: list[Block], others: list[Block]) -> None:
    for one, other in zip(blocks, others, strict=True):
        assert (one.box, one.damaged) == (other.box, other.damaged)
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.state, other.state)


class ThreadAsProcess:
    """Stands for a reader process, which takes seconds to start: hangs or dies at will."""

    def __init__(self, hangs: Callable[[Step], bool], dies: Callable[[Step], bool]):
        self.connection, self._theirs = multiprocessing.Pipe()
        self._hangs, self._dies = hangs, dies
        threading.Thread(target=self._serve, daemon=True).start()

    def kill(self) -> None:
        with suppress(OSError):  # closed by the thread at the same time
            self._theirs.close()

    def join(self) -> None:
        pass

    def _serve(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                _, function, arguments = self._theirs.recv()
                _, box, step, _ = arguments
                if box == POISON and self._dies(step):
                    self._theirs.close()
                    return
                if box == POISON and self._hangs(step):
                    return
                self._theirs.send((True, function(*arguments)))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what readers in threads open; a process needs not."""
    views: dict[SlideSource, RescuingView] = {}
    monkeypatch.setattr(reader_process, "_OPENED", views)
    yield
    for view in views.values():
        view.close()


def use_threads(
    monkeypatch: pytest.MonkeyPatch,
    hangs: Callable[[Step], bool] = lambda step: False,
    dies: Callable[[Step], bool] = lambda step: False,
) -> list[ThreadAsProcess]:
    started: list[ThreadAsProcess] = []

    def start(_: int) -> tuple[ThreadAsProcess, object]:
        started.append(ThreadAsProcess(hangs, dies))
        return started[-1], started[-1].connection

    monkeypatch.setattr(reader_process, "start_process", start)
    return started


@pytest.mark.usefixtures("opened")
def test_a_block_that_hangs_is_read_in_another_way_and_the_others_as_usual(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = use_threads(monkeypatch, hangs=lambda step: step < Step.OTHER_LEVEL)
    blocks = {block.box: block for block in read_all(damaged, 1, timeout_s=2)}
    assert list(blocks) == BOXES
    assert len(started) == 4  # replaced after the first try, the second one, and the second library
    assert (blocks[POISON].state == PixelState.RESCUED).all()
    assert (blocks[BOXES[0]].state == PixelState.READ).all()


@pytest.mark.usefixtures("opened")
def test_a_block_that_kills_every_process_is_white_and_says_so(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_threads(monkeypatch, dies=lambda step: True)
    blocks = {block.box: block for block in read_all(damaged, 1)}
    assert (blocks[POISON].state == PixelState.FAILED).all()
    assert blocks[POISON].damaged[0].message == "reading it hangs or ends the reader process"
    assert (blocks[BOXES[0]].state == PixelState.READ).all()


@pytest.mark.usefixtures("opened")
def test_without_shared_memory_blocks_are_sent(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_threads(monkeypatch)
    monkeypatch.setattr(reader_process, "_new_memory", lambda: None)
    require_equal(read_all(damaged, 0), read_all(damaged, 1))


@pytest.mark.slow
def test_a_killed_process_is_replaced(damaged: Path) -> None:
    """Real processes, which take seconds to start on a busy machine."""
    with closing(read_blocks(SlideSource(str(damaged), 0.5), BOXES, 1)) as blocks:
        first = next(blocks)
        for process in multiprocessing.active_children():
            process.kill()
        require_equal([first, *blocks], read_all(damaged, 0))


def test_leaving_early_ends_the_processes_and_frees_their_memory(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    new_memory = reader_process._new_memory

    def noted_memory() -> SharedMemory | None:
        memory = new_memory()
        names.extend([memory.name] if memory else [])
        return memory

    monkeypatch.setattr(reader_process, "_new_memory", noted_memory)
    with closing(read_blocks(SlideSource(str(damaged), 0.5), BOXES, 1)) as blocks:
        next(blocks)
    assert not multiprocessing.active_children()
    if not names:
        pytest.skip("too little shared memory is free")
    for name in names:
        with pytest.raises(FileNotFoundError):
            SharedMemory(name)


def test_a_slide_that_no_process_can_open_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.svs").write_text("no slide")
    with pytest.raises(UnreadableSlideError, match=r"^.*a\.svs: cannot be opened as a slide"):
        next(read_blocks(SlideSource(str(tmp_path / "a.svs"), 0.5), BOXES, 1))


def test_no_more_blocks_are_read_ahead_than_planned(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Box] = []

    def boxes() -> object:
        for box in BOXES:
            asked.append(box)
            yield box

    with RescuingView(SlideSource(str(damaged), 0.5)) as view:
        first = view.read(BOXES[0])
    with closing(read_blocks(SlideSource(str(damaged), 0.5), boxes(), 1)) as blocks:  # type: ignore[arg-type]
        np.testing.assert_array_equal(next(blocks).pixels, first.pixels)
        assert len(asked) <= reader_process.BLOCKS_PER_READER


@pytest.mark.usefixtures("opened")
def test_tissue_and_pictures_of_a_slide_that_hangs_are_read_in_another_way(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_slide(damaged) as slide:
        expected = readable_thumbnail(slide)
        use_threads(monkeypatch, dies=lambda step: step == Step.USUAL)
        monkeypatch.setattr(f"{__name__}.POISON", Box(0, 0, 1024, 1024))
        picture = readable_thumbnail(slide, Reading(1, 10.0))
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < 20


@pytest.mark.usefixtures("opened")
def test_windows_have_the_same_pixels_whoever_reads_them(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_threads(monkeypatch)
    window = Box(1000, 500, 60, 200)
    source = SlideSource(str(damaged), 0.7)
    with reading_windows(source, 0) as here, reading_windows(source, 1) as elsewhere:
        assert np.array_equal(here(window), elsewhere(window))
        assert np.array_equal(here(window), elsewhere(window))
