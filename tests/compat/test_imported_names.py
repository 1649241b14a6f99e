"""Names that modules of nnU-Net 2.8.1 have because they import them are here, or absent for a reason in this file.

Other people's code imports, star-imports and replaces them there; what is replaced is tested in test_replaced_names.py
and test_trainer_programs.py.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.differential.oracle import run_oracle, run_ours

COMPLETE = (
    "nnunetv2.evaluation.evaluate_predictions",
    "nnunetv2.inference.export_prediction",
    "nnunetv2.inference.predict_from_raw_data",
    "nnunetv2.run.run_training",
    "nnunetv2.training.nnUNetTrainer.nnUNetTrainer",
)
"""Modules that other people star-import or patch: no rule excuses the absence of a name here."""


def is_from(*packages: str) -> Callable[[str], bool]:
    return lambda origin: origin.split(".")[0] in packages


FILE_HELPERS = "batchgenerators.utilities.file_and_folder_operations"
RULES: dict[str, Callable[[str], bool]] = {
    "annotations are written with built-in types": is_from("typing", "__future__"),
    "modules are imported under their own names": lambda origin: origin == "modules",
    "the standard library has them": lambda origin: (
        is_from(*sys.stdlib_module_names)(origin) and not is_from("typing", "__future__")(origin)
    ),
    "helpers for files and folders, which batchgenerators has": lambda origin: origin == FILE_HELPERS,
    "parts of other libraries, which these have": is_from(
        "acvl_utils",
        "batchgenerators",
        "dynamic_network_architectures",
        "einops",
        "nibabel",
        "numpy",
        "scipy",
        "skimage",
        "sklearn",
        "torch",
        "tqdm",
    ),
}
"""Reason -> the origins of names that may be absent for it; never names of nnU-Net, transforms or values."""

ABSENT = {
    "a helper that nobody outside nnU-Net uses": {
        "nnunetv2.inference.predict_from_raw_data": ("_getDefaultValue",),
        "nnunetv2.model_sharing.model_export": ("get_ensemble_name_from_d_tr_c",),
        "nnunetv2.preprocessing.preprocessors.default_preprocessor": ("example_test_case_preprocessing",),
        "nnunetv2.utilities.file_path_utilities": ("get_ensemble_name_from_d_tr_c",),
        "nnunetv2.utilities.find_class_by_name": (
            "temporarily_cleanup_imports_from_path",
            "temporarily_extend_syspath",
        ),
    },
    "None where the library is not installed": {
        "nnunetv2.training.logging.nnunet_logger": ("wandb",),
        "nnunetv2.training.nnUNetTrainer.variants.optimizer.nnUNetTrainerAdan": ("Adan",),
    },
    "private": {
        "nnunetv2.experiment_planning.experiment_planners.default_experiment_planner": ("_maybe_copy_splits_file",),
        "nnunetv2.experiment_planning.plan_and_preprocess_entrypoints": ("_add_logging_args",),
        "nnunetv2.paths": ("_EnvPath",),
        "nnunetv2.preprocessing.preprocessors.default_preprocessor": ("_verify_class_locations",),
        "nnunetv2.training.lr_scheduler.polylr": ("_LRScheduler",),
        "nnunetv2.training.lr_scheduler.warmup": ("_LRScheduler", "_enable_get_lr_call"),
        "nnunetv2.utilities.find_class_by_name": ("_module_originates_from_path", "_recursive_find_python_class"),
    },
}
"""Reason -> names by module."""

Names = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def stock(stock_description: dict[str, Any]) -> Names:
    names: Names = stock_description["imported"]
    return names


@pytest.fixture(scope="module")
def ours(our_description: dict[str, Any]) -> Names:
    names: Names = our_description["imported"]
    return names


def listed() -> set[tuple[str, str]]:
    return {(module, name) for by_module in ABSENT.values() for module, names in by_module.items() for name in names}


def had(how: str, name: str) -> bool:
    return how == "star" or (how == "read" and name.startswith("_"))


def absent(stock: Names, ours: Names) -> list[tuple[str, str, str]]:
    """Return module, name and origin of the names that cannot be had as in nnU-Net."""
    return [
        (module, name, origin)
        for module, names in stock.items()
        for name, origin in names.items()
        if not had(ours[module][name], name)
    ]


def test_names_are_here_or_absent_for_a_reason(stock: Names, ours: Names) -> None:
    unexplained = [
        f"{module}.{name} (of {origin})"
        for module, name, origin in absent(stock, ours)
        if (module, name) not in listed()
        and (module in COMPLETE or not any(applies(origin) for applies in RULES.values()))
    ]
    assert not unexplained, "\n".join(unexplained)


def test_every_reason_is_still_needed(stock: Names, ours: Names) -> None:
    origins = [origin for module, _, origin in absent(stock, ours) if module not in COMPLETE]
    assert [reason for reason, applies in RULES.items() if not any(applies(origin) for origin in origins)] == []


def test_names_that_are_listed_as_absent_are_absent(stock: Names, ours: Names) -> None:
    present = [f"{module}.{name}" for module, name in listed() if ours.get(module, {}).get(name)]
    assert present == []
    assert [entry for entry in sorted(listed()) if entry[1] not in stock[entry[0]]] == []


def test_every_module_was_compared(stock: Names, ours: Names) -> None:
    assert len(stock) > 90
    assert list(ours) == list(stock)
    assert sum(map(len, stock.values())) > 1300


@pytest.mark.long
def test_an_evaluation_script_that_star_imports_works(tmp_path: Path) -> None:
    script = """
        import sys

        from nnunetv2.evaluation.evaluate_predictions import *


        def score(folder_ref: str, folder_pred: str, labels: Union[List[int], Tuple[int, ...]]) -> dict:
            reader = determine_reader_writer_from_file_ending(".png", subfiles(folder_ref, suffix=".png")[0])()
            compute_metrics_on_folder(folder_ref, folder_pred, join(folder_pred, "s.json"), reader, ".png", labels,
                                      num_processes=1)
            result = load_summary_json(join(folder_pred, "s.json"))
            save_json(recursive_and_plain(deepcopy(result["foreground_mean"])), join(folder_pred, "mean.json"))
            return load_json(join(folder_pred, "mean.json"))


        def recursive_and_plain(numbers: dict) -> dict:
            recursive_fix_for_json_export(numbers)
            return {key: float(np.round(value, 3)) for key, value in numbers.items()}


        if __name__ == "__main__":
            print("MEAN", score(sys.argv[1], sys.argv[2], [1])["Dice"])
    """
    results = [run(script, *label_images(tmp_path / run.__name__)) for run in (run_oracle, run_ours)]
    lines = [next(line for line in result.splitlines() if line.startswith("MEAN")) for result in results]
    assert lines[0] == lines[1] == "MEAN 0.667"


def label_images(folder: Path) -> tuple[Path, Path]:
    """Write a reference and a prediction; return their folders."""
    from PIL import Image

    pixels: dict[str, Any] = {"references": (1, 1, 0, 0), "predictions": (1, 0, 0, 0)}
    for name, values in pixels.items():
        (folder / name).mkdir(parents=True)
        image = Image.new("L", (4, 1))
        image.putdata(values)
        image.save(folder / name / "case.png")
    return folder / "references", folder / "predictions"
