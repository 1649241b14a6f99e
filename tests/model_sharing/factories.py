"""Folders as training leaves them, filled with a few bytes, and what lies in a folder or zip file."""

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

DATASET = "Dataset905_Glands"
DOMAIN_FILES = ("domains.json", "prism_dd.json", "groups.json")
_MODEL = ("plans.json", "dataset.json", "dataset_fingerprint.json")
_FOLD = (
    "checkpoint_final.pth",
    "checkpoint_best.pth",
    "progress.png",
    "debug.json",
    "network_architecture.pdf",
    "training_log_1.txt",
)
_ONLY_OURS = ("training_curves.json", "network_architecture.svg")
_RESULTS = ("summary.json", "case.png", "case.npz", "case.pkl")
_MERGED = (*_RESULTS, "postprocessing.pkl", "postprocessing.json", "plans.json", "dataset.json")


def model_name(configuration: str = "2d") -> str:
    return f"nnUNetTrainer__nnUNetPlans__{configuration}"


def write_model(
    results: Path, configuration: str = "2d", folds: Iterable[int | str] = (0, 1), domains: bool = False
) -> Path:
    """Write a model with its folds and their cross-validation; no two files have the same content."""
    folds = list(folds)
    model = results / DATASET / model_name(configuration)
    merged = model / f"crossval_results_folds_{'_'.join(map(str, folds))}"
    _fill(model, (*_MODEL, *(DOMAIN_FILES if domains else ())))
    _fill(merged, (*_MERGED, *(("domain_summary.json",) if domains else ())))
    for fold in folds:
        _fill(model / f"fold_{fold}", (*_FOLD, *(_ONLY_OURS if domains else ())))
        _fill(model / f"fold_{fold}" / "validation", (*_RESULTS, *(("domain_summary.json",) if domains else ())))
    return model


def write_ensemble(results: Path, first: str, second: str) -> Path:
    """Write the ensemble of two configurations."""
    folder = results / DATASET / "ensembles" / f"ensemble___{model_name(first)}___{model_name(second)}___0_1"
    _fill(folder, _MERGED)
    return folder


def write_choice(results: Path) -> None:
    """Write what nnUNetv2_find_best_configuration leaves."""
    _fill(results / DATASET, ("inference_information.json", "inference_instructions.txt"))


def _fill(folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(os.urandom(64))


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file, hidden ones too, by its path relative to the folder."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def names_in(zip_file: Path) -> set[str]:
    with zipfile.ZipFile(zip_file) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert len(set(names)) == len(names)
    return set(names)


def write_zip(path: Path, entries: dict[str, bytes | str]) -> Path:
    """Write a zip file with any names."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path
