"""What the card of a model says, where it comes from, and what it keeps to itself."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.errors import InvalidValueError
from nnunetv2.file_kinds.card_files import MODEL_CARD
from nnunetv2.model_sharing.card_page import card_lines, card_page
from nnunetv2.model_sharing.model_export import export_pretrained_model
from nnunetv2.model_sharing.model_import import install_model_from_zip_file
from s1.files import file_sha256
from tests.conftest import NnunetFolders
from tests.model_sharing.factories import DATASET, files_below, model_name, write_choice, write_model

MODEL = f"{DATASET}/{model_name()}"


def exported(folders: NnunetFolders, **options: Any) -> tuple[Path, dict[str, Any]]:
    """Export fold 0 and return the zip file and the card in it."""
    file = folders.results.parent / "model.zip"
    export_pretrained_model(905, str(file), ("2d",), folds=(0,), **options)
    with zipfile.ZipFile(file) as archive:
        return file, json.loads(archive.read(f"{MODEL}/drift_model_card.json"))


def test_a_card_tells_training_scores_and_limits(nnunet_folders: NnunetFolders) -> None:
    write_model(nnunet_folders.results, folds=[0], domains=True)
    card = exported(nnunet_folders)[1]
    assert MODEL_CARD.schema.problems(card) == []
    assert card["model"]["folds"] == ["0"]
    assert card["training"] == {
        "cases": 5,
        "domains": {"colon": 3, "breast": 2},
        "channels": ["R", "G", "B"],
        "labels": ["background", "gland"],
        "spacing": [1.0, 1.0],
        "patch_size": [64, 64],
        "made_with": {"torch_version": "2.13.0", "gpu_name": "H200"},
    }
    sources = ["crossval_results_folds_0/summary.json", "fold_0/validation/summary.json"]
    assert [scores["source"] for scores in card["scores"]] == sources
    assert card["scores"][1]["domains"]["colon"]["foreground"]["Dice"]["interval"] == pytest.approx([0.7, 0.9])
    assert "sources of images other than colon, breast" in card["not_tested_on"]


def test_a_card_names_no_case_and_no_computer(nnunet_folders: NnunetFolders) -> None:
    write_model(nnunet_folders.results, folds=[0], domains=True)
    card = exported(nnunet_folders)[1]
    assert "secret" not in json.dumps(card)
    assert "secret" not in card_page(card)


def test_a_card_lists_the_hash_of_every_other_file_also_of_those_beside_the_model(
    nnunet_folders: NnunetFolders,
) -> None:
    write_model(nnunet_folders.results, folds=[0])
    write_choice(nnunet_folders.results)
    file, card = exported(nnunet_folders)
    install_model_from_zip_file(file, overwrite=True)
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
    assert card["files"].keys() == names - {f"{MODEL}/drift_model_card.json"}
    for name, facts in card["files"].items():
        assert facts["sha256"] == file_sha256(nnunet_folders.results / name)


def test_scores_by_domain_of_an_older_evaluation_are_left_out(nnunet_folders: NnunetFolders) -> None:
    model = write_model(nnunet_folders.results, folds=[0], domains=True)
    for file in model.rglob("domain_summary.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "summary_sha256": "0" * 64}))
    card = exported(nnunet_folders)[1]
    assert card["scores"][0]["domains"] == {}
    assert "images of colon, breast: no evaluated case" in card["not_tested_on"]


def test_scores_on_the_training_images_are_called_so(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    write_model(nnunet_folders.results, folds=["all"])
    export_pretrained_model(905, str(tmp_path / "m.zip"), ("2d",), folds=("all",))
    with zipfile.ZipFile(tmp_path / "m.zip") as archive:
        card = json.loads(archive.read(f"{MODEL}/drift_model_card.json"))
        page = archive.read(f"{MODEL}/MODEL_CARD.md").decode()
    assert [scores["on_training_images"] for scores in card["scores"]] == [True, True]
    assert "4 training case(s)" in card_lines(card)[1]
    assert "These are the images that it was trained on." in page
    assert "images outside of its training data: fold all is validated on them" in card["not_tested_on"]


def test_a_model_without_scores_says_so(nnunet_folders: NnunetFolders) -> None:
    model = write_model(nnunet_folders.results, folds=[0])
    for file in model.rglob("summary.json"):
        file.unlink()
    card = exported(nnunet_folders, strict=False)[1]
    assert card["scores"] == []
    assert card_lines(card)[1] == "no scores"
    assert "no fold was validated" in card_page(card)


def test_what_the_author_said_survives_a_second_export(nnunet_folders: NnunetFolders) -> None:
    write_model(nnunet_folders.results, folds=[0])
    file, first = exported(nnunet_folders, intended_use="counting", not_tested_on=("frozen sections",))
    install_model_from_zip_file(file, overwrite=True)
    again = exported(nnunet_folders)[1]
    assert (again["intended_use"], again["not_tested_on"]) == (first["intended_use"], first["not_tested_on"])
    assert exported(nnunet_folders, intended_use="research")[1]["intended_use"] == "research"


@pytest.mark.parametrize("text", ["", "two\nlines", "x" * 2001, "\x1b[31mred"])
def test_a_text_that_no_card_can_hold_is_refused(nnunet_folders: NnunetFolders, text: str) -> None:
    write_model(nnunet_folders.results, folds=[0])
    with pytest.raises(InvalidValueError, match="text of the model card"):
        exported(nnunet_folders, intended_use=text)


def test_a_damaged_model_is_not_exported(nnunet_folders: NnunetFolders) -> None:
    model = write_model(nnunet_folders.results, folds=[0])
    (model / "dataset.json").write_text("{")
    with pytest.raises(InvalidValueError, match=r"dataset\.json: not valid JSON"):
        exported(nnunet_folders)
    assert "model.zip" not in files_below(nnunet_folders.results.parent)


def test_names_from_files_do_not_leave_their_cell_or_their_line(nnunet_folders: NnunetFolders) -> None:
    model = write_model(nnunet_folders.results, folds=[0])
    content = json.loads((model / "dataset.json").read_text())
    content["channel_names"] = {"0": "a|b", "1": "two\nlines", "2": "<script>"}
    (model / "dataset.json").write_text(json.dumps(content))
    page = card_page(exported(nnunet_folders)[1])
    assert "- channels: a\\|b, 'two\\\\nlines', \\<script\\>" in page
