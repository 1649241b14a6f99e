"""Plans of tiny networks in 2D and 3D, as dictionaries; also JSON for scripts that run elsewhere."""

import json
from typing import Any


def tiny_configuration(dims: int) -> dict[str, Any]:
    kernel, stages = [3] * dims, 3
    return {
        "data_identifier": f"tinyPlans_{dims}d",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 5,
        "patch_size": [16] * dims,
        "median_image_size_in_voxels": [20.0] * dims,
        "spacing": [1.0] * dims,
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None},
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": {
                "n_stages": stages,
                "features_per_stage": [4, 8, 8],
                "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
                "kernel_sizes": [kernel] * stages,
                "strides": [[1] * dims, [2] * dims, [2] * dims],
                "n_conv_per_stage": [1] * stages,
                "n_conv_per_stage_decoder": [1] * (stages - 1),
                "conv_bias": True,
                "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": True,
    }


def tiny_plans() -> dict[str, Any]:
    return {
        "dataset_name": "Dataset901_Tiny",
        "plans_name": "tinyPlans",
        "original_median_spacing_after_transp": [1.0, 1.0, 1.0],
        "original_median_shape_after_transp": [20, 20, 20],
        "image_reader_writer": "NaturalImage2DIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"2d": tiny_configuration(2), "3d_fullres": tiny_configuration(3)},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {},
        "continue_training": False,
    }


def tiny_dataset_json(with_regions: bool = False) -> dict[str, Any]:
    labels: dict[str, Any] = {"background": 0, "tumor": 1, "stroma": 2}
    dataset = {"channel_names": {"0": "R"}, "labels": labels, "numTraining": 4, "file_ending": ".png"}
    if with_regions:
        dataset |= {"labels": {"background": 0, "tissue": [1, 2], "tumor": 2}, "regions_class_order": [1, 2]}
    return dataset


def as_json() -> str:
    return json.dumps([tiny_plans(), tiny_dataset_json(), tiny_dataset_json(with_regions=True)])
