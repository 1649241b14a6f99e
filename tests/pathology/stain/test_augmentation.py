"""Stain augmentation of normalised patches."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from nnunetv2.errors import CheckpointError
from nnunetv2.pathology.stain.augmentation import (
    ChangesStain,
    StainJitter,
    StainStrength,
    StainTransfer,
    restained,
    uses_intensities,
)
from nnunetv2.pathology.stain.case_intensities import CaseIntensities
from nnunetv2.pathology.stain.intensities_entry import (
    FIXED,
    IMAGE_RANGE,
    PROPERTY,
    Z_SCORES,
    describe_intensities,
    intensities_entry,
    is_intensities_entry,
)
from nnunetv2.pathology.stain.optical_density import StainChange

CHANGE = StainChange.of_stains([0.8, 1.25, 1.1], [0.02, -0.01, 0.01])


def tissue(side: int) -> np.ndarray:
    """(3, 1, side, side) values of two colours with texture, as float32."""
    stream = np.random.default_rng(1)
    nuclei = stream.random((side, side)) < 0.3
    colour = np.where(nuclei, np.array([90, 60, 140])[:, None, None], np.array([215, 170, 205])[:, None, None])
    return np.clip(colour + stream.normal(0, 12, colour.shape), 0, 255)[:, None].astype(np.float32)


def z_scores(image: np.ndarray) -> np.ndarray:
    axes = (1, 2, 3)
    return (image - image.mean(axes, keepdims=True)) / image.std(axes, keepdims=True)


def restained_file(image: np.ndarray) -> np.ndarray:
    return CHANGE.apply(torch.from_numpy(image.reshape(3, -1))).numpy().reshape(image.shape)


def image_range(image: np.ndarray) -> np.ndarray:
    axes = (1, 2, 3)
    return (image - image.min(axes, keepdims=True)) / np.ptp(image, axis=axes, keepdims=True)


def intensities(image: np.ndarray, scheme: str = Z_SCORES) -> CaseIntensities:
    found = CaseIntensities.from_properties({PROPERTY: intensities_entry(image, scheme)})
    assert found is not None
    return found


def test_a_restained_patch_equals_that_of_the_restained_image_after_preprocessing() -> None:
    image = tissue(64)
    expected = z_scores(restained_file(image))
    found = restained(torch.from_numpy(z_scores(image)), intensities(image), CHANGE)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-3)


def test_4096_pixels_are_enough_for_an_image_of_many_more() -> None:
    image = tissue(512)
    entry = intensities_entry(image, Z_SCORES)
    assert entry["sample"].shape == (3, 4096)
    expected = z_scores(restained_file(image))
    found = restained(torch.from_numpy(z_scores(image)), intensities(image), CHANGE)
    assert np.abs(found.numpy() - expected).max() < 0.03


def test_with_a_fixed_range_only_the_values_change() -> None:
    image = tissue(32)
    found = restained(torch.from_numpy(image / 255), intensities(image, FIXED), CHANGE)
    np.testing.assert_allclose(found.numpy(), restained_file(image) / 255, atol=1e-5)


@pytest.mark.parametrize("side", [32, 64, 512])
@pytest.mark.parametrize("rounded", [False, True])
def test_with_the_range_of_each_image_its_new_range_is_exact(side: int, rounded: bool) -> None:
    image = np.round(tissue(side)) if rounded else tissue(side)
    for change in (CHANGE, StainChange.of_stains([1.5, 0.5, 1.2]), StainChange.of_stains([0.5, 1.5, 0.6])):
        expected = image_range(change.apply(torch.from_numpy(image.reshape(3, -1))).numpy().reshape(image.shape))
        found = restained(torch.from_numpy(image_range(image)), intensities(image, IMAGE_RANGE), change)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-3)


def sample(image: np.ndarray) -> dict:
    patch = torch.from_numpy(z_scores(image))[:, 0]
    segmentation = torch.zeros((1, *patch.shape[1:]), dtype=torch.int16)
    segmentation[:, :4] = -1
    patch[:, :4] = 0
    return {"image": patch, "segmentation": segmentation, "intensities": intensities(image)}


def test_pixels_outside_the_image_remain_zero() -> None:
    found = StainJitter(strength=0.3, probability=1.0)(**sample(tissue(32)))
    assert (found["image"][:, :4] == 0).all()
    assert not torch.equal(found["image"], sample(tissue(32))["image"])


@pytest.mark.parametrize(
    ("scheme", "normalise"),
    [(Z_SCORES, z_scores), (FIXED, lambda image: image / 255), (IMAGE_RANGE, image_range)],
)
def test_two_changes_of_a_sample_equal_two_changes_of_the_file(scheme: str, normalise: Callable) -> None:
    image = tissue(32)
    given = {
        "image": torch.from_numpy(normalise(image))[:, 0],
        "segmentation": torch.zeros((1, 32, 32), dtype=torch.int16),
        "intensities": intensities(image, scheme),
    }
    for _ in range(2):
        given = ChangesStain().apply(given, change=CHANGE)
    expected = normalise(restained_file(restained_file(image)))[:, 0]
    np.testing.assert_allclose(given["image"].numpy(), expected, atol=2e-3)


def test_black_parts_of_an_image_are_restained_as_the_rest() -> None:
    image = tissue(32)
    image[..., :8] = 0
    given = {
        "image": torch.from_numpy(z_scores(image))[:, 0],
        "segmentation": torch.where(torch.arange(32) < 8, -1, 0).expand(1, 32, 32).to(torch.int16),
        "intensities": intensities(image),
    }
    expected = z_scores(restained_file(image))[:, 0]
    found = ChangesStain().apply(given, change=CHANGE)["image"]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-3)


def test_padding_around_a_patch_does_not_count_as_black_in_stain_transfer() -> None:
    image = tissue(32)
    plain = {
        "image": torch.from_numpy(image / 255)[:, 0],
        "segmentation": torch.zeros((1, 32, 32), dtype=torch.int16),
        "intensities": intensities(image, FIXED),
    }
    padded = {
        **plain,
        "image": nn.functional.pad(plain["image"], (0, 16)),
        "segmentation": nn.functional.pad(plain["segmentation"], (0, 16), value=-1),
    }
    moves = StainTransfer(probability=1.0)
    changes = [moves.get_parameters(**given)["change"] for given in (plain, *[padded] * 8)]
    for change in changes:  # the same stain in both
        np.testing.assert_allclose(change.matrix, np.eye(3), atol=1e-6)


def test_a_patch_of_nothing_but_padding_is_not_moved() -> None:
    given = {
        "image": torch.zeros(3, 8, 8),
        "segmentation": torch.full((1, 8, 8), -1, dtype=torch.int16),
        "intensities": intensities(tissue(8), FIXED),
    }
    assert StainTransfer(probability=1.0).get_parameters(**given)["change"] is None


@pytest.mark.parametrize("changes", [{"probability": 0.0}, {}])
def test_a_sample_stays_as_it_is_by_chance_or_without_intensities(changes: dict) -> None:
    given = sample(tissue(32))
    if not changes:
        given["intensities"] = None
    found = StainJitter(**changes)(**given)
    assert torch.equal(found["image"], sample(tissue(32))["image"])


def test_a_case_of_nnunet_has_no_intensities() -> None:
    assert CaseIntensities.from_properties({"spacing": [1, 1, 1]}) is None


def test_a_pipeline_says_whether_it_needs_intensities() -> None:
    from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
    from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTansform

    assert uses_intensities(ComposeTransforms([RemoveLabelTansform(-1, 0), StainJitter()]))
    assert not uses_intensities(ComposeTransforms([RemoveLabelTansform(-1, 0)]))
    assert not uses_intensities(None)


def test_the_properties_of_a_picture_tell_its_normalisation() -> None:
    image = tissue(16)
    entry = describe_intensities(image, [Z_SCORES] * 3, uses_mask=False)[PROPERTY]
    np.testing.assert_allclose(entry["offset"], image.mean((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(entry["scale"], image.std((1, 2, 3)), rtol=1e-5)
    fixed = describe_intensities(image, [FIXED] * 3, uses_mask=False)
    assert fixed == {PROPERTY: {"offset": [0.0] * 3, "scale": [255.0] * 3}}
    ranged = describe_intensities(image, [IMAGE_RANGE] * 3, uses_mask=False)[PROPERTY]
    np.testing.assert_allclose(ranged["offset"], image.min((1, 2, 3)))
    np.testing.assert_allclose(ranged["scale"], np.ptp(image, axis=(1, 2, 3)), rtol=1e-6)
    assert is_intensities_entry(ranged)


@pytest.mark.parametrize(
    ("image", "schemes", "uses_mask"),
    [
        (tissue(16)[:1], [Z_SCORES], False),
        (np.repeat(tissue(16), 4, axis=1), [Z_SCORES] * 3, False),
        (tissue(16) * 300, [Z_SCORES] * 3, False),
        (-tissue(16), [Z_SCORES] * 3, False),
        (tissue(16), [Z_SCORES, Z_SCORES, FIXED], False),
        (tissue(16), ["CTNormalization"] * 3, False),
        (tissue(16), [Z_SCORES] * 3, True),
    ],
    ids=["grey", "volume", "16 bits", "negative", "mixed normalisation", "other normalisation", "masked"],
)
def test_other_images_are_left_out(image: np.ndarray, schemes: list[str], uses_mask: bool) -> None:
    assert describe_intensities(image, schemes, uses_mask) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": [1.0, 2.0]},
        {"offset": [1.0, 2.0, float("nan")]},
        {"scale": [1.0, 0.0, 1.0]},
        {"scale": "abc"},
        {"sample": np.zeros((3, 5000), np.float32)},
        {"sample": np.zeros((3, 4))},
        {"sample": [1, 2, 3]},
        {"extremes": np.full((3, 4), np.inf, np.float32)},
        {"more": 1},
    ],
)
def test_an_entry_that_preprocessing_does_not_write_is_refused(changes: dict) -> None:
    entry = {**intensities_entry(tissue(8), Z_SCORES), **changes}
    with pytest.raises(CheckpointError, match="Preprocess the case again"):
        CaseIntensities.from_properties({PROPERTY: entry})


def test_the_strength_of_all_stains_is_between_half_and_double_and_as_often_above_one_as_below() -> None:
    sample = {"image": torch.zeros(3, 1, 2, 2), "intensities": intensities(tissue(32), FIXED)}
    np.random.seed(0)
    changes = [StainStrength().get_parameters(**sample)["change"] for _ in range(2000)]
    factors = np.array([change.matrix[0, 0] for change in changes if change is not None])
    assert len(factors) == pytest.approx(1600, abs=60)
    assert (factors.min(), factors.max()) == (pytest.approx(0.5, abs=0.02), pytest.approx(2, abs=0.02))
    assert np.log(factors).mean() == pytest.approx(0, abs=0.04)


def test_double_strength_doubles_the_optical_density_of_every_channel() -> None:
    values = torch.tensor([[31.0, 63.0], [127.0, 255.0], [63.0, 15.0]])
    changed = StainChange(2 * np.eye(3), np.zeros(3)).apply(values)
    torch.testing.assert_close((changed + 1) / 256, ((values + 1) / 256) ** 2)


def test_a_stain_is_moved_towards_one_of_a_case_that_came_before() -> None:
    first = sample(tissue(32))
    second = sample(restained_file(tissue(32)).astype(np.float32))
    moves = StainTransfer(probability=1.0)
    assert np.allclose(moves.get_parameters(**first)["change"].matrix, np.eye(3))  # no other case yet
    matrices = [moves.get_parameters(**second)["change"].matrix for _ in range(64)]
    assert any(np.abs(matrix - np.eye(3)).max() > 0.01 for matrix in matrices)


def test_stain_transfer_leaves_samples_without_intensities_as_they_are() -> None:
    given = sample(tissue(32)) | {"intensities": None}
    found = StainTransfer(probability=1.0)(**given)
    assert torch.equal(found["image"], sample(tissue(32))["image"])


def test_stain_transfer_measures_the_patch_where_the_range_is_fixed() -> None:
    image = tissue(32)
    given = sample(image) | {
        "image": torch.from_numpy(image / 255)[:, 0],
        "intensities": intensities(image, FIXED),
    }
    assert np.allclose(StainTransfer(probability=1.0).get_parameters(**given)["change"].matrix, np.eye(3), atol=1e-6)
