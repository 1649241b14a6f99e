"""Folders as training leaves them, filled with a few bytes, and what lies in a folder or zip file."""

import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DATASET = "Dataset905_Glands"
DOMAIN_FILES = ("domains.json", "prism_dd.json", "groups.json")
CARDS = ("MODEL_CARD.md", "drift_model_card.json")
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
        content = CONTENTS.get(name)
        (folder / name).write_bytes(os.urandom(64) if content is None else _unique_json(content))


def _unique_json(content: dict[str, Any]) -> bytes:
    more = {} if content.keys() == {"domains"} else {"unique": os.urandom(8).hex()}
    return json.dumps({**content, **more}).encode()


def domain_scores(mean: float, cases: int) -> dict[str, Any]:
    """Return the scores of a domain, of one class."""
    score = {"mean": mean, "interval": [mean - 0.1, mean + 0.1], "cases": cases}
    both = {"Dice": score, "IoU": score}
    return {"cases": cases, "foreground": both, "classes": {"1": both}}


_PAIR = {"Dice": 0.7, "IoU": 0.6}
_CASE = {"metrics": {"1": _PAIR}, "reference_file": "secret_case.png", "prediction_file": "secret_case.png"}
CONTENTS: dict[str, dict[str, Any]] = {
    "dataset.json": {
        "labels": {"background": 0, "gland": 1},
        "file_ending": ".png",
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "numTraining": 5,
    },
    "plans.json": {"configurations": {"2d": {"spacing": [1.0, 1.0], "patch_size": [64, 64]}}},
    "debug.json": {"torch_version": "2.13.0", "hostname": "secret_host", "gpu_name": "H200"},
    "domains.json": {"domains": {"colon": ["a", "b", "c"], "breast": ["d", "e"]}},
    "summary.json": {"metric_per_case": [_CASE] * 4, "mean": {"1": _PAIR}, "foreground_mean": _PAIR},
    "domain_summary.json": {
        "classes": ["1"],
        "domains": {"colon": domain_scores(0.8, 2), "breast": domain_scores(0.6, 2)},
        "mean_over_domains": _PAIR,
        "balanced": _PAIR,
        "worst_domain": {"domain": "breast", "Dice": 0.6},
        "best_domain": {"domain": "colon", "Dice": 0.8},
        "gap": 0.2,
        "worst_cases": [],
    },
}
"""Content of the files that cards are made from; no two files have the same where more entries are allowed."""


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file, hidden ones too, by its path relative to the folder."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def names_in(zip_file: Path) -> set[str]:
    with zipfile.ZipFile(zip_file) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert len(set(names)) == len(names)
    return set(names)


def names_without_cards(zip_file: Path) -> set[str]:
    return {name for name in names_in(zip_file) if not name.endswith(CARDS)}


def write_zip(path: Path, entries: dict[str, bytes | str]) -> Path:
    """Write a zip file with any names."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path
