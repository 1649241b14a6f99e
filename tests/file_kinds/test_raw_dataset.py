import json

import pytest

from nnunetv2.file_kinds.raw_dataset import dataset_json_problems, label_problems, read_dataset_json

GOOD = {"channel_names": {"0": "R"}, "labels": {"background": 0, "tumor": 1}, "numTraining": 3, "file_ending": ".png"}


def write(folder, content):
    (folder / "dataset.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_a_good_file_is_returned_unchanged(tmp_path):
    assert read_dataset_json(write(tmp_path, GOOD)) == GOOD


def test_label_order_is_kept(tmp_path):
    labels = {"background": 0, "z": [1, 2], "a": 2}
    content = read_dataset_json(write(tmp_path, {**GOOD, "labels": labels, "regions_class_order": [1, 2]}))

    assert list(content["labels"]) == ["background", "z", "a"]


def test_a_missing_file_is_an_assertion_error_naming_it(tmp_path):
    with pytest.raises(AssertionError, match=r"dataset.json not found"):
        read_dataset_json(tmp_path)


def test_malformed_json_says_where(tmp_path):
    with pytest.raises(AssertionError, match=r"not valid JSON.*line 1 column 2"):
        read_dataset_json(write(tmp_path, "{,}"))


def test_all_problems_are_listed_together(tmp_path):
    content = {"labels": {"background": 0, "tumor": 255}, "numTraining": "3", "file_ending": "png"}

    with pytest.raises(AssertionError) as caught:
        read_dataset_json(write(tmp_path, content))

    assert len(caught.value.problems) == 4
    assert any("lacks the key 'channel_names'" in problem for problem in caught.value.problems)
    assert any("numTraining is '3', expected a whole number" in problem for problem in caught.value.problems)
    assert any("file_ending is 'png', expected a text that starts with a dot" in p for p in caught.value.problems)
    assert any("'tumor': found 255, did you mean 1?" in problem for problem in caught.value.problems)


def test_channels_may_be_called_modality():
    content = {key: value for key, value in GOOD.items() if key != "channel_names"}

    assert dataset_json_problems({**content, "modality": {"0": "CT"}}) == []


def test_a_list_is_not_a_dataset_json():
    assert dataset_json_problems([]) == [
        "is [], expected an object with the keys 'labels', 'numTraining', 'file_ending', 'channel_names'"
    ]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (None, "dataset.x is null, expected an object with the keys 'images', 'label'"),
        ({}, "dataset.x lacks the keys 'images', 'label'; it has no keys"),
        ({"images": [], "label": "l"}, "dataset.x.images is [], expected a non-empty list of paths"),
        ({"images": ["i"]}, "dataset.x lacks the key 'label'; it has the key 'images'"),
        ({"images": ["i", 2], "label": "l"}, "dataset.x.images[1] is 2, expected a non-empty text in one line"),
    ],
)
def test_a_list_of_files_names_images_and_label_of_each_case(files, problem):
    named = {"good": {"images": ["i"], "label": "l"}, "x": files}

    assert dataset_json_problems({**GOOD, "dataset": named}) == [problem]
    assert "dataset is [], expected an object that names" in dataset_json_problems({**GOOD, "dataset": []})[0]


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"channel_names": {"0": 1}}, "channel_names.0 is 1, expected a text"),
        ({"channel_names": ["R"]}, "channel_names is ['R'], expected an object {number: name of the channel}"),
        (
            {"overwrite_image_reader_writer": 3},
            "overwrite_image_reader_writer is 3, expected a non-empty text in one line or null",
        ),
        ({"file_ending": ".a/../b"}, "file_ending is '.a/../b'"),
        ({"numTraining": -1}, "numTraining is -1, expected a whole number, 0 or more"),
        ({"labels": {"background": 0, "a": [1, 10**9]}, "regions_class_order": [1]}, "label 'a' is [1, 1000000000]"),
        ({"labels": {"background": 0, "a": [1, 2]}, "regions_class_order": 5}, "regions_class_order is 5"),
    ],
)
def test_wrong_types_of_single_entries_are_named(entries, problem):
    (found,) = dataset_json_problems({**GOOD, **entries})

    assert problem in found


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"0": "background", "1": "tumor"}, "maps numbers to names, as in nnU-Net v1"),
        ({"background": 0, "tumor": "1"}, "label 'tumor' is '1', expected a whole number or a list of them"),
        ({"background": 0, "tumor": True}, "label 'tumor' is True"),
        ({"background": 0, "tumor": 1.5}, "label 'tumor' is 1.5"),
        ({"background": 0, "tumor": float("inf")}, "label 'tumor' is inf"),
        ({"background": 0, "a": 1, "b": 3}, "label 'b': found 3, did you mean 2?"),
        ({"background": 0, "a": 1, "ignore": 5}, "label 'ignore': found 5, did you mean 2?"),
        ({"background": 0, "a": -1}, "label 'a': found -1"),
    ],
)
def test_wrong_labels_are_described(labels, problem):
    assert problem in label_problems(labels)[0]


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 0},
        {"background": 0, "a": 1, "same": 1, "b": 2, "ignore": 3},
        {"background": 0, "whole": [1, 2, 5], "core": 5},
        {"background": 0, "a": [1]},
        {"background": 0.0, "a": 1.0, "b": 2.0},
    ],
)
def test_labels_that_can_be_trained_on_have_no_problems(labels):
    assert label_problems(labels) == []


@pytest.mark.parametrize(
    ("labels", "order", "problem"),
    [
        ({"tumor": 1}, None, "no label 'background'"),
        ({"background": 0, "whole": [1, 2]}, None, "regions_class_order has to say"),
        ({"background": 0, "whole": [1, 2]}, [1, 2], "2 entries for 1 regions"),
    ],
)
def test_what_the_label_manager_refuses_is_a_problem(labels, order, problem):
    (found,) = dataset_json_problems({**GOOD, "labels": labels, "regions_class_order": order})

    assert problem in found


@pytest.mark.parametrize("background", [None, "x", {}, True, 1.5, [[0]], [0, 1], 10**400])
def test_a_background_of_any_other_kind_is_a_problem(background):
    assert dataset_json_problems({**GOOD, "labels": {"background": background, "tumor": 1}})
