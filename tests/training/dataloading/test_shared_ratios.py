"""Mixing ratios that other processes see change."""

import multiprocessing
import sys

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


def _answer(pipe, ratios: SharedRatios) -> None:
    pipe.recv()
    pipe.send(dict(ratios))
