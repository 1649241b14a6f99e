"""What nnUNetv2_export_model_to_zip packs, and what it says about what is not there."""

import logging
import zipfile
from pathlib import Path

import pytest

from nnunetv2.errors import IncompleteModelError, SettingsError
from nnunetv2.model_sharing.model_export import export_pretrained_model
from tests.conftest import NnunetFolders
from tests.model_sharing.factories import (
    CARDS,
    DATASET,
    files_below,
    model_name,
    names_in,
    names_without_cards,
    write_choice,
    write_ensemble,
    write_model,
)

MODEL = f"{DATASET}/{model_name()}"


@pytest.fixture
def results(nnunet_folders: NnunetFolders) -> Path:
    return nnunet_folders.results


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "model.zip"


def test_a_model_is_packed_with_names_relative_to_the_results_folder(results: Path, target: Path) -> None:
    write_model(results, folds=[0])
    export_pretrained_model(DATASET, str(target), ("2d",), folds=(0,))
    assert names_in(target) == {
        *(f"{MODEL}/{name}" for name in ("plans.json", "dataset.json", "dataset_fingerprint.json")),
        *(f"{MODEL}/fold_0/{name}" for name in ("checkpoint_final.pth", "progress.png", "debug.json")),
        *(f"{MODEL}/fold_0/{name}" for name in ("network_architecture.pdf", "validation/summary.json")),
        *(f"{MODEL}/crossval_results_folds_0/{name}" for name in ("summary.json", "postprocessing.pkl")),
        f"{MODEL}/crossval_results_folds_0/postprocessing.json",
        *(f"{MODEL}/{name}" for name in CARDS),
    }


def test_content_is_packed_unchanged_and_deflated(results: Path, target: Path) -> None:
    write_model(results)
    export_pretrained_model(905, str(target), ("2d",), folds=(0, 1))
    there = files_below(results)
    with zipfile.ZipFile(target) as archive:
        assert all(archive.read(name) == there[name] for name in names_without_cards(target))
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_domain_files_and_curves_travel_but_groups_of_patients_do_not(results: Path, target: Path) -> None:
    write_model(results, folds=[0], domains=True)
    export_pretrained_model(DATASET, str(target), ("2d",), folds=(0,))
    names = {name.removeprefix(f"{MODEL}/") for name in names_in(target)}
    assert names > {"domains.json", "prism_dd.json", "fold_0/training_curves.json", "fold_0/network_architecture.svg"}
    assert names > {"fold_0/validation/domain_summary.json", "crossval_results_folds_0/domain_summary.json"}
    assert "groups.json" not in names


def test_predictions_are_packed_on_request_without_probabilities_of_folds(results: Path, target: Path) -> None:
    write_model(results, folds=[0])
    export_pretrained_model(DATASET, str(target), ("2d",), folds=(0,), export_crossval_predictions=True)
    names = names_in(target)
    validation = f"{MODEL}/fold_0/validation"
    assert f"{validation}/case.png" in names
    assert not {f"{validation}/case.npz", f"{validation}/case.pkl"} & names
    assert f"{MODEL}/crossval_results_folds_0/case.npz" in names


def test_only_ensembles_of_exported_models_are_packed(results: Path, target: Path) -> None:
    for configuration in ("2d", "3d_fullres", "3d_lowres"):
        write_model(results, configuration)
    wanted, other = write_ensemble(results, "2d", "3d_fullres"), write_ensemble(results, "2d", "3d_lowres")
    export_pretrained_model(DATASET, str(target), ("2d", "3d_fullres"), folds=(0, 1))
    names = names_in(target)
    assert f"{DATASET}/ensembles/{wanted.name}/postprocessing.pkl" in names
    assert not any(other.name in name for name in names)


def test_the_choice_of_the_best_model_is_packed_without_ensembles_too(results: Path, target: Path) -> None:
    write_model(results)
    write_choice(results)
    export_pretrained_model(DATASET, str(target), ("2d",), folds=(0, 1))
    assert names_in(target) > {f"{DATASET}/inference_information.json", f"{DATASET}/inference_instructions.txt"}


def test_one_error_names_everything_that_is_missing_and_nothing_is_written(results: Path, target: Path) -> None:
    model = write_model(results)
    (model / "fold_1" / "checkpoint_final.pth").unlink()
    (model / "fold_0" / "validation" / "summary.json").unlink()
    (model / "dataset_fingerprint.json").unlink()
    with pytest.raises(IncompleteModelError) as caught:
        export_pretrained_model(DATASET, str(target), ("2d", "3d_fullres"), folds=(0, 1, 2))
    assert [problem.split(" ")[0].rstrip(":") for problem in caught.value.problems] == [
        f"{model_name()}/fold_0/validation/summary.json",
        f"{model_name()}/fold_1/checkpoint_final.pth",
        f"{model_name()}/fold_2",
        f"{model_name()}/dataset_fingerprint.json",
        model_name("3d_fullres"),
    ]
    assert "there is checkpoint_best.pth; choose with -chk, or continue with `nnUNetv2_train" in str(caught.value)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("expected", [RuntimeError, AssertionError, FileNotFoundError])
def test_what_is_missing_is_an_error_of_the_kinds_nnunet_raises(
    results: Path, target: Path, expected: type[Exception]
) -> None:
    write_model(results)
    with pytest.raises(expected, match="fold_2"):
        export_pretrained_model(DATASET, str(target), ("2d",), folds=(2,))


def test_without_strictness_a_warning_names_what_is_left_out(
    results: Path, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = write_model(results)
    (model / "fold_1" / "checkpoint_final.pth").unlink()
    (model / "dataset_fingerprint.json").unlink()
    with caplog.at_level(logging.WARNING):
        export_pretrained_model(DATASET, str(target), strict=False)
    names = names_in(target)
    assert {name.split("/")[2] for name in names} == {"fold_0", "plans.json", "dataset.json", *CARDS}
    left_out = [record.getMessage() for record in caplog.records]
    assert len(left_out) == 8  # a checkpoint, three folds, the fingerprint, three configurations
    fold = f"left out: {model_name()}/fold_1/checkpoint_final.pth (there is checkpoint_best.pth; choose"
    assert any(line.startswith(fold) for line in left_out)


@pytest.mark.parametrize("name", ["plans.json", "dataset.json"])
def test_a_model_that_cannot_predict_is_no_model(results: Path, target: Path, name: str) -> None:
    (write_model(results) / name).unlink()
    with pytest.raises(IncompleteModelError, match="no model to export") as caught:
        export_pretrained_model(DATASET, str(target), strict=False)
    assert f"{model_name()}/{name}" in caught.value.problems


def test_pictures_may_be_missing(results: Path, target: Path) -> None:
    (write_model(results) / "fold_0" / "progress.png").unlink()
    export_pretrained_model(DATASET, str(target), ("2d",), folds=(0, 1))
    assert f"{MODEL}/fold_0/progress.png" not in names_in(target)


def test_single_items_need_no_brackets_and_repeated_ones_count_once(results: Path, target: Path) -> None:
    write_model(results, folds=["all"])
    export_pretrained_model(DATASET, str(target), "2d", folds="all", save_checkpoints="checkpoint_best.pth")  # type: ignore[arg-type]
    once = names_in(target)
    export_pretrained_model(DATASET, str(target), ("2d", "2d"), folds=("all", "all"))
    assert f"{MODEL}/fold_all/checkpoint_best.pth" in once
    assert len(names_in(target)) == len(once)


def test_an_older_zip_stays_until_the_new_one_is_complete(
    results: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(results)
    export_pretrained_model(DATASET, str(target), ("2d",), folds=(0, 1))
    older = target.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk is full")

    monkeypatch.setattr(zipfile.ZipFile, "open", fail)
    with pytest.raises(OSError, match="disk is full"):
        export_pretrained_model(DATASET, str(target), ("2d",), folds=(0, 1))
    assert files_below(target.parent) == {"model.zip": older}


def test_an_unset_results_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("nnUNet_results", raising=False)
    with pytest.raises(SettingsError, match="nnUNet_results is not defined"):
        export_pretrained_model(DATASET, str(tmp_path / "model.zip"))
