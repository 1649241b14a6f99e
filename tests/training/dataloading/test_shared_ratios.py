"""Mixing ratios that other processes see change."""

import multiprocessing
import sys
import threading
from typing import Any

import pytest

from nnunetv2.foundation.random_streams import NoSeed
from nnunetv2.training.dataloading.seeded_batches import SeededBatches
from nnunetv2.training.dataloading.shared_ratios import SharedRatios
from nnunetv2.training.dataloading.supervised_augmenter import SupervisedAugmenter

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="loader processes are forked on Linux only"
)


def test_shared_ratios_equal_the_mapping_they_were_made_from() -> None:
    ratios = SharedRatios({"a": 0.25, "b": 0.75})
    assert ratios == {"a": 0.25, "b": 0.75}
    with pytest.raises(KeyError):
        ratios["c"]


def test_a_process_sees_a_change_that_is_made_after_its_start() -> None:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    ratios = SharedRatios({"a": 0.25, "b": 0.75})
    process = context.Process(target=_answer, args=(theirs, ratios), daemon=True)
    process.start()
    ratios.set({"a": 0.5, "b": 0.5})
    ours.send("now")
    assert ours.recv() == {"a": 0.5, "b": 0.5}
    process.join(10)


def test_ratios_of_some_steps_hold_back_those_after_them() -> None:
    ratios = SharedRatios({"a": 0.25, "b": 0.75})
    assert ratios.wait_for(10**9) == 0
    ratios.set({"a": 0.5, "b": 0.5}, range(3, 6))
    assert waited_elsewhere(ratios, 5) == (3, 0.5)
    later = threading.Timer(0.05, ratios.set, args=({"a": 1.0, "b": 0.0}, range(6, 9)))
    later.start()
    assert waited_elsewhere(ratios, 6) == (6, 1.0)


def test_the_process_that_sets_the_ratios_does_not_wait_for_itself() -> None:
    ratios = SharedRatios({"a": 0.25, "b": 0.75})
    ratios.set({"a": 0.5, "b": 0.5}, range(3, 6))
    assert ratios.wait_for(8) == 3


def test_ratios_hold_for_a_batch_that_the_training_waits_for() -> None:
    ratios = SharedRatios({"a": 0.25, "b": 0.75})
    ratios.set({"a": 0.5, "b": 0.5}, range(3, 6))
    later = threading.Timer(0.05, ratios.prolong, args=(6,))
    later.start()
    assert waited_elsewhere(ratios, 6) == (3, 0.5)


def test_an_augmenter_says_which_batch_the_training_waits_for() -> None:
    ratios = SharedRatios({"a": 1.0})
    ratios.set({"a": 1.0}, range(3))
    batches = SupervisedAugmenter(SeededBatches(_Steps(ratios), NoSeed(), "training", 1, (0, 1)), None, 1)
    try:
        assert [next(batches) for _ in range(4)] == [{"step": step, "ratios_since": 0} for step in (1, 2, 3, 4)]
    finally:
        batches._finish()


class _Steps:
    """A loader whose batches are their numbers."""

    def __init__(self, ratios: SharedRatios):
        self._ratios = ratios
        self.announce_need = ratios.prolong
        self.announce_case = print
        self.batch_streams: Any = None

    def __next__(self) -> dict[str, int]:
        step = self.batch_streams.number
        return {"step": step, "ratios_since": self._ratios.wait_for(step)}


def waited_elsewhere(ratios: SharedRatios, step: int) -> tuple[int, float]:
    """Return, from a process that makes batches, since when ratios hold that it has waited for, and that of a."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send((ratios.wait_for(step), ratios["a"])), daemon=True)
    process.start()
    assert ours.poll(20), "it waits for ever"
    process.join(10)
    return ours.recv()


def _answer(pipe, ratios: SharedRatios) -> None:
    pipe.recv()
    pipe.send(dict(ratios))
