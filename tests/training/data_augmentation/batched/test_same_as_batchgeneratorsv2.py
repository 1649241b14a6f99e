"""Given the same parameters, every batched transform does what that of batchgeneratorsv2 does."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.nnunet import random_binary_operator
from torch import Tensor

from nnunetv2.training.data_augmentation import transform_classes as kinds
from nnunetv2.training.data_augmentation.batched import (
    intensity,
    opencv_warp,
    planes,
    previous_stage,
    resolution,
    targets,
    warp,
)
from nnunetv2.training.data_augmentation.default_pipeline import SPATIAL_OPTIONS, spatial_steps
from nnunetv2.training.data_augmentation.early_draws import central_part

SIZES = [(21, 26), (9, 11, 14)]
NAMES_OF_OPERATORS = ("dilation", "erosion", "closing", "opening")


@pytest.fixture(params=["one by one", "together"])
def _grouping(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "together":  # as on other devices than the CPU
        monkeypatch.setattr(planes, "groups_of_planes", lambda chosen, device: [chosen] if len(chosen) else [])


def random_images(size: tuple[int, ...], samples: int = 2, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return 3 + 2 * torch.randn((samples, channels, *size), generator=generator)


def stock(transform: Any, image: Tensor, **parameters: Any) -> Tensor:
    return transform.apply({"image": image.clone()}, **parameters)["image"]


def changed(images: Tensor, values: Any, unchanged: float, change: Any) -> Tensor:
    result = images.clone()
    planes.change_planes(result, np.array(values, dtype=float), unchanged, change)
    return result


def all_channels(**parameters: Any) -> dict[str, Any]:
    return {"apply_to_channel": torch.arange(3), **parameters}


@pytest.mark.usefixtures("_grouping")
@pytest.mark.parametrize("size", SIZES)
def test_brightness(size: tuple[int, ...]) -> None:
    images, factors = random_images(size), [[0.8, 1.2, 1.0], [1.0, 0.9, 1.1]]
    transform = kinds.MultiplicativeBrightnessTransform(multiplier_range=(1, 1), synchronize_channels=False)
    ours = changed(images, factors, 1, intensity.change_brightness)
    for image, own, result in zip(images, factors, ours, strict=True):
        torch.testing.assert_close(result, stock(transform, image, **all_channels(multipliers=torch.tensor(own))))


@pytest.mark.usefixtures("_grouping")
@pytest.mark.parametrize("size", SIZES)
def test_contrast(size: tuple[int, ...]) -> None:
    images, factors = random_images(size), [[0.8, 1.2, 1.0], [1.0, 0.9, 1.1]]
    transform = kinds.ContrastTransform(contrast_range=(1, 1), preserve_range=True, synchronize_channels=False)
    ours = changed(images, factors, 1, intensity.change_contrast)
    for image, own, result in zip(images, factors, ours, strict=True):
        torch.testing.assert_close(result, stock(transform, image, **all_channels(multipliers=torch.tensor(own))))


@pytest.mark.usefixtures("_grouping")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("inverted", [False, True])
def test_gamma(size: tuple[int, ...], inverted: bool) -> None:
    images, exponents = random_images(size), [[0.7, 1.4, 1.1], [0.9, 1.2, 0.8]]
    transform = kinds.GammaTransform(
        gamma=(1, 1), p_invert_image=1, synchronize_channels=False, p_per_channel=1, p_retain_stats=1
    )
    ours = changed(images, exponents, 1, intensity.correct_inverted_gamma if inverted else intensity.correct_gamma)
    flags = {"retain_stats": torch.ones(3, dtype=torch.bool), "invert_image": torch.full((3,), inverted)}
    for image, own, result in zip(images, exponents, ours, strict=True):
        expected = stock(transform, image, **all_channels(gamma=torch.tensor(own), **flags))
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def test_gamma_leaves_a_constant_channel_as_it_is() -> None:
    images = torch.full((1, 1, 8, 8), 2.5)
    torch.testing.assert_close(changed(images, [[1.3]], 1, intensity.correct_gamma), images)


@pytest.mark.usefixtures("_grouping")
@pytest.mark.parametrize("size", SIZES)
def test_blur(size: tuple[int, ...]) -> None:
    images, axes = random_images(size), len(size)
    deviations = np.random.default_rng(1).uniform(0.5, 1, (2, 3, axes))
    deviations[0, 1] = 0
    transform = kinds.GaussianBlurTransform(blur_sigma=(1, 1), p_per_channel=1)
    ours = changed(images, deviations, 0, resolution.blur)
    for image, own, result in zip(images, deviations, ours, strict=True):
        chosen = torch.from_numpy(own.any(1))
        sigmas = [list(channel) for channel in own if channel.any()]
        expected = stock(transform, image, apply_to_channel=chosen, sigmas=sigmas)
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("deviation", np.linspace(0.4, 1.1, 29))
def test_the_kernel_of_the_blur_has_the_same_width(deviation: float) -> None:
    image = torch.zeros(1, 1, 15, 15)
    image[..., 7, 7] = 1
    transform = kinds.GaussianBlurTransform(blur_sigma=(1, 1), p_per_channel=1)
    ours = changed(image, np.full((1, 1, 2), deviation), 0, resolution.blur)
    expected = stock(transform, image[0], apply_to_channel=torch.tensor([True]), sigmas=[[deviation, deviation]])
    torch.testing.assert_close(ours[0], expected)


@pytest.mark.usefixtures("_grouping")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("first_axis", [0, 1])
def test_low_resolution(size: tuple[int, ...], first_axis: int) -> None:
    images, shares = random_images(size), torch.tensor([[0.55, 0.73, 1.0], [0.91, 0.5, 0.87]])
    ignored = tuple(range(first_axis))
    transform = kinds.SimulateLowResolutionTransform(
        scale=(1, 1), synchronize_channels=False, synchronize_axes=True, ignore_axes=ignored
    )

    def lower(planes: Tensor, values: Tensor) -> None:
        resolution.lower_resolution(planes, values, first_axis)

    ours = changed(images, shares.numpy(), 1, lower)
    for image, own, result in zip(images, shares, ours, strict=True):
        scales = own[:, None].repeat(1, len(size))
        scales[:, :first_axis] = 1
        torch.testing.assert_close(result, stock(transform, image, **all_channels(scales=scales)))


def skip_without_opencv() -> None:
    if not opencv_warp.opencv_takes((2, 2), (2, 2), torch.device("cpu")):
        pytest.skip("needs OpenCV 5, of the extra 'fast'")


def random_labels(size: tuple[int, ...], seed: int = 0) -> Tensor:
    """Blobs of labels 0 to 3 with some voxels of -1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(-1, 4, (1, 1, *[-(-length // 4) for length in size]), generator=generator).float()
    return torch.nn.functional.interpolate(coarse, size, mode="nearest")[0].to(torch.int16)


@pytest.mark.parametrize(
    ("wide", "patch", "angles"),
    [
        ((37, 41), (20, 23), (0.4,)),
        ((37, 41), (20, 23), (0.0,)),
        ((24, 41), (20, 30), (0.0,)),
        ((30, 30), (28, 28), (2.9,)),
        ((15, 17, 18), (10, 9, 12), (0.3, -0.5, 0.2)),
        ((12, 13, 11), (12, 13, 11), (-0.5, 0.1, 0.4)),
    ],
)
@pytest.mark.parametrize("scale", [0.7, 1.0, 1.31])
@pytest.mark.parametrize("with_opencv", [False, True])
def test_rotation_and_scaling(
    wide: tuple[int, ...],
    patch: tuple[int, ...],
    angles: tuple[float, ...],
    scale: float,
    with_opencv: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if with_opencv:
        skip_without_opencv()
    else:
        monkeypatch.setattr(warp, "opencv_takes", lambda *_: False)
    scale += 1e-6  # exactly 1 would put ties everywhere
    image, labels = random_images(wide, samples=1), random_labels(wide)
    drawn = itertools.cycle(angles)
    transform = kinds.SpatialTransform(
        patch,
        patch_center_dist_from_border=0,
        p_rotation=1,
        rotation=lambda *_, **__: next(drawn),
        p_scaling=1,
        scaling=(scale, scale),
        p_synchronize_scaling_across_axes=1,
        **SPATIAL_OPTIONS,
    )
    expected = transform(image=image[0].clone(), segmentation=labels.clone())
    no_mirror = np.zeros((1, len(patch)), bool)
    matrix = warp.matrices(np.array([angles]), np.array([scale]), no_mirror)
    places = warp.warp_places(matrix, wide, patch, image.device)
    assert isinstance(places, warp.PlanePlaces) == (with_opencv and len(patch) == 2)
    torch.testing.assert_close(places.images(image)[0], expected["image"], rtol=1e-3, atol=2e-3)
    same = places.labels(labels[None])[0] == expected["segmentation"]
    assert same.double().mean() > 0.995  # float32 decides between labels of nearly the same weight


def test_opencv_takes_several_samples_and_channels_as_grid_sample_does() -> None:
    skip_without_opencv()
    wide, patch = (60, 75), (41, 52)
    angles, scaling = np.array([[0.3], [0.0], [-2.0]]), np.array([1.3, 0.75, 1.0])
    matrix = warp.matrices(angles, scaling, np.array([[True, False], [False, False], [True, True]]))
    images = random_images(wide, samples=3)
    labels = torch.cat([random_labels(wide, seed) for seed in range(6)]).view(3, 2, *wide)
    fast = warp.warp_places(matrix, wide, patch, images.device)
    usual = warp.GridPlaces(warp._grid(matrix, wide, patch, images.device))
    assert isinstance(fast, warp.PlanePlaces)
    torch.testing.assert_close(fast.images(images), usual.images(images), rtol=0, atol=2e-4)
    assert (fast.labels(labels) == usual.labels(labels)).double().mean() > 0.999
    assert (usual.labels(labels) == -1).any()


def test_the_centre_is_cut_where_nothing_moves() -> None:
    (transform,) = spatial_steps((6, 7), (0, 0), dummy_2d=False)
    image = random_images((13, 12), samples=1)[0]
    parameters = {"center_location_in_pixels": [6.5, 6.0], "grid": None, "affine": None, "elastic_offsets": None}
    torch.testing.assert_close(central_part(image, (6, 7)), stock(transform, image, **parameters))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [0.5, 0.25, 0.37, 1.0])
def test_targets_at_scales(size: tuple[int, ...], scale: float) -> None:
    labels = random_labels(size)
    scales = [[1.0] * len(size), [scale] * len(size), [1.0, *[scale] * (len(size) - 1)]]
    expected = kinds.DownsampleSegForDSTransform(ds_scales=scales)(segmentation=labels.clone())["segmentation"]
    for ours, theirs in zip(targets.at_scales(labels[None], scales), expected, strict=True):
        assert torch.equal(ours[0], theirs)


def test_regions() -> None:
    labels = random_labels((20, 20)).clamp(min=0)
    regions = ((1, 2, 3), (2, 3), 3)
    expected = kinds.ConvertSegmentationToRegionsTransform(regions=regions)(segmentation=labels)["segmentation"]
    assert torch.equal(targets.regions_of(labels[None], regions)[0], expected)


def test_the_mask_of_the_image() -> None:
    images, labels = random_images((20, 20), samples=1), random_labels((20, 20))
    transform = kinds.MaskImageTransform(apply_to_channels=[0, 2], channel_idx_in_seg=0, set_outside_to=0)
    expected = transform(image=images[0].clone(), segmentation=labels.clone())["image"]
    targets.mask_images(images, labels[None], (0, 2))
    assert torch.equal(images[0], expected)


def test_the_previous_stage_as_channels() -> None:
    labels = torch.cat([random_labels((20, 20)), random_labels((20, 20), seed=1)]).clamp(min=0)
    transform = kinds.MoveSegAsOneHotToDataTransform(
        source_channel_idx=1, all_labels=[1, 3], remove_channel_from_source=True
    )
    expected = transform(image=torch.zeros(1, 20, 20), segmentation=labels.clone())["image"][1:]
    assert torch.equal(previous_stage.one_hot(labels[None, 1], [1, 3], torch.float32)[0], expected)


@pytest.mark.parametrize(
    ("operator", "radius", "size"),
    [
        *itertools.product(range(4), (1.0, 1.3, 1.5, 2.0, 2.6, 3.9, 7.8), [(22, 30)]),
        *itertools.product(range(4), (1.4, 2.7), [(9, 11, 10)]),
    ],
)
def test_disturbed_shapes(operator: int, radius: float, size: tuple[int, ...]) -> None:
    labels = random_labels(size, seed=operator)[0]
    channels = torch.stack([torch.ones(size), labels == 1, labels == 2]).float()
    function = getattr(random_binary_operator, f"binary_{NAMES_OF_OPERATORS[operator]}_torch")
    transform = kinds.ApplyRandomBinaryOperatorTransform(channel_idx=[-2, -1], strel_size=(1, 8), p_per_label=1)
    expected = stock(
        transform,
        channels,
        apply_to_channels=[-1, -2],
        operators=[function, function],
        strel_size=[radius, radius],
    )
    ours = channels[None, 1:].clone()
    order = previous_stage.Disturbances(reshaped=((1, operator, radius), (0, operator, radius)))
    previous_stage.disturb(ours, [order])
    assert torch.equal(ours[0], expected[1:])
