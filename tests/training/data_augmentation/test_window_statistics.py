"""Window statistics and grey images as augmentations."""

import numpy as np
import pytest
import torch

from nnunetv2.training.data_augmentation.window_statistics import GreyImage, WindowStatistics


def sample(dims: int = 2) -> dict:
    generator = torch.Generator().manual_seed(0)
    shape = (16, 20, 24)[:dims]
    image = torch.randn((3, *shape), generator=generator)
    return {"image": image, "segmentation": torch.zeros((1, *shape), dtype=torch.int16)}


@pytest.mark.parametrize("dims", [2, 3])
def test_the_whole_patch_as_window_gives_its_z_scores(dims: int) -> None:
    given = sample(dims)
    expected = given["image"].clone()
    found = WindowStatistics(probability=1, smallest_side=1)(**given)["image"]
    axes = tuple(range(1, dims + 1))
    deviation, mean = torch.std_mean(expected, dim=axes, correction=0, keepdim=True)
    torch.testing.assert_close(found, (expected - mean) / deviation)


def test_the_statistics_are_those_of_a_window_of_the_drawn_size() -> None:
    transform = WindowStatistics(probability=1, smallest_side=0.5)
    np.random.seed(3)
    window = transform.get_parameters(**sample())["window"]
    found = transform.apply(sample(), window=window)["image"][(slice(None), *window)]
    assert all(
        length / 2 - 1 <= part.stop - part.start <= length for part, length in zip(window, (16, 20), strict=True)
    )
    torch.testing.assert_close(found.mean(dim=(1, 2)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(dim=(1, 2), correction=0), torch.ones(3))


def test_pixels_outside_the_image_neither_count_nor_change() -> None:
    given = sample()
    given["segmentation"][:, :8] = -1
    given["image"][:, :8] = 0
    inside = given["image"][:, 8:].clone()
    found = WindowStatistics(probability=1, smallest_side=1)(**given)["image"]
    assert (found[:, :8] == 0).all()
    deviation, mean = torch.std_mean(inside, dim=(1, 2), correction=0, keepdim=True)
    torch.testing.assert_close(found[:, 8:], (inside - mean) / deviation)


def test_noise_of_an_empty_window_is_amplified_up_to_a_limit() -> None:
    given = sample()
    given["image"] = given["image"] * 1e-4
    found = WindowStatistics(probability=1, smallest_side=1, least_deviation=0.05)(**given)["image"]
    assert found.std() < 0.01


def test_a_window_without_any_pixel_of_the_image_changes_nothing() -> None:
    given = sample()
    given["segmentation"][:] = -1
    expected = given["image"].clone()
    assert torch.equal(WindowStatistics(probability=1)(**given)["image"], expected)


@pytest.mark.parametrize("transform", [WindowStatistics(probability=0), GreyImage(probability=0)])
def test_nothing_changes_without_luck(transform) -> None:
    assert torch.equal(transform(**sample())["image"], sample()["image"])


def test_grey_images_have_equal_channels() -> None:
    found = GreyImage(probability=1)(**sample())["image"]
    assert torch.equal(found[0], found[2])
    torch.testing.assert_close(found[0], sample()["image"].mean(dim=0))
