"""Mixing ratios that other processes see change."""

import multiprocessing
import sys
import threading

import pytest

from nnunetv2.training.dataloading.shared_ratios import SharedRatios


def test_shared_ratios_equal_the_mapping_they_were_made_from() -> None:
    ratios = SharedRatios({"a": 0.25, "b": 0.75})
    assert ratios == {"a": 0.25, "b": 0.75}
    with pytest.raises(KeyError):
        ratios["c"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="loader processes are forked on Linux only")
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
    assert ratios.wait_for(5) == 3
    later = threading.Timer(0.05, ratios.set, args=({"a": 1.0, "b": 0.0}, range(6, 9)))
    later.start()
    assert ratios.wait_for(6) == 6
    assert ratios == {"a": 1.0, "b": 0.0}


def _answer(pipe, ratios: SharedRatios) -> None:
    pipe.recv()
    pipe.send(dict(ratios))
