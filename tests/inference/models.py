"""Small models for the tests of inference: networks that can be computed by hand, and model folders on disk."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from nnunetv2.foundation.files import write_json
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

CPU = torch.device("cpu")
UNET = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
RESAMPLING = "resample_data_or_seg_to_shape"


def make_plans(
    patch_size: list[int], spacing: list[float], file_ending: str, channels: int, **changes: Any
) -> dict[str, Any]:
    """Return plans with one small configuration, `2d` or `3d_fullres` by the length of the patch."""
    dims = len(patch_size)
    configuration = {
        "data_identifier": "tiny",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": patch_size,
        "median_image_size_in_voxels": [float(length) for length in patch_size],
        "spacing": spacing,
        "normalization_schemes": ["ZScoreNormalization"] * channels,
        "use_mask_for_norm": [False] * channels,
        "resampling_fn_data": RESAMPLING,
        "resampling_fn_seg": RESAMPLING,
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities": RESAMPLING,
        "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None},
        "architecture": make_architecture(dims),
        "batch_dice": False,
    }
    configuration.update(changes.pop("configuration", {}))
    return {
        "dataset_name": "Dataset901_Tiny",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [999.0, 1.0, 1.0] if dims == 2 else spacing,
        "original_median_shape_after_transp": [1, *patch_size] if dims == 2 else patch_size,
        "image_reader_writer": "NaturalImage2DIO" if file_ending == ".png" else "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"2d" if dims == 2 else "3d_fullres": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            str(channel): {"mean": 120.0, "std": 40.0, "percentile_00_5": 5.0, "percentile_99_5": 250.0}
            for channel in range(channels)
        },
        **changes,
    }


def make_architecture(dims: int) -> dict[str, Any]:
    """Return three stages with 8, 16 and 32 features."""
    module = "torch.nn.modules"
    return {
        "network_class_name": UNET,
        "arch_kwargs": {
            "n_stages": 3,
            "features_per_stage": [8, 16, 32],
            "conv_op": f"{module}.conv.Conv{dims}d",
            "kernel_sizes": [[3] * dims] * 3,
            "strides": [[1] * dims, [2] * dims, [2] * dims],
            "n_conv_per_stage": [1, 1, 1],
            "n_conv_per_stage_decoder": [1, 1],
            "conv_bias": True,
            "norm_op": f"{module}.instancenorm.InstanceNorm{dims}d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def make_dataset_json(
    file_ending: str, channels: int, labels: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return a dataset.json with labels background, outer, inner unless others are given."""
    return {
        "channel_names": {str(channel): f"channel{channel}" for channel in range(channels)},
        "labels": labels or {"background": 0, "outer": 1, "inner": 2},
        "numTraining": 5,
        "file_ending": file_ending,
        **more,
    }


def build_tiny_network(plans: dict[str, Any], configuration: str, channels: int, heads: int, seed: int) -> nn.Module:
    """Return an untrained network whose labels vary over an image."""
    manager = PlansManager(plans).get_configuration(configuration)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = get_network_from_plans(
            manager.network_arch_class_name,
            manager.network_arch_init_kwargs,
            manager.network_arch_init_kwargs_req_import,
            channels,
            heads,
            deep_supervision=False,
        )
        for layer in network.decoder.seg_layers:
            nn.init.normal_(layer.weight, std=1.0)
    return network


def write_model_folder(
    folder: Path,
    plans: dict[str, Any],
    dataset_json: dict[str, Any],
    folds: tuple[int | str, ...] = (0,),
    mirroring_axes: tuple[int, ...] | None = None,
    checkpoint_name: str = "checkpoint_final.pth",
    trainer_name: str = "nnUNetTrainer",
) -> Path:
    """Write plans.json, dataset.json and one untrained checkpoint per fold."""
    (configuration,) = plans["configurations"]
    channels = determine_num_input_channels(PlansManager(plans), configuration, dataset_json)
    heads = PlansManager(plans).get_label_manager(dataset_json).num_segmentation_heads
    folder.mkdir(parents=True, exist_ok=True)
    write_json(plans, folder / "plans.json")
    write_json(dataset_json, folder / "dataset.json")
    for seed, fold in enumerate(folds):
        (folder / f"fold_{fold}").mkdir(exist_ok=True)
        network = build_tiny_network(plans, configuration, channels, heads, seed)
        checkpoint = {
            "network_weights": network.state_dict(),
            "trainer_name": trainer_name,
            "init_args": {"configuration": configuration},
            "inference_allowed_mirroring_axes": mirroring_axes,
        }
        torch.save(checkpoint, folder / f"fold_{fold}" / checkpoint_name)
    return folder


class Trainer:
    """A stand-in for nnUNetTrainer with its network builder only."""

    @staticmethod
    def build_network_architecture(
        plans_manager: Any,
        configuration_manager: Any,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the network of the plans."""
        return get_network_from_plans(
            configuration_manager.network_arch_class_name,
            configuration_manager.network_arch_init_kwargs,
            configuration_manager.network_arch_init_kwargs_req_import,
            num_input_channels,
            num_output_channels,
            deep_supervision=enable_deep_supervision,
        )


def hand_made_predictor(network: nn.Module, patch_size: list[int], heads: int = 3, **settings: Any) -> nnUNetPredictor:
    """Return a predictor with the given network and labels 0 ... heads - 1."""
    plans = make_plans(patch_size, [1.0] * len(patch_size), ".nii.gz", 1)
    (configuration,) = plans["configurations"]
    manager = PlansManager(plans)
    labels = {"background": 0, **{f"label{value}": value for value in range(1, heads)}}
    predictor = nnUNetPredictor(device=CPU, allow_tqdm=False, **settings)
    predictor.manual_initialization(
        network,
        manager,
        manager.get_configuration(configuration),
        [network.state_dict()],
        make_dataset_json(".nii.gz", 1, labels),
        "nnUNetTrainer",
        None,
    )
    return predictor
