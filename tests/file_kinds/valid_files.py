"""Valid content of each kind of file, and what reads it."""

from pathlib import Path
from typing import Any

from tests.factories.plans import make_architecture, make_configuration, make_network_arguments

NAN = float("nan")

DATASET: dict[str, Any] = {
    "channel_names": {"0": "R", "1": "G"},
    "labels": {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3},
    "regions_class_order": [1, 2],
    "numTraining": 2,
    "file_ending": ".png",
    "overwrite_image_reader_writer": "NaturalImage2DIO",
    "dataset": {"a": {"images": ["a_0000.png", "a_0001.png"], "label": "a.png"}},
    "name": "unknown keys survive",
}
U_NET = make_network_arguments(2, (4, 8, 8), strides=[[1, 1], [2, 2], [2, 1]], n_conv_per_stage=[1, 2, 1])
PLANS: dict[str, Any] = {
    "dataset_name": "Dataset001_A",
    "plans_name": "nnUNetPlans",
    "original_median_spacing_after_transp": [1.0, 1.0, 1.0],
    "original_median_shape_after_transp": [1, 32, 32],
    "image_reader_writer": "NaturalImage2DIO",
    "transpose_forward": [0, 2, 1],
    "transpose_backward": [0, 2, 1],
    "configurations": {
        "2d": {
            **make_configuration([16, 24], [1.0, 1.0], channels=2, data_identifier="nnUNetPlans_2d", batch_dice=True),
            "median_image_size_in_voxels": [32.0, 32.0],
            "normalization_schemes": ["ZScoreNormalization", "RGBTo01Normalization"],
            "architecture": {**make_architecture(2), "arch_kwargs": U_NET},
            "next_stage": ["2d_big"],
        },
        "2d_big": {"inherits_from": "2d", "batch_size": 4, "previous_stage": "2d"},
    },
    "experiment_planner_used": "ExperimentPlanner",
    "label_manager": "LabelManager",
    "foreground_intensity_properties_per_channel": {key: {"mean": 1.0, "std": NAN} for key in ("0", "1")},
}
SCORES = {"Dice": 0.5, "IoU": NAN, "TP": 3.0}
SUMMARY: dict[str, Any] = {
    "foreground_mean": SCORES,
    "mean": {"1": SCORES, "(1, 2)": SCORES},
    "metric_per_case": [
        {"metrics": {"1": SCORES, "(1, 2)": SCORES}, "prediction_file": "/p/a.png", "reference_file": "/r/a.png"}
    ],
}
CURVES: dict[str, Any] = {
    "version": 1,
    "epochs": 2,
    "train_losses": [1.0, 0.5],
    "val_losses": [1.0, None],
    "mean_fg_dice": [0.1, 0.2],
    "ema_fg_dice": [0.1, 0.2],
    "lrs": [0.1, 0.1],
    "epoch_seconds": [1.0, 2.0],
    "domains": {"x": {"dice": [0.1, None]}},
    "balanced_dice": [0.1, 0.2],
    "mixing_ratios": {"x": 1.0},
}
OLD_DATASET = {"labels": {"0": "background", "1": "tumor"}, "modality": {"0": "CT"}}
FINGERPRINT: dict[str, Any] = {
    "spacings": [[1.0, 1.0, 1.0], [1.0, 0.5, 0.5]],
    "shapes_after_crop": [[1, 32, 32], [1, 40, 40]],
    "median_relative_size_after_cropping": 1.0,
    "foreground_intensity_properties_per_channel": {"0": {"mean": 1.0, "std": 2.0}},
}


def read_raw_dataset(path: Path) -> None:
    from nnunetv2.file_kinds.raw_dataset import channel_names, read_dataset_json
    from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

    (path.parent / "imagesTr").mkdir(exist_ok=True)  # listed if the entry `dataset` is gone
    content = read_dataset_json(path.parent)
    channel_names(content)
    get_filenames_of_train_images_and_targets(str(path.parent), content)


def read_model_dataset(path: Path) -> None:
    from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
    from nnunetv2.foundation.files import read_json
    from nnunetv2.utilities.label_handling.label_handling import LabelManager, determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    content = read_json(path, MODEL_DATASET)
    _ = LabelManager(content["labels"], content.get("regions_class_order")).foreground_classes
    determine_num_input_channels(PlansManager(PLANS), "2d", content)


def read_plans(path: Path) -> None:
    from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

    plans = PlansManager(path)
    for name in plans.available_configurations:
        configuration = plans.get_configuration(name)
        for entry in (
            "batch_size",
            "patch_size",
            "spacing",
            "num_pool_per_axis",
            "next_stage_names",
            "preprocessor_class",
        ):
            assert isinstance(getattr(ConfigurationManager, entry), property)
            getattr(configuration, entry)


def read_splits(path: Path) -> None:
    from nnunetv2.training.dataloading.case_splits import split_into_fold

    split_into_fold(["a", "b"], 0, str(path), lambda _: [], lambda *_: None, lambda _: None)


def read_summary(path: Path) -> None:
    from nnunetv2.evaluation.evaluate_predictions import load_summary_json

    load_summary_json(path)


def read_results_of_report(path: Path) -> None:
    from nnunetv2.reporting.evaluation_results import read_results

    read_results(path.parent)


def read_curves(path: Path) -> None:
    from nnunetv2.file_kinds.result_files import TRAINING_CURVES
    from nnunetv2.foundation.files import read_json
    from nnunetv2.reporting.training_sections import curves_section

    curves_section("fold 0", {**read_json(path, TRAINING_CURVES), "epochs": 0})


def read_fingerprint(path: Path) -> None:
    import numpy as np

    from nnunetv2.experiment_planning.experiment_planners.spacing_statistics import fullres_target_spacing
    from nnunetv2.file_kinds.dataset_files import FINGERPRINT as KIND
    from nnunetv2.foundation.files import read_json

    content = read_json(path, KIND)
    assert np.isfinite(fullres_target_spacing(content["spacings"], content["shapes_after_crop"], 3)).all()


def read_spacing(path: Path) -> None:
    from nnunetv2.file_kinds.dataset_files import SPACING_FILE
    from nnunetv2.foundation.files import read_json

    assert all(size > 0 for size in read_json(path, SPACING_FILE)["spacing"])


def read_domains(path: Path) -> None:
    from s1.domain_files import read_domain_map

    read_domain_map(path)


def read_groups_file(path: Path) -> None:
    from s1.domain_files import read_groups

    read_groups(path)


def read_prism(path: Path) -> None:
    from s1.prism_result import read_prism_result

    read_prism_result(path)


def read_record(path: Path) -> None:
    from nnunetv2.reporting.case_files import picture_folders

    picture_folders(path.parent, None, None)


def read_old_dataset(path: Path) -> None:
    from nnunetv2.dataset_conversion.old_dataset_json import converted_dataset_json
    from nnunetv2.file_kinds.dataset_files import OLD_DATASET as KIND
    from nnunetv2.foundation.files import read_json

    converted_dataset_json(read_json(path, KIND), str(path))


def prism_content() -> dict[str, Any]:
    from s1.domain_comparison import compare_domains
    from s1.domain_shift import DomainFeatures

    features = {name: DomainFeatures(4, {0: 0.5, 1: 0.5}, 150.2, 39.8, 812.4) for name in ("x", "y")}
    return compare_domains(features, domain_file_sha256="ab", ignore_label=7).to_dict()


KINDS: dict[str, tuple[str, Any, Any]] = {
    "raw dataset": ("dataset.json", DATASET, read_raw_dataset),
    "dataset of a model": ("dataset.json", DATASET, read_model_dataset),
    "plans": ("nnUNetPlans.json", PLANS, read_plans),
    "splits": ("splits_final.json", [{"train": ["a"], "val": ["b"]}, {"train": ["b"], "val": ["a"]}], read_splits),
    "summary": ("summary.json", SUMMARY, read_summary),
    "summary in a report": ("summary.json", SUMMARY, read_results_of_report),
    "curves": ("training_curves.json", CURVES, read_curves),
    "fingerprint": ("dataset_fingerprint.json", FINGERPRINT, read_fingerprint),
    "spacing": ("a.json", {"spacing": [1, 0.5, 2]}, read_spacing),
    "domains": ("domains.json", {"domains": {"x": ["a"], "y": ["b"]}, "ratios": {"x": 1, "y": 0.5}}, read_domains),
    "groups": ("groups.json", {"groups": {"a": "p", "b": "q"}}, read_groups_file),
    "stage 1": ("prism_dd.json", prism_content(), read_prism),
    "prediction": ("predict_from_raw_data_args.json", {"list_of_lists_or_source_folder": [["/a.png"]]}, read_record),
    "nnU-Net v1": (
        "dataset.json",
        {"labels": {"0": "background", "1": "a"}, "modality": {"0": "CT"}},
        read_old_dataset,
    ),
}
"""Kind -> name of the file, valid content, and a function that reads and uses it as the commands do."""
