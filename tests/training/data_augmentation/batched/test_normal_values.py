import numpy as np
import pytest
import torch
from scipy.stats import kstest

from nnunetv2.training.data_augmentation import transform_classes as kinds
from nnunetv2.training.data_augmentation.batched import normal_values
from nnunetv2.training.data_augmentation.batched.intensity import add_noise
from nnunetv2.training.data_augmentation.batched.normal_values import random_parts

CPU = torch.device("cpu")


@pytest.mark.parametrize("stored", [normal_values.STORED, 1000])
def test_parts_are_independent_normal_values(stored: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal_values, "STORED", stored)  # 1000: too few, new ones are drawn
    parts = torch.stack([part for seed in range(3) for part in random_parts(2, 4000, seed, CPU)]).numpy()
    assert kstest(parts.ravel(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(parts) - np.eye(6)).max() < 4 / np.sqrt(4000)
    assert np.abs(np.corrcoef(parts[:, :-1].ravel(), parts[:, 1:].ravel())[0, 1]) < 4 / np.sqrt(24000)


def test_equal_seeds_give_equal_parts_and_others_do_not() -> None:
    first, again, other = (torch.stack(random_parts(3, 50, seed, CPU)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_stored_values_are_never_changed() -> None:
    images = torch.zeros(1, 2, 9, 9)
    add_noise(images, np.array([0.5]), np.array([3]))
    first = images.clone()
    images.mul_(7)
    again = torch.zeros(1, 2, 9, 9)
    add_noise(again, np.array([0.5]), np.array([3]))
    assert torch.equal(again, first)


def test_noise_has_the_deviation_of_its_sample_as_in_batchgeneratorsv2() -> None:
    deviations = np.array([0.0, 0.05, 0.1])
    images = torch.ones(3, 2, 100, 100)
    add_noise(images, deviations, np.array([1, 2, 3]))
    transform = kinds.GaussianNoiseTransform(noise_variance=(0.05, 0.05), p_per_channel=1, synchronize_channels=True)
    torch.manual_seed(0)
    stock = transform(image=torch.ones(2, 100, 100))["image"]
    assert torch.equal(images[0], torch.ones(2, 100, 100))
    assert images[1].std() == pytest.approx(float(stock.std()), rel=0.03)
    assert images[2].std() == pytest.approx(0.1, rel=0.03)
    assert images.mean((1, 2, 3)) == pytest.approx([1, 1, 1], abs=0.004)
