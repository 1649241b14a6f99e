from typing import Any

import pytest
import torch
from torch import nn

from nnunetv2.networks import cpu_operations
from nnunetv2.networks.cpu_operations import CpuOperations

LAYERS = {
    "2d": (nn.ConvTranspose2d(16, 8, 2, 2), (2, 16, 64, 96)),
    "3d": (nn.ConvTranspose3d(8, 4, (1, 2, 2), (1, 2, 2), bias=False), (1, 8, 8, 48, 48)),
}


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Sizes of the inputs of replaced operations, which are replaced whatever time they take."""
    sizes = []
    original = cpu_operations._through_channels_last

    def noted(operation: Any, image: torch.Tensor, *arguments: Any) -> torch.Tensor:
        sizes.append(tuple(image.shape))
        return original(operation, image, *arguments)

    monkeypatch.setattr(cpu_operations, "_through_channels_last", noted)
    monkeypatch.setattr(cpu_operations, "_pays_off", lambda *_: True)
    return sizes


@pytest.mark.parametrize("name", LAYERS)
def test_a_transposed_convolution_gives_the_same_bits(name: str, replaced: list[tuple[int, ...]]) -> None:
    layer, size = LAYERS[name]
    image = torch.randn(size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = layer(image)
        with CpuOperations():
            result = layer(image)
    assert replaced == [size]
    assert torch.equal(result, expected)
    assert result.is_contiguous()


def test_operations_with_gradients_other_types_and_small_ones_stay(replaced: list[tuple[int, ...]]) -> None:
    layer, size = LAYERS["2d"]
    with CpuOperations():
        layer(torch.zeros(size)).sum().backward()
        with torch.inference_mode():
            nn.ConvTranspose2d(16, 8, 2, 2).double()(torch.zeros(size, dtype=torch.double))
            layer(torch.zeros(1, 16, 8, 8))
    assert layer.weight.grad is not None
    assert not replaced


def test_a_way_whose_bits_differ_does_not_pay_off(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 1.0, 9.0] * 2)
    monkeypatch.setattr(cpu_operations, "time", type("Clock", (), {"perf_counter": lambda: next(times)}))
    arguments = (torch.conv_transpose2d, (1, 2, 4, 4), (2, 3, 2, 2), ((2, 2),), 1)
    assert cpu_operations._pays_off.__wrapped__(*arguments)
    monkeypatch.setattr(cpu_operations, "_through_channels_last", lambda operation, *rest: operation(*rest) + 1e-6)
    assert not cpu_operations._pays_off.__wrapped__(*arguments)
