import numpy as np
import pytest
import torch

from nnunetv2.training.data_augmentation.heavy_pipeline import (
    exponent_of_local_gamma,
    heavy_training_pipeline,
    strength_of_brightness_gradient,
    width_of_local_change,
)


@pytest.fixture(autouse=True)
def _seeds() -> None:
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("patch", "initial", "dummy_2d"),
    [((24, 24), (34, 34), False), ((32, 24), (45, 34), False), ((8, 24, 24), (8, 34, 34), True)],
)
def test_every_sample_comes_out_with_the_final_size(patch, initial, dummy_2d) -> None:
    pipeline = heavy_training_pipeline(patch, (-np.pi, np.pi), None, (0, 1), dummy_2d)
    for _ in range(25):  # most steps fire in at least one of them
        sample = pipeline(image=torch.randn(2, *initial), segmentation=torch.ones(1, *initial, dtype=torch.int16))
        assert sample["image"].shape == (2, *patch)
        assert sample["segmentation"].shape == (1, *patch)
        assert torch.isfinite(sample["image"]).all()


def test_draws_stay_in_their_ranges() -> None:
    widths = [width_of_local_change([10, 120], 1) for _ in range(500)]
    assert min(widths) >= 20
    assert max(widths) <= 120
    strengths = np.abs([strength_of_brightness_gradient(None, None) for _ in range(500)])
    assert strengths.min() >= 1
    assert strengths.max() <= 5
    gammas = np.array([exponent_of_local_gamma() for _ in range(500)])
    assert not ((gammas > 0.8) & (gammas < 1.5)).any()
    assert 200 < (gammas > 1).sum() < 300
