"""Counts of what could not be read, and the message when it is too much."""

import numpy as np
import pytest

from nnunetv2.errors import UnreadableSlideError
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.read_record import ReadRecord
from nnunetv2.pathology.slides.slide_block import Block, DamagedPart, PixelState, failed

BOX = Box(5120, 77824, 10, 10)


def whole(state: PixelState = PixelState.READ, damaged: tuple[DamagedPart, ...] = ()) -> Block:
    return Block(BOX, np.zeros((10, 10, 3), np.uint8), np.full((10, 10), state, np.uint8), damaged)


def test_blocks_and_pixels_are_counted_by_their_state() -> None:
    record = ReadRecord()
    rescued = whole(PixelState.RESCUED, (DamagedPart(BOX, PixelState.RESCUED, "no"),))
    for block in (whole(), rescued, failed(BOX, "no"), whole(PixelState.MISSING)):
        record.add(block)
    assert record.to_dict() == {
        "blocks": 4,
        "failed": 1,
        "rescued": 1,
        "missing_share": 0.25,
        "failed_tissue_share": 0.25,
    }


def test_only_tissue_counts_where_it_is_given() -> None:
    record, tissue = ReadRecord(), np.zeros((10, 10), bool)
    tissue[:2] = True
    record.add(failed(BOX, "no"), tissue)
    record.add(whole(), np.ones((10, 10), bool))
    record.add(whole(PixelState.MISSING), np.zeros((10, 10), bool))
    assert record.failed_share == pytest.approx(20 / 120)
    assert record.missing_share == 0
    assert (record.missing, record.lacking) == ([], 0)
    record.add(whole(PixelState.MISSING), tissue)
    assert record.missing == [Box(BOX.x, BOX.y, 10, 2)]
    assert record.missing_share == pytest.approx(20 / 140)


def test_missing_pixels_do_not_count_where_the_slide_states_what_was_scanned() -> None:
    record = ReadRecord()
    record.add(whole(PixelState.MISSING), counts_missing=False)
    assert (record.missing, record.lacking, record.missing_share) == ([], 0, 0)


def test_too_many_missing_pixels_are_an_error_with_the_number_of_blocks_and_the_place() -> None:
    record, state = ReadRecord(), np.zeros((10, 10), np.uint8)
    state[4:, 2:] = PixelState.MISSING
    record.add(Block(BOX, np.zeros((10, 10, 3), np.uint8), state))
    record.add(whole())
    with pytest.raises(UnreadableSlideError) as caught:
        record.require_less_than(0.01, "a.svs")
    assert str(caught.value) == (
        "a.svs: 24.0 % of the tissue could not be read (limit 1 %): 1 of 2 blocks, first at x=5122 y=77828"
        " (the file has no image there). --max_failed 0.25 accepts it"
    )


def test_too_much_damage_is_an_error_with_the_place_and_the_way_to_accept_it() -> None:
    record = ReadRecord()
    for _ in range(31):
        record.add(whole())
    record.add(failed(BOX, "OpenSlide: Not a JPEG file"))
    record.require_less_than(0.04, "a.svs")
    with pytest.raises(UnreadableSlideError) as caught:
        record.require_less_than(0.01, "a.svs")
    assert str(caught.value) == (
        "a.svs: 3.1 % of the tissue could not be read (limit 1 %): 1 of 32 blocks, first at x=5120 y=77824"
        " (OpenSlide: Not a JPEG file). --max_failed 0.05 accepts it"
    )
