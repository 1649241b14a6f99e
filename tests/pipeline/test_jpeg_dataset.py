"""A dataset of JPEG images, from conversion to scores: labels, predictions and references are PNG files."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2.dataset_conversion.convert_image_folder import ConversionSettings, convert_image_folder
from nnunetv2.ensembling.ensemble import ensemble_folders
from nnunetv2.errors import DatasetError, DatasetLayoutError
from nnunetv2.evaluation.accumulate_cv_results import accumulate_cv_results
from nnunetv2.evaluation.evaluate_predictions import compute_metrics_on_folder2, compute_metrics_on_folder_simple
from nnunetv2.experiment_planning.plan_and_preprocess_api import (
    extract_fingerprints,
    plan_experiments,
    preprocess_dataset,
)
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.postprocessing.remove_connected_components import apply_postprocessing_to_folder
from nnunetv2.reporting.command_line import report_entry
from nnunetv2.run.run_training import get_trainer_from_args
from nnunetv2.utilities.overlay_plots import generate_overlays_from_raw
from s1.domain_sources import open_raw_dataset
from s1.image_features import MeasureSettings, measure_domains
from tests.conftest import NnunetFolders
from tests.pipeline.test_main_job import shrink_plans

NAME = "Dataset077_Tiles"
CASES = [f"tile_{number}" for number in range(5)]


@pytest.fixture
def raw(nnunet_folders: NnunetFolders, tmp_path: Path) -> Path:
    """The dataset that `drift convert --keep-jpeg` makes of five tiles."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number, case in enumerate(CASES):
        picture = np.random.default_rng(number).integers(1, 150, (48, 56, 3), dtype=np.uint8)
        mask = np.zeros((48, 56), np.uint8)
        mask[10 + number : 30, 20:40] = 1
        picture[mask == 1] += 90
        Image.fromarray(picture).save(tmp_path / "images" / f"{case}.{'jpg' if number % 2 else 'JPEG'}", quality=90)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{case}.png")
    (tmp_path / "t.csv").write_text("case,domain\n" + "".join(f"{c},{'AB'[n % 2]}\n" for n, c in enumerate(CASES)))
    settings = ConversionSettings(tmp_path / "images", tmp_path / "masks", NAME, tmp_path / "t.csv", keep_jpeg=True)
    convert_image_folder(settings, 0)
    return nnunet_folders.raw / NAME


def names(folder: Path, ending: str) -> list[str]:
    return sorted(path.name for path in folder.glob(f"*{ending}"))


def test_the_conversion_copies_the_jpeg_files(raw: Path, tmp_path: Path) -> None:
    assert json.loads((raw / "dataset.json").read_text())["file_ending"] == ".jpg"
    for number, case in enumerate(CASES):
        source = tmp_path / "images" / f"{case}.{'jpg' if number % 2 else 'JPEG'}"
        assert (raw / "imagesTr" / f"{case}_0000.jpg").read_bytes() == source.read_bytes()
    assert names(raw / "labelsTr", "") == [f"{case}.png" for case in CASES]


def test_stage_1_and_overlays_find_the_masks(raw: Path, tmp_path: Path) -> None:
    source = open_raw_dataset("77")
    measured = measure_domains(source.pairs, MeasureSettings(workers=0, with_pictures=False))
    assert {domain: totals.images for domain, totals in measured.items()} == {"A": 3, "B": 2}
    assert measured["A"].has_masks
    generate_overlays_from_raw(77, str(tmp_path / "overlays"), 0)
    assert names(tmp_path / "overlays", ".png") == [f"{case}.png" for case in CASES]


@pytest.mark.long
def test_training_prediction_and_scores(
    raw: Path,
    nnunet_folders: NnunetFolders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[..., None],
) -> None:
    preprocessed = nnunet_folders.preprocessed / NAME
    extract_fingerprints([77], num_processes=0, check_dataset_integrity=True)
    plan_experiments([77])
    shrink_plans(preprocessed / "nnUNetPlans.json")
    preprocess_dataset(77, configurations=("2d",), num_processes=[0])
    assert names(preprocessed / "gt_segmentations", "") == [f"{case}.png" for case in CASES]
    assert json.loads((preprocessed / "nnUNetPlans.json").read_text())["image_reader_writer"] == "JpegImage2DIO"

    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    trainer = get_trainer_from_args("77", "2d", 0, "nnUNetTrainer", device=torch.device("cpu"))
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, 1, 1
    trainer.run_training()
    trainer.perform_actual_validation(save_probabilities=True)
    model = Path(trainer.output_folder_base)
    validated = names(model / "fold_0" / "validation", ".png")
    assert validated
    assert not names(model / "fold_0" / "validation", ".jpg")

    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, use_mirroring=False)
    predictor.initialize_from_trained_model_folder(str(model), (0,), "checkpoint_final.pth")
    out, merged, ensemble = tmp_path / "out", tmp_path / "merged", tmp_path / "ensemble"
    predictor.predict_from_files_sequential(str(raw / "imagesTr"), str(out), save_probabilities=True)
    assert names(out, ".png") == [f"{case}.png" for case in CASES]
    remaining = predictor._manage_input_and_output_lists(str(raw / "imagesTr"), str(out), overwrite=False)
    assert remaining[0] == [], "finished cases are found by the ending of the labels"

    description = (str(out / "dataset.json"), str(out / "plans.json"))
    compute_metrics_on_folder2(str(raw / "labelsTr"), str(out), *description, num_processes=0)
    compute_metrics_on_folder_simple(str(raw / "labelsTr"), str(out), [1], str(tmp_path / "simple.json"), 0)
    assert len(json.loads((out / "summary.json").read_text())["metric_per_case"]) == len(CASES)
    ensemble_folders([str(out), str(out)], str(ensemble), num_processes=0)
    assert names(ensemble, ".png") == names(out, ".png")
    accumulate_cv_results(model, merged, (0,), 0)
    assert names(merged, ".png") == validated
    apply_postprocessing_to_folder(str(merged), str(tmp_path / "postprocessed"), [], [], num_processes=0)
    assert names(tmp_path / "postprocessed", ".png") == validated

    run_command(report_entry, model, "-o", tmp_path / "report.html", "--images-dir", raw / "imagesTr")
    page = (tmp_path / "report.html").read_text()
    assert "cannot be read" not in page
    assert "not found" not in page


def test_labels_saved_as_jpeg_are_missing_with_the_reason(raw: Path) -> None:
    (raw / "labelsTr" / "tile_1.png").unlink()
    Image.fromarray(np.zeros((48, 56), np.uint8)).save(raw / "labelsTr" / "tile_1.jpg")
    with pytest.raises(
        DatasetLayoutError, match=r"tile_1\.png; JPEG changes values, so the labels of JPEG images are PNG"
    ):
        verify_dataset_integrity(str(raw), 0)


def test_other_images_are_named_when_jpeg_is_to_be_kept(raw: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((48, 56, 3), np.uint8)).save(tmp_path / "images" / "tile_1.jpg", format="PNG")
    settings = ConversionSettings(tmp_path / "images", tmp_path / "masks", "Dataset078_Mixed", keep_jpeg=True)
    with pytest.raises(DatasetError, match=r"tile_1\.jpg: is not a JPEG file; leave out --keep-jpeg"):
        convert_image_folder(settings, 0)
