import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.errors import InvalidOutputError, OutputExistsError
from nnunetv2.foundation.output_guard import (
    check_output_file,
    check_output_folder,
    check_results,
    is_json_with,
    is_model_archive,
    is_web_page,
)
from tests.conftest import NnunetFolders

MODEL = "Dataset001_T/nnUNetTrainer__nnUNetPlans__2d"
RECORD = "predict_from_raw_data_args.json"


def put(file: Path, content: str = "x") -> Path:
    """Write a small file and return its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file.parent


@pytest.mark.parametrize("spelling", [str, lambda folder: f"{folder}/../images", lambda folder: f"{folder}/"])
def test_an_input_folder_is_no_output_folder(tmp_path: Path, spelling: Callable[[Path], str]) -> None:
    images = put(tmp_path / "images/a_0000.png")

    with pytest.raises(InvalidOutputError, match="is the folder of the images"):
        check_output_folder(spelling(images), {"the images": images, "the previous stage": None})


def test_a_folder_within_the_images_may_hold_results(tmp_path: Path) -> None:
    images = put(tmp_path / "images/a_0000.png")

    check_output_folder(images / "predicted", {"the images": images})


@pytest.mark.parametrize(
    ("file", "folder", "reason"),
    [
        ("raw/Dataset001_T/labelsTr/a.png", "raw/Dataset001_T/labelsTr", "holds the cases of a dataset"),
        ("raw/Dataset001_T/labelsTs/a.png", "raw/Dataset001_T/labelsTs", "holds the cases of a dataset"),
        ("raw/Dataset001_T/imagesTr/a_0000.png", "raw/Dataset001_T/imagesTr", "holds the cases of a dataset"),
        ("pre/Dataset001_T/gt_segmentations/a.png", "pre/Dataset001_T/gt_segmentations", "holds the cases"),
        ("raw/Dataset001_T/imagesTr/a_0000.png", "raw/Dataset001_T", "is the folder of a dataset"),
        ("pre/Dataset001_T/dataset_fingerprint.json", "pre/Dataset001_T", "is the folder of a dataset"),
        ("pre/Dataset001_T/nnUNetPlans_2d/a.b2nd", "pre/Dataset001_T/nnUNetPlans_2d", "preprocessed cases"),
        (f"res/{MODEL}/fold_0/checkpoint_best.pth", f"res/{MODEL}", "is the folder of a trained model"),
        (f"res/{MODEL}/fold_0/checkpoint_best.pth", f"res/{MODEL}/fold_0", "is the folder of a trained fold"),
    ],
)
def test_folders_of_datasets_and_models_are_no_output_folders(
    tmp_path: Path, file: str, folder: str, reason: str
) -> None:
    put(tmp_path / file)
    for name in ("raw/Dataset001_T", "pre/Dataset001_T"):
        put(tmp_path / name / "dataset.json")

    with pytest.raises(InvalidOutputError, match=reason):
        check_output_folder(tmp_path / folder)


def test_the_validation_of_a_fold_is_no_output_folder(tmp_path: Path) -> None:
    put(tmp_path / "fold_0/checkpoint_final.pth")
    validation = put(tmp_path / "fold_0/validation/a.png")

    with pytest.raises(InvalidOutputError, match="holds the validation of a trained fold"):
        check_output_folder(validation)


def test_annotations_that_a_dataset_links_to_are_found(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    masks = put(tmp_path / "masks/a.png")
    (nnunet_folders.raw / "Dataset001_T").mkdir()
    (nnunet_folders.raw / "Dataset001_T/labelsTr").symlink_to(masks)

    with pytest.raises(InvalidOutputError, match="Dataset001_T/labelsTr"):
        check_output_folder(masks)


@pytest.mark.parametrize("name", [RECORD, "plans.json"])
def test_predicted_labels_may_be_predicted_again(tmp_path: Path, name: str) -> None:
    labels = put(tmp_path / "Dataset001_T/labelsTs/a.png")
    put(labels / name)

    check_output_folder(labels)


def test_references_that_were_copied_are_never_replaced(tmp_path: Path) -> None:
    references = put(tmp_path / "Dataset001_T/gt_segmentations/a.png")
    put(references / RECORD)

    with pytest.raises(InvalidOutputError):
        check_output_folder(references)


@pytest.mark.parametrize("name", ["new", "empty", "labelsTr", "used"])
def test_other_folders_may_hold_results(tmp_path: Path, name: str) -> None:
    for folder in ("empty", "labelsTr"):
        (tmp_path / folder).mkdir()
    put(tmp_path / "used/a.png")
    put(tmp_path / "used/dataset.json")

    check_output_folder(tmp_path / name)


def check_table(file: Path) -> None:
    check_output_file(file, "a table", is_json_with("rows"), {"the source": file.parent / "source.json"})


def test_an_output_file_is_new_or_of_its_own_kind(tmp_path: Path) -> None:
    put(tmp_path / "earlier.json", json.dumps({"rows": [], "more": 1}))
    put(tmp_path / "empty.json", "")

    for name in ("new.json", "earlier.json", "empty.json"):
        check_table(tmp_path / name)


@pytest.mark.parametrize("content", ["{}", "[]", "[1]", '{"labels": 1}', "no JSON", "[" * 100_000, "\ufffe"])
def test_files_of_another_kind_are_not_replaced(tmp_path: Path, content: str) -> None:
    put(tmp_path / "other.json", content)

    with pytest.raises(OutputExistsError, match="exists and is not a table"):
        check_table(tmp_path / "other.json")


def test_neither_the_source_nor_a_folder_is_an_output_file(tmp_path: Path) -> None:
    put(tmp_path / "source.json", json.dumps({"rows": []}))
    (tmp_path / "link.json").symlink_to(tmp_path / "source.json")

    with pytest.raises(InvalidOutputError, match="is the file of the source"):
        check_table(tmp_path / "link.json")
    with pytest.raises(OutputExistsError, match="is a folder"):
        check_table(tmp_path)


def test_pages_and_archives_of_models_are_recognised(tmp_path: Path) -> None:
    put(tmp_path / "page", "<!DOCTYPE html><html>")
    for name, entry in (("model", f"{MODEL}/plans.json"), ("checkpoint", "archive/data.pkl")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(entry, "x")

    assert [name for name in ("page", "model", "checkpoint") if is_web_page(tmp_path / name)] == ["page"]
    assert [name for name in ("page", "model", "checkpoint") if is_model_archive(tmp_path / name)] == ["model"]


def test_annotations_outside_of_datasets_are_not_replaced(tmp_path: Path) -> None:
    masks = put(tmp_path / "masks/a.png")

    with pytest.raises(InvalidOutputError, match=r"masks holds 1 file\(s\) with names of results \(a\.png\)"):
        check_results(masks, ["a.png", "b.png"])
    check_results(masks, ["b.png"])
    check_results(tmp_path / "missing", ["a.png"])


@pytest.mark.parametrize("record", [RECORD, "plans.json"])
def test_earlier_results_are_replaced(tmp_path: Path, record: str) -> None:
    put(tmp_path / "out/a.png")
    check_results(put(tmp_path / "out" / record), ["a.png"])
