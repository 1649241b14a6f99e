"""The boundary influence field against plain max-pooling and known distances."""

import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from nnunetv2.boundary.influence_field import field_loss, influence, reach


def reach_by_pooling(maps: Tensor, steps: int) -> Tensor:
    pool = {3: functional.max_pool2d, 4: functional.max_pool3d}[maps.dim()]
    rings = [(1 - r / steps) * pool(maps[:, None], 2 * r + 1, stride=1, padding=r)[:, 0] for r in range(steps)]
    return torch.stack(rings).amax(dim=0)


@pytest.mark.parametrize(
    ("shape", "steps"), [((2, 31, 27), 10), ((2, 12, 11, 13), 5), ((1, 40, 40), 1), ((1, 1, 9), 3)]
)
def test_reach_and_its_gradient_equal_those_of_max_pooling(shape: tuple[int, ...], steps: int) -> None:
    generator = torch.Generator().manual_seed(3)
    maps = torch.rand(shape, generator=generator).requires_grad_()
    direction = torch.randn(shape, generator=generator)

    ours, expected = reach(maps, steps), reach_by_pooling(maps, steps)

    torch.testing.assert_close(ours, expected)
    gradients = [torch.autograd.grad((field * direction).sum(), maps)[0] for field in (ours, expected)]
    torch.testing.assert_close(*gradients)


def test_reach_of_edges_falls_linearly_with_the_chessboard_distance() -> None:
    edges = torch.zeros(1, 40, 40)
    edges[0, 7, 11] = edges[0, 30, 5:20] = 1

    distance = torch.from_numpy(ndimage.distance_transform_cdt(edges[0].numpy() == 0, metric="chessboard"))

    torch.testing.assert_close(reach(edges, 10)[0], (1 - distance / 10).clamp(min=0).float())


def test_reach_of_nothing_is_nothing_and_has_a_gradient() -> None:
    maps = torch.zeros(1, 6, 6, requires_grad=True)

    field = reach(maps, 10)
    field.sum().backward()

    assert not field.any()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


def test_influence_has_the_values_of_the_method() -> None:
    field, target = torch.tensor([1.0, 0.9, 0.0]), torch.tensor([1.0, 0.0, 0.0])

    torch.testing.assert_close(influence(field, target), torch.tensor([0.62245933, 0.18393972, 2.2699965e-05]))


def test_the_loss_is_zero_for_the_target_and_grows_with_its_distance() -> None:
    target = torch.zeros(1, 32, 32)
    target[:, :, 10:12] = 1

    losses = [float(field_loss(target.roll(shift, 2), target, None, 10, 0.0, 0.02, 64)) for shift in range(5)]

    assert losses[0] == 0
    assert losses == sorted(losses)
    assert losses[-1] > losses[1] > 0


def test_ignored_pixels_change_nothing() -> None:
    target = torch.zeros(1, 20, 20)
    target[:, 8] = 1
    valid = torch.ones(1, 20, 20, dtype=torch.bool)
    valid[:, :, 15:] = False
    target = target * valid

    right = torch.rand(1, 20, 20, generator=torch.Generator().manual_seed(0)) * valid

    losses = [field_loss(right, other, valid, 3, 0.3, 0.02, 64) for other in (target, target.clone())]
    assert torch.equal(*losses)
    assert losses[0] != field_loss(right, target, None, 3, 0.3, 0.02, 64)
