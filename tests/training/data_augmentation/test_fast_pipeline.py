"""The fast pipeline beside the default one: the same shapes, types and distributions."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor

from nnunetv2.training.data_augmentation.default_pipeline import rotation_and_initial_patch_size, training_pipeline
from nnunetv2.training.data_augmentation.fast_pipeline import fast_training_pipeline

LEAST_P = 1e-3
SAMPLES = 700
CASCADE = {"is_cascaded": True, "foreground_labels": [1, 2]}
MASK = {"use_mask_for_norm": [False, True]}
REGIONS = {"regions": [(1, 2), 2], "ignore_label": 3}


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


def blobs(size: tuple[int, ...], channels: int, previous: bool) -> dict[str, Tensor]:
    """An asymmetric image with labels 0 to 2 and a margin of -1; with the previous stage, two label channels."""
    axes = torch.meshgrid(*[torch.linspace(-1, 1, length) for length in size], indexing="ij")
    labels = ((axes[0] + 0.5 * axes[-1]) > 0.2).short() + ((axes[-1] - 0.3) > 0.3 * axes[0]).short()
    labels[..., : max(1, size[-1] // 12)] = -1
    image = torch.stack([axes[0] * (1 + number) + torch.sin(9 * axes[-1]) + number for number in range(channels)])
    segmentation = torch.stack([labels, labels.roll(2, -1)]) if previous else labels[None]
    return {"image": image, "segmentation": segmentation}


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
    """Return figures of many samples: moments, roughness and position of images, counts and position of labels."""
    np.random.seed(seed)
    torch.manual_seed(seed)
    rows = []
    for _ in range(SAMPLES):
        augmented = pipeline(**{name: value.clone() for name, value in sample.items()})
        image, labels = augmented["image"].double(), augmented["segmentation"][0][0].double()
        row = {
            "mean": image[0].mean(),
            "deviation": image.std(),
            "lowest": image.min(),
            "highest": image.max(),
            "skewness": ((image - image.mean()) ** 3).mean(),
            "roughness": image.diff(dim=-1).square().mean(),
            "difference of channels": (image[0] - image[-1]).std(),
            "corner": image[0].flatten()[0],
            "balance along the first axis": image[0, : image.shape[1] // 2].mean() - image[0].mean(),
            "balance along the last axis": image[0, ..., : image.shape[-1] // 2].mean() - image[0].mean(),
            "share of label 1": (labels == 1).double().mean(),
            "share of label 2": (labels == 2).double().mean(),
            "labels along the last axis": labels[..., : labels.shape[-1] // 2].mean(),
            "labels at a low scale": augmented["segmentation"][-1].double().mean(),
        }
        rows.append(row)
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("patch", [(24, 24), (8, 10, 12), (4, 14, 14)])
def test_samples_are_distributed_as_those_of_the_default(patch: tuple[int, ...]) -> None:
    stock, fast, initial = pipelines(patch, **MASK)
    sample = blobs(initial, 2, previous=False)
    expected, found = statistics(stock, sample, 1), statistics(fast, sample, 2)
    for name, values in found.items():
        p = ks_2samp(values.round(3), expected[name].round(3)).pvalue
        assert p > LEAST_P, f"{name}: p = {p:.1e}, {values.mean():.3f} instead of {expected[name].mean():.3f}"


def test_the_test_of_distributions_notices_a_transform_that_is_missing() -> None:
    stock, fast, initial = pipelines((24, 24))
    sample = blobs(initial, 2, previous=False)
    stock.transforms = [step for step in stock.transforms if type(step).__name__ != "MirrorTransform"]
    expected, found = statistics(stock, sample, 1), statistics(fast, sample, 2)
    name = "balance along the last axis"
    assert ks_2samp(found[name], expected[name]).pvalue < 1e-6


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
