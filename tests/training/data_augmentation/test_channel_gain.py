"""Gain and offset of channels as an augmentation."""

import numpy as np
import pytest
import torch

from nnunetv2.training.data_augmentation.channel_gain import ChannelGain


def sample(dims: int = 2, scale: float = 1.0) -> dict:
    shape = (16, 20, 24)[:dims]
    image = scale * torch.randn((3, *shape), generator=torch.Generator().manual_seed(0))
    return {"image": image, "segmentation": torch.zeros((1, *shape), dtype=torch.int16)}


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_means_move_by_deviations_and_deviations_grow_by_the_gains(dims: int, scale: float) -> None:
    given, axes = sample(dims, scale), tuple(range(1, dims + 1))
    deviation, mean = torch.std_mean(given["image"], dim=axes, correction=0)
    gains, offsets = np.array([0.5, 1.0, 2.0]), np.array([0.25, 0.0, -0.5])
    found = ChannelGain().apply(given, gains=gains, offsets=offsets)["image"]
    assert found.dtype == torch.float32
    after = torch.std_mean(found, dim=axes, correction=0)
    torch.testing.assert_close(after[0], deviation * torch.tensor([0.5, 1.0, 2.0]))
    torch.testing.assert_close(after[1], mean + torch.tensor([0.25, 0.0, -0.5]) * deviation, atol=1e-6, rtol=1e-5)


def test_gains_and_offsets_are_drawn_in_their_ranges_and_channels_differ_less_than_patches() -> None:
    np.random.seed(0)
    drawn = [ChannelGain(probability=1).get_parameters(**sample()) for _ in range(2000)]
    powers = np.log2([entry["gains"] for entry in drawn])
    offsets = np.array([entry["offsets"] for entry in drawn])
    for values, most in ((powers, 1.3), (offsets, 0.65)):
        assert np.abs(values).max() == pytest.approx(most, rel=0.05)
        assert values.mean() == pytest.approx(0, abs=0.05)
        assert np.ptp(values, axis=1).max() <= most * 0.6 / 1.3
    assert np.corrcoef(powers[:, 0], powers[:, 1])[0, 1] == pytest.approx(1 / 1.09, abs=0.02)


def test_half_of_the_samples_stay_as_they_are() -> None:
    np.random.seed(0)
    unchanged = sum(ChannelGain().get_parameters(**sample())["gains"] is None for _ in range(1000))
    assert unchanged == pytest.approx(500, abs=50)
    given = sample()
    assert ChannelGain().apply(given, gains=None, offsets=None)["image"] is given["image"]


def test_pixels_outside_the_image_neither_count_nor_change() -> None:
    given = sample()
    given["segmentation"][:, :8] = -1
    given["image"][:, :8] = 0
    deviation = given["image"][:, 8:].std(dim=(1, 2), correction=0)
    found = ChannelGain().apply(given, gains=np.full(3, 2.0), offsets=np.zeros(3))["image"]
    assert (found[:, :8] == 0).all()
    torch.testing.assert_close(found[:, 8:].std(dim=(1, 2), correction=0), 2 * deviation)


def test_a_patch_outside_the_image_stays_as_it_is() -> None:
    given = sample()
    given["segmentation"][:] = -1
    expected = given["image"].clone()
    assert torch.equal(ChannelGain().apply(given, gains=np.full(3, 2.0), offsets=np.ones(3))["image"], expected)
