import json
import os
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnunetv2
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.recipe import recipe
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.preprocessing.factories import DATASET_JSON, managers, plans
from tests.preprocessing.own_preprocessors import DoublesArrays, MergesLabels

Contents = tuple[dict[str, Any], dict[str, Any]]
"""Plans and dataset.json."""


def contents() -> Contents:
    return deepcopy((plans(), DATASET_JSON))


def recipe_of(changed: Contents, preprocessor: DefaultPreprocessor | None = None) -> str:
    return json.dumps(recipe(preprocessor or DefaultPreprocessor(), *managers(changed[0]), changed[1]))


def set_entry(place: str, name: str, value: Any) -> Callable[[Contents], None]:
    def change(content: Contents) -> None:
        places = {"plans": content[0], "2d": content[0]["configurations"]["2d"], "dataset": content[1]}
        places[place][name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_entry("plans", "image_reader_writer", "SimpleITKIO"),
        set_entry("plans", "transpose_forward", [0, 2, 1]),
        set_entry("plans", "foreground_intensity_properties_per_channel", {}),
        set_entry("2d", "spacing", [1.0, 2.0]),
        set_entry("2d", "normalization_schemes", ["CTNormalization"] * 3),
        set_entry("2d", "use_mask_for_norm", [True] * 3),
        set_entry("2d", "resampling_fn_data", "resample_torch_fornnunet"),
        set_entry("2d", "resampling_fn_seg_kwargs", {"is_seg": True, "order": 0}),
        set_entry("dataset", "labels", {"background": 0, "tumor": 2, "stroma": 1}),
        set_entry("dataset", "regions_class_order", [1, 2]),
        set_entry("dataset", "channel_names", {"0": "CT"}),
    ],
)
def test_entries_that_preprocessing_reads_count(change: Callable[[Contents], None]) -> None:
    changed = contents()
    change(changed)
    assert recipe_of(changed) != recipe_of(contents())


ONLY_FOR_TRAINING = [
    set_entry("plans", "plans_name", "nnUNetResEncUNetLPlans"),
    set_entry("plans", "experiment_planner_used", "nnUNetPlannerResEncL"),
    set_entry("2d", "batch_size", 49),
    set_entry("2d", "patch_size", [512, 512]),
    set_entry("2d", "architecture", {"network_class_name": "x"}),
    set_entry("2d", "batch_dice", False),
    set_entry("2d", "resampling_fn_probabilities_kwargs", {"order": 0}),
    set_entry("dataset", "description", "tissue"),
    set_entry("dataset", "numTraining", 1000),
]


@pytest.mark.parametrize("change", ONLY_FOR_TRAINING)
def test_other_entries_do_not_count(change: Callable[[Contents], None]) -> None:
    changed = contents()
    change(changed)
    assert recipe_of(changed) == recipe_of(contents())


@pytest.mark.parametrize("change", ONLY_FOR_TRAINING)
def test_an_own_preprocessor_may_read_any_entry(change: Callable[[Contents], None]) -> None:
    changed = contents()
    change(changed)
    assert recipe_of(changed, MergesLabels()) != recipe_of(contents(), MergesLabels())


def test_no_entry_that_preprocessing_reads_is_forgotten() -> None:
    """Preprocessing works with plans and dataset.json that have only the entries of the recipe."""
    shared, configuration, dataset_json, *_ = recipe(DefaultPreprocessor(), *managers(plans()), DATASET_JSON)
    manager, _ = managers({**shared, "configurations": {"2d": {"architecture": {}, **configuration}}})
    data, seg = np.ones((3, 1, 9, 9)), np.ones((1, 1, 9, 9))
    arguments = (data, seg, {"spacing": (999, 2, 2)}, manager, manager.get_configuration("2d"), dataset_json)
    result, _, _ = DefaultPreprocessor().run_case_npy(*arguments)
    assert result.shape == (3, 1, 18, 18)


def test_another_preprocessor_counts() -> None:
    assert recipe_of(contents(), MergesLabels()) != recipe_of(contents(), DoublesArrays())


class OwnLabels(LabelManager):
    """A label manager of a user."""


def test_the_code_of_preprocessor_and_label_manager_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlansManager, "label_manager_class", OwnLabels)
    digests = recipe(MergesLabels(), *managers(plans()), DATASET_JSON)[-1]
    assert {OwnLabels.__module__, MergesLabels.__module__} <= digests.keys()


@pytest.fixture
def copied_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folders whose code counts, used instead of the installed package."""
    source = Path(nnunetv2.__path__[0])
    for name in ("imageio", "preprocessing", "utilities/label_handling"):
        shutil.copytree(source / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(nnunetv2, "__path__", [str(tmp_path), *nnunetv2.__path__])
    return tmp_path


def test_place_and_age_of_the_installation_do_not_count(copied_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = recipe_of(contents())
    os.utime(copied_package / "preprocessing" / "case.py", (1, 1))
    assert recipe_of(contents()) == here
    monkeypatch.setattr(nnunetv2, "__path__", nnunetv2.__path__[1:])
    assert recipe_of(contents()) == here


@pytest.mark.parametrize("module", ["imageio/new_reader.py", "preprocessing/normalization/new_scheme.py"])
def test_new_and_changed_modules_count(copied_package: Path, module: str) -> None:
    recipes = [recipe_of(contents())]
    for text in ("x = 1", "x = 2"):
        (copied_package / module).write_text(text)
        recipes.append(recipe_of(contents()))
    assert len(set(recipes)) == 3
