import pickle
import warnings

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

from nnunetv2.training.data_augmentation.default_pipeline import (
    rotation_and_initial_patch_size,
    training_pipeline,
    validation_pipeline,
)

HALF_TURN = (-np.pi, np.pi)
SCALES_2D = [[1.0, 1.0], [0.5, 0.5]]


def step_names(pipeline: ComposeTransforms) -> list[str]:
    steps = [getattr(step, "transform", step) for step in pipeline.transforms]
    return [type(step).__name__ for step in steps]


@pytest.mark.parametrize(
    ("patch", "degrees", "dummy_2d", "initial", "axes"),
    [
        ((512, 256), 15, False, (659, 301), (0, 1)),
        ((320, 256), 180, False, (376, 376), (0, 1)),
        ((28, 256, 256), 180, True, (28, 301, 301), (0, 1, 2)),
        ((64, 128, 128), 30, False, (140, 205, 168), (0, 1, 2)),
        ((16, 48, 48), 30, False, (44, 77, 58), (0, 1, 2)),
    ],
)
def test_geometry_follows_from_the_patch_size(patch, degrees, dummy_2d, initial, axes) -> None:
    rotation, chosen_dummy, chosen_initial, chosen_axes = rotation_and_initial_patch_size(patch)
    assert rotation == pytest.approx((-np.deg2rad(degrees), np.deg2rad(degrees)))
    assert (chosen_dummy, tuple(chosen_initial), chosen_axes) == (dummy_2d, initial, axes)


def test_the_plain_2d_pipeline_has_nnunets_order() -> None:
    pipeline = training_pipeline((64, 64), HALF_TURN, SCALES_2D, (0, 1), False)
    assert step_names(pipeline) == [
        "SpatialTransform",
        "GaussianNoiseTransform",
        "GaussianBlurTransform",
        "MultiplicativeBrightnessTransform",
        "ContrastTransform",
        "SimulateLowResolutionTransform",
        "GammaTransform",
        "GammaTransform",
        "MirrorTransform",
        "RemoveLabelTransform",
        "DownsampleSegForDSTransform",
    ]


@pytest.mark.parametrize("axes", [None, ()])
def test_without_axes_nothing_is_mirrored(axes) -> None:
    assert "MirrorTransform" not in step_names(training_pipeline((64, 64), HALF_TURN, None, axes, False))


def test_cascade_mask_and_regions_add_their_steps_in_order() -> None:
    pipeline = training_pipeline(
        (64, 64),
        HALF_TURN,
        SCALES_2D,
        (0, 1),
        False,
        use_mask_for_norm=[False, True],
        is_cascaded=True,
        foreground_labels=[1, 2],
        regions=[(1, 2), 2],
        ignore_label=3,
    )
    assert step_names(pipeline)[-7:] == [
        "MaskImageTransform",
        "RemoveLabelTransform",
        "MoveSegAsOneHotToDataTransform",
        "ApplyRandomBinaryOperatorTransform",
        "RemoveRandomConnectedComponentFromOneHotEncodingTransform",
        "ConvertSegmentationToRegionsTransform",
        "DownsampleSegForDSTransform",
    ]


def test_a_cascade_without_labels_is_refused() -> None:
    with pytest.raises(AssertionError, match="foreground_labels"):
        validation_pipeline(None, is_cascaded=True)


@pytest.mark.parametrize("dummy_2d", [False, True])
def test_a_3d_sample_comes_out_with_the_final_size(dummy_2d) -> None:
    pipeline = training_pipeline((8, 16, 16), HALF_TURN, [[1.0] * 3, [0.5] * 3], (0, 1, 2), dummy_2d)
    image, segmentation = torch.randn(2, 8, 20, 20), torch.randint(-1, 3, (1, 8, 20, 20), dtype=torch.int16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sample = pipeline(image=image, segmentation=segmentation)
    assert sample["image"].shape == (2, 8, 16, 16)
    assert [tuple(target.shape) for target in sample["segmentation"]] == [(1, 8, 16, 16), (1, 4, 8, 8)]
    assert sample["segmentation"][0].min() == 0


def test_validation_makes_region_channels_and_moves_the_previous_stage_to_the_image() -> None:
    pipeline = validation_pipeline(SCALES_2D, True, [1, 2], regions=[(1, 2), 2], ignore_label=3)
    labels = torch.tensor([[0, 1], [2, 3]], dtype=torch.int16)
    previous = torch.tensor([[2, 1], [0, -1]], dtype=torch.int16)
    sample = pipeline(image=torch.zeros(1, 2, 2), segmentation=torch.stack([labels, previous]))
    target = sample["segmentation"][0]
    assert target.tolist() == [
        [[False, True], [True, False]],
        [[False, False], [True, False]],
        [[False, False], [False, True]],
    ]
    assert sample["image"][1:].tolist() == [[[0, 1], [0, 0]], [[1, 0], [0, 0]]]


def test_pipelines_can_be_sent_to_other_processes() -> None:
    pipeline = training_pipeline((8, 16, 16), HALF_TURN, None, (0,), True, is_cascaded=True, foreground_labels=[1])
    assert step_names(pickle.loads(pickle.dumps(pipeline))) == step_names(pipeline)
