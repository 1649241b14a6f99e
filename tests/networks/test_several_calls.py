import threading
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from nnunetv2.networks.several_calls import call_for_each

BATCHES = [lambda number=number: torch.full((1, 1, 4, 4), float(number)) for number in range(4)]


class Noting(nn.ReLU):
    """Notes in which threads it runs; its class pretends to be one of torch's."""

    __module__ = "torch.nn.noting"

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.threads.add(threading.current_thread().name.partition("_")[0])
        assert not torch.is_grad_enabled()
        return super().forward(batch)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def values(network: nn.Module) -> list[float]:
    with torch.inference_mode():
        return [float(prediction.max()) for prediction in call_for_each(network, BATCHES)]


def test_a_plain_network_is_called_side_by_side_and_in_order(two_threads: None) -> None:
    network = Noting().eval()
    assert values(network) == [0, 1, 2, 3]
    assert network.threads == {"network"}
    assert torch.get_num_threads() == 2


def test_other_networks_are_called_one_after_the_other(two_threads: None) -> None:
    hooked, training, own = Noting().eval(), Noting().train(), Noting().eval()
    hooked.register_forward_hook(lambda *_: None)
    own.forward = own.forward
    for network in (hooked, training, own):
        assert values(network) == [0, 1, 2, 3]
        assert network.threads == {"MainThread"}


def test_the_error_of_a_call_is_raised(two_threads: None) -> None:
    with pytest.raises(RuntimeError), torch.inference_mode():
        list(call_for_each(nn.Conv2d(3, 1, 1).eval(), BATCHES))


def test_the_bits_are_those_of_calls_one_after_the_other_whatever_part_of_the_threads_each_has(
    two_threads: None,
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # with fewer threads, oneDNN rounds the last one, and on some processors the others, in another way
        deep = [nn.Conv2d(64, 256, 3, 8, 1), nn.Conv2d(256, 256, 3, 1, 1), nn.ConvTranspose2d(256, 32, 8, 8)]
        network = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1), *deep, nn.Conv2d(32, 3, 1)).eval()
        batches = [torch.randn(1, 3, 64, 64) for _ in range(4)]
    with torch.inference_mode():
        expected = [network(batch) for batch in batches]
        found = list(call_for_each(network, [lambda batch=batch: batch for batch in batches]))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_networks_for_volumes_are_called_one_after_the_other(two_threads: None) -> None:
    network = Noting().eval()
    with torch.inference_mode():
        list(call_for_each(network, [lambda: torch.ones(1, 1, 4, 4, 4)] * 4))
    assert network.threads == {"MainThread"}


def test_the_precision_of_the_caller_stays(two_threads: None) -> None:
    network = nn.Conv2d(1, 1, 1).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert {prediction.dtype for prediction in call_for_each(network, BATCHES)} == {torch.bfloat16}
