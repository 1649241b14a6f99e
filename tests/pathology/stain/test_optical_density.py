"""Stain changes in optical density."""

import numpy as np
import pytest
import torch
from skimage.color import rgb_from_hed

from nnunetv2.pathology.stain.optical_density import StainChange, stain_vectors

VALUES = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (3, 500))).float()


def by_hand(values: np.ndarray, change: StainChange) -> np.ndarray:
    density = -np.log((values + 1) / 256)
    return np.clip(256 * np.exp(-(change.matrix @ density + change.bias[:, None])) - 1, 0, 255)


def test_stain_vectors_are_those_of_the_literature_at_unit_length() -> None:
    vectors = stain_vectors()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    np.testing.assert_allclose(vectors[:2], rgb_from_hed[:2] / np.linalg.norm(rgb_from_hed[:2], axis=1)[:, None])
    np.testing.assert_allclose(vectors[:2] @ vectors[2], 0, atol=1e-12)


def test_no_change_returns_the_values() -> None:
    torch.testing.assert_close(StainChange.of_stains([1, 1, 1]).apply(VALUES), VALUES, rtol=0, atol=1e-3)


@pytest.mark.parametrize("factors", [(0.8, 1.2, 1.0), (1.3, 0.7, 0.9)])
def test_a_change_is_affine_in_optical_density(factors: tuple[float, ...]) -> None:
    change = StainChange.of_stains(factors, (0.01, -0.02, 0.0))
    np.testing.assert_allclose(change.apply(VALUES).numpy(), by_hand(VALUES.numpy().astype(float), change), atol=2e-3)


def test_only_the_stain_that_is_meant_changes() -> None:
    vectors = stain_vectors()
    for index in range(3):
        factors = [1.0, 1.0, 1.0]
        factors[index] = 1.5
        matrix = StainChange.of_stains(factors).matrix
        for number, vector in enumerate(vectors):
            np.testing.assert_allclose(matrix @ vector, (1.5 if number == index else 1.0) * vector, atol=1e-12)


def test_white_stays_white_and_results_stay_in_range() -> None:
    change = StainChange.of_stains([1.9, 0.1, 1.5])
    white = change.apply(torch.full((3, 1), 255.0))
    assert white.ravel().tolist() == pytest.approx([255.0] * 3, abs=1e-3)
    changed = change.apply(VALUES)
    assert 0 <= changed.min() <= changed.max() <= 255


def test_a_batch_is_changed_as_its_images_one_by_one() -> None:
    change = StainChange.of_stains([0.8, 1.2, 1.0])
    batch = torch.stack([VALUES, 255 - VALUES])
    torch.testing.assert_close(change.apply(batch)[1], change.apply(255 - VALUES))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_the_samples_of_a_batch_may_each_have_a_change_of_their_own(device: str) -> None:
    changes = [StainChange.of_stains([0.8, 1.2, 1.0]), StainChange.of_stains([1.3, 0.9, 1.1], (0.02, 0.0, -0.01))]
    batch = torch.stack([VALUES, 255 - VALUES])
    found = StainChange.stacked(changes).apply(batch.to(device)).cpu()
    for change, values, result in zip(changes, batch, found, strict=True):
        torch.testing.assert_close(result, change.apply(values))
