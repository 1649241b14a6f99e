"""What is drawn has the distributions of nnU-Net's default pipeline: the oracle is what batchgeneratorsv2 draws."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, ks_2samp

from nnunetv2.training.data_augmentation.batched.changes import Changes, draw_changes, join
from nnunetv2.training.data_augmentation.default_pipeline import (
    initial_patch_size,
    intensity_steps,
    spatial_steps,
    symmetric_rotation,
)

CHANNELS, SAMPLES, STOCK_SAMPLES = 3, 4000, 700
LEAST_P = 1e-3
HALF_TURN = symmetric_rotation(180)
OURS = ("noise", "blur", "brightness", "contrast", "resolution", "inverted_gamma", "gamma")
STOCK = ("sigmas", "sigmas", "multipliers", "multipliers", "scales", "gamma", "gamma")


@pytest.fixture(scope="module")
def changes() -> Changes:
    np.random.seed(1)
    return join([draw_changes(CHANNELS, 2, HALF_TURN, (0, 1)) for _ in range(SAMPLES)])


def drawn_by_stock(transform: Any, name: str, axes: int = 2) -> np.ndarray:
    """Return the parameters of many samples that are changed, those of all channels in a row."""
    np.random.seed(2)
    torch.manual_seed(2)
    image = torch.zeros(CHANNELS, *[4] * axes)
    drawn = [np.ravel(transform.get_parameters(image=image)[name]) for _ in range(STOCK_SAMPLES)]
    return np.concatenate([np.asarray(values, float) for values in drawn])


def changed_values(changes: Changes, name: str) -> np.ndarray:
    values = np.ravel(getattr(changes, name))
    return values[values != (0 if name in ("noise", "blur") else 1)]


@pytest.mark.parametrize(("number", "ours", "stock"), list(zip(range(7), OURS, STOCK, strict=True)))
def test_the_values_of_an_intensity_transform(number: int, ours: str, stock: str, changes: Changes) -> None:
    expected = drawn_by_stock(intensity_steps(None)[number].transform, stock)
    if stock == "scales":  # one for each axis, all the same
        expected = expected[::2]
    found = changed_values(changes, ours)
    assert ks_2samp(found, expected).pvalue > LEAST_P
    assert (found.min(), found.max()) == pytest.approx((expected.min(), expected.max()), abs=0.01)


@pytest.mark.parametrize(("number", "name"), list(enumerate(OURS)))
def test_the_share_of_samples_that_a_transform_changes(number: int, name: str, changes: Changes) -> None:
    step = intensity_steps(None)[number]
    torch.manual_seed(3)
    image = torch.zeros(CHANNELS, 4, 4)
    channels_of_stock = np.array([_channels(step.transform, image) for _ in range(STOCK_SAMPLES)])
    values = getattr(changes, name).reshape(SAMPLES, -1)
    changed = (values != (0 if name in ("noise", "blur") else 1)).any(1)
    expected = step.apply_probability * (channels_of_stock > 0).mean()
    assert binomtest(int(changed.sum()), SAMPLES, expected).pvalue > LEAST_P


def _channels(transform: Any, image: torch.Tensor) -> int:
    parameters = transform.get_parameters(image=image)
    chosen = parameters.get("apply_to_channel", parameters.get("apply_idx"))
    return int(chosen.sum()) if chosen.dtype == torch.bool else len(chosen)


@pytest.mark.parametrize("name", ["blur", "resolution"])
def test_a_channel_is_left_out_half_of_the_time(name: str, changes: Changes) -> None:
    values = getattr(changes, name).reshape(SAMPLES, CHANNELS, -1) != (0 if name == "blur" else 1)
    of_sample = values.any(2).sum(1)
    counts = np.bincount(of_sample, minlength=CHANNELS + 1)[1:]
    # of three channels: three ways to choose one or two, one way to choose all
    assert counts / counts.sum() == pytest.approx([3 / 7, 3 / 7, 1 / 7], abs=0.06)


@pytest.mark.parametrize(
    ("patch", "rotation", "dummy_2d"),
    [((12, 12), HALF_TURN, False), ((8, 8, 8), symmetric_rotation(30), False), ((3, 12, 12), HALF_TURN, True)],
)
def test_rotation_and_scaling(patch: tuple[int, ...], rotation: tuple[float, float], dummy_2d: bool) -> None:
    transform = next(t for t in spatial_steps(patch, rotation, dummy_2d) if hasattr(t, "p_rotation"))
    wide = initial_patch_size(patch, rotation, dummy_2d)
    image = torch.zeros(1, *(wide[1:] if dummy_2d else wide))
    np.random.seed(4)
    affine = [transform.get_parameters(image=image)["affine"] for _ in range(STOCK_SAMPLES)]
    own = join([draw_changes(1, len(patch), rotation, (), dummy_2d) for _ in range(SAMPLES)])
    share_of_stock = np.mean([matrix is not None for matrix in affine])
    assert share_of_stock == pytest.approx(own.moves.mean(), abs=0.06)
    assert binomtest(int(own.moves.sum()), SAMPLES, 1 - 0.8 * 0.8).pvalue > LEAST_P
    stock = np.array([_scale_and_angles(matrix) for matrix in affine if matrix is not None])
    ours = np.column_stack([own.scaling, own.angles])[own.moves]
    for expected, found in zip(stock.T, ours.T, strict=True):
        assert ks_2samp(expected.round(6), found.round(6)).pvalue > LEAST_P


def _scale_and_angles(matrix: np.ndarray) -> list[float]:
    scale = abs(np.linalg.det(matrix)) ** (1 / len(matrix))
    m = matrix / scale
    if len(m) == 2:
        return [scale, np.arctan2(m[1, 0], m[0, 0])]
    return [scale, np.arctan2(m[2, 1], m[2, 2]), -np.arcsin(m[2, 0].clip(-1, 1)), np.arctan2(m[1, 0], m[0, 0])]


def test_only_allowed_axes_are_mirrored_each_half_of_the_time() -> None:
    drawn = join([draw_changes(1, 3, HALF_TURN, (0, 2)) for _ in range(SAMPLES)])
    assert not drawn.mirror[:, 1].any()
    pairs = np.bincount(drawn.mirror[:, 0] * 2 + drawn.mirror[:, 2], minlength=4) / SAMPLES
    assert pairs == pytest.approx([0.25] * 4, abs=0.03)


def test_equal_seeds_draw_the_same() -> None:
    def draw() -> Changes:
        np.random.seed(7)
        return join([draw_changes(2, 2, HALF_TURN, (0,)) for _ in range(20)])

    for name, values in vars(draw()).items():
        assert np.array_equal(values, getattr(draw(), name)), name


def test_transforms_are_drawn_independently(changes: Changes) -> None:
    happened: dict[str, Callable[[], np.ndarray]] = {
        name: (lambda name=name: getattr(changes, name).reshape(SAMPLES, -1) != (0 if name in ("noise", "blur") else 1))
        for name in OURS
    }
    flags = np.array([happened[name]().any(1) for name in OURS] + [changes.moves], float)
    correlations = np.corrcoef(flags) - np.eye(len(flags))
    assert np.abs(correlations).max() < 4.5 / np.sqrt(SAMPLES)
