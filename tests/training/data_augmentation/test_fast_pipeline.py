"""The fast pipeline beside the default one: the same shapes, types and distributions.

The distributions show what moves samples; `test_whole_chain` compares every step, also those of intensities.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor

from nnunetv2.training.data_augmentation.default_pipeline import rotation_and_initial_patch_size, training_pipeline
from nnunetv2.training.data_augmentation.fast_pipeline import fast_training_pipeline
from tests.training.data_augmentation.samples import CASCADE, LEAST_P, MASK, REGIONS, blobs, figures_of

SAMPLES = 700


def pipelines(patch: tuple[int, ...], **options: Any) -> tuple[Any, Any, tuple[int, ...]]:
    """Return the default pipeline, the fast one and the size of the patch to cut."""
    rotation, dummy_2d, initial, mirror = rotation_and_initial_patch_size(patch)
    scales = [[1.0] * len(patch), [0.5] * len(patch)]
    arguments = (patch, rotation, scales, mirror, dummy_2d)
    return (
        training_pipeline(*arguments, **options),
        fast_training_pipeline(*arguments, **options),
        tuple(int(size) for size in initial),
    )


@pytest.mark.parametrize("patch", [(24, 20), (10, 12, 14), (4, 16, 20)])
@pytest.mark.parametrize(
    "options", [{}, {"use_mask_for_norm": [False, True]}, CASCADE, REGIONS, {**CASCADE, **REGIONS}]
)
def test_samples_have_the_shapes_and_types_of_the_default(patch: tuple[int, ...], options: dict[str, Any]) -> None:
    stock, fast, initial = pipelines(patch, **options)
    sample = blobs(initial, 2, "is_cascaded" in options)
    for seed in range(12):
        np.random.seed(seed)
        torch.manual_seed(seed)
        expected = stock(**{name: value.clone() for name, value in sample.items()})
        found = fast(**{name: value.clone() for name, value in sample.items()})
        assert found.keys() == expected.keys()
        pairs = [(found["image"], expected["image"])]
        pairs += zip(found["segmentation"], expected["segmentation"], strict=True)
        assert all((ours.shape, ours.dtype) == (theirs.shape, theirs.dtype) for ours, theirs in pairs)
        assert torch.isfinite(found["image"]).all()


def statistics(pipeline: Any, sample: dict[str, Tensor], seed: int) -> dict[str, np.ndarray]:
    """Return the figures of many augmented samples."""
    np.random.seed(seed)
    torch.manual_seed(seed)
    return figures_of(pipeline(**{name: value.clone() for name, value in sample.items()}) for _ in range(SAMPLES))


@pytest.mark.parametrize(
    "patch", [(24, 24), *(pytest.param(patch, marks=pytest.mark.long) for patch in ((8, 10, 12), (4, 14, 14)))]
)
def test_samples_are_distributed_as_those_of_the_default(patch: tuple[int, ...]) -> None:
    stock, fast, initial = pipelines(patch, **MASK)
    sample = blobs(initial, 2, previous=False)
    expected, found = statistics(stock, sample, 1), statistics(fast, sample, 2)
    for name, values in found.items():
        p = ks_2samp(values.round(3), expected[name].round(3)).pvalue
        assert p > LEAST_P, f"{name}: p = {p:.1e}, {values.mean():.3f} instead of {expected[name].mean():.3f}"


@pytest.mark.long
def test_the_test_of_distributions_notices_a_transform_that_is_missing() -> None:
    stock, fast, initial = pipelines((24, 24))
    sample = blobs(initial, 2, previous=False)
    stock.transforms = [step for step in stock.transforms if type(step).__name__ != "MirrorTransform"]
    expected, found = statistics(stock, sample, 1), statistics(fast, sample, 2)
    name = "balance along the last axis"
    assert ks_2samp(found[name], expected[name]).pvalue < 1e-6


@pytest.mark.long
def test_the_previous_stage_is_disturbed_as_by_the_default() -> None:
    stock, fast, initial = pipelines((24, 24), **CASCADE)
    sample = blobs(initial, 1, previous=True)
    shares = []
    for seed, pipeline in enumerate((stock, fast)):
        np.random.seed(seed)
        torch.manual_seed(seed)
        samples = [pipeline(**{n: v.clone() for n, v in sample.items()})["image"][1:] for _ in range(SAMPLES)]
        shares.append(torch.stack(samples).flatten(2).mean(2).numpy().T)
    for expected, found in zip(*shares, strict=True):
        assert ks_2samp(found.round(3), expected.round(3)).pvalue > LEAST_P


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_patches_with_an_axis_of_length_1_are_mirrored(axis: int) -> None:
    patch = tuple(1 if number == axis else 6 for number in range(3))
    _, fast, _ = pipelines(patch)
    image, labels = np.random.default_rng(1).random((2, *patch)), np.zeros((1, *patch), np.int16)
    augmentation = fast.transforms[0].augmentation
    drawn = augmentation.draw(2)
    drawn.changes.mirror[:] = True
    _, mirrored, _ = drawn.mirror_patch(image, labels)

    assert np.array_equal(mirrored, image[:, ::-1, ::-1, ::-1])
    torch.from_numpy(np.ascontiguousarray(mirrored, dtype=np.float64))
    only = replace(drawn, changes=replace(drawn.changes, mirror=np.arange(3)[None] == axis))
    torch.from_numpy(np.ascontiguousarray(only.mirror_patch(image, labels)[2]))
