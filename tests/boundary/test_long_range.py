"""The binned long-range map against the sum over all pairs of pixels."""

import pytest
import torch
from torch import Tensor

from nnunetv2.boundary.long_range import long_range

TAU = 0.02


def pairwise(values: Tensor, message: Tensor, counted: Tensor, tau: float) -> Tensor:
    flat, heard, weights = (maps.flatten(1) for maps in (values, message, counted))
    affinity = torch.exp(-((flat[:, :, None] - flat[:, None, :]) ** 2) / tau) * weights[:, None, :]
    return ((affinity @ heard[..., None])[..., 0] / affinity.sum(dim=2)).view_as(values)


def random_maps(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    values = torch.rand(shape, generator=generator, dtype=dtype) ** 2
    message = (torch.rand(shape, generator=generator, dtype=dtype) < values).to(dtype)
    return values, message, (torch.rand(shape, generator=generator) > 0.2).to(dtype)


@pytest.mark.parametrize("shape", [(3, 12, 15), (2, 6, 7, 8)])
def test_equals_the_pairwise_sum_up_to_the_binning(shape: tuple[int, ...]) -> None:
    values, message, counted = random_maps(*shape)

    expected = pairwise(values, message, counted, TAU)
    errors = {bins: (long_range(values, message, counted, TAU, bins) - expected).abs().max() for bins in (16, 64, 256)}

    assert errors[64] < 2e-3
    assert errors[256] < errors[64] / 8 < errors[16] / 64  # falls with the square of the bin width


def test_without_weights_all_pixels_count() -> None:
    values, message, _ = random_maps(2, 9, 9)

    torch.testing.assert_close(
        long_range(values, message, None, TAU, 64), long_range(values, message, torch.ones_like(values), TAU, 64)
    )


def test_uncounted_pixels_do_not_enter_the_average() -> None:
    values, message, counted = random_maps(2, 9, 9)
    other = torch.where(counted > 0, message, 1 - message)

    torch.testing.assert_close(
        long_range(values, message, counted, TAU, 64), long_range(values, other, counted, TAU, 64)
    )


def test_gradient_is_that_of_finite_differences() -> None:
    values, message, counted = random_maps(2, 5, 6)
    values = (values * 0.98 + 0.01).requires_grad_()

    assert torch.autograd.gradcheck(lambda x: long_range(x, message, counted, TAU, 16), (values,), eps=1e-7, atol=1e-5)


def test_gradient_approaches_that_of_the_pairwise_sum() -> None:
    values, message, counted = random_maps(1, 10, 10)
    direction = torch.randn(values.shape, generator=torch.Generator().manual_seed(1), dtype=values.dtype)
    values.requires_grad_()

    (ours,) = torch.autograd.grad((long_range(values, message, counted, TAU, 1024) * direction).sum(), values)
    (exact,) = torch.autograd.grad((pairwise(values, message, counted, TAU) * direction).sum(), values)

    assert (ours - exact).norm() / exact.norm() < 0.02


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_constant_map_gets_the_mean(level: float) -> None:
    _, message, _ = random_maps(2, 8, 8, dtype=torch.float32)

    heard = long_range(torch.full_like(message, level), message, None, TAU, 64)

    torch.testing.assert_close(heard, message.mean(dim=(1, 2), keepdim=True).expand_as(message))


def test_a_map_without_counted_pixels_is_zero_and_finite() -> None:
    values, message, _ = random_maps(1, 8, 8)
    values.requires_grad_()

    heard = long_range(values, message, torch.zeros_like(message), TAU, 64)
    heard.sum().backward()

    assert not heard.any()
    assert values.grad is not None
    assert values.grad.isfinite().all()
