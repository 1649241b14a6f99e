"""Every name that can be imported from nnU-Net 2.8.1 is here, takes the same arguments, and has the same members."""

from typing import Any

import pytest

OTHER_DEFAULTS = {
    "generate_dataset_json": ("license", "converted_by"),  # placeholder texts
    "resample_torch_simple": ("device",),  # 'cpu' for torch.device('cpu'), so that torch is imported late
    "resample_torch_fornnunet": ("device",),
    "apply_postprocessing_to_folder": ("num_processes",),  # follows nnUNet_def_n_proc
    "load_checkpoint": ("filename_or_checkpoint",),  # may be given by its later name
}
GONE = {  # helpers that nobody outside uses, and a scheduler that cannot be constructed in nnU-Net
    "nnunetv2.inference.predict_from_raw_data": ("_getDefaultValue",),
    "nnunetv2.preprocessing.preprocessors.default_preprocessor": ("example_test_case_preprocessing",),
    "nnunetv2.training.lr_scheduler.warmup": ("CosineAnnealingLR_offset",),
    "nnunetv2.utilities.file_path_utilities": ("get_ensemble_name_from_d_tr_c",),
    "nnunetv2.utilities.find_class_by_name": (
        "temporarily_extend_syspath",
        "temporarily_cleanup_imports_from_path",
    ),
}


@pytest.fixture(scope="module")
def stock(stock_description: dict[str, Any]) -> dict[str, Any]:
    return {module: names for module, names in stock_description["surface"].items() if names}


@pytest.fixture(scope="module")
def ours(our_description: dict[str, Any]) -> dict[str, Any]:
    surface: dict[str, Any] = our_description["surface"]
    return surface


def is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__init__"


def argument_differences(name: str, expected: list[list[str]] | None, found: list[list[str]] | None) -> list[str]:
    """Say what a caller of `expected` could not do with `found`; more arguments with defaults are welcome."""
    if expected is None or expected == found:
        return []
    if found is None:
        return [f"{name} cannot be called"]
    if {"VAR_POSITIONAL", "VAR_KEYWORD"} <= {kind for _, kind, _ in found}:
        return []
    free = {argument for argument in OTHER_DEFAULTS.get(name.split(".")[-1], ())}
    same = all(
        wanted[:2] == have[:2] and (wanted[2] == have[2] or wanted[0] in free)
        for wanted, have in zip(expected, found, strict=False)
    )
    more_required = any(default == "required" for _, kind, default in found[len(expected) :] if "VAR" not in kind)
    return [] if same and len(found) >= len(expected) and not more_required else [f"{name}: {expected} != {found}"]


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Compare the names of two modules."""
    lines = []
    for name, wanted in expected.items():
        if name not in found:
            lines.append(f"{name} is missing")
            continue
        lines += argument_differences(name, wanted["arguments"], found[name]["arguments"])
        for member, arguments in wanted["members"].items():
            if member not in found[name]["members"]:
                lines.append(f"{name}.{member} is missing")
            else:
                lines += argument_differences(f"{name}.{member}", arguments, found[name]["members"][member])
    return lines


def without_private(module: str, names: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {**entry, "members": {key: value for key, value in entry["members"].items() if is_public(key)}}
        for name, entry in names.items()
        if is_public(name) and name not in GONE.get(module, ())
    }


def test_all_modules_can_be_imported(stock: dict[str, Any], ours: dict[str, Any]) -> None:
    assert len(stock) > 80
    assert [module for module in stock if module not in ours] == []


def test_public_names_are_here_and_take_the_same_arguments(stock: dict[str, Any], ours: dict[str, Any]) -> None:
    found = [
        f"{module}: {line}"
        for module, names in stock.items()
        for line in differences(without_private(module, names), ours.get(module, {}))
    ]
    assert not found, "\n".join(found)
