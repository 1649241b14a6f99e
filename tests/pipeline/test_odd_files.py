"""Hidden files, pipes, lost links and two Unicode forms of a name: every command treats them alike."""

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.dataset_conversion.convert_image_folder import ConversionSettings, convert_image_folder
from nnunetv2.dataset_conversion.convert_raw_dataset_from_old_nnunet_format import convert
from nnunetv2.ensembling.ensemble import ensemble_folders
from nnunetv2.errors import DatasetError, DatasetLayoutError, DriftError
from nnunetv2.evaluation.evaluate_predictions import compute_metrics_on_folder2, compute_metrics_on_folder_simple
from nnunetv2.evaluation.evaluation_report import check_domains, read_domains
from nnunetv2.evaluation.validation_files import validation_files
from nnunetv2.experiment_planning.companion_files import take_over_domain_files
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from nnunetv2.foundation.files import read_json
from nnunetv2.inference.case_lists import list_inputs, list_previous_stages
from nnunetv2.model_sharing.model_import import install_model_from_zip_file
from nnunetv2.postprocessing.remove_connected_components import apply_postprocessing_to_folder
from nnunetv2.training.dataloading.case_splits import split_into_fold
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets
from s1.domain_sources import open_folders, open_raw_dataset
from tests.conftest import NnunetFolders
from tests.experiment_planning.factories import label_image, rgb_image, write_json, write_png, write_rgb_dataset
from tests.factories.plans import make_dataset_json, make_plans
from tests.model_sharing.factories import files_below
from tests.odd_files import APPLE_DOUBLE, KINDS, decomposed, hide_beside, make_odd

NAME = "Dataset031_Odd"
ACCENTED = ("Brüssel", "Malmö", "c")


def write_dataset(folders: NnunetFolders, cases: tuple[str, ...] = ("a", "b", "c")) -> Path:
    folder = write_rgb_dataset(folders.raw / NAME, cases)
    write_json({"domains": {"x": list(cases[:1]), "y": list(cases[1:])}}, folder / "domains.json")
    return folder


def write_predictions(folder: Path, cases: tuple[str, ...] = ("a", "b")) -> Path:
    for seed, case in enumerate(cases):
        write_png(label_image(seed), folder / f"{case}.png")
    write_json(make_dataset_json(".png", 3), folder / "dataset.json")
    write_json(make_plans([8, 8], [1.0, 1.0], ".png", 3), folder / "plans.json")
    return folder


def evaluate(references: Path, predictions: Path) -> int:
    files = (predictions / "dataset.json", predictions / "plans.json")
    compute_metrics_on_folder2(references, predictions, *files, num_processes=0)
    return len(read_json(predictions / "summary.json")["metric_per_case"])


def write_probabilities(folder: Path, cases: tuple[str, ...]) -> Path:
    write_predictions(folder, ())
    for case in cases:
        np.savez(folder / f"{case}.npz", probabilities=np.ones((3, 1, 6, 7), np.float32))
        (folder / f"{case}.pkl").write_bytes(pickle.dumps({"spacing": (999, 1, 1)}))
    return folder


# hidden files


def test_a_raw_dataset_is_the_same_with_hidden_files(nnunet_folders: NnunetFolders) -> None:
    folder = write_dataset(nnunet_folders)
    before = get_filenames_of_train_images_and_targets(str(folder))
    hide_beside(folder, folder / "imagesTr", folder / "labelsTr", nnunet_folders.raw)

    assert get_filenames_of_train_images_and_targets(str(folder)) == before
    verify_dataset_integrity(str(folder), 0)
    assert {name: len(pairs) for name, pairs in open_raw_dataset("31").pairs.items()} == {"x": 1, "y": 2}
    assert len(open_folders([f"x={folder / 'imagesTr'}:{folder / 'labelsTr'}"]).pairs["x"]) == 3
    assert len(list_inputs(folder / "imagesTr", ".png")) == 3


def test_a_hidden_file_that_dataset_json_names_is_a_case(nnunet_folders: NnunetFolders) -> None:
    folder = write_dataset(nnunet_folders)
    (folder / "imagesTr" / "a_0000.png").rename(folder / "imagesTr" / ".a.png")
    listed = {"dataset": {"a": {"images": ["imagesTr/.a.png"], "label": "labelsTr/a.png"}}}
    description = {**read_json(folder / "dataset.json"), **listed}

    files = get_filenames_of_train_images_and_targets(str(folder), description)["a"]
    assert files["images"] == [str(folder / "imagesTr" / ".a.png")]


def test_predictions_are_scored_merged_and_postprocessed_without_hidden_files(tmp_path: Path) -> None:
    references, predictions = write_predictions(tmp_path / "ref"), write_predictions(tmp_path / "pred")
    models = [write_probabilities(tmp_path / name, ("a", "b")) for name in ("m1", "m2")]
    validation = tmp_path / "model" / "fold_0" / "validation"
    write_predictions(validation)
    hide_beside(references, predictions, *models, validation)

    assert evaluate(references, predictions) == 2
    compute_metrics_on_folder_simple(references, predictions, [1, 2], num_processes=0)
    ensemble_folders(models, tmp_path / "ensemble", num_processes=0)
    assert sorted(file.name for file in (tmp_path / "ensemble").glob("*.png")) == ["a.png", "b.png"]
    apply_postprocessing_to_folder(predictions, tmp_path / "pp", [], [], num_processes=0)
    assert sorted(file.name for file in (tmp_path / "pp").glob("*.png")) == ["a.png", "b.png"]
    assert list(validation_files(tmp_path / "model", [0], ".png")) == ["a", "b"]
    write_json({"domains": {"x": ["a"], "y": ["b"]}}, tmp_path / "domains.json")
    check_domains(read_domains(tmp_path / "domains.json"), predictions, ".png")


def test_conversions_leave_hidden_files_behind(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    for part in ("imagesTr", "labelsTr"):
        name = "a_0000.nii.gz" if part == "imagesTr" else "a.nii.gz"
        (tmp_path / "old" / part).mkdir(parents=True)
        (tmp_path / "old" / part / name).write_bytes(b"image")
        hide_beside(tmp_path / "old" / part)
    write_json({"modality": {"0": "CT"}, "labels": {"0": "background"}}, tmp_path / "old" / "dataset.json")
    convert(str(tmp_path / "old"), "Dataset032_Old")

    assert not [file for file in (nnunet_folders.raw / "Dataset032_Old").rglob(".*")]


def test_archives_are_installed_without_what_macos_adds(
    nnunet_folders: NnunetFolders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = "Dataset031_Odd/nnUNetTrainer__nnUNetPlans__2d"
    files = {f"{model}/plans.json": b"plans", f"{model}/fold_0/checkpoint_final.pth": b"weights"}
    litter = (f"__MACOSX/{model}/._plans.json", f"{model}/._plans.json", f"{model}/.DS_Store", "._Dataset031_Odd")
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for name, content in {**files, **dict.fromkeys(litter, APPLE_DOUBLE)}.items():
            archive.writestr(name, content)
    caplog.set_level("INFO")
    install_model_from_zip_file(tmp_path / "model.zip")

    assert files_below(nnunet_folders.results) == files
    assert "not installed: 4 hidden file(s)" in caplog.text


def test_trainers_are_found_beside_hidden_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer\nclass OddTrainer(nnUNetTrainer): pass"
    )
    (tmp_path / "odd_trainer.py").write_text(code)
    (tmp_path / "__MACOSX").mkdir()
    hide_beside(tmp_path, tmp_path / "__MACOSX")
    monkeypatch.setenv("nnUNet_extTrainer", str(tmp_path))

    assert recursive_find_trainer_class_by_name("OddTrainer").__name__ == "OddTrainer"


# what is no file


@pytest.mark.parametrize("kind", KINDS)
def test_every_list_of_cases_names_what_is_no_file(nnunet_folders: NnunetFolders, tmp_path: Path, kind: str) -> None:
    folder = write_dataset(nnunet_folders)
    references, predictions = write_predictions(tmp_path / "ref"), write_predictions(tmp_path / "pred")
    models = [write_probabilities(tmp_path / name, ("a",)) for name in ("m1", "m2")]
    make_odd(folder / "imagesTr" / "odd_0000.png", kind)
    make_odd(predictions / "odd.png", kind)
    make_odd(models[1] / "odd.npz", kind)
    calls = {
        "training cases": lambda: get_filenames_of_train_images_and_targets(str(folder)),
        "integrity": lambda: verify_dataset_integrity(str(folder), 0),
        "stage 1": lambda: open_raw_dataset("31"),
        "stage 1 from folders": lambda: open_folders([f"x={folder / 'imagesTr'}"]),
        "prediction": lambda: list_inputs(folder / "imagesTr", ".png"),
        "evaluation": lambda: evaluate(references, predictions),
        "ensemble": lambda: ensemble_folders(models, tmp_path / "e", num_processes=0),
        "postprocessing": lambda: apply_postprocessing_to_folder(predictions, tmp_path / "p", [], [], num_processes=0),
    }
    for call in calls.values():
        with pytest.raises(DriftError, match=rf"odd(_0000)?\.(png|npz): {KINDS[kind]}"):
            call()


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_that_is_no_file_is_listed_with_everything_else(nnunet_folders: NnunetFolders, kind: str) -> None:
    folder = write_dataset(nnunet_folders)
    (folder / "labelsTr" / "b.png").unlink()
    make_odd(folder / "labelsTr" / "b.png", kind)
    image = folder / "imagesTr" / "a_0000.png"
    image.write_bytes(image.read_bytes()[:-5])

    with pytest.raises(DatasetError) as caught:
        verify_dataset_integrity(str(folder), 0)
    problems = "\n".join(caught.value.problems)
    assert f"label of case b {folder / 'labelsTr' / 'b.png'}: is a" in problems
    assert "a_0000.png: is damaged (cut off" in problems


def test_a_conversion_lists_all_bad_files_of_many_together(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    for number in range(12):
        write_png(rgb_image(number), tmp_path / "images" / f"{number}.png")
        write_png(label_image(number), tmp_path / "masks" / f"{number}.png")
    for kind in KINDS:
        make_odd(tmp_path / "images" / f"{kind}.png", kind)
    damaged = tmp_path / "images" / "7.png"
    damaged.write_bytes(damaged.read_bytes()[:-3])

    with pytest.raises(DatasetError) as caught:
        convert_image_folder(ConversionSettings(tmp_path / "images", tmp_path / "masks", NAME), 0)
    told = "\n".join(caught.value.problems)
    assert all(f"{kind}.png: is a" in told for kind in KINDS)
    assert "7.png: is damaged (cut off" in told
    assert list(nnunet_folders.raw.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["domains.json", "groups.json", "prism_dd.json"])
def test_a_domain_file_that_is_no_file_is_never_taken_for_a_missing_one(
    nnunet_folders: NnunetFolders, name: str, kind: str
) -> None:
    folder = write_dataset(nnunet_folders)
    (folder / name).unlink(missing_ok=True)
    make_odd(folder / name, kind)
    with pytest.raises(DriftError, match=f"{name}: {KINDS[kind]}"):
        take_over_domain_files(folder, nnunet_folders.preprocessed, ["a", "b", "c"])


# two Unicode forms of a name


@pytest.fixture
def accented(nnunet_folders: NnunetFolders) -> Path:
    """A dataset whose images were unpacked on macOS, while labels and domains.json were written elsewhere."""
    folder = write_dataset(nnunet_folders, ACCENTED)
    for file in (folder / "imagesTr").iterdir():
        file.rename(file.with_name(decomposed(file.name)))
    if len({len(name) for name in map(os.fsencode, os.listdir(folder / "imagesTr"))}) < 2:
        pytest.skip("this file system has one form of names only")
    return folder


def test_images_labels_and_domains_in_two_forms_belong_together(accented: Path) -> None:
    verify_dataset_integrity(str(accented), 0)
    cases = get_filenames_of_train_images_and_targets(str(accented))
    assert sorted(cases) == sorted(map(decomposed, ACCENTED))
    assert all(Path(files["label"]).is_file() for files in cases.values())
    pairs = open_raw_dataset("31").pairs
    assert all(pair.mask is not None and pair.mask.is_file() for name in pairs for pair in pairs[name])


def test_a_file_list_in_the_other_form_finds_the_files(accented: Path) -> None:
    listed = {"z": {"images": ["imagesTr/Brüssel_0000.png"], "label": decomposed("labelsTr/Brüssel.png")}}
    files = get_filenames_of_train_images_and_targets(str(accented), {"dataset": listed})["z"]
    assert Path(files["images"][0]).is_file()
    assert Path(files["label"]).is_file()


def test_folds_and_earlier_stages_are_found_in_the_other_form(tmp_path: Path) -> None:
    splits = [{"train": ["Brüssel", "c"], "val": ["Malmö"]}]
    (tmp_path / "splits_final.json").write_text(json.dumps(splits))
    cases = [decomposed(name) for name in ACCENTED]
    fold = split_into_fold(cases, 0, str(tmp_path / "splits_final.json"), lambda _: [], lambda *_: None, print)
    assert fold.val == [decomposed("Malmö")]

    (tmp_path / decomposed("Malmö.png")).touch()
    assert list_previous_stages(tmp_path, [["Malmö_0000.png"]], ".png") == [str(tmp_path / decomposed("Malmö.png"))]


def test_predictions_and_references_in_two_forms_are_scored(tmp_path: Path) -> None:
    references = write_predictions(tmp_path / "ref", ACCENTED)
    predictions = write_predictions(tmp_path / "pred", tuple(map(decomposed, ACCENTED)))
    assert evaluate(references, predictions) == 3


def test_models_in_two_forms_are_merged(tmp_path: Path) -> None:
    models = [write_probabilities(tmp_path / "1", ("é",)), write_probabilities(tmp_path / "2", (decomposed("é"),))]
    ensemble_folders(models, tmp_path / "e", num_processes=0)
    assert [file.name for file in (tmp_path / "e").glob("*.png")] == ["é.png"]


def test_a_converted_folder_has_one_form(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    for seed, case in enumerate(("é", "b")):
        write_png(rgb_image(seed), tmp_path / "images" / f"{decomposed(case)}.png")
        write_png(label_image(seed), tmp_path / "masks" / f"{case}.png")
    (tmp_path / "t.csv").write_text(f"case,domain\n{decomposed('é')},x\nb,y\n")
    settings = ConversionSettings(tmp_path / "images", tmp_path / "masks", NAME, tmp_path / "t.csv")
    convert_image_folder(settings, 0)

    verify_dataset_integrity(str(nnunet_folders.raw / NAME), 0)
    assert (nnunet_folders.raw / NAME / "imagesTr" / "é_0000.png").is_file()


def test_two_cases_that_look_the_same_are_refused(accented: Path) -> None:
    image = accented / "imagesTr" / f"{decomposed('Malmö')}_0000.png"
    shutil.copy(image, image.with_name("Malmö_0000.png"))
    with pytest.raises(DatasetLayoutError, match="differ in Unicode form only"):
        get_filenames_of_train_images_and_targets(str(accented))
