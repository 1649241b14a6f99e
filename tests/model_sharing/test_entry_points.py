"""The three commands as a user calls them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.model_sharing.entry_points import (
    download_by_url,
    export_pretrained_model_entry,
    install_from_zip_entry_point,
    print_license_warning,
)
from tests.conftest import NnunetFolders
from tests.model_sharing.factories import DATASET, files_below, model_name, names_in, names_without_cards, write_model


def test_a_model_goes_from_one_machine_to_another(
    nnunet_folders: NnunetFolders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_model(nnunet_folders.results, folds=["all"])
    file = tmp_path / "model.zip"
    chosen = ("-c", "2d", "-f", "all", "-chk", "checkpoint_final.pth", "checkpoint_best.pth", "--exp_cv_preds")
    run_command(export_pretrained_model_entry, "-d", 905, "-o", file, *chosen)
    assert capsys.readouterr().out == f"{file}\n"

    there = files_below(nnunet_folders.results)
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "elsewhere"))
    run_command(install_from_zip_entry_point, file)
    first, *card = capsys.readouterr().out.splitlines()
    assert first == f"installed {DATASET}/{model_name()}"
    assert card[0] == "  trained on 5 case(s)"
    arrived = files_below(tmp_path / "elsewhere")
    assert arrived.keys() == names_in(file)
    assert there.items() >= {name: arrived[name] for name in names_without_cards(file)}.items()
    assert f"{DATASET}/{model_name()}/fold_all/checkpoint_best.pth" in arrived


def test_not_strict_exports_the_folds_and_configurations_that_are_there(
    nnunet_folders: NnunetFolders, tmp_path: Path, run_command: Callable[..., None]
) -> None:
    write_model(nnunet_folders.results, folds=[3])
    run_command(export_pretrained_model_entry, "-d", DATASET, "-o", tmp_path / "model.zip", "--not_strict")
    assert f"{DATASET}/{model_name()}/fold_3/checkpoint_final.pth" in names_in(tmp_path / "model.zip")


@pytest.mark.parametrize(
    ("entry", "given", "complaint"),
    [
        (download_by_url, ("htps://example.org/model.zip",), "is no URL"),
        (install_from_zip_entry_point, ("absent.zip",), "zip file not found: absent.zip"),
        (export_pretrained_model_entry, ("-d", "7", "-o", "x.zip"), "Could not find a dataset with the ID 7"),
    ],
)
@pytest.mark.usefixtures("nnunet_folders")
def test_a_mistake_is_one_line_and_exit_code_2(
    run_command: Callable[..., None], capsys: pytest.CaptureFixture[str], entry, given, complaint
) -> None:
    run_command(entry, *given, exit_code=2)
    errors = capsys.readouterr().err
    assert complaint in errors
    assert errors.count("\n") == 1


def test_the_licence_note_speaks_of_the_training_data(capsys: pytest.CaptureFixture[str]) -> None:
    print_license_warning()
    assert "licence of the data" in capsys.readouterr().out


def test_sharing_models_imports_neither_torch_nor_numeric_libraries() -> None:
    modules = ["model_export", "model_import", "model_download", "entry_points"]
    imports = "\n".join(f"import nnunetv2.model_sharing.{name}" for name in modules)
    code = f"{imports}\nimport sys\nassert not {{'torch', 'scipy', 'pandas', 'requests'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_zip_file_replaces_only_a_zip_file_of_models(
    nnunet_folders: NnunetFolders, tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(nnunet_folders.results, folds=[0])
    for _ in range(2):
        run_command(export_pretrained_model_entry, "-d", 905, "-c", "2d", "-f", 0, "-o", tmp_path / "model.zip")
    there = files_below(nnunet_folders.results)
    checkpoint = nnunet_folders.results / DATASET / model_name() / "fold_0/checkpoint_final.pth"
    run_command(export_pretrained_model_entry, "-d", 905, "-c", "2d", "-f", 0, "-o", checkpoint, exit_code=2)
    assert "is not a zip file of models" in capsys.readouterr().err
    assert files_below(nnunet_folders.results) == there


def test_an_installation_shows_the_card_and_replaces_a_model_only_when_told_to(
    nnunet_folders: NnunetFolders, tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(nnunet_folders.results, folds=[0], domains=True)
    purpose = ("--intended_use", "counting glands", "--not_tested_on", "frozen sections")
    run_command(export_pretrained_model_entry, "-d", 905, "-c", "2d", "-f", 0, "-o", tmp_path / "m.zip", *purpose)
    (model / "plans.json").write_text("mine")
    before = files_below(nnunet_folders.results)
    capsys.readouterr()
    run_command(install_from_zip_entry_point, tmp_path / "m.zip", exit_code=2)
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{model} is there already, with other files (3, for example plans.json); nothing was installed" in error
    assert error.endswith("replace it with --overwrite")
    assert files_below(nnunet_folders.results) == before
    run_command(install_from_zip_entry_point, tmp_path / "m.zip", "--overwrite")
    assert (model / "plans.json").read_text() != "mine"
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  trained on 5 case(s) of 2 domain(s): colon 3, breast 2",
        "  Dice 0.700 on 4 validation case(s), colon 0.800 [0.700, 0.900], breast 0.600 [0.500, 0.700]",
        "  for counting glands",
        "  not tested on frozen sections; sources of images other than colon, breast; pixel sizes far from 1 x 1; "
        "clinical use",
        "  18 file(s), each with the SHA-256 that the card says",
    ]
