from collections.abc import Iterator

import pytest
import torch
from torch import nn

from nnunetv2.inference.network_memory import network_memory
from tests.factories.models import CPU

CUDA = torch.device("cuda")
TILE = (3, 16, 16)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1))


WEIGHTS = 4 * (8 * 3 * 9 + 8 + 2 * 8 + 2)
CALL = 10 * 4 * 8 * 16 * 16


def test_weights_of_all_folds_stay_beside_those_of_the_network() -> None:
    folds = [network().state_dict() for _ in range(3)]
    assert network_memory(network(), folds, CPU, TILE, 1) == 4 * WEIGHTS + CALL
    assert network_memory(network(), folds, CUDA, TILE, 1) == 3 * WEIGHTS


def test_mirrored_versions_that_are_predicted_side_by_side_count_each() -> None:
    assert network_memory(network(), [], CPU, TILE, 4) == WEIGHTS + 2 * CALL
    hooked = network()
    hooked.register_forward_hook(lambda *_: None)
    assert network_memory(hooked, [], CPU, TILE, 4) == WEIGHTS + CALL


def test_what_is_no_network_of_torch_is_not_counted() -> None:
    assert network_memory(object(), None, CPU, TILE, 4) == 0


def test_weights_with_several_names_count_once() -> None:
    shared = network()
    shared.again = shared[0]
    assert network_memory(shared, [shared.state_dict()], CUDA, TILE, 1) == WEIGHTS
