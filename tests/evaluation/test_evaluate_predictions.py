import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import CaseFailedError, DatasetError, MissingFileError
from nnunetv2.evaluation.case_metrics import metrics_from_counts
from nnunetv2.evaluation.evaluate_command import evaluate_simple_entry_point
from nnunetv2.evaluation.evaluate_predictions import (
    compute_metrics_on_folder,
    compute_metrics_on_folder2,
    compute_metrics_on_folder_simple,
    compute_tp_fp_fn_tn,
    key_to_label_or_region,
    label_or_region_to_key,
    labels_to_list_of_regions,
    load_summary_json,
    region_or_label_to_mask,
    save_summary_json,
)
from nnunetv2.evaluation.summary_file import summarize
from nnunetv2.foundation.files import write_json
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from tests.factories.plans import make_dataset_json, make_plans


def write_labels(folder: Path, case: str, labels: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(labels.astype(np.uint8)).save(folder / f"{case}.png")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """References and predictions of two 4 x 5 images with labels 0, 1, 2 and the ignore label 3."""
    reference = np.zeros((4, 5), int)
    reference[:2] = 1
    reference[3] = 3
    prediction = reference.copy()
    prediction[3] = 2
    prediction[0, 0] = 2
    write_labels(tmp_path / "gt", "case_1", reference)
    write_labels(tmp_path / "pred", "case_1", prediction)
    write_labels(tmp_path / "gt", "case_2", np.ones((4, 5)))
    write_labels(tmp_path / "pred", "case_2", np.ones((4, 5)))
    return tmp_path / "gt", tmp_path / "pred"


def score(folders: tuple[Path, Path], labels: list, **settings) -> dict:
    return compute_metrics_on_folder(*folders, None, NaturalImage2DIO(), ".png", labels, num_processes=0, **settings)


def test_counts_and_ratios_follow_from_the_masks() -> None:
    reference = np.zeros(100, bool)
    reference[:75] = True
    prediction = np.zeros(100, bool)
    prediction[15:76] = True
    counts = compute_tp_fp_fn_tn(reference, prediction)
    assert counts == (60, 1, 15, 24)
    metrics = metrics_from_counts(*counts)
    assert metrics["Dice"] == 0.8823529411764706
    assert metrics["IoU"] == 0.7894736842105263
    assert list(metrics) == ["Dice", "IoU", "FP", "TP", "FN", "TN", "n_pred", "n_ref"]
    assert (metrics["n_pred"], metrics["n_ref"]) == (61, 75)


def test_ignored_voxels_are_not_counted() -> None:
    reference, prediction = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert compute_tp_fp_fn_tn(reference, prediction, np.array([0, 1, 1, 0], bool)) == (1, 0, 0, 1)


def test_a_region_is_the_union_of_its_labels() -> None:
    labels = np.array([0, 1, 2, 3])
    assert region_or_label_to_mask(labels, (1, 3)).tolist() == [False, True, False, True]
    assert region_or_label_to_mask(labels, 2).tolist() == [False, False, True, False]
    assert labels_to_list_of_regions([1, 2]) == [(1,), (2,)]


def test_means_leave_nan_out_per_class_but_not_over_classes() -> None:
    first = {1: {"Dice": 15 / 17}, 2: {"Dice": 1.0}, 3: {"Dice": math.nan}}
    second = {1: {"Dice": 1.0}, 2: {"Dice": math.nan}, 3: {"Dice": math.nan}}
    result = summarize([{"metrics": first}, {"metrics": second}])
    assert result["mean"][1]["Dice"] == 0.9411764705882353
    assert result["mean"][2]["Dice"] == 1.0
    assert math.isnan(result["mean"][3]["Dice"])
    assert math.isnan(result["foreground_mean"]["Dice"])


def test_label_0_is_in_mean_but_not_in_foreground_mean(folders) -> None:
    result = score(folders, [0, 1])
    assert result["foreground_mean"] == result["mean"][1]
    assert 0 in result["mean"]


def test_a_folder_is_scored_case_by_case(folders) -> None:
    result = score(folders, [1, 2], ignore_label=3)
    first, second = result["metric_per_case"]
    assert first["metrics"][1] == {
        "Dice": 18 / 19, "IoU": 9 / 10, "FP": 0, "TP": 9, "FN": 1, "TN": 5, "n_pred": 9, "n_ref": 10,
    }  # fmt: skip
    assert first["metrics"][2]["Dice"] == 0
    assert first["metrics"][2]["FP"] == 1
    assert math.isnan(second["metrics"][2]["Dice"])
    assert result["mean"][1]["TP"] == 14.5
    assert first["reference_file"].endswith("gt/case_1.png")


def test_worker_processes_give_the_same_as_none(folders) -> None:
    here = score(folders, [1, 2], ignore_label=3)
    there = compute_metrics_on_folder(*folders, None, NaturalImage2DIO(), ".png", [1, 2], 3, num_processes=8)
    np.testing.assert_equal(there, here)


def test_summary_json_reads_back_equal(folders, tmp_path: Path) -> None:
    result = score(folders, [(1, 2), (3,), 1])
    save_summary_json(result, tmp_path / "summary.json")
    text = (tmp_path / "summary.json").read_text()
    assert list(json.loads(text)) == ["foreground_mean", "mean", "metric_per_case"]
    assert list(json.loads(text)["mean"]) == ["(1, 2)", "(3,)", "1"]
    np.testing.assert_equal(load_summary_json(tmp_path / "summary.json"), result)


@pytest.mark.parametrize(("value", "key"), [(1, "1"), ((1, 2), "(1, 2)"), ((3,), "(3,)")])
def test_class_keys_go_both_ways(value: object, key: str) -> None:
    assert label_or_region_to_key(value) == key
    assert key_to_label_or_region(key) == value


def test_a_key_that_is_not_a_class_is_refused() -> None:
    with pytest.raises(ValueError, match="tumor"):
        key_to_label_or_region("tumor")


def test_shapes_that_differ_are_an_error_that_names_the_case(folders) -> None:
    write_labels(folders[1], "case_2", np.ones((1, 5)))
    with pytest.raises(CaseFailedError, match=r"case case_2: .*\(1, 1, 5\).*\(1, 4, 5\)"):
        score(folders, [1])


def test_predictions_without_a_reference_are_all_named(folders) -> None:
    for name in ("extra_1", "extra_2"):
        write_labels(folders[1], name, np.ones((4, 5)))
    with pytest.raises(DatasetError, match="without a reference") as caught:
        score(folders, [1])
    assert caught.value.problems == ("extra_1.png", "extra_2.png")


def test_references_without_a_prediction_are_accepted_only_with_chill(folders) -> None:
    (folders[1] / "case_2.png").unlink()
    with pytest.raises(AssertionError, match=r"case_2\.png"):
        score(folders, [1], chill=False)
    assert len(score(folders, [1], chill=True)["metric_per_case"]) == 1


def test_an_empty_folder_of_predictions_is_an_error(folders, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError, match="no predictions"):
        score((folders[0], tmp_path / "empty"), [1])


def test_the_output_file_must_be_json(folders) -> None:
    with pytest.raises(AssertionError, match=r"summary\.txt"):
        compute_metrics_on_folder(*folders, "summary.txt", NaturalImage2DIO(), ".png", [1], num_processes=0)


def test_labels_and_ending_come_from_dataset_json(folders, tmp_path: Path) -> None:
    labels = {"background": 0, "a": 1, "b": 2, "ignore": 3}
    write_json(make_dataset_json(".png", 1, labels), tmp_path / "dataset.json")
    write_json(make_plans([8, 8], [1.0, 1.0], ".png", 1), tmp_path / "plans.json")
    returned = compute_metrics_on_folder2(*folders, tmp_path / "dataset.json", tmp_path / "plans.json", num_processes=0)
    assert returned is None
    np.testing.assert_equal(load_summary_json(folders[1] / "summary.json"), score(folders, [1, 2], ignore_label=3))


def test_the_simple_evaluation_uses_the_most_common_ending(folders) -> None:
    (folders[0] / "a_note.txt").write_text("hello")
    compute_metrics_on_folder_simple(*folders, [1, 2], num_processes=0, ignore_label=3)
    np.testing.assert_equal(load_summary_json(folders[1] / "summary.json"), score(folders, [1, 2], ignore_label=3))


def test_the_command_scores_by_domain(folders, tmp_path: Path, run_command, capsys) -> None:
    write_json({"domains": {"north": ["case_1"], "south": ["case_2"]}}, tmp_path / "domains.json")
    run_command(
        evaluate_simple_entry_point,
        "-np",
        0,
        *folders,
        "-l",
        1,
        "--domains",
        tmp_path / "domains.json",
        "-o",
        tmp_path / "out.json",
    )
    by_domain = json.loads((tmp_path / "domain_summary.json").read_text())
    assert by_domain["domains"]["south"]["foreground"]["Dice"]["mean"] == 1
    assert by_domain["worst_domain"]["domain"] == "north"
    shown = capsys.readouterr().out
    assert "north" in shown
    assert "2 case(s)" in shown


def test_a_broken_domains_file_ends_the_command_before_scoring(folders, tmp_path, run_command, capsys) -> None:
    write_json({"domain": {}}, tmp_path / "domains.json")
    run_command(
        evaluate_simple_entry_point, "-np", 0, *folders, "-l", 1, "--domains", tmp_path / "domains.json", exit_code=2
    )
    assert "domains.json" in capsys.readouterr().err
    assert not (folders[1] / "summary.json").exists()


def test_cases_without_a_domain_are_all_named_before_scoring(folders, tmp_path, run_command, capsys) -> None:
    write_json({"domains": {"north": ["case_3"]}}, tmp_path / "domains.json")
    run_command(
        evaluate_simple_entry_point, "-np", 0, *folders, "-l", 1, "--domains", tmp_path / "domains.json", exit_code=2
    )
    shown = capsys.readouterr().err
    assert f"{tmp_path / 'domains.json'} lacks cases (2 problems)" in shown
    assert "case 'case_1' is in no domain" in shown
    assert "case 'case_2' is in no domain" in shown
    assert not (folders[1] / "summary.json").exists()


def test_the_command_ends_with_one_line_for_a_missing_folder(folders, tmp_path, run_command, capsys) -> None:
    shutil.rmtree(folders[0])
    run_command(evaluate_simple_entry_point, "-np", 0, *folders, "-l", 1, exit_code=2)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_scores_replace_only_scores(folders, tmp_path: Path, run_command, capsys) -> None:
    write_json({"domains": {"all": ["case_1", "case_2"]}}, tmp_path / "domains.json")
    for name, reason in (("domains.json", "is the file of --domains"), ("dataset.json", "is not a summary of scores")):
        write_json({"domains": {"all": ["case_1", "case_2"]}}, tmp_path / name)
        before = (tmp_path / name).read_bytes()
        run_command(
            evaluate_simple_entry_point,
            "-np",
            0,
            *folders,
            "-l",
            1,
            "--domains",
            tmp_path / "domains.json",
            "-o",
            tmp_path / name,
            exit_code=2,
        )
        assert reason in capsys.readouterr().err
        assert (tmp_path / name).read_bytes() == before
    for _ in range(2):
        run_command(evaluate_simple_entry_point, "-np", 0, *folders, "-l", 1, "-o", tmp_path / "scores.json")


def test_files_that_are_no_images_do_not_decide_the_ending(folders) -> None:
    for name in ("dataset.json", "plans.json", "predict_from_raw_data_args.json"):
        write_json({}, folders[0] / name)

    compute_metrics_on_folder_simple(*folders, [1], num_processes=0)
    assert len(load_summary_json(folders[1] / "summary.json")["metric_per_case"]) == 2


def test_the_simple_evaluation_leaves_no_pair_of_another_ending_out(folders) -> None:
    for folder in folders:
        Image.fromarray(np.ones((4, 5), np.uint8)).save(folder / "case_3.bmp")

    with pytest.raises(DatasetError, match=r"most references end in .png") as caught:
        compute_metrics_on_folder_simple(*folders, [1], num_processes=0)
    assert caught.value.problems == ("case_3.bmp",)
    (folders[1] / "case_3.bmp").unlink()
    compute_metrics_on_folder_simple(*folders, [1], num_processes=0)
