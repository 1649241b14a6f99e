"""Fingerprints, plans and conversions beside those of the released nnU-Net 2.8.1."""

import json
import os
import secrets
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.dataset_conversion.convert_MSD_dataset import convert_msd_dataset
from nnunetv2.dataset_conversion.convert_raw_dataset_from_old_nnunet_format import convert
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments
from nnunetv2.experiment_planning.plans_for_pretraining.move_plans_between_datasets import move_plans_between_datasets
from tests.conftest import NnunetFolders, make_folders
from tests.differential.oracle import run_oracle, run_ours
from tests.experiment_planning.factories import (
    write_dataset_json,
    write_json,
    write_plannable,
    write_rgb_dataset,
    write_volume,
)

SEED = int(os.environ.get("DRIFT_TEST_SEED", secrets.randbelow(10**6)))
"""New in each run, printed by the tests; DRIFT_TEST_SEED repeats a run."""

KINDS = ("2d", "isotropic", "anisotropic", "tiny", "2d", "anisotropic", "isotropic", "2d", "tiny", "very large")
MAIN_PLANNERS = (
    "ExperimentPlanner",
    "ResEncUNetPlanner",
    "nnUNetPlannerResEncM",
    "nnUNetPlannerResEncL",
    "nnUNetPlannerResEncXL",
)
OTHER_PLANNERS = (
    "nnUNetPlanner_torchres",
    "nnUNetPlannerResEncL_torchres",
    "nnUNetPlannerResEncL_torchres_sepz",
    "nnUNetPlannerResEncL_noResampling",
)

FAST_ESTIMATES = """
    import json, sys, warnings
    import torch
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from nnunetv2.experiment_planning.plan_and_preprocess_api import plan_experiment_dataset, plan_experiments
    warnings.simplefilter("ignore")

    # Saves four fifths of the time and changes no number: a network whose layers are only counted needs no weights, and
    # planners that differ in memory only meet the same patches.
    for layer in (torch.nn.modules.conv._ConvNd, torch.nn.modules.batchnorm._NormBase):
        layer.reset_parameters = lambda self: None
    estimate, known = ExperimentPlanner.static_estimate_VRAM_usage, {}

    def estimate_once(*arguments, **keywords):
        key = repr((arguments, keywords))
        if key not in known:
            known[key] = estimate(*arguments, **keywords)
        return known[key]

    ExperimentPlanner.static_estimate_VRAM_usage = staticmethod(estimate_once)
"""

PLAN_ALL = """
    for dataset, planner, memory, spacing, name in json.load(open(sys.argv[1])):
        plan_experiments([dataset], planner, memory, "DefaultPreprocessor", spacing, name)
"""


def random_geometry(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    """Return spacings and shapes of a dataset of this kind."""
    cases = int(rng.integers(1, 8))
    if kind == "2d":
        shapes = [[1, *map(int, rng.integers(40, 2500, 2))] for _ in range(cases)]
        return {"spacings": [[999, 1, 1]] * cases, "shapes": shapes}
    spacing = np.exp(rng.uniform(-1, 1)) * np.exp(rng.normal(0, 0.1, (cases, 3)))
    largest = {"isotropic": 300, "anisotropic": 400, "very large": 1200, "tiny": 40}[kind]
    shapes = rng.integers(8 if kind == "tiny" else largest // 4, largest, (cases, 3))
    if kind in ("anisotropic", "very large"):
        axis, factor = int(rng.integers(3)), float(rng.uniform(2, 12))
        spacing[:, axis] *= factor
        shapes[:, axis] = np.maximum(2, shapes[:, axis] / factor)
    return {"spacings": spacing.tolist(), "shapes": shapes.tolist()}


def random_labels(rng: np.random.Generator) -> dict[str, Any]:
    """Return the entries of dataset.json about labels: plain, regions, or regions with an ignore label."""
    count = int(rng.integers(1, 6))
    labels: dict[str, Any] = {"background": 0, **{f"class {i}": i for i in range(1, count + 1)}}
    # files named one by one: the oracle starts a dozen processes to list a folder
    more: dict[str, Any] = {"dataset": {"case": {"images": ["imagesTr/case_0000.nrrd"], "label": "case.nrrd"}}}
    if rng.random() < 0.3:
        labels = {"background": 0, "whole": list(range(1, count + 2)), **{f"r{i}": i for i in range(1, count + 2)}}
        more["regions_class_order"] = list(range(1, count + 3))
    if rng.random() < 0.3:
        labels["ignore"] = max(v for value in labels.values() for v in np.atleast_1d(value).tolist()) + 1
    return {"labels": labels, "more": more}


def random_dataset(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    """Return what `write_plannable` needs."""
    names = ("CT", "MR", "noNorm", "rgb_to_0_1", "rescale_to_0_1", "zscore")
    return {
        **random_geometry(rng, kind),
        **random_labels(rng),
        "channel_names": {str(c): str(rng.choice(names)) for c in range(int(rng.integers(1, 4)))},
        "num_training": int(rng.integers(1, 500)),
        "relative_size": float(rng.uniform(0.5, 1)),
    }


def announce_seed() -> np.random.Generator:
    sys.stdout.write(f"seed {SEED}: DRIFT_TEST_SEED={SEED} repeats this run\n")
    return np.random.default_rng(SEED)


def plan_with_both(folders: NnunetFolders, oracle_folders: NnunetFolders, runs: list[list[Any]]) -> None:
    """Plan with both; `runs` are dataset, planner, memory, spacing, plans name."""
    write_json(runs, folders.raw.parent / "runs.json")
    run_oracle(FAST_ESTIMATES + PLAN_ALL, folders.raw.parent / "runs.json", env=oracle_folders.environment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dataset, planner, memory, spacing, name in runs:
            plan_experiments([dataset], planner, memory, "DefaultPreprocessor", spacing, name)


def assert_same_files(ours: Path, theirs: Path, pattern: str) -> int:
    """Compare files byte by byte and return their number."""
    files = sorted(theirs.glob(pattern))
    for file in files:
        relative = file.relative_to(theirs)
        assert (ours / relative).read_bytes() == file.read_bytes(), f"seed {SEED}: {relative}"
    return len(files)


@pytest.fixture
def oracle_folders(nnunet_folders: NnunetFolders, tmp_path: Path) -> NnunetFolders:
    """Folders for the oracle, with the same raw data."""
    made = make_folders(tmp_path / "oracle")
    return NnunetFolders(nnunet_folders.raw, made.preprocessed, made.results)


@pytest.mark.parametrize(
    "datasets", [4, pytest.param(15, marks=pytest.mark.long), pytest.param(40, marks=pytest.mark.slow)]
)
def test_plans_of_random_fingerprints_are_equal_to_the_last_byte(
    nnunet_folders: NnunetFolders, oracle_folders: NnunetFolders, datasets: int
) -> None:
    rng = announce_seed()
    runs: list[list[Any]] = []
    for dataset_id in range(1, datasets + 1):
        dataset = random_dataset(rng, KINDS[dataset_id % len(KINDS)])
        for folders in (nnunet_folders, oracle_folders):
            name = f"Dataset{dataset_id:03d}_Random"
            write_plannable(folders.raw, folders.preprocessed, name, **dict(dataset))
        memory = float(rng.choice([4, 12.5, 80])) if rng.random() < 0.2 else None
        spacing = np.exp(rng.uniform(-0.5, 1.5, 3)).tolist() if rng.random() < 0.1 else None
        runs += [[dataset_id, planner, memory, spacing, None] for planner in MAIN_PLANNERS]
    plan_with_both(nnunet_folders, oracle_folders, runs)

    compared = assert_same_files(nnunet_folders.preprocessed, oracle_folders.preprocessed, "*/*Plans*.json")
    assert compared == datasets * len(MAIN_PLANNERS)


def test_other_planners_planning_again_and_moved_plans(
    nnunet_folders: NnunetFolders, oracle_folders: NnunetFolders
) -> None:
    rng = announce_seed()
    custom = {"configurations": {"mine": {"inherits_from": "2d", "batch_size": 3}, "2d": {}}}
    for folders in (nnunet_folders, oracle_folders):
        for dataset_id, kind in enumerate(("2d", "anisotropic"), 1):
            dataset = random_dataset(np.random.default_rng(SEED + dataset_id), kind)
            write_plannable(folders.raw, folders.preprocessed, f"Dataset{dataset_id:03d}_Random", **dataset)
        write_json(custom, folders.preprocessed / "Dataset002_Random" / "custom.json")
    runs = [[dataset_id, planner, None, None, None] for dataset_id in (1, 2) for planner in OTHER_PLANNERS]
    runs.append([2, "nnUNetPlannerResEncM", 80.0, rng.uniform(0.5, 3, 3).tolist(), "custom"])
    plan_with_both(nnunet_folders, oracle_folders, runs)
    move = """
        from nnunetv2.experiment_planning.plans_for_pretraining.move_plans_between_datasets import (
            move_plans_between_datasets,
        )
        move_plans_between_datasets(2, 1, "custom")
        move_plans_between_datasets(2, 1, "custom", "customMoved")
    """
    run_oracle(move, env=oracle_folders.environment)
    move_plans_between_datasets(2, 1, "custom")
    move_plans_between_datasets(2, 1, "custom", "customMoved")

    assert assert_same_files(nnunet_folders.preprocessed, oracle_folders.preprocessed, "*/*.json") == 8 + 3 + 2 * 2


DERIVED_PLANNERS = """
    from dynamic_network_architectures.architectures.unet import PlainConvUNet
    from nnunetv2.experiment_planning.experiment_planners.resencUNet_planner import ResEncUNetPlanner

    numbers = {
        "UNet_base_num_features": 16, "UNet_max_features_2d": 300, "UNet_max_features_3d": 200,
        "UNet_featuremap_min_edge_length": 6, "UNet_min_batch_size": 3, "UNet_blocks_per_stage_decoder": (3,) * 13,
        "UNet_blocks_per_stage_encoder": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10), "UNet_reference_val_2d": 3e7,
        "UNet_reference_val_3d": 3e8, "UNet_reference_val_corresp_GB": 12, "UNet_reference_val_corresp_bs_2d": 6,
        "UNet_reference_val_corresp_bs_3d": 4, "UNet_vram_target_GB": 6, "anisotropy_threshold": 1.5,
        "lowres_creation_threshold": 0.6, "max_dataset_covered": 0.2,
    }

    class OtherNetwork(PlainConvUNet):
        pass

    def derived(plans_name, base, **changes):
        class Planner(base):
            def __init__(self, *arguments, **keywords):
                super().__init__(*arguments, **keywords)
                self.plans_identifier = plans_name
                for name, value in changes.items():
                    setattr(self, name, value)

            def get_plans_for_configuration(self, *arguments):
                return {**super().get_plans_for_configuration(*arguments), "added": list(changes)}

        return Planner

    for name, value in numbers.items():
        for base in (ExperimentPlanner, ResEncUNetPlanner):
            plan_experiment_dataset(1, derived(f"{base.__name__}_{name}_Plans", base, **{name: value}))
    plan_experiment_dataset(1, derived("all_Plans", ExperimentPlanner, **numbers))
    plan_experiment_dataset(1, derived("network_Plans", ExperimentPlanner, UNet_class=OtherNetwork))
"""


@pytest.mark.long
def test_planners_that_others_derive_and_change_plan_the_same(
    nnunet_folders: NnunetFolders, oracle_folders: NnunetFolders
) -> None:
    geometry = {"spacings": [[3, 0.8, 0.8], [4.5, 0.7, 0.7]], "shapes": [[50, 320, 330], [40, 300, 310]]}
    for folders, run in ((nnunet_folders, run_ours), (oracle_folders, run_oracle)):
        write_plannable(folders.raw, folders.preprocessed, "Dataset001_Derived", num_training=40, **geometry)
        run(FAST_ESTIMATES + DERIVED_PLANNERS, env=folders.environment)

    assert assert_same_files(nnunet_folders.preprocessed, oracle_folders.preprocessed, "*/*Plans.json") == 34


def write_volumes(folder: Path, seed: int, **entries: Any) -> None:
    """Two float channels, negative values, a border of zeros, a case without foreground, an ignore label.

    Foregrounds differ in size and intensity, and are large enough for steady percentiles.
    """
    rng = np.random.default_rng(seed)
    for number in range(4):
        image = rng.normal(-10 * number, 300, (2, 30, 60, 50)).astype(np.float32)
        image[:, :2] = image[:, :, :, 40:] = 0
        labels = rng.integers(0, 4, image.shape[1:]).astype(np.uint8) * (number != 2)
        labels[:, : 15 * number] = 0
        for channel in range(2):
            write_volume(image[channel], folder / "imagesTr" / f"v{number}_{channel:04d}.nrrd", (3, 1.5, 0.75))
        write_volume(labels, folder / "labelsTr" / f"v{number}.nrrd", (3, 1.5, 0.75))
    labels_entry = {"background": 0, "a": 1, "b": 2, "ignore": 3}
    write_dataset_json(
        folder, 4, channel_names={"0": "CT", "1": "MR"}, labels=labels_entry, file_ending=".nrrd", **entries
    )


EXTRACT = """
    import sys
    if __name__ == "__main__":
        from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
        for dataset in (1, 2):
            extractor = DatasetFingerprintExtractor(dataset, 1)
            extractor.num_foreground_voxels_for_intensitystats = float(sys.argv[1])
            extractor.run()
"""


@pytest.mark.long
@pytest.mark.parametrize("samples", [1e7, pytest.param(1e8, marks=pytest.mark.slow)])
def test_fingerprints_are_equal_with_stock_sampling_and_close_without(
    nnunet_folders: NnunetFolders, oracle_folders: NnunetFolders, samples: float
) -> None:
    announce_seed()
    write_volumes(nnunet_folders.raw / "Dataset001_Volumes", SEED)
    write_rgb_dataset(nnunet_folders.raw / "Dataset002_Rgb")
    run_oracle(EXTRACT, samples, env=oracle_folders.environment)

    for dataset in (1, 2):
        extractor = DatasetFingerprintExtractor(dataset, 0, stock_sampling=True)
        extractor.num_foreground_voxels_for_intensitystats = samples
        extractor.run()
    pattern = "*/dataset_fingerprint.json"
    assert assert_same_files(nnunet_folders.preprocessed, oracle_folders.preprocessed, pattern) == 2

    extract_fingerprints([1, 2], num_processes=2, show_progress_bar=False)
    for name in ("Dataset001_Volumes", "Dataset002_Rgb"):
        assert_close_fingerprints(
            *(
                json.loads((folders.preprocessed / name / "dataset_fingerprint.json").read_text())
                for folders in (nnunet_folders, oracle_folders)
            )
        )


def assert_close_fingerprints(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Geometry has to be equal, intensities within 1 % of the standard deviation."""
    key = "foreground_intensity_properties_per_channel"
    of_channels, expected = ours.pop(key), theirs.pop(key)
    assert ours == theirs
    for channel, properties in expected.items():
        for name, value in properties.items():
            assert abs(of_channels[channel][name] - value) <= 0.01 * properties["std"], (channel, name)


CONVERT = """
    import sys
    if __name__ == "__main__":
        from nnunetv2.dataset_conversion.convert_MSD_dataset import convert_msd_dataset
        from nnunetv2.dataset_conversion.convert_raw_dataset_from_old_nnunet_format import convert
        convert_msd_dataset(sys.argv[1], 5, 1)
        convert(sys.argv[1], "Dataset006_Old")
"""


def test_conversions_give_the_same_files(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    import SimpleITK as sitk

    task = tmp_path / "Task01_Two"
    rng = np.random.default_rng(SEED)
    for folder in ("imagesTr", "imagesTs", "labelsTr"):
        write_volume(rng.integers(0, 9, (4, 5, 6)).astype(np.int16), task / folder / "c.nii.gz", (3, 1.5, 0.75))
    series = [sitk.ReadImage(str(task / "imagesTs" / "c.nii.gz")) + step for step in range(3)]
    sitk.WriteImage(sitk.JoinSeries(series), str(task / "imagesTr" / "d.nii.gz"))
    (task / "imagesTr" / "._c.nii.gz").write_bytes(b"hidden")
    content = {"name": "Two", "modality": {"0": "T2"}, "labels": {"0": "background", "1": "x"}, "numTraining": 2}
    old = {"tensorImageSize": "4D", "numTest": 1, "training": [], "test": []}
    write_json({**content, **old, "release": "1"}, task / "dataset.json")
    theirs = make_folders(tmp_path / "oracle")
    run_oracle(CONVERT, task, env=theirs.environment)

    convert_msd_dataset(str(task), 5, 0)
    convert(str(task), "Dataset006_Old")

    theirs_of_use = [file for file in theirs.raw.rglob("*.*") if file.is_file() and not file.name.startswith("._")]
    names = sorted(str(file.relative_to(theirs.raw)) for file in theirs_of_use)
    ours = sorted(
        str(file.relative_to(nnunet_folders.raw)) for file in nnunet_folders.raw.rglob("*.*") if file.is_file()
    )
    assert ours == names
    assert assert_same_files(nnunet_folders.raw, theirs.raw, "*/dataset.json") == 2
    for name in names:
        if name.endswith(".nii.gz"):
            got, expected = (sitk.ReadImage(str(root / name)) for root in (nnunet_folders.raw, theirs.raw))
            assert np.array_equal(sitk.GetArrayFromImage(got), sitk.GetArrayFromImage(expected)), name
            assert (got.GetSpacing(), got.GetOrigin()) == (expected.GetSpacing(), expected.GetOrigin()), name
            assert got.GetDirection() == expected.GetDirection(), name
            assert got.GetPixelIDTypeAsString() == expected.GetPixelIDTypeAsString(), name
