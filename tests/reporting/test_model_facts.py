"""Facts of a model from its files."""

import json
from pathlib import Path

import pytest

from nnunetv2.errors import InvalidValueError
from nnunetv2.reporting.model_facts import ModelFacts, find_folds, labels_of, read_model_facts


def test_classes_are_named_by_label_and_by_region() -> None:
    facts = ModelFacts(dataset={"labels": {"background": 0, "whole": [1, 2], "core": 2, "one": [3], "ignore": 4}})

    assert facts.class_names == {"(1, 2)": "whole", "2": "core", "(3,)": "one"}
    assert facts.name_of("7") == "class 7"
    assert [labels_of(key) for key in facts.class_names] == [(1, 2), (2,), (3,)]


def test_a_configuration_inherits_over_several_steps() -> None:
    configurations = {
        "a": {"patch_size": [1], "batch_size": 1, "spacing": [1]},
        "b": {"inherits_from": "a", "batch_size": 2},
        "c": {"inherits_from": "b", "spacing": [3]},
    }

    plan = ModelFacts(plans={"configurations": configurations}, configuration="c").plan

    assert (plan["patch_size"], plan["batch_size"], plan["spacing"]) == ([1], 2, [3])


def test_an_empty_folder_gives_empty_facts(tmp_path: Path) -> None:
    facts = read_model_facts(tmp_path)

    assert facts.dataset_name == "unnamed dataset"
    assert facts.plan == {}


def test_folds_come_in_order(tmp_path: Path) -> None:
    for name in ("fold_10", "fold_all", "fold_2"):
        (tmp_path / name).mkdir()
    (tmp_path / "fold_3").write_text("a file")

    assert [fold.name for fold in find_folds(tmp_path)] == ["fold_2", "fold_10", "fold_all"]


def test_a_file_of_the_wrong_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "plans.json").write_text(json.dumps([1]))

    with pytest.raises(InvalidValueError, match=r"plans\.json: is \[1\], expected an object"):
        read_model_facts(tmp_path)
