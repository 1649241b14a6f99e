"""Seconds of a slide, divided into reading, network and writing."""

from collections.abc import Generator
from contextlib import suppress

import pytest

from nnunetv2.pathology.prediction import work_seconds
from nnunetv2.pathology.prediction.work_seconds import (
    BANDS,
    PREDICTION,
    PREPARATION,
    READING,
    WRITING,
    WorkSeconds,
)


class Clock:
    now = 0.0

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(work_seconds.time, "monotonic", lambda: clock.now)
    return clock


def test_kinds_are_disjoint_and_what_is_left_of_a_prediction_is_the_network(clock: Clock) -> None:
    seconds = WorkSeconds()
    closed: list[bool] = []

    def blocks() -> Generator[int, None, None]:
        try:
            for number in range(3):
                clock.pass_by(1)
                yield number
        finally:
            closed.append(True)

    with seconds.on(PREPARATION):
        clock.pass_by(5)
    with seconds.on(PREDICTION):
        for _ in seconds.waiting(READING, blocks()):
            clock.pass_by(2)
            with seconds.on(BANDS):
                clock.pass_by(0.5)
    with seconds.on(WRITING):
        clock.pass_by(4)
    assert seconds.to_dict() == {"preparation": 5, "reading": 3, "network": 6, "writing": 5.5}
    assert seconds.wait_share == pytest.approx(3 / 9, abs=1e-4)
    assert closed == [True]


def test_an_error_and_a_generator_that_is_left_early_are_counted_and_closed(clock: Clock) -> None:
    seconds, closed = WorkSeconds(), []

    def blocks() -> Generator[int, None, None]:
        try:
            while True:
                clock.pass_by(1)
                yield 1
        finally:
            closed.append(True)

    waiting = seconds.waiting(READING, blocks())
    next(waiting)
    waiting.close()
    with suppress(KeyboardInterrupt), seconds.on(PREDICTION):
        clock.pass_by(2)
        raise KeyboardInterrupt
    assert closed == [True]
    assert seconds.to_dict()["reading"] == 1
    assert seconds.wait_share == 0.5
    assert WorkSeconds().wait_share == 0
