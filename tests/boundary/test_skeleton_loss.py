"""Thin lines against scipy's grey erosion."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from nnunetv2.boundary.skeleton_loss import skeleton_loss, thin_lines


@pytest.mark.parametrize("shape", [(14, 11), (6, 7, 5)])
def test_thin_lines_are_what_grey_erosion_removes(shape: tuple[int, ...]) -> None:
    maps = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))

    lines = thin_lines(maps)

    for one, expected in zip(maps.numpy(), lines.numpy(), strict=True):
        eroded = ndimage.grey_erosion(one, size=(3,) * len(shape), mode="nearest")
        np.testing.assert_allclose(expected, one - eroded, rtol=1e-6)


def test_a_line_of_two_pixels_is_its_own_skeleton() -> None:
    edges = torch.zeros(1, 12, 12)
    edges[:, :, 5:7] = 1

    assert torch.equal(thin_lines(edges), edges)


def test_invalid_pixels_erode_nothing() -> None:
    maps = torch.full((1, 6, 6), 0.5)
    valid = torch.ones(1, 6, 6, dtype=torch.bool)
    valid[0, 2, 2] = False
    maps[0, 2, 2] = 0

    assert not thin_lines(maps, valid).any()
    assert thin_lines(maps).any()


def test_the_loss_follows_its_formula() -> None:
    generator = torch.Generator().manual_seed(4)
    prediction = torch.rand(3, 9, 9, generator=generator)
    target = (torch.rand(3, 9, 9, generator=generator) > 0.7).float()
    lines, wanted = thin_lines(prediction), thin_lines(target)

    loss = skeleton_loss(prediction, target, None, long_range_weight=0.0, tau=0.02, bins=64)

    torch.testing.assert_close(loss, ((lines - wanted) ** 2).mean(dim=(1, 2)))
    with_long_range = skeleton_loss(prediction, target, None, long_range_weight=0.3, tau=0.02, bins=64)
    assert (with_long_range > loss).all()


def test_a_perfect_prediction_leaves_only_what_the_long_range_map_blurs() -> None:
    target = torch.zeros(1, 16, 16)
    target[:, 7:9] = 1

    loss = skeleton_loss(target, target, None, long_range_weight=0.3, tau=0.02, bins=64)

    assert 0 <= float(loss) < 1e-6


@pytest.mark.parametrize("shape", [(7, 9), (5, 1), (2, 6), (4, 5, 6)])
def test_the_gradient_of_thin_lines_is_that_of_their_formula(shape: tuple[int, ...]) -> None:
    maps = torch.rand(2, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(thin_lines, maps)
