"""Blocks of pixels: read ahead, kept while they are needed, and decoded once for all column blocks that need them."""

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.pathology.prediction import slide_prediction
from nnunetv2.pathology.prediction.block_rows import BlockRows
from nnunetv2.pathology.prediction.kept_blocks import KeptBlocks
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_prediction import SlidePrediction
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_work import RunOptions
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.slide_block import Block
from tests.pathology.prediction.small_slides import labels_of, make_predictor, picture

WIDTH, HEIGHT, BLOCK_WIDTH = 1300, 260, 1024


def test_a_forgotten_block_is_read_alone_and_what_is_awaited_stays_awaited() -> None:
    asked: list[list[Box]] = []

    def read_blocks(boxes: Sequence[Box]) -> Generator[Block, None, None]:
        asked.append(list(boxes))
        for box in boxes:
            yield Block(box, np.full((box.height, box.width, 3), box.y // 10, np.uint8), np.zeros((10, 10), np.uint8))

    rows = BlockRows(10, 100, 10, read_blocks, lambda block: None)
    windows = [Box(0, top, 10, 10) for top in range(0, 100, 10)]
    with rows.reading(windows):
        for window in windows[:3]:
            assert rows.read(window)[0, 0, 0] == window.y // 10
        assert not rows._kept
        assert rows.read(windows[0])[0, 0, 0] == 0
        assert list(rows._kept) == [(0, 0)]
        rows.forget_above(20)
        assert not rows._kept
        assert rows.read(windows[3])[0, 0, 0] == 3
    assert [len(boxes) for boxes in asked] == [10, 1]


def test_a_block_is_kept_until_the_last_window_that_needs_it_and_no_longer() -> None:
    asked: list[Box] = []

    def read_blocks(boxes: Sequence[Box]) -> Generator[Block, None, None]:
        for box in boxes:
            asked.append(box)
            yield Block(box, np.full((10, 10, 3), box.y // 10, np.uint8), np.zeros((10, 10), np.uint8))

    rows = BlockRows(10, 40, 10, read_blocks, lambda block: None)
    windows = [Box(0, top, 10, 10) for top in range(0, 31, 5)]
    with rows.reading(windows):
        kept = []
        for window in windows:
            rows.read(window)
            kept.append(sorted(row for _, row in rows._kept))
    assert kept == [[0], [1], [1], [2], [2], [3], []]
    assert len(asked) == 4


def test_of_a_block_only_what_lies_in_windows_is_kept_and_all_of_it_once_another_part_is_read() -> None:
    picture = np.arange(20 * 20 * 3, dtype=np.uint16).astype(np.uint8).reshape(20, 20, 3)
    asked: list[Box] = []

    def read_blocks(boxes: Sequence[Box]) -> Generator[Block, None, None]:
        for box in boxes:
            asked.append(box)
            pixels = picture[box.y : box.bottom, box.x : box.right]
            yield Block(box, pixels, np.zeros((box.height, box.width), np.uint8))

    rows = BlockRows(20, 20, 10, read_blocks, lambda block: None)
    windows = [Box(3, 4, 4, 4), Box(5, 5, 9, 3), Box(5, 5, 8, 3)]
    with rows.reading(windows):
        assert np.array_equal(rows.read(windows[0]), picture[4:8, 3:7])
        assert np.array_equal(rows.read(windows[1]), picture[5:8, 5:14])
        assert {key: part.box for key, part in rows._kept.items()} == {
            (0, 0): Box(3, 4, 7, 4),
            (1, 0): Box(10, 5, 4, 3),
        }
        assert np.array_equal(rows.read(Box(0, 0, 4, 4)), picture[:4, :4])
    assert [(box.x, box.y) for box in asked] == [(0, 0), (10, 0), (0, 0)]


class Decoded:
    """Counts how often each block of a slide is decoded, with column blocks of 1024 pixels."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.times: Counter[Box] = Counter()
        read = slide_prediction.read_blocks

        def counted(*arguments: Any) -> Generator[Block, None, None]:
            for block in read(*arguments):
                self.times[block.box] += 1
                yield block

        monkeypatch.setattr(slide_prediction, "read_blocks", counted)
        monkeypatch.setattr(SlidePrediction, "_block_width", BLOCK_WIDTH)


SETTINGS = SlideSettings(mpp=0.5, tissue="none", step_size=1.0, normalization="image", save=("labels",))


@pytest.fixture(scope="module")
def model() -> SlideModel:
    """A model whose labels are the largest colour, tiles of 256 pixels."""
    predictor = make_predictor(256)
    predictor._internal_maybe_mirror_and_predict = lambda tiles: tiles  # type: ignore[method-assign]
    return SlideModel(predictor, "largest colour", "77ab")


def test_each_block_is_decoded_once_by_all_column_blocks_together(
    model: SlideModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(picture(tmp_path, HEIGHT, WIDTH))
    SlideJob(model, SETTINGS).run(file, "a", tmp_path / "one block", 0.5)
    decoded = Decoded(monkeypatch)
    SlideJob(model, SETTINGS).run(file, "a", tmp_path / "two blocks", 0.5)
    assert sorted(decoded.times.values()) == [1, 1]
    assert np.array_equal(labels_of(tmp_path / "two blocks"), labels_of(tmp_path / "one block"))
    assert not (tmp_path / "two blocks/.work").exists()


def test_a_resumed_run_finds_the_blocks_of_the_earlier_one_and_reads_damaged_ones_again(
    model: SlideModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(picture(tmp_path, HEIGHT, WIDTH))
    SlideJob(model, SETTINGS).run(file, "a", tmp_path / "whole", 0.5)
    decoded = Decoded(monkeypatch)

    def stop_after_the_first_column_block() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SlideJob(model, SETTINGS, RunOptions(after_band=stop_after_the_first_column_block)).run(
            file, "a", tmp_path / "out", 0.5
        )
    kept = sorted(path.name for path in (tmp_path / "out/.work").glob("pixels_*"))
    assert kept == ["pixels_0_0.b2nd", "pixels_1_0.b2nd"]
    (tmp_path / "out/.work/pixels_1_0.b2nd").write_bytes(b"damaged")
    state = SlideJob(model, SETTINGS).run(file, "a", tmp_path / "out", 0.5)
    assert state["read"]["blocks"] == 2
    assert {(box.x, box.y): times for box, times in decoded.times.items() if times > 1} == {(1024, 0): 2}
    assert np.array_equal(labels_of(tmp_path / "out"), labels_of(tmp_path / "whole"))


def test_links_in_place_of_kept_blocks_are_not_followed(tmp_path: Path) -> None:
    store, pixels = KeptBlocks(tmp_path), np.full((10, 12, 3), 7, np.uint8)
    store.keep((3, 4), pixels)
    assert (3, 4) in store
    np.testing.assert_array_equal(store.read((3, 4), 10, 12), pixels)
    assert store.read((3, 4), 12, 10) is None
    (tmp_path / "pixels_3_4.b2nd").rename(tmp_path / "elsewhere.b2nd")
    (tmp_path / "pixels_3_4.b2nd").symlink_to(tmp_path / "elsewhere.b2nd")
    assert (3, 4) not in store
    assert store.read((3, 4), 10, 12) is None
    store.forget((3, 4))
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere.b2nd"]
