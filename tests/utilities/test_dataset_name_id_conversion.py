import numpy as np
import pytest

from nnunetv2.errors import DriftError
from nnunetv2.utilities.dataset_name_id_conversion import (
    convert_dataset_name_to_id,
    convert_id_to_dataset_name,
    find_candidate_datasets,
    maybe_convert_to_dataset_name,
)


def test_an_id_is_found_in_each_of_the_three_folders(nnunet_folders):
    (nnunet_folders.raw / "Dataset001_Raw").mkdir()
    (nnunet_folders.preprocessed / "Dataset002_Pre").mkdir()
    (nnunet_folders.results / "Dataset003_Res").mkdir()

    assert [convert_id_to_dataset_name(number) for number in (1, 2, 3)] == [
        "Dataset001_Raw",
        "Dataset002_Pre",
        "Dataset003_Res",
    ]


def test_the_same_name_in_several_folders_is_one_candidate(nnunet_folders):
    for folder in (nnunet_folders.raw, nnunet_folders.results):
        (folder / "Dataset007_Same").mkdir()

    assert find_candidate_datasets(7).tolist() == ["Dataset007_Same"]


def test_a_longer_number_is_not_taken_for_the_id(nnunet_folders):
    (nnunet_folders.raw / "Dataset100_Short").mkdir()
    (nnunet_folders.raw / "Dataset1000_Long").mkdir()

    assert convert_id_to_dataset_name(100) == "Dataset100_Short"
    assert convert_id_to_dataset_name(1000) == "Dataset1000_Long"


def test_a_longer_number_counts_where_no_other_folder_begins_like_the_id(nnunet_folders):
    (nnunet_folders.raw / "Dataset0770_x").mkdir()

    assert convert_id_to_dataset_name(77) == "Dataset0770_x"


def test_the_error_for_a_missing_dataset_shows_the_folders_and_the_known_datasets(nnunet_folders):
    (nnunet_folders.raw / "Dataset004_There").mkdir()

    with pytest.raises(RuntimeError, match=r"ID 6, expected a folder Dataset006_<Name>") as caught:
        convert_id_to_dataset_name(6)

    assert isinstance(caught.value, DriftError)
    assert str(nnunet_folders.raw) in str(caught.value)
    assert "Known datasets: Dataset004_There." in str(caught.value)


def test_two_folders_with_one_id_are_an_error_that_names_both(nnunet_folders):
    (nnunet_folders.raw / "Dataset005_Foo").mkdir()
    (nnunet_folders.results / "Dataset005_Bar").mkdir()

    with pytest.raises(
        RuntimeError, match="More than one dataset name found for dataset id 5: Dataset005_Bar, Dataset005_Foo"
    ):
        convert_id_to_dataset_name(5)


def test_a_file_is_not_a_dataset(nnunet_folders):
    (nnunet_folders.raw / "Dataset005_Foo").touch()

    assert find_candidate_datasets(5).size == 0


def test_unset_variables_are_skipped_and_shown(monkeypatch, tmp_path):
    (tmp_path / "Dataset005_Foo").mkdir()
    monkeypatch.setenv("nnUNet_raw", str(tmp_path))

    assert convert_id_to_dataset_name(5) == "Dataset005_Foo"
    with pytest.raises(RuntimeError, match="nnUNet_results=not set"):
        convert_id_to_dataset_name(6)


@pytest.mark.parametrize("given", ["12", "012", 12, np.int64(12)])
def test_ids_are_accepted_as_text_and_number(nnunet_folders, given):
    (nnunet_folders.raw / "Dataset012_Foo").mkdir()

    assert maybe_convert_to_dataset_name(given) == "Dataset012_Foo"


def test_a_full_name_comes_back_unchanged_whether_it_exists_or_not(nnunet_folders):
    assert maybe_convert_to_dataset_name("Dataset999_Nowhere") == "Dataset999_Nowhere"


def test_text_that_is_neither_id_nor_name_is_a_value_error():
    with pytest.raises(ValueError, match="'glands': expected an id"):
        maybe_convert_to_dataset_name("glands")


@pytest.mark.parametrize(("name", "number"), [("Dataset005_Foo", 5), ("Dataset123_a_b", 123), ("Dataset1234_x", 1234)])
def test_the_id_of_a_name_is_its_whole_number(name, number):
    assert convert_dataset_name_to_id(name) == number


def test_names_without_the_prefix_or_the_number_have_no_id():
    with pytest.raises(AssertionError, match="Foo"):
        convert_dataset_name_to_id("Foo")
    with pytest.raises(ValueError, match="no number"):
        convert_dataset_name_to_id("Datasetabc")
