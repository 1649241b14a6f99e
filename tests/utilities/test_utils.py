import cProfile
import json

import pytest

from nnunetv2.utilities.utils import (
    channel_gaps,
    create_lists_from_splitted_dataset_folder,
    create_paths_fn,
    get_filenames_of_train_images_and_targets,
    get_identifiers_from_splitted_dataset_folder,
)


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_cases_are_sorted_and_listed_once(tmp_path):
    touch(tmp_path, "b_0000.png", "a_0001.png", "a_0000.png", "b_0000.json", "a_seg_0000.png")

    assert get_identifiers_from_splitted_dataset_folder(str(tmp_path), ".png").tolist() == ["a", "a_seg", "b"]


def test_an_empty_folder_has_no_cases(tmp_path):
    assert get_identifiers_from_splitted_dataset_folder(str(tmp_path), ".png").tolist() == []


@pytest.mark.parametrize("stray", ["c.png", "d_00000.png", "_0000.png", "e_000x.png"])
def test_a_file_without_channel_number_is_named(tmp_path, stray):
    touch(tmp_path, "a_0000.png", stray)

    with pytest.raises(RuntimeError, match=r"1 file\(s\) do not follow <case>_<four digits>.png") as caught:
        get_identifiers_from_splitted_dataset_folder(str(tmp_path), ".png")

    assert caught.value.problems == (stray,)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="imagesTr"):
        get_identifiers_from_splitted_dataset_folder(str(tmp_path / "imagesTr"), ".png")


def test_files_of_a_case_come_in_channel_order(tmp_path):
    touch(tmp_path, "a_0002.nii.gz", "a_0000.nii.gz", "a_0001.nii.gz", "a_b_0000.nii.gz", "a_00000.nii.gz", "a.nii.gz")

    lists = create_lists_from_splitted_dataset_folder(str(tmp_path), ".nii.gz", ["a_b", "a", "none"])

    assert lists == [
        [str(tmp_path / "a_b_0000.nii.gz")],
        [str(tmp_path / f"a_000{channel}.nii.gz") for channel in range(3)],
        [],
    ]


def test_characters_with_a_meaning_in_patterns_are_taken_literally(tmp_path):
    touch(tmp_path, "a.b_0000.png", "axb_0000.png")

    assert create_lists_from_splitted_dataset_folder(str(tmp_path), ".png", ["a.b"]) == [
        [str(tmp_path / "a.b_0000.png")]
    ]


def test_without_identifiers_all_cases_are_listed(tmp_path):
    touch(tmp_path, "b_0000.png", "a_0000.png")

    assert create_lists_from_splitted_dataset_folder(str(tmp_path), ".png") == [
        [str(tmp_path / "a_0000.png")],
        [str(tmp_path / "b_0000.png")],
    ]


def test_paths_of_one_case_keep_the_order_given():
    assert create_paths_fn("in", ["a_0001.png", "ab_0000.png", "a_0000.png", "_0000.png"], ".png", "a") == [
        "in/a_0001.png",
        "in/a_0000.png",
    ]


def test_training_files_are_found_in_the_folders(tmp_path):
    touch(tmp_path / "imagesTr", "b_0000.png", "a_0000.png", "a_0001.png")
    (tmp_path / "dataset.json").write_text(json.dumps({"file_ending": ".png"}))

    dataset = get_filenames_of_train_images_and_targets(str(tmp_path))

    assert list(dataset) == ["a", "b"]
    assert dataset["a"] == {
        "images": [str(tmp_path / "imagesTr" / f"a_000{channel}.png") for channel in range(2)],
        "label": str(tmp_path / "labelsTr" / "a.png"),
    }
    assert json.loads(json.dumps(dataset)) == dataset


def test_an_explicit_file_list_is_completed_in_place_and_keeps_its_order(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFT_TEST_STORE", "/store")
    listed = {
        "z": {"images": ["$DRIFT_TEST_STORE/z.png", "../near/z2.png"], "label": "labels/z.png"},
        "a": {"images": ["/abs/a.png"], "label": "~/a.png"},
    }

    dataset = get_filenames_of_train_images_and_targets(str(tmp_path / "raw"), {"dataset": listed})

    assert dataset is listed
    assert list(dataset) == ["z", "a"]
    assert dataset["z"] == {
        "images": ["/store/z.png", str(tmp_path / "near" / "z2.png")],
        "label": str(tmp_path / "raw" / "labels" / "z.png"),
    }
    assert dataset["a"]["label"] == str(tmp_path / "raw" / "~" / "a.png")


def test_a_missing_dataset_json_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"dataset.json"):
        get_filenames_of_train_images_and_targets(str(tmp_path))


def test_the_work_per_case_does_not_grow_with_the_number_of_cases(tmp_path):
    calls = {}
    for number in (200, 2000):
        names = (f"case_{case:05d}_000{channel}.png" for case in range(number) for channel in (0, 1))
        touch(tmp_path / str(number) / "imagesTr", *names)
        profile = cProfile.Profile()
        listed = profile.runcall(
            get_filenames_of_train_images_and_targets, str(tmp_path / str(number)), {"file_ending": ".png"}
        )
        calls[number] = sum(entry.callcount for entry in profile.getstats())
        assert len(listed) == number
        assert all(len(entry["images"]) == 2 for entry in listed.values())

    assert calls[2000] < 11 * calls[200]


def test_a_file_whose_ending_is_written_in_capitals_is_not_left_out(tmp_path):
    touch(tmp_path, "a_0000.png", "b_0000.PNG")

    with pytest.raises(RuntimeError, match="rename or remove them") as caught:
        get_identifiers_from_splitted_dataset_folder(str(tmp_path), ".png")
    assert caught.value.problems == ("b_0000.PNG",)


@pytest.mark.parametrize(
    ("channels", "line"),
    [("0", None), ("01", None), ("1", "0001, missing 0000"), ("02", "0000, 0002, missing 0001"), ("", None)],
)
def test_channels_are_numbered_from_zero_without_a_gap(channels, line):
    files = [f"folder/a_b_000{channel}.nii.gz" for channel in channels]

    assert channel_gaps("a_b", files, ".nii.gz") == ([f"case a_b: channel files {line}"] if line else [])
