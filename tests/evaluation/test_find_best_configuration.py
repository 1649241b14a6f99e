import math
from argparse import Namespace
from pathlib import Path

import pytest

from nnunetv2.errors import DatasetError, OutputExistsError, SettingsError
from nnunetv2.evaluation.accumulate_cv_results import accumulate_cv_results, raw_or_copied_labels
from nnunetv2.evaluation.evaluate_predictions import load_summary_json
from nnunetv2.evaluation.find_best_configuration import (
    accumulate_as_asked,
    accumulate_crossval_results_entry_point,
    default_trained_models,
    dumb_trainer_config_plans_to_trained_models_dict,
    filter_available_models,
    find_best_configuration,
    find_best_configuration_entry_point,
    generate_inference_command,
    print_inference_instructions,
)
from nnunetv2.foundation.files import read_json, write_json
from tests.inference.cross_validation import DATASET, environment_of, write_cross_validation


def models(*configurations: str) -> tuple[dict[str, str], ...]:
    return dumb_trainer_config_plans_to_trained_models_dict(["nnUNetTrainer"], configurations, ["nnUNetPlans"])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two validated models, the second better."""
    for variable, value in environment_of(tmp_path).items():
        monkeypatch.setenv(variable, value)
    return write_cross_validation(tmp_path, {"2d": 0.3, "3d_fullres": 0.02})


def model_folder(root: Path, configuration: str) -> Path:
    return root / "results" / DATASET / f"nnUNetTrainer__nnUNetPlans__{configuration}"


def test_every_combination_is_a_model() -> None:
    assert dumb_trainer_config_plans_to_trained_models_dict(["A", "B"], ["2d", "3d"], ["P"]) == (
        {"plans": "P", "configuration": "2d", "trainer": "A"},
        {"plans": "P", "configuration": "3d", "trainer": "A"},
        {"plans": "P", "configuration": "2d", "trainer": "B"},
        {"plans": "P", "configuration": "3d", "trainer": "B"},
    )
    assert [model["configuration"] for model in default_trained_models] == [
        "2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres",
    ]  # fmt: skip


def test_configurations_that_the_plans_lack_are_skipped_and_untrained_ones_named(root: Path, caplog) -> None:
    assert filter_available_models(models("2d", "3d_lowres"), 901) == list(models("2d"))
    assert "3d_lowres" in caplog.text
    model_folder(root, "2d").rename(root / "elsewhere")
    with pytest.raises(SettingsError, match="2d has not been trained"):
        filter_available_models(models("2d"), DATASET)


def test_the_folds_of_a_model_are_collected_and_scored(root: Path) -> None:
    accumulate_cv_results(model_folder(root, "2d"), root / "merged", (0, 1), 0)
    results = load_summary_json(root / "merged" / "summary.json")
    assert len(results["metric_per_case"]) == 6
    assert results["metric_per_case"][0]["reference_file"].startswith(str(root / "raw"))
    assert (root / "merged" / "plans.json").is_file()


def test_references_come_from_the_preprocessed_folder_if_the_raw_one_is_gone(root: Path) -> None:
    (root / "raw" / DATASET).rename(root / "elsewhere")
    assert raw_or_copied_labels(DATASET) == str(root / "preprocessed" / DATASET / "gt_segmentations")


def test_a_fold_without_validation_is_named(root: Path) -> None:
    with pytest.raises(RuntimeError, match="fold 2 was not trained"):
        accumulate_cv_results(model_folder(root, "2d"), root / "merged", (0, 1, 2), 0)


def test_a_case_in_two_folds_is_named(root: Path) -> None:
    folds = model_folder(root, "2d")
    (folds / "fold_1" / "validation" / "case0.png").write_bytes(
        (folds / "fold_0" / "validation" / "case0.png").read_bytes()
    )
    with pytest.raises(DatasetError, match=r"(?s)another fold.*case0"):
        accumulate_cv_results(folds, root / "merged", (0, 1), 0)


def test_earlier_results_are_replaced_even_if_they_are_incomplete(root: Path) -> None:
    merged = root / "merged"
    for _ in range(2):
        accumulate_cv_results(model_folder(root, "2d"), merged, (0, 1), 0)
        assert not (merged / "stale.png").exists()
        (merged / "stale.png").write_bytes((merged / "case0.png").read_bytes())
        (merged / ".killed.partial.png").touch()
        (merged / "summary.json").unlink()
        (merged / "postprocessed").mkdir()


@pytest.mark.parametrize("foreign", ["thesis.txt", "fold_7/checkpoint_final.pth", "predict_from_raw_data_args.json"])
def test_a_folder_with_anything_else_is_not_replaced(root: Path, foreign: str) -> None:
    merged = root / "merged"
    accumulate_cv_results(model_folder(root, "2d"), merged, (0, 1), 0)
    (merged / foreign).parent.mkdir(exist_ok=True)
    (merged / foreign).write_text("years of work")
    with pytest.raises(SettingsError, match=rf"merged is not replaced.*contains {foreign.split('/')[0]}"):
        accumulate_cv_results(model_folder(root, "2d"), merged, (0, 1), 0)
    assert (merged / foreign).exists()


def test_a_folder_of_labels_is_not_replaced(root: Path) -> None:
    labels = root / "raw" / DATASET / "labelsTr"
    with pytest.raises(SettingsError, match="labelsTr is not replaced"):
        accumulate_cv_results(model_folder(root, "2d"), labels, (0, 1), 0)
    assert len(list(labels.iterdir())) == 6


def test_without_overwrite_existing_results_are_kept(root: Path) -> None:
    merged = root / "merged"
    accumulate_cv_results(model_folder(root, "2d"), merged, (0, 1), 0)
    (merged / "summary.json").write_text("as it was")
    accumulate_cv_results(model_folder(root, "2d"), merged, (0, 1), 0, overwrite=False)
    assert (merged / "summary.json").read_text() == "as it was"


def test_the_best_model_is_found_and_described(root: Path, capsys) -> None:
    information = find_best_configuration(901, models("2d", "3d_fullres"), False, 0, True, (0, 1))
    assert list(information["all_results"]) == [
        "nnUNetTrainer__nnUNetPlans__2d",
        "nnUNetTrainer__nnUNetPlans__3d_fullres",
    ]
    best = information["best_model_or_ensemble"]
    assert [model["configuration"] for model in best["selected_model_or_models"]] == ["3d_fullres"]
    assert best["result_on_crossval_post_pp"] >= best["result_on_crossval_pre_pp"]
    written = read_json(root / "results" / DATASET / "inference_information.json")
    assert written["all_results"] == information["all_results"]
    instructions = (root / "results" / DATASET / "inference_instructions.txt").read_text()
    assert capsys.readouterr().out == instructions
    assert (
        "nnUNetv2_predict -d 901 -i INPUT_FOLDER -o OUTPUT_FOLDER -f  0 1 -tr nnUNetTrainer -c 3d_fullres"
        in instructions
    )


def test_an_ensemble_can_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    for variable, value in environment_of(tmp_path).items():
        monkeypatch.setenv(variable, value)
    write_cross_validation(tmp_path, {"2d": 0.25, "3d_fullres": 0.25})
    information = find_best_configuration(DATASET, models("2d", "3d_fullres"), True, 0, True, (0, 1))
    assert len(information["best_model_or_ensemble"]["selected_model_or_models"]) == 2
    text = capsys.readouterr().out
    assert text.count("--save_probabilities") == 2
    assert "nnUNetv2_ensemble -i OUTPUT_FOLDER_MODEL_1 OUTPUT_FOLDER_MODEL_2 -o OUTPUT_FOLDER" in text


def test_nan_scores_never_win(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunetv2.evaluation import find_best_configuration as module

    original = module._score_model

    def score(dataset, model, *arguments):
        candidate = original(dataset, model, *arguments)
        return candidate if model["configuration"] == "2d" else module._Candidate("x", "x", (), math.nan)

    monkeypatch.setattr(module, "_score_model", score)
    information = find_best_configuration(DATASET, models("3d_fullres", "2d"), False, 0, True, (0, 1))
    best = information["best_model_or_ensemble"]["selected_model_or_models"]
    assert [model["configuration"] for model in best] == ["2d"]
    with pytest.raises(DatasetError, match="foreground Dice"):
        find_best_configuration(DATASET, models("3d_fullres"), False, 0, True, (0, 1))


def test_the_second_stage_of_a_cascade_needs_the_command_of_the_first(root: Path, capsys) -> None:
    plans_file = model_folder(root, "3d_fullres") / "plans.json"
    plans = read_json(plans_file)
    plans["configurations"]["3d_fullres"]["previous_stage"] = "2d"
    write_json(plans, plans_file)
    first, second = generate_inference_command(DATASET, "3d_fullres", folds=(0,)).splitlines()
    assert first == (
        f"nnUNetv2_predict -d {DATASET} -i INPUT_FOLDER -o OUTPUT_FOLDER_PREV_STAGE -f  0 -tr nnUNetTrainer -c 2d "
        "-p nnUNetPlans"
    )
    assert second.endswith("-c 3d_fullres -p nnUNetPlans -prev_stage_predictions OUTPUT_FOLDER_PREV_STAGE")
    given = generate_inference_command(DATASET, "3d_fullres", folder_with_segs_from_prev_stage="MINE")
    assert given.endswith("-prev_stage_predictions MINE")


def test_instructions_can_be_made_from_the_information_alone(root: Path, tmp_path: Path, capsys) -> None:
    find_best_configuration(DATASET, models("2d"), False, 0, True, (0, 1))
    results = root / "results" / DATASET
    information = read_json(results / "inference_information.json")
    print_inference_instructions(information, str(tmp_path / "again.txt"))
    assert (tmp_path / "again.txt").read_text() == (results / "inference_instructions.txt").read_text()


def test_the_command_finds_the_best_and_reports_its_domains(root: Path, run_command, capsys) -> None:
    domains = {"north": ["case0", "case1", "case2"], "south": ["case3", "case4", "case5"]}
    write_json({"domains": domains}, model_folder(root, "3d_fullres") / "domains.json")
    arguments = (901, "-c", "2d", "3d_fullres", "-f", 0, 1, "-np", 0, "--disable_ensembling")
    run_command(find_best_configuration_entry_point, *arguments)
    shown = capsys.readouterr().out
    assert "3d_fullres" in shown
    assert "worst domain" in shown
    assert (model_folder(root, "3d_fullres") / "crossval_results_folds_0_1" / "domain_summary.json").is_file()


def test_the_accumulate_command_refuses_a_folder_that_is_not_empty(root: Path, run_command, capsys) -> None:
    arguments = (901, "-c", "2d", "-f", 0, 1)
    run_command(accumulate_crossval_results_entry_point, *arguments)
    assert (model_folder(root, "2d") / "crossval_results_folds_0_1" / "summary.json").is_file()
    assert "6 case(s)" in capsys.readouterr().out
    run_command(accumulate_crossval_results_entry_point, *arguments, "-o", root / "raw", exit_code=2)
    assert f"error: {root / 'raw'} exists and is not empty; choose another folder" in capsys.readouterr().err
    run_command(accumulate_crossval_results_entry_point, 901, "-c", "3d_lowres", exit_code=2)
    assert "3d_lowres 0`, ...)" in capsys.readouterr().err


def test_a_full_output_folder_is_the_error_that_the_library_documents(root: Path) -> None:
    arguments = Namespace(
        dataset_name_or_id=901, tr="nnUNetTrainer", p="nnUNetPlans", c="2d", f=(0, 1), o=str(root / "raw")
    )
    with pytest.raises(OutputExistsError):
        accumulate_as_asked(arguments)


def test_a_configuration_that_planning_never_makes_is_an_error(root: Path) -> None:
    with pytest.raises(SettingsError, match=r"3d_lowers not found in plans.*2d, 3d_fullres"):
        filter_available_models(models("2d", "3d_lowers"), 901)
    with pytest.raises(SettingsError, match="has none of the configurations; it has 2d, 3d_fullres"):
        filter_available_models(models("3d_lowres"), 901)


@pytest.mark.parametrize(
    ("entry_point", "arguments"),
    [
        (find_best_configuration_entry_point, (901, "-c", "2d", "-f", "all")),
        (accumulate_crossval_results_entry_point, (901, "-c", "2d", "-f", 0, "all")),
    ],
)
def test_fold_all_is_refused_with_the_way_to_use_it(root: Path, run_command, capsys, entry_point, arguments) -> None:
    run_command(entry_point, *arguments, exit_code=2)
    assert f"nnUNetv2_predict -d {DATASET} -c 2d -f all" in capsys.readouterr().err


def test_an_interrupted_validation_is_not_accumulated(root: Path) -> None:
    splits = [{"train": [], "val": ["case0", "case2", "case4"]}, {"train": [], "val": ["case1", "case3", "case5"]}]
    write_json(splits, root / "preprocessed" / DATASET / "splits_final.json")
    model = model_folder(root, "2d")
    accumulate_cv_results(model, root / "merged", (0, 1), 0)

    (model / "fold_1/validation/case3.png").unlink()
    with pytest.raises(DatasetError, match=r"1 cases of .*splits_final\.json were not validated") as caught:
        accumulate_cv_results(model, root / "again", (0, 1), 0)
    assert caught.value.problems == (f"case case3: `nnUNetv2_train {DATASET} 2d 1 --val`",)
    assert not (root / "again").exists()
