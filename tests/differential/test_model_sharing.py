"""Zip files go from our package to nnU-Net and back, and hold the same files but for what only we write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NnunetFolders, make_folders
from tests.differential.oracle import run_oracle, run_ours
from tests.model_sharing.factories import (
    CARDS,
    DATASET,
    files_below,
    names_in,
    names_without_cards,
    write_choice,
    write_ensemble,
    write_model,
)

EXPORT = """
    import sys
    from nnunetv2.model_sharing.model_export import export_pretrained_model
    export_pretrained_model(905, sys.argv[1], ("2d", "3d_fullres"), folds=(0, 1), export_crossval_predictions=%s)
"""
INSTALL = """
    import sys
    from nnunetv2.model_sharing.model_import import install_model_from_zip_file
    install_model_from_zip_file(sys.argv[1])
"""
ONLY_OURS = (
    "domains.json",
    "prism_dd.json",
    "domain_summary.json",
    "training_curves.json",
    "network_architecture.svg",
    *CARDS,
)
Run = Callable[..., Any]


def write_results(folders: NnunetFolders, domains: bool) -> None:
    write_model(folders.results, "2d", domains=domains)
    write_model(folders.results, "3d_fullres", domains=domains)
    write_model(folders.results, "3d_lowres")
    write_ensemble(folders.results, "2d", "3d_fullres")
    write_ensemble(folders.results, "2d", "3d_lowres")
    write_choice(folders.results)


@pytest.mark.parametrize("predictions", [False, True])
def test_a_zip_file_holds_what_nnunet_packs_and_our_own_files(
    nnunet_folders: NnunetFolders, tmp_path: Path, predictions: bool
) -> None:
    write_results(nnunet_folders, domains=True)
    script = EXPORT % predictions
    run_ours(script, tmp_path / "ours.zip", env=nnunet_folders.environment)
    run_oracle(script, tmp_path / "stock.zip", env=nnunet_folders.environment)
    ours, stock = names_in(tmp_path / "ours.zip"), names_in(tmp_path / "stock.zip")
    more = {name for name in ours - stock if not name.endswith(ONLY_OURS)}
    assert stock <= ours
    assert more == {f"{DATASET}/inference_instructions.txt"}


@pytest.mark.parametrize(("export", "install"), [(run_ours, run_oracle), (run_oracle, run_ours)])
def test_models_arrive_from_either_side(
    nnunet_folders: NnunetFolders, tmp_path: Path, export: Run, install: Run
) -> None:
    write_results(nnunet_folders, domains=False)
    file = tmp_path / "model.zip"
    export(EXPORT % False, file, env=nnunet_folders.environment)
    elsewhere = make_folders(tmp_path / "elsewhere")
    install(INSTALL, file, env=elsewhere.environment)
    there = files_below(nnunet_folders.results)
    arrived = files_below(elsewhere.results)
    assert arrived.keys() == names_in(file)
    assert {name: arrived[name] for name in names_without_cards(file)}.items() <= there.items()


def test_both_replace_files_and_keep_the_others(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    write_results(nnunet_folders, domains=False)
    file = tmp_path / "model.zip"
    run_oracle(EXPORT % False, file, env=nnunet_folders.environment)
    found = []
    for run in (run_ours, run_oracle):
        used = make_folders(tmp_path / run.__name__)
        fold = used.results / DATASET / "nnUNetTrainer__nnUNetPlans__2d" / "fold_0"
        fold.mkdir(parents=True)
        (fold / "checkpoint_final.pth").write_text("older")
        (fold / "own_notes.txt").write_text("own")
        run(INSTALL, file, env=used.environment)
        found.append(files_below(used.results))
    assert found[0] == found[1]
    assert found[0][f"{DATASET}/nnUNetTrainer__nnUNetPlans__2d/fold_0/own_notes.txt"] == b"own"
