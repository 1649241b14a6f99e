"""Every step of the default chain is in the fast and in the batched one, at its place and with its probability.

Given the same drawn values, the chains have to give the same sample. Leaving a step out, or another probability, fails.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from torch import Tensor

from nnunetv2.training.data_augmentation import transform_classes as kinds
from nnunetv2.training.data_augmentation.batched import changes, intensity, previous_stage, resolution, targets
from nnunetv2.training.data_augmentation.default_pipeline import SPATIAL_OPTIONS, training_pipeline
from nnunetv2.training.data_augmentation.deferred import augmented_batch, deferring_pipeline
from nnunetv2.training.data_augmentation.early_draws import DRAWN, central_part
from nnunetv2.training.data_augmentation.fast_pipeline import fast_training_pipeline
from nnunetv2.training.dataloading.data_loader import stack_samples
from tests.training.data_augmentation.samples import CASCADE, MASK, REGIONS, blobs

PATCHES = [(24, 20), (10, 12, 14), (4, 16, 20)]
IN_PLANE = (4, 16, 20)
CHANNELS = 2
INTENSITY = ("noise", "blur", "brightness", "contrast", "resolution", "inverted_gamma", "gamma")
DRAWN_WITH_A_PROBABILITY = ("rotation", "scaling", *INTENSITY)
CHAIN = (
    *("SpatialTransform", "GaussianNoiseTransform", "GaussianBlurTransform", "MultiplicativeBrightnessTransform"),
    *("ContrastTransform", "SimulateLowResolutionTransform", "GammaTransform", "GammaTransform", "MirrorTransform"),
    *("MaskImageTransform", "RemoveLabelTransform", "DownsampleSegForDSTransform"),
)
IMPLEMENTED_BY = {
    "noise": (intensity, "add_noise"),
    "blur": (resolution, "blur"),
    "brightness": (intensity, "change_brightness"),
    "contrast": (intensity, "change_contrast"),
    "resolution": (resolution, "lower_resolution"),
    "inverted_gamma": (intensity, "correct_inverted_gamma"),
    "gamma": (intensity, "correct_gamma"),
    "mask": (targets, "mask_images"),
}


def arguments(patch: tuple[int, ...]) -> tuple[Any, ...]:
    return (patch, (-0.5, 0.5), [[1.0] * len(patch), [0.5] * len(patch)], tuple(range(len(patch))), patch == IN_PLANE)


def stock_chain(patch: tuple[int, ...], options: dict[str, Any] = MASK) -> Any:
    return training_pipeline(*arguments(patch), **options)


def sample_for(patch: tuple[int, ...], options: dict[str, Any] = MASK) -> dict[str, Tensor]:
    """Return a sample that is larger than the patch, but not across slices that stay; a part of it is outside (-1)."""
    size = tuple(length if patch == IN_PLANE and not axis else 2 * length for axis, length in enumerate(patch))
    sample = blobs(size, CHANNELS, previous="is_cascaded" in options)
    sample["segmentation"][..., : size[-1] * 3 // 8] = -1
    return sample


def cloned(sample: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in sample.items()}


def draw(
    monkeypatch: pytest.MonkeyPatch, patch: tuple[int, ...], steps: tuple[str, ...], options: dict[str, Any] = MASK
) -> Any:
    """Draw a sample to which these steps happen, and no others, in all channels."""
    chosen = tuple(float(name in steps) for name in DRAWN_WITH_A_PROBABILITY)
    monkeypatch.setattr(changes, "PROBABILITIES", chosen)
    monkeypatch.setattr(changes, "P_OF_A_CHANNEL", 1.0)
    monkeypatch.setattr(changes, "P_OF_AN_AXIS", float("mirror" in steps))
    np.random.seed(4)
    return fast_training_pipeline(*arguments(patch), **options).transforms[0].draw(CHANNELS)


def by_fast(patch: tuple[int, ...], drawn: Any, options: dict[str, Any] = MASK) -> tuple[Tensor, list[Tensor]]:
    result = fast_training_pipeline(*arguments(patch), **options)(**sample_for(patch, options), **{DRAWN: drawn})
    return result["image"], result["segmentation"]


def by_batched(patch: tuple[int, ...], drawn: Any, options: dict[str, Any] = MASK) -> tuple[Tensor, list[Tensor]]:
    pipeline = deferring_pipeline(*arguments(patch), **options)
    batch = stack_samples([pipeline(**sample_for(patch, options), **{DRAWN: drawn}) for _ in range(2)])
    result = augmented_batch(batch, torch.device("cpu"))
    return result["data"][1], [target[1] for target in result["target"]]


class NoiseOfOurs(BasicTransform):
    """Adds the noise that our chains draw, whose values no other seed gives."""

    def __init__(self, drawn: Any):
        super().__init__()
        self.drawn = drawn

    def apply(self, data_dict: dict[str, Any], **_: Any) -> dict[str, Any]:
        intensity.add_noise(data_dict["image"][None], self.drawn.noise, self.drawn.seed)
        return data_dict


def by_stock(
    patch: tuple[int, ...], drawn: Any, steps: tuple[str, ...], options: dict[str, Any] = MASK
) -> tuple[Tensor, list[Tensor]]:
    """Return what the default chain gives if these steps happen, and no others, with the drawn values."""
    pipeline, values = stock_chain(patch, options), drawn.changes
    weighted = [step for step in pipeline.transforms if isinstance(step, kinds.RandomTransform)]
    for step in weighted[len(INTENSITY) :]:  # they disturb the previous stage
        step.apply_probability = 0
    for name, step in zip(INTENSITY, weighted, strict="is_cascaded" not in options):
        step.apply_probability = float(name in steps)
        if name == "noise":
            step.transform = NoiseOfOurs(values)
        else:
            forced = parameters(name, getattr(values, name)[0], patch)
            step.transform.get_parameters = lambda forced=forced, **_: forced
    for number, step in enumerate(pipeline.transforms):
        if isinstance(step, kinds.SpatialTransform):
            pipeline.transforms[number] = moving(step.patch_size, values, steps)
        if isinstance(step, kinds.MirrorTransform):
            axes = list(step.allowed_axes) if "mirror" in steps else []
            step.get_parameters = lambda axes=axes, **_: {"axes": axes}
    result = pipeline(**sample_for(patch, options))
    return result["image"], result["segmentation"]


def parameters(name: str, values: np.ndarray, patch: tuple[int, ...]) -> dict[str, Any]:
    """Return drawn values of a sample as a transform of batchgeneratorsv2 takes them."""
    channels, of_gamma = torch.arange(CHANNELS), {"retain_stats": torch.ones(CHANNELS, dtype=torch.bool)}
    if name == "blur":
        return {"apply_to_channel": torch.ones(CHANNELS, dtype=torch.bool), "sigmas": values.tolist()}
    if name == "resolution":
        scales = torch.from_numpy(values)[:, None].repeat(1, len(patch))
        scales[:, : int(patch == IN_PLANE)] = 1
        return {"apply_to_channel": channels, "scales": scales}
    if name in ("brightness", "contrast"):
        return {"apply_to_channel": channels, "multipliers": torch.from_numpy(values)}
    inverted = torch.full((CHANNELS,), name == "inverted_gamma")
    return {"apply_to_channel": channels, "gamma": torch.from_numpy(values), "invert_image": inverted, **of_gamma}


def moving(patch: tuple[int, ...], values: Any, steps: tuple[str, ...]) -> BasicTransform:
    angles = itertools.cycle(values.angles[0].tolist())
    return kinds.SpatialTransform(
        patch,
        patch_center_dist_from_border=0,
        p_rotation=float("rotation" in steps),
        rotation=lambda *_, **__: next(angles),
        p_scaling=float("scaling" in steps),
        scaling=(float(values.scaling[0]),) * 2,
        p_synchronize_scaling_across_axes=1,
        **SPATIAL_OPTIONS,
    )


def differences(ours: tuple[Tensor, list[Tensor]], expected: tuple[Tensor, list[Tensor]]) -> list[str]:
    """Return in what two samples differ by more than the rounding of rotated ones."""
    pairs = zip(ours[1], expected[1], strict=True)
    same = [(own == theirs).double().mean() > 0.99 for own, theirs in pairs]
    close = torch.isclose(ours[0], expected[0], rtol=1e-3, atol=5e-3).double().mean() > 0.995
    return ["image"] * (not close) + ["labels"] * (not all(same))


WAYS = pytest.mark.parametrize("way", [by_fast, by_batched])
STEPS = [*((name,) for name in (*DRAWN_WITH_A_PROBABILITY, "mirror")), INTENSITY, ("rotation", "scaling", "brightness")]


@WAYS
@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("steps", STEPS, ids=" and ".join)
def test_a_step_that_happens_gives_what_the_default_chain_gives(
    monkeypatch: pytest.MonkeyPatch, patch: tuple[int, ...], steps: tuple[str, ...], way: Callable[..., Any]
) -> None:
    drawn = draw(monkeypatch, patch, steps)
    assert differences(way(patch, drawn), by_stock(patch, drawn, steps)) == []
    assert "image" in differences(way(patch, drawn), by_stock(patch, drawn, ())), "nothing has happened"


@WAYS
@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("options", [CASCADE, REGIONS, {**CASCADE, **REGIONS}], ids=["cascade", "regions", "both"])
def test_cascades_and_regions_give_what_they_give_in_the_default_chain(
    monkeypatch: pytest.MonkeyPatch, patch: tuple[int, ...], options: dict[str, Any], way: Callable[..., Any]
) -> None:
    for name in ("P_RESHAPE", "P_DROP"):
        monkeypatch.setattr(previous_stage, name, 0.0)
    steps = ("rotation", "scaling", "brightness", "mirror")
    drawn = draw(monkeypatch, patch, steps, options)
    ours, expected = way(patch, drawn, options), by_stock(patch, drawn, steps, options)
    assert [values.shape for values in (ours[0], *ours[1])] == [values.shape for values in (expected[0], *expected[1])]
    assert differences(ours, expected) == []
    still = by_stock(patch, drawn, (), options)
    assert differences(ours, still) == ["image", "labels"]


@WAYS
@pytest.mark.parametrize("left_out", IMPLEMENTED_BY)
def test_a_step_that_is_left_out_is_noticed(monkeypatch: pytest.MonkeyPatch, left_out: str, way: Any) -> None:
    drawn = draw(monkeypatch, (24, 20), INTENSITY)
    expected = by_stock((24, 20), drawn, INTENSITY)
    monkeypatch.setattr(*IMPLEMENTED_BY[left_out], lambda *_, **__: None)
    assert differences(way((24, 20), drawn), expected) == ["image"]


@WAYS
@pytest.mark.parametrize("left_out", ["rotation", "scaling", "mirror"])
def test_a_movement_that_is_left_out_is_noticed(monkeypatch: pytest.MonkeyPatch, left_out: str, way: Any) -> None:
    steps = ("rotation", "scaling", "mirror")
    whole = draw(monkeypatch, (24, 20), steps)
    drawn = draw(monkeypatch, (24, 20), tuple(name for name in steps if name != left_out))
    assert differences(way((24, 20), drawn), by_stock((24, 20), whole, steps)) == ["image", "labels"]


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("steps", [("rotation",), ("scaling",), ("rotation", "scaling", "mirror")], ids=" and ".join)
def test_the_part_of_a_patch_that_is_cut_gives_what_the_whole_would(
    monkeypatch: pytest.MonkeyPatch, patch: tuple[int, ...], steps: tuple[str, ...]
) -> None:
    drawn, sample = draw(monkeypatch, patch, steps), sample_for(patch)
    pipeline, wide = fast_training_pipeline(*arguments(patch), **MASK), tuple(sample["image"].shape[1:])
    size = tuple(pipeline.transforms[0].size_to_cut(drawn, wide))
    cut = {name: central_part(values, size) for name, values in sample.items()}
    result = pipeline(**cut, **{DRAWN: drawn})

    assert np.prod(size) < np.prod(wide)
    expected = by_fast(patch, drawn)
    torch.testing.assert_close(result["image"], expected[0], atol=1e-4, rtol=1e-4)
    assert all(map(torch.equal, result["segmentation"], expected[1]))


def probabilities_of(chain: Any) -> tuple[float, ...]:
    """Return the probabilities in the order of DRAWN_WITH_A_PROBABILITY."""
    (spatial,) = (step for step in chain.transforms if isinstance(step, kinds.SpatialTransform))
    weighted = [step.apply_probability for step in chain.transforms if isinstance(step, kinds.RandomTransform)]
    return (spatial.p_rotation, spatial.p_scaling, *weighted)


def ranges_of(chain: Any) -> tuple[Any, ...]:
    """Return what the steps of a chain draw from."""
    steps = [getattr(step, "transform", step) for step in chain.transforms]
    named = {type(step).__name__: step for step in steps}
    low, blur = named["SimulateLowResolutionTransform"], named["GaussianBlurTransform"]
    gammas = [step for step in steps if isinstance(step, kinds.GammaTransform)]
    factors = (named["MultiplicativeBrightnessTransform"].multiplier_range, named["ContrastTransform"].contrast_range)
    plain = (named["SpatialTransform"].scaling, named["GaussianNoiseTransform"].noise_variance)
    return (
        *(*plain, blur.blur_sigma, low.scale),
        *(drawn.contrast_range for drawn in (*factors, *(gamma.gamma for gamma in gammas))),
        *(blur.p_per_channel, low.p_per_channel, *(gamma.p_invert_image for gamma in gammas)),
    )


@pytest.mark.parametrize("patch", PATCHES)
def test_the_chains_have_the_same_steps_probabilities_and_ranges(patch: tuple[int, ...]) -> None:
    chain = stock_chain(patch)
    names = [type(getattr(step, "transform", step)).__name__ for step in chain.transforms]
    assert [name for name in names if not name.startswith("Convert")] == list(CHAIN), "a step that ours do not know"
    assert probabilities_of(chain) == changes.PROBABILITIES
    scaled = (changes.SCALING, changes.NOISE, changes.BLUR, changes.RESOLUTION)
    factors = (changes.FACTORS, changes.FACTORS, changes.GAMMA, changes.GAMMA)
    assert ranges_of(chain) == (*scaled, *factors, changes.P_OF_A_CHANNEL, changes.P_OF_A_CHANNEL, 1.0, 0.0)


@pytest.mark.parametrize("number", range(len(DRAWN_WITH_A_PROBABILITY)), ids=DRAWN_WITH_A_PROBABILITY)
def test_each_probability_is_that_of_its_step(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    name = DRAWN_WITH_A_PROBABILITY[number]
    drawn = draw(monkeypatch, (24, 20), (name,)).changes
    happened = {"rotation": drawn.angles.any(), "scaling": drawn.scaling[0] != 1}
    happened |= {step: (getattr(drawn, step) != float(step not in ("noise", "blur"))).any() for step in INTENSITY}
    assert [step for step, has in happened.items() if has] == [name]
    monkeypatch.undo()

    changed = [*changes.PROBABILITIES]
    changed[number] *= 1.5
    monkeypatch.setattr(changes, "PROBABILITIES", tuple(changed))
    assert probabilities_of(stock_chain((24, 20))) != changes.PROBABILITIES, "another probability is noticed"
    np.random.seed(1)
    shares = np.mean([changes._happen(changes.PROBABILITIES) for _ in range(4000)], axis=0)
    assert shares == pytest.approx(changed, abs=0.03), "and what happens follows it"
