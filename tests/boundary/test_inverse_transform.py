"""The closed-form inverse transform: zero, exact, monotone, finite, differentiable."""

import math
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nnunetv2.boundary.inverse_transform import inverse_distance, inverse_transform

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "inverse_transform.py"


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(BENCHMARK))


def smooth_maps(benchmark: dict[str, Any], motion: Tensor, size: int) -> tuple[Tensor, Tensor]:
    return benchmark["random_edges"](motion, size, 1.5, torch.Generator().manual_seed(1))


def test_recovers_random_motions_of_random_edge_maps(benchmark: dict[str, Any]) -> None:
    errors = benchmark["measure"](count=100, size=128, seed=11)

    assert errors.median < 0.07
    assert errors.percentile_90 < 0.12


def test_recovers_random_motions_in_3d(benchmark: dict[str, Any]) -> None:
    errors = benchmark["measure"](count=3, size=64, dims=3, seed=2)

    assert errors.largest < 0.15


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("row", [0, 1])
def test_recovers_each_of_the_six_parameters(benchmark: dict[str, Any], row: int, column: int) -> None:
    motion = torch.zeros(20, 2, 3)
    motion[:, row, column] = 0.05

    found = inverse_transform(*smooth_maps(benchmark, motion, 128)).median(dim=0).values

    torch.testing.assert_close(found, motion[0], atol=0.004, rtol=0)


@pytest.mark.parametrize("shape", [(96, 128), (200, 333), (20, 24, 16)])
def test_is_zero_if_the_prediction_is_the_target(shape: tuple[int, ...]) -> None:
    target = (torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)) > 0.9).float()

    assert (inverse_distance(target, target) < 1e-6).all()  # resampling in place rounds


def test_grows_with_the_displacement(benchmark: dict[str, Any]) -> None:
    motion = torch.zeros(10, 2, 3)
    distances = []
    for shift_px in range(9):
        motion[:, 0, 0] = shift_px * 2 / 128
        distances.append(inverse_distance(*smooth_maps(benchmark, motion, 128)))

    growth = torch.stack(distances).diff(dim=0)
    assert (growth > 0).all()
    assert float(growth.mean()) == pytest.approx(2 / 128, rel=0.1)


@pytest.mark.parametrize("size", [3, 8, 16, 40, 160])
@pytest.mark.parametrize("prediction", ["empty", "full", "half", "noise"])
@pytest.mark.parametrize("target", ["empty", "full", "dot", "noise"])
def test_is_finite_with_a_finite_gradient(size: int, prediction: str, target: str) -> None:
    def make(kind: str) -> Tensor:
        maps = torch.full((1, size, size), {"full": 1.0, "half": 0.5}.get(kind, 0.0))
        if kind == "dot":
            maps[:, size // 2, size // 3] = 1
        return torch.rand(1, size, size).round() if kind == "noise" else maps

    predicted = make(prediction).requires_grad_()

    distance = inverse_distance(predicted, make(target))
    distance.sum().backward()

    assert 0 <= float(distance.detach()) < 10
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(18, 20), (8, 9, 8)])
def test_gradient_is_that_of_finite_differences(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(7)
    prediction, target = (torch.rand(1, *shape, generator=generator, dtype=torch.float64) for _ in range(2))
    prediction.requires_grad_()

    assert torch.autograd.gradcheck(lambda p: inverse_distance(p, target), (prediction,), fast_mode=len(shape) == 3)


def test_following_the_gradient_moves_the_prediction_onto_the_target() -> None:
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    target = torch.exp(-(((rows - 32).hypot(columns - 32) - 18) ** 2) / 4)[None]
    shift = torch.tensor([3.0, -2.0], requires_grad=True)
    optimizer = torch.optim.SGD([shift], lr=10.0)

    def moved() -> Tensor:
        radius = ((rows - 32 - shift[0]) ** 2 + (columns - 32 - shift[1]) ** 2 + 1e-9).sqrt()
        return torch.exp(-((radius - 18) ** 2) / 4)[None]

    for _ in range(60):
        optimizer.zero_grad()
        inverse_distance(moved(), target).sum().backward()
        optimizer.step()

    assert float(shift.detach().norm()) < 0.6


def test_maps_do_not_influence_each_other(benchmark: dict[str, Any]) -> None:
    motion = benchmark["random_motion"](4, 2, 64, torch.Generator().manual_seed(0), False)
    prediction, target = smooth_maps(benchmark, motion, 64)

    together = inverse_transform(prediction, target)
    alone = torch.cat([inverse_transform(prediction[i : i + 1], target[i : i + 1]) for i in range(4)])

    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_resolution_does_not_change_the_answer(benchmark: dict[str, Any]) -> None:
    motion = torch.tensor([[[0.03, 0.02, -0.04], [-0.02, 0.04, 0.01]]]).repeat(8, 1, 1)

    for size in (96, 256):
        found = inverse_transform(*smooth_maps(benchmark, motion, size)).median(dim=0).values
        assert math.isclose(float((found - motion[0]).norm() / motion[0].norm()), 0, abs_tol=0.08)
