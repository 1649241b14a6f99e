"""The report of a model and of predictions: its content, and that it needs no other file."""

import base64
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import InvalidValueError, MissingFileError
from nnunetv2.reporting.run_report import model_report, predictions_report
from tests.reporting.model_folder import DATASET, training_curves, write_evaluation, write_model
from tests.seen_pages import in_a_browser, problems_of


@pytest.fixture
def model(nnunet_folders) -> Path:
    return write_model(nnunet_folders.results, nnunet_folders.raw)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def pictures_of(html: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in found]


def test_the_page_is_self_contained(model: Path) -> None:
    html = model_report(model)

    assert html.startswith("<!DOCTYPE html>")
    assert not re.search(r'(src|href)="(?!data:)', html)
    assert "http" not in html
    assert "<script" not in html


def test_the_page_describes_the_training_data(model: Path) -> None:
    text = text_of(model_report(model, worst_cases=0))

    for fact in (
        DATASET,
        "Tiles &lt;of&gt; two hospitals",
        "tumor, stroma",
        "R, G, B",
        "256 x 320 pixels",
        "Sections per training step 9",
        "0.5 x 0.5",
        "nnUNetTrainer, configuration 2d_big",
    ):
        assert fact in text
    assert "A 12 80.0% 60.0% 0.75 x" in text
    assert "B &amp; C 3 20.0% 40.0% 2.00 x" in text
    assert "derived from how much the domains differ" in text


def test_the_page_gives_the_result_in_numbers_and_words(model: Path) -> None:
    text = text_of(model_report(model, worst_cases=0))

    assert "15 cases of 2 domains were compared" in text
    assert "agrees best in A and least in B &amp; C" in text
    assert "0.836 balanced Dice" in text
    assert "0.189 gap between best and worst" in text
    assert "A (12 cases) 0.911 [0.880, 0.940] 0.920 [0.900, 0.940] -" in text
    assert "Few cases (under 10) in B &amp; C" in text


def test_the_worst_cases_come_with_outlines_in_both_colours(model: Path) -> None:
    html = model_report(model)

    assert text_of(html).index("case_2, domain B &amp; C: Dice 0.700") < text_of(html).index("case_1, domain B &amp; C")
    overlay = pictures_of(html)[1].reshape(-1, 3).astype(int)
    for colour in ((255, 213, 0), (0, 229, 255)):
        assert (np.abs(overlay - colour).max(axis=1) < 12).sum() > 50
    assert "tumor: Dice" not in text_of(html)  # titles of panels are part of the picture
    assert len(pictures_of(html)) == 4


def test_no_case_is_shown_if_none_is_requested(model: Path) -> None:
    html = model_report(model, worst_cases=0)

    assert "The worst cases" not in html
    assert len(pictures_of(html)) == 2


def test_for_a_missing_picture_a_note_names_the_folders_searched(model: Path, nnunet_folders) -> None:
    (nnunet_folders.raw / DATASET / "imagesTr" / "case_1_0000.png").unlink()

    text = text_of(model_report(model))

    assert "image case_1_0000.png not found in" in text
    assert "imagesTr" in text


def test_images_are_found_in_the_folder_given(model: Path, nnunet_folders, tmp_path: Path) -> None:
    (nnunet_folders.raw / DATASET / "imagesTr").rename(tmp_path / "elsewhere")

    assert len(pictures_of(model_report(model))) == 2
    assert len(pictures_of(model_report(model, images_dir=tmp_path / "elsewhere"))) == 4


def test_files_that_moved_with_the_model_are_found_next_to_their_summary(model: Path) -> None:
    moved = model.with_name("nnUNetTrainer__nnUNetPlans__moved")
    model.rename(moved)

    assert "not found" not in text_of(model_report(moved))


def test_a_fold_can_be_reported_alone(model: Path) -> None:
    html = model_report(model / "fold_0", worst_cases=0)

    assert "fold 0, validation cases" in html
    assert "tumor, stroma" in html


def test_several_folds_are_reported_in_order(model: Path, nnunet_folders) -> None:
    write_evaluation(model / "fold_1" / "validation", nnunet_folders.raw)
    (model / "fold_all").mkdir()

    text = text_of(model_report(model, worst_cases=0))

    assert text.index("fold 0, validation cases") < text.index("fold 1, validation cases")
    assert "fold 0, fold 1, trained on all cases" in text


def test_the_cross_validation_of_most_folds_replaces_the_single_folds(model: Path, nnunet_folders) -> None:
    for folds in ("0_1_2_3_4", "1_2"):
        write_evaluation(model / f"crossval_results_folds_{folds}", nnunet_folders.raw, with_domains=folds == "1_2")

    text = text_of(model_report(model, worst_cases=0))

    assert "cross-validation of fold 0, fold 1, fold 2, fold 3, fold 4" in text
    assert "2 cases evaluated" in text  # without domains: the scores are those of five folds
    assert "fold 0, validation cases" not in text


def test_a_single_domain_has_means_and_no_talk_of_domains(nnunet_folders) -> None:
    model = write_model(nnunet_folders.results, nnunet_folders.raw, domains=False)

    text = text_of(model_report(model))

    assert "all cases (2 cases) 0.812 0.812 0.812" in text
    assert "2 cases evaluated" in text
    assert "worst domain" not in text.split("How to read")[0]
    assert "case_2: Dice 0.700" in text


def test_scores_by_domain_of_an_earlier_evaluation_are_not_shown(model: Path) -> None:
    validation = model / "fold_0" / "validation"
    content = json.loads((validation / "domain_summary.json").read_text())
    digest = hashlib.sha256((validation / "summary.json").read_bytes()).hexdigest()
    for sha256, is_shown in ((digest, True), ("0" * 64, False)):
        (validation / "domain_summary.json").write_text(json.dumps({**content, "summary_sha256": sha256}))
        assert ("agrees best in A" in text_of(model_report(model, worst_cases=0))) is is_shown


def set_mixing(fold: Path, **mixing: object) -> None:
    """Write training_curves.json anew with the key mixing_ratios as given, or without it."""
    content = training_curves()
    del content["mixing_ratios"]
    fold.mkdir(exist_ok=True)
    (fold / "training_curves.json").write_text(json.dumps({**content, **mixing}))


@pytest.mark.parametrize("mixing", [{}, {"mixing_ratios": None}])
def test_no_share_in_training_is_claimed_where_it_is_unknown_or_left_to_chance(model: Path, mixing) -> None:
    set_mixing(model / "fold_0", **mixing)

    text = text_of(model_report(model, worst_cases=0))

    assert "hare in training" not in text
    assert "A 12 80.0% B &amp; C 3 20.0%" in text


def test_the_share_in_training_is_that_of_the_batches_not_the_weight_in_the_evaluation(model: Path) -> None:
    set_mixing(model / "fold_0", mixing_ratios={"A": 1.0})

    text = text_of(model_report(model, worst_cases=0))

    assert "A 12 80.0% 100.0% 1.25 x" in text
    assert "B &amp; C 3 20.0% 0.0% 0.00 x" in text


def test_folds_with_other_mixing_ratios_have_a_column_of_their_own(model: Path) -> None:
    for fold, ratios in ((1, {"A": 0.6, "B & C": 0.4}), (2, {"B & C": 1.0})):
        set_mixing(model / f"fold_{fold}", mixing_ratios=ratios)

    text = text_of(model_report(model, worst_cases=0))

    assert "Share in training (fold 0, fold 1) Share in training (fold 2) A 12 80.0% 60.0% 0.0% B &amp; C" in text


def test_the_curves_of_a_training_without_validation_are_shown(model: Path) -> None:
    for file in (model / "fold_0" / "validation").iterdir():
        file.unlink()

    text = text_of(model_report(model))

    assert "5 epochs. It took 5 minutes." in text
    assert "How good" not in text


def test_predictions_of_a_folder_are_reported(nnunet_folders, tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    write_evaluation(folder, nnunet_folders.raw)
    arguments = {"list_of_lists_or_source_folder": str(nnunet_folders.raw / DATASET / "imagesTr")}
    (folder / "predict_from_raw_data_args.json").write_text(json.dumps(arguments))

    html = predictions_report(folder)

    assert "Report of predictions" in html
    assert "class 1" in html
    assert len(pictures_of(html)) == 3


def test_predictions_that_were_not_evaluated_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="evaluate the predictions first"):
        predictions_report(tmp_path)


def test_a_malformed_summary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")

    with pytest.raises(InvalidValueError, match="metric_per_case"):
        predictions_report(tmp_path)


def test_a_folder_that_is_not_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="--predictions"):
        model_report(tmp_path)
    with pytest.raises(MissingFileError, match="not found"):
        model_report(tmp_path / "absent")
    (tmp_path / "fold_0").mkdir()
    with pytest.raises(MissingFileError, match="trained to the end of an epoch"):
        model_report(tmp_path)


@in_a_browser
def test_the_page_is_readable_in_a_browser(model: Path, tmp_path: Path) -> None:
    assert problems_of(model_report(model), tmp_path) == []
