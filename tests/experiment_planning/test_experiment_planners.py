"""What planners write, with the numbers that nnU-Net 2.8.1 gives for the same fingerprints."""

import json
import math
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.errors import DatasetError, DatasetLayoutError, InvalidValueError, SettingsError
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.resampling.planners_no_resampling import (
    nnUNetPlannerResEncL_noResampling,
)
from nnunetv2.experiment_planning.experiment_planners.resampling.resample_with_torch import (
    nnUNetPlanner_torchres,
    nnUNetPlannerResEncL_torchres,
    nnUNetPlannerResEncL_torchres_sepz,
)
from nnunetv2.experiment_planning.experiment_planners.resencUNet_planner import ResEncUNetPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncL,
    nnUNetPlannerResEncM,
    nnUNetPlannerResEncXL,
)
from tests.conftest import NnunetFolders
from tests.experiment_planning.factories import RGB_CHANNELS, write_json, write_plannable

NAME = "Dataset007_Fixture"
PLAIN, RES = ExperimentPlanner, ResEncUNetPlanner
M, L, XL = nnUNetPlannerResEncM, nnUNetPlannerResEncL, nnUNetPlannerResEncXL


def labels(count: int) -> dict[str, int]:
    return {"background": 0, **{f"class {value}": value for value in range(1, count)}}


def same(spacing: list[float], shape: list[int], num_training: int, num_labels: int, **more: Any) -> dict[str, Any]:
    """A fingerprint whose cases are all alike."""
    return {
        "spacings": [spacing],
        "shapes": [shape],
        "num_training": num_training,
        "labels": labels(num_labels),
        **more,
    }


FIXTURES: dict[str, dict[str, Any]] = {
    "A": same([1, 1, 1], [200, 200, 200], 50, 3),
    "B": same([2.5, 0.7, 0.7], [120, 512, 512], 130, 3),
    "C": {
        "spacings": [[10, 1.5, 1.5]] * 9 + [[5, 1.5, 1.5]],
        "shapes": [[10, 230, 250]] * 10,
        "num_training": 100,
        "labels": labels(4),
    },
    "D": same([1, 1, 1], [36, 50, 35], 260, 3),
    "E": same([999, 1, 1], [1, 400, 560], 80, 2),
    "F": same([0.6, 0.6, 3.6], [320, 320, 24], 32, 3),
    "G": same([999, 1, 1], [1, 2000, 2600], 100, 2, channel_names=RGB_CHANNELS),
}

# fixture, planner, 2d patch, 2d batch, 3d patch, 3d batch
EXPECTED = [
    ("A", PLAIN, [224, 224], 65, [128, 128, 128], 2),
    ("A", RES, [224, 224], 66, [128, 128, 128], 2),
    ("A", M, [224, 224], 66, [128, 128, 128], 2),
    ("A", L, [224, 224], 185, [192, 192, 192], 2),
    ("A", XL, [224, 224], 272, [224, 224, 224], 2),
    ("B", PLAIN, [512, 512], 12, [48, 224, 192], 2),
    ("B", RES, [512, 512], 12, [48, 192, 192], 2),
    ("B", M, [512, 512], 12, [48, 192, 192], 2),
    ("B", L, [512, 512], 35, [64, 320, 256], 2),
    ("B", XL, [512, 512], 52, [80, 320, 320], 2),
    ("C", PLAIN, [256, 256], 48, [12, 256, 256], 4),
    ("C", RES, [256, 256], 48, [12, 256, 256], 4),
    ("C", M, [256, 256], 50, [12, 256, 256], 4),
    ("C", L, [256, 256], 141, [12, 256, 256], 12),
    ("C", XL, [256, 256], 207, [12, 256, 256], 21),
    ("D", PLAIN, [56, 40], 366, [40, 56, 40], 9),
    ("D", RES, [56, 40], 366, [40, 56, 40], 9),
    ("D", M, [56, 40], 1618, [40, 56, 40], 58),
    ("D", L, [56, 40], 4554, [40, 56, 40], 178),
    ("D", XL, [56, 40], 6711, [40, 56, 40], 183),
    ("E", PLAIN, [448, 576], 3, None, None),
    ("E", RES, [448, 576], 3, None, None),
    ("E", M, [448, 576], 13, None, None),
    ("E", L, [448, 576], 36, None, None),
    ("E", XL, [448, 576], 53, None, None),
    ("F", PLAIN, [320, 320], 32, [24, 256, 256], 2),
    ("F", RES, [320, 320], 32, [24, 256, 256], 2),
    ("F", M, [320, 320], 32, [24, 256, 256], 2),
    ("F", L, [320, 320], 90, [24, 320, 320], 4),
    ("F", XL, [320, 320], 133, [24, 320, 320], 7),
    ("G", PLAIN, [1024, 1536], 2, None, None),
    ("G", RES, [448, 576], 13, None, None),
    ("G", L, [768, 896], 13, None, None),
]


def planner_for(
    folders: NnunetFolders, fingerprint: dict[str, Any], planner: type[ExperimentPlanner] = PLAIN, **options: Any
) -> ExperimentPlanner:
    write_plannable(folders.raw, folders.preprocessed, NAME, **dict(fingerprint))
    return planner(NAME, **options)


def plan(folders: NnunetFolders, fixture: str, planner: type[ExperimentPlanner] = PLAIN, **options: Any) -> dict:
    return planner_for(folders, FIXTURES[fixture], planner, **options).plan_experiment()


@pytest.mark.parametrize(("fixture", "planner", "patch_2d", "batch_2d", "patch_3d", "batch_3d"), EXPECTED)
def test_patch_and_batch_size(
    nnunet_folders: NnunetFolders,
    fixture: str,
    planner: type[ExperimentPlanner],
    patch_2d: list[int],
    batch_2d: int,
    patch_3d: list[int] | None,
    batch_3d: int | None,
) -> None:
    configurations = plan(nnunet_folders, fixture, planner)["configurations"]

    assert (list(configurations["2d"]["patch_size"]), configurations["2d"]["batch_size"]) == (patch_2d, batch_2d)
    fullres = configurations.get("3d_fullres")
    got = (None, None) if fullres is None else (list(fullres["patch_size"]), fullres["batch_size"])
    assert got == (patch_3d, batch_3d)


@pytest.mark.parametrize("planner", [PLAIN, RES, M])
def test_large_images_also_get_a_low_resolution_and_a_cascade(
    nnunet_folders: NnunetFolders, planner: type[ExperimentPlanner]
) -> None:
    configurations = plan(nnunet_folders, "B", planner)["configurations"]

    assert list(configurations) == ["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"]
    lowres = configurations["3d_lowres"]
    assert lowres["spacing"] == pytest.approx([2.5, 1.264278, 1.264278], abs=1e-6)
    assert (list(lowres["patch_size"]), lowres["batch_size"]) == ([80, 192, 160], 2)
    assert lowres["next_stage"] == "3d_cascade_fullres"
    assert configurations["3d_cascade_fullres"] == {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}


@pytest.mark.parametrize("planner", [L, XL])
def test_more_memory_makes_a_low_resolution_needless(
    nnunet_folders: NnunetFolders, planner: type[ExperimentPlanner]
) -> None:
    configurations = plan(nnunet_folders, "B", planner)["configurations"]

    assert list(configurations) == ["2d", "3d_fullres"]
    assert configurations["3d_fullres"]["batch_dice"] is False


@pytest.mark.parametrize(
    ("fixture", "planner", "stages"), [("G", PLAIN, 9), ("G", RES, 7), ("G", L, 8), ("E", PLAIN, 7)]
)
def test_number_of_stages_in_two_dimensions(
    nnunet_folders: NnunetFolders, fixture: str, planner: type[ExperimentPlanner], stages: int
) -> None:
    network = plan(nnunet_folders, fixture, planner)["configurations"]["2d"]["architecture"]

    assert network["arch_kwargs"]["n_stages"] == stages


@pytest.mark.parametrize(
    ("fixture", "planner", "strides", "kernels"),
    [
        ("A", PLAIN, "111 222 222 222 222 222", "333 333 333 333 333 333"),
        ("B", PLAIN, "111 122 222 222 222 122", "133 333 333 333 333 333"),
        ("B", L, "111 122 222 222 222 222 122", "133 333 333 333 333 333 333"),
        ("C", PLAIN, "111 122 122 222 122 122 122", "133 133 333 333 333 333 333"),
        ("D", PLAIN, "111 222 222 222", "333 333 333 333"),
        ("F", PLAIN, "111 122 122 222 222 122 122", "133 133 333 333 333 333 333"),
    ],
)
def test_strides_and_kernels_of_full_resolution(
    nnunet_folders: NnunetFolders, fixture: str, planner: type[ExperimentPlanner], strides: str, kernels: str
) -> None:
    network = plan(nnunet_folders, fixture, planner)["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]

    assert " ".join("".join(map(str, stage)) for stage in network["strides"]) == strides
    assert " ".join("".join(map(str, stage)) for stage in network["kernel_sizes"]) == kernels


def test_the_coarsest_axis_comes_first_unless_told_otherwise(nnunet_folders: NnunetFolders) -> None:
    plans = plan(nnunet_folders, "F")

    assert (plans["transpose_forward"], plans["transpose_backward"]) == ([2, 0, 1], [1, 2, 0])
    assert plans["original_median_spacing_after_transp"] == [3.6, 0.6, 0.6]
    assert plans["original_median_shape_after_transp"] == [24, 320, 320]
    kept = plan(nnunet_folders, "F", suppress_transpose=True)
    assert (kept["transpose_forward"], kept["transpose_backward"]) == ([0, 1, 2], [0, 1, 2])


def test_a_short_coarse_axis_gets_a_finer_target_spacing(nnunet_folders: NnunetFolders) -> None:
    assert plan(nnunet_folders, "C")["configurations"]["3d_fullres"]["spacing"] == [9.5, 1.5, 1.5]


def test_medians_between_two_cases_stay_fractional(nnunet_folders: NnunetFolders) -> None:
    fingerprint = {
        "spacings": [[2.5, 0.7, 0.7]] * 3 + [[2.0, 0.8, 0.8]],
        "shapes": [[130, 400, 420], [131, 401, 417], [120, 410, 400], [140, 390, 401]],
        "num_training": 100,
        "labels": labels(3),
        "channel_names": {"0": "CT", "1": "MR"},
    }
    plans = planner_for(nnunet_folders, fingerprint).plan_experiment()
    flat, low, full = (plans["configurations"][name] for name in ("2d", "3d_lowres", "3d_fullres"))

    assert plans["original_median_shape_after_transp"] == [130, 400, 409]
    assert (list(flat["patch_size"]), flat["batch_size"]) == ([448, 448], 16)
    assert flat["median_image_size_in_voxels"] == [405.5, 418.5]
    assert full["spacing"] == pytest.approx([2.15, 0.7, 0.7])
    assert (list(full["patch_size"]), full["batch_size"], full["batch_dice"]) == ([64, 160, 192], 2, True)
    assert full["median_image_size_in_voxels"] == [145.5, 405.5, 418.5]
    assert low["spacing"] == [2.2145, 1.1232945073691518, 1.1232945073691518]
    assert (list(low["patch_size"]), low["batch_size"], low["batch_dice"]) == ([96, 160, 160], 2, False)
    text = (nnunet_folders.preprocessed / NAME / "nnUNetPlans.json").read_text()
    assert re.search(r"141,\s+253,\s+261\s+\]", text), "low resolution has whole numbers"


@pytest.mark.parametrize(
    ("planner", "name", "shares_data"),
    [
        (PLAIN, "nnUNetPlans", False),
        (RES, "nnUNetResEncUNetPlans", True),
        (M, "nnUNetResEncUNetMPlans", True),
        (L, "nnUNetResEncUNetLPlans", True),
        (XL, "nnUNetResEncUNetXLPlans", True),
        (nnUNetPlanner_torchres, "nnUNetPlans_torchres", False),
        (nnUNetPlannerResEncL_torchres, "nnUNetResEncUNetLPlans_torchres", False),
        (nnUNetPlannerResEncL_torchres_sepz, "nnUNetResEncUNetLPlans_torchres_sepz", False),
        (nnUNetPlannerResEncL_noResampling, "nnUNetResEncUNetLPlans_noResampling", False),
    ],
)
def test_names_of_plans_and_data(
    nnunet_folders: NnunetFolders, planner: type[ExperimentPlanner], name: str, shares_data: bool
) -> None:
    made = planner_for(nnunet_folders, FIXTURES["E"], planner)

    assert made.plans_identifier == name
    for configuration in ("2d", "3d_fullres"):
        expected = f"nnUNetPlans_{configuration}" if shares_data else f"{name}_{configuration}"
        assert made.generate_data_identifier(configuration) == expected
    assert made.generate_data_identifier("3d_lowres") == f"{name}_3d_lowres"


@pytest.mark.parametrize(
    ("planner", "function", "for_data"),
    [
        (PLAIN, "resample_data_or_seg_to_shape", '{"is_seg":false,"order":3,"order_z":0,"force_separate_z":null}'),
        (
            nnUNetPlanner_torchres,
            "resample_torch_fornnunet",
            '{"is_seg":false,"force_separate_z":false,"memefficient_seg_resampling":false}',
        ),
        (
            nnUNetPlannerResEncL_torchres_sepz,
            "resample_torch_fornnunet",
            '{"is_seg":false,"force_separate_z":null,"memefficient_seg_resampling":false,'
            '"separate_z_anisotropy_threshold":3}',
        ),
        (nnUNetPlannerResEncL_noResampling, "no_resampling_hack", "{}"),
    ],
)
def test_resampling_entries(
    nnunet_folders: NnunetFolders, planner: type[ExperimentPlanner], function: str, for_data: str
) -> None:
    flat = plan(nnunet_folders, "E", planner)["configurations"]["2d"]

    assert [flat[f"resampling_fn_{role}"] for role in ("data", "seg", "probabilities")] == [function] * 3
    assert json.dumps(flat["resampling_fn_data_kwargs"], separators=(",", ":")) == for_data


def test_channel_names_decide_the_normalization_and_cropping_the_mask(nnunet_folders: NnunetFolders) -> None:
    names = {"0": "CT", "1": "noNorm", "2": "RGB_to_0_1", "3": "rescale_to_0_1", "4": "anything"}
    planner = planner_for(nnunet_folders, same([1, 1, 1], [50, 50, 50], 3, 2, channel_names=names, relative_size=0.7))
    schemes, use_mask = planner.determine_normalization_scheme_and_whether_mask_is_used_for_norm()

    assert [scheme.removesuffix("Normalization") for scheme in schemes] == [
        "CT",
        "No",
        "RGBTo01",
        "RescaleTo01",
        "ZScore",
    ]
    assert use_mask == [False, False, False, False, True]


def test_the_old_name_of_channel_names_is_read(nnunet_folders: NnunetFolders) -> None:
    fingerprint = same([1, 1, 1], [50, 50, 50], 3, 2, more={"modality": {"0": "MR"}, "channel_names": None})
    plans = planner_for(nnunet_folders, fingerprint).plan_experiment()

    assert plans["configurations"]["2d"]["normalization_schemes"] == ["ZScoreNormalization"]


def test_an_overwritten_spacing_drives_every_configuration(nnunet_folders: NnunetFolders) -> None:
    configurations = plan(nnunet_folders, "A", overwrite_target_spacing=(2.0, 1.0, 4.0))["configurations"]

    assert configurations["3d_fullres"]["spacing"] == [4.0, 2.0, 1.0]
    assert configurations["2d"]["spacing"] == [2.0, 1.0]


def test_an_overwritten_spacing_for_shared_data_is_warned_about(
    nnunet_folders: NnunetFolders, caplog: pytest.LogCaptureFixture
) -> None:
    plan(nnunet_folders, "A", nnUNetPlannerResEncL_noResampling, overwrite_target_spacing=[2.0, 1.0, 4.0])
    assert "share the preprocessed folders" not in caplog.text

    plan(nnunet_folders, "A", RES, overwrite_target_spacing=[2.0, 1.0, 4.0])
    assert "share the preprocessed folders nnUNetPlans_2d and nnUNetPlans_3d_fullres" in caplog.text


def test_a_preset_warns_about_another_amount_of_memory(nnunet_folders: NnunetFolders) -> None:
    with pytest.warns(UserWarning, match="made for 24 GB, but plans for 11"):
        planner_for(nnunet_folders, FIXTURES["E"], L, gpu_memory_target_in_gb=11)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        planner_for(nnunet_folders, FIXTURES["E"], L)


def test_configurations_of_the_user_survive_planning_again(
    nnunet_folders: NnunetFolders, caplog: pytest.LogCaptureFixture
) -> None:
    plan(nnunet_folders, "B")
    file = nnunet_folders.preprocessed / NAME / "nnUNetPlans.json"
    old = json.loads(file.read_text())
    old["configurations"]["mine"] = {"inherits_from": "2d", "batch_size": 3}
    old["configurations"]["2d"]["batch_size"] = 999
    write_json(old, file)

    returned = plan(nnunet_folders, "A")

    written = json.loads(file.read_text())
    assert list(written["configurations"]) == ["2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres", "mine"]
    assert written["configurations"]["mine"] == {"inherits_from": "2d", "batch_size": 3}
    assert written["configurations"]["2d"]["batch_size"] == 65
    assert list(returned["configurations"]) == list(written["configurations"])
    assert "keeping 3d_lowres, 3d_cascade_fullres from an earlier planning" in caplog.text


def test_dataset_json_and_domain_files_are_copied_with_the_plans(nnunet_folders: NnunetFolders) -> None:
    raw, preprocessed = nnunet_folders.raw / NAME, nnunet_folders.preprocessed / NAME
    write_json({"domains": {"A": ["case"]}}, raw / "domains.json")
    write_json({"groups": {"case": "patient 1"}}, raw / "groups.json")
    plan(nnunet_folders, "E")

    for name in ("dataset.json", "domains.json", "groups.json"):
        assert (preprocessed / name).read_bytes() == (raw / name).read_bytes()
    assert not (preprocessed / "prism_dd.json").exists()


def write_folds(folder: Path, *folds: tuple[list[str], list[str]]) -> None:
    write_json([{"train": train, "val": val} for train, val in folds], folder / "splits_final.json")


def test_hand_made_folds_are_copied_and_may_not_change_later(nnunet_folders: NnunetFolders) -> None:
    raw, preprocessed = nnunet_folders.raw / NAME, nnunet_folders.preprocessed / NAME
    write_folds(raw, (["a", "b"], ["c"]), (["a", "c"], ["b"]))
    planner_for(nnunet_folders, FIXTURES["E"])
    assert (preprocessed / "splits_final.json").read_bytes() == (raw / "splits_final.json").read_bytes()

    write_folds(raw, (["b", "a"], ["c"]))
    PLAIN(NAME)  # the same cases in another order, and fewer folds, are fine
    write_folds(raw, (["b", "a"], ["c"]), (["a", "b"], ["c"]))
    with pytest.raises(AssertionError, match=r"fold 1 of .*splits_final\.json differs"):
        PLAIN(NAME)
    write_folds(preprocessed, (["a", "b"], ["c"]))
    with pytest.raises(DatasetLayoutError, match="fold 1"):
        PLAIN(NAME)


def test_a_missing_fingerprint_names_the_command(nnunet_folders: NnunetFolders) -> None:
    planner_for(nnunet_folders, FIXTURES["E"])
    (nnunet_folders.preprocessed / NAME / "dataset_fingerprint.json").unlink()

    with pytest.raises(DatasetError, match="Run nnUNetv2_extract_fingerprint first") as caught:
        PLAIN(NAME)
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize("spacing", [[], [1.0, 1.0], ["1", "1", "1"], [1, 1, 1]])
def test_a_target_spacing_has_three_floats(nnunet_folders: NnunetFolders, spacing: list[Any]) -> None:
    with pytest.raises(AssertionError, match="expected three floats"):
        planner_for(nnunet_folders, FIXTURES["A"], overwrite_target_spacing=spacing)


@pytest.mark.parametrize("edge", [-1.0, 0.0, math.nan, math.inf])
def test_a_target_spacing_is_positive(nnunet_folders: NnunetFolders, edge: float) -> None:
    with pytest.raises(AssertionError, match="expected positive numbers"):
        planner_for(nnunet_folders, FIXTURES["A"], overwrite_target_spacing=[1.0, 1.0, edge])


def test_spacings_of_images_are_positive(nnunet_folders: NnunetFolders) -> None:
    planner = planner_for(nnunet_folders, FIXTURES["A"])
    with pytest.raises(AssertionError, match="has to be positive along every axis"):
        planner.get_plans_for_configuration([1.0, 0.0], (9, 9), "", 1, {})


def test_a_target_spacing_leaves_voxels(nnunet_folders: NnunetFolders) -> None:
    with pytest.raises(SettingsError, match=r"the median image has \[200\.0, 200\.0, 0\.0\] voxels"):
        plan(nnunet_folders, "A", overwrite_target_spacing=[1.0, 1.0, 1e9])


@pytest.mark.parametrize("gigabytes", [0, -8, math.nan, math.inf])
def test_a_memory_target_is_positive(nnunet_folders: NnunetFolders, gigabytes: float) -> None:
    with pytest.raises(SettingsError, match="expected a positive number"):
        planner_for(nnunet_folders, FIXTURES["A"], gpu_memory_target_in_gb=gigabytes)


@pytest.mark.parametrize("name", ["dataset", "dataset_fingerprint", "splits_final", "domains"])
def test_plans_overwrite_no_other_file(nnunet_folders: NnunetFolders, name: str) -> None:
    with pytest.raises(SettingsError, match=f"plans cannot have the name '{name}'"):
        plan(nnunet_folders, "E", plans_name=name)


@pytest.mark.parametrize("content", [[], {"configurations": []}])
def test_a_file_that_is_not_plans_is_not_overwritten(nnunet_folders: NnunetFolders, content: Any) -> None:
    write_json(content, nnunet_folders.preprocessed / NAME / "nnUNetPlans.json")
    with pytest.raises(InvalidValueError, match=r"nnUNetPlans\.json: .*is \[\], expected an object"):
        plan(nnunet_folders, "E")


def test_the_error_for_an_incomplete_fingerprint_says_what_it_lacks(nnunet_folders: NnunetFolders) -> None:
    planner_for(nnunet_folders, FIXTURES["E"])
    write_json({"spacings": [[1, 1, 1]]}, nnunet_folders.preprocessed / NAME / "dataset_fingerprint.json")
    with pytest.raises(DatasetError, match="lacks the keys 'shapes_after_crop', 'median_relative"):
        PLAIN(NAME).plan_experiment()


@pytest.mark.parametrize("content", [{"train": []}, [["a"]], [{"train": ["a"]}], 3])
def test_malformed_folds_are_refused_at_once(nnunet_folders: NnunetFolders, content: Any) -> None:
    write_json(content, nnunet_folders.raw / NAME / "splits_final.json")
    with pytest.raises(DatasetLayoutError, match="nnU-Net's own folds"):
        planner_for(nnunet_folders, FIXTURES["E"])
    assert not (nnunet_folders.preprocessed / NAME / "splits_final.json").exists()


def test_external_planners_may_change_numbers_and_steps(nnunet_folders: NnunetFolders) -> None:
    class Mine(ExperimentPlanner):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.UNet_base_num_features = 16
            self.UNet_featuremap_min_edge_length = 8
            self.plans_identifier = "mine"

        def determine_fullres_target_spacing(self) -> Any:
            return super().determine_fullres_target_spacing() * 2

        def generate_data_identifier(self, configuration_name: str) -> str:
            return f"shared_{configuration_name}"

    plans = plan(nnunet_folders, "A", Mine)

    flat = plans["configurations"]["2d"]
    assert plans["experiment_planner_used"] == "Mine"
    assert plans["plans_name"] == "mine"
    assert flat["spacing"] == [2, 2]
    assert flat["data_identifier"] == "shared_2d"
    assert flat["architecture"]["arch_kwargs"]["features_per_stage"][0] == 16
    assert (nnunet_folders.preprocessed / NAME / "mine.json").is_file()


def test_networks_without_a_formula_are_built_and_asked(nnunet_folders: NnunetFolders) -> None:
    from dynamic_network_architectures.architectures.unet import ResidualUNet

    class Mine(ResEncUNetPlanner):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.UNet_class = ResidualUNet
            self.UNet_base_num_features = 2

    planner = planner_for(nnunet_folders, FIXTURES["D"], Mine, plans_name="own")

    assert planner.UNet_class is ResidualUNet
    network = planner.plan_experiment()["configurations"]["2d"]["architecture"]
    assert network["network_class_name"] == "dynamic_network_architectures.architectures.unet.ResidualUNet"


def test_keys_are_in_the_order_of_nnunet(nnunet_folders: NnunetFolders) -> None:
    plans = plan(nnunet_folders, "A")

    assert list(plans) == [
        "dataset_name",
        "plans_name",
        "original_median_spacing_after_transp",
        "original_median_shape_after_transp",
        "image_reader_writer",
        "transpose_forward",
        "transpose_backward",
        "configurations",
        "experiment_planner_used",
        "label_manager",
        "foreground_intensity_properties_per_channel",
    ]
    assert list(plans["configurations"]["3d_fullres"]) == [
        "data_identifier",
        "preprocessor_name",
        "batch_size",
        "patch_size",
        "median_image_size_in_voxels",
        "spacing",
        "normalization_schemes",
        "use_mask_for_norm",
        "resampling_fn_data",
        "resampling_fn_seg",
        "resampling_fn_data_kwargs",
        "resampling_fn_seg_kwargs",
        "resampling_fn_probabilities",
        "resampling_fn_probabilities_kwargs",
        "architecture",
        "batch_dice",
    ]


def test_plans_can_be_loaded_back(nnunet_folders: NnunetFolders) -> None:
    planner = planner_for(nnunet_folders, FIXTURES["A"])
    planner.plan_experiment()
    other = planner_for(nnunet_folders, FIXTURES["A"])
    other.load_plans(str(nnunet_folders.preprocessed / NAME / "nnUNetPlans.json"))

    assert other.plans is not None
    assert other.plans["plans_name"] == "nnUNetPlans"


def test_a_planner_of_its_own_kind_needs_no_entries_that_it_does_not_read(nnunet_folders: NnunetFolders) -> None:
    class OwnPlanner(PLAIN):
        def plan_experiment(self) -> dict[str, Any]:
            return self.dataset_fingerprint

    planner_for(nnunet_folders, FIXTURES["E"])
    write_json({"own": 1}, nnunet_folders.preprocessed / NAME / "dataset_fingerprint.json")
    assert OwnPlanner(NAME).plan_experiment() == {"own": 1}


@pytest.mark.parametrize(
    ("shape", "forward", "backward"), [([400, 560, 1], [2, 0, 1], [1, 2, 0]), ([400, 1, 560], [1, 0, 2], [1, 0, 2])]
)
def test_single_slices_along_another_axis_are_planned_as_2d_images(
    nnunet_folders: NnunetFolders, shape: list[int], forward: list[int], backward: list[int]
) -> None:
    plans = planner_for(nnunet_folders, same([1, 1, 1], shape, 80, 2)).plan_experiment()

    assert (plans["transpose_forward"], plans["transpose_backward"]) == (forward, backward)
    assert list(plans["configurations"]) == ["2d"]
    expected = planner_for(nnunet_folders, same([1, 1, 1], [1, 400, 560], 80, 2)).plan_experiment()
    assert plans["configurations"] == expected["configurations"]


def test_single_slices_in_different_planes_are_refused(nnunet_folders: NnunetFolders) -> None:
    shapes = [[1, 40, 50], [40, 50, 1], [40, 50, 1]]
    planner = planner_for(
        nnunet_folders, {"spacings": [[1, 1, 1]] * 3, "shapes": shapes, "num_training": 3, "labels": labels(2)}
    )
    with pytest.raises(DatasetError, match="1 along axis 0, 0 along axis 1, 2 along axis 2"):
        planner.plan_experiment()
