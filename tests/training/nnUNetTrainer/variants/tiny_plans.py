"""Plans of tiny networks in 2D and 3D, as dictionaries; also JSON for scripts that run elsewhere."""

import json
from typing import Any

from tests.factories.plans import make_architecture, make_configuration


def tiny_configuration(dims: int) -> dict[str, Any]:
    return make_configuration(
        [16] * dims,
        [1.0] * dims,
        data_identifier=f"tinyPlans_{dims}d",
        batch_size=5,
        median_image_size_in_voxels=[20.0] * dims,
        architecture=make_architecture(dims, (4, 8, 8)),
        batch_dice=True,
    )


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
