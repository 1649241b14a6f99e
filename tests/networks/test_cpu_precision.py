from collections.abc import Iterator

import pytest
import torch
from torch import nn

from nnunetv2.errors import SettingsError
from nnunetv2.networks import cpu_precision
from nnunetv2.networks.cpu_precision import mean_dice, uses_bfloat16
from nnunetv2.networks.several_calls import call_for_each

BATCH = torch.randn((1, 1, 8, 8), generator=torch.Generator().manual_seed(0))


class Layers(nn.Module):
    """Two channels that differ from each other much, or by less than bfloat16 holds."""

    def __init__(self, differ: bool):
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([1.0, -1.0 if differ else 1.001]).reshape(2, 1, 1, 1))
            self.layer.bias.copy_(torch.tensor([0.0, 0.0]))
        self.precisions: list[bool] = []

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.precisions.append(torch.is_autocast_enabled("cpu"))
        prediction: torch.Tensor = self.layer(batch)
        return prediction


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A computer on which bfloat16 is worth it, and `auto`."""
    monkeypatch.setenv("nnUNet_cpu_precision", "auto")
    monkeypatch.setattr(cpu_precision, "is_faster", lambda threads: True)
    yield
    cpu_precision._agreeing.clear()


def predict(network: nn.Module, batch: torch.Tensor = BATCH, has_regions: bool = False) -> torch.Tensor:
    with torch.inference_mode():
        (prediction,) = call_for_each(network, [lambda: batch], has_regions)
    return prediction


def test_float32_is_the_default_and_other_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Layers(True).eval()
    assert not uses_bfloat16(network)
    predict(network)
    assert network.precisions == [False]
    monkeypatch.setenv("nnUNet_cpu_precision", "fp16")
    with pytest.raises(SettingsError, match=r"^nnUNet_cpu_precision is 'fp16', expected fp32, bf16 or auto$"):
        uses_bfloat16(network)


def test_a_network_in_bfloat16_gives_float32_that_differs_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Conv2d(1, 2, 3).eval()
    monkeypatch.setenv("nnUNet_cpu_precision", "bf16")
    with torch.inference_mode():
        expected = network(BATCH)
    prediction = predict(network)
    assert prediction.dtype is torch.float32
    assert not torch.equal(prediction, expected)
    assert torch.allclose(prediction, expected, atol=0.05)


@pytest.mark.usefixtures("fast")
def test_bfloat16_is_taken_after_a_batch_whose_labels_stay_the_same() -> None:
    network = Layers(differ=True).eval()
    for _ in range(3):
        predict(network)
    assert network.precisions == [False, True, True, True]  # the second is the look at the first batch


@pytest.mark.usefixtures("fast")
def test_float32_stays_where_labels_would_differ() -> None:
    network = Layers(differ=False).eval()
    for _ in range(3):
        predict(network)
    assert network.precisions == [False, True, False, False]


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(("bias", "agrees"), [([0.0, 0.0], True), ([-1.0, 0.0], False)])
def test_regions_are_compared_each_by_itself(bias: list[float], agrees: bool) -> None:
    network, generator = Layers(differ=True).eval(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        network.layer.weight.copy_(torch.tensor([1.0, 1000.0]).reshape(2, 1, 1, 1))
        network.layer.bias.copy_(torch.tensor(bias))
    # Around 1, in steps that bfloat16 does not hold; the second channel is the larger one by far, in any precision.
    batch = (1 + 0.004 * torch.randn(1, 1, 64, 64, generator=generator)) * torch.randn(
        1, 1, 64, 64, generator=generator
    ).sign()
    predict(network, batch, has_regions=True)
    assert uses_bfloat16(network) is agrees
    cpu_precision._agreeing.clear()
    predict(network, batch)
    assert uses_bfloat16(network), "labels are those of the largest channel"


@pytest.mark.usefixtures("fast")
def test_a_batch_of_one_label_decides_nothing() -> None:
    network = Layers(differ=True).eval()
    predict(network, torch.ones(1, 1, 4, 4))
    assert network.precisions == [False]
    predict(network)
    assert uses_bfloat16(network)


def test_a_slow_computer_never_computes_in_bfloat16(fast: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_precision, "is_faster", lambda threads: False)
    network = Layers(differ=True).eval()
    for _ in range(2):
        predict(network)
    assert network.precisions == [False, False]


def test_dice_is_the_mean_of_the_labels_that_occur() -> None:
    first, second = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    assert mean_dice(first, first) == 1
    assert mean_dice(first, second) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert mean_dice(first, torch.full((4,), 2)) == 0
