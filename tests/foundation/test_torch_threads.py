"""The number of torch's threads: for a network, for one piece of work, and as a user asks for it."""

from collections.abc import Iterator

import pytest
import torch

from nnunetv2.foundation import torch_threads as module
from nnunetv2.foundation.torch_threads import set_threads_for, threads_in_use, torch_threads
from s1 import cpus


@pytest.fixture(autouse=True)
def _five_cpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 5)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("device", "threads"), [("cpu", 4), ("cuda", 1)])
def test_a_network_on_the_cpu_leaves_one_for_its_loader_and_one_on_a_gpu_needs_one(device: str, threads: int) -> None:
    set_threads_for(device)
    assert threads_in_use() == threads


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_number_that_a_user_asks_for_wins_on_every_device(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    set_threads_for(device)
    assert threads_in_use() == 3


@pytest.mark.parametrize(("wanted", "given"), [(2, 2), (99, 5), (0, 4)])
def test_a_piece_of_work_gets_what_it_wants_if_that_is_allowed(wanted: int, given: int) -> None:
    torch.set_num_threads(4)
    with torch_threads(wanted):
        assert torch.get_num_threads() == given
    assert torch.get_num_threads() == 4


def test_the_number_of_threads_is_restored_after_an_error() -> None:
    torch.set_num_threads(2)
    with pytest.raises(ValueError, match="inside"), torch_threads(3):
        raise ValueError("inside")
    assert torch.get_num_threads() == 2


def test_work_without_torch_needs_no_threads_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "modules", {})
    with torch_threads(3):
        assert threads_in_use() == 0
