from types import SimpleNamespace

import pytest

from nnunetv2.utilities.file_path_utilities import (
    check_workers_alive_and_busy,
    convert_ensemble_folder_to_model_identifiers_and_folds,
    convert_identifier_to_trainer_plans_config,
    convert_trainer_plans_config_to_identifier,
    folds_string_to_tuple,
    folds_tuple_to_string,
    get_ensemble_name,
    get_output_folder,
    parse_dataset_trainer_plans_configuration_from_path,
)


def test_a_model_folder_is_named_after_trainer_plans_and_configuration():
    assert convert_trainer_plans_config_to_identifier("T", "P", "2d") == "T__P__2d"
    assert convert_identifier_to_trainer_plans_config("/somewhere/T__P__2d") == ["T", "P", "2d"]


def test_the_output_folder_is_in_the_results_of_the_dataset(nnunet_folders):
    (nnunet_folders.raw / "Dataset005_Foo").mkdir()
    model = nnunet_folders.results / "Dataset005_Foo" / "nnUNetTrainer__nnUNetPlans__3d_fullres"

    assert get_output_folder(5) == str(model)
    assert get_output_folder("Dataset005_Foo", "T", "P", "2d") == str(model.parent / "T__P__2d")
    assert get_output_folder(5, fold=0) == str(model / "fold_0")
    assert get_output_folder(5, fold="all") == str(model / "fold_all")


def test_without_a_results_folder_the_variable_is_named():
    with pytest.raises(RuntimeError, match="nnUNet_results is not defined"):
        get_output_folder("Dataset005_Foo")


@pytest.mark.parametrize(
    "path",
    [
        "Dataset005_Foo/T__P__2d",
        "/a/Dataset005_Foo/T__P__2d/",
        "/a/Dataset005_Foo/T__P__2d/fold_0",
        "/a/Dataset005_Foo/T__P__2d/fold_0/validation",
        "/a/Dataset005_Foo/T__P__2d/crossval_results_folds_0_1",
    ],
)
def test_paths_in_and_below_a_model_folder_are_parsed(path):
    assert parse_dataset_trainer_plans_configuration_from_path(path) == ("Dataset005_Foo", "T", "P", "2d")


@pytest.mark.parametrize("path", ["", "T__P__2d", "/a/Foo/T__P__2d"])
def test_paths_without_a_dataset_give_none(path):
    assert parse_dataset_trainer_plans_configuration_from_path(path) is None


@pytest.mark.parametrize("path", ["/a/Dataset005_Foo/T__P", "/a/Dataset005_Foo/ensembles/x"])
def test_paths_of_a_dataset_without_a_model_are_assertion_errors(path):
    with pytest.raises(AssertionError, match="<trainer>__<plans>__<configuration>"):
        parse_dataset_trainer_plans_configuration_from_path(path)


def test_ensemble_names_can_be_taken_apart_again():
    name = get_ensemble_name("/a/Dataset005_Foo/T__P__2d", "/a/Dataset005_Foo/T__P__3d_fullres", (0, 1))

    assert name == "ensemble___T__P__2d___T__P__3d_fullres___0_1"
    assert convert_ensemble_folder_to_model_identifiers_and_folds(f"/x/{name}") == (
        ["T__P__2d", "T__P__3d_fullres"],
        "0_1",
    )


def test_an_ensemble_of_something_that_is_not_a_model_is_refused():
    with pytest.raises(AssertionError, match="expected a model folder"):
        get_ensemble_name("/a/T__P__2d", "/a/Dataset005_Foo/T__P__2d", (0,))


def test_folds_are_joined_and_split():
    assert folds_tuple_to_string((0, 1, 2)) == "0_1_2"
    assert folds_tuple_to_string(["all"]) == "all"
    assert folds_string_to_tuple("0_1_2") == [0, 1, 2]
    assert folds_string_to_tuple("0_all") == [0, "all"]


def pool_state(alive, ready):
    workers = [SimpleNamespace(is_alive=lambda state=state: state) for state in alive]
    results = [SimpleNamespace(ready=lambda state=state: state) for state in ready]
    return SimpleNamespace(_pool=workers), workers, results


@pytest.mark.parametrize(
    ("ready", "queued", "busy"),
    [
        ([], 0, False),
        ([False], 0, False),
        ([False, False], 0, True),
        ([False, False, True], 0, True),
        ([False, False], 1, False),
        ([False] * 3, 1, True),
        ([True] * 9, 0, False),
    ],
)
def test_a_pool_is_busy_when_unfinished_results_fill_workers_and_queue(ready, queued, busy):
    pool, workers, results = pool_state([True, True], ready)

    assert check_workers_alive_and_busy(pool, workers, results, allowed_num_queued=queued) is busy


def test_a_dead_worker_is_a_runtime_error():
    pool, workers, results = pool_state([True, False], [])

    with pytest.raises(RuntimeError, match="died"):
        check_workers_alive_and_busy(pool, workers, results)
