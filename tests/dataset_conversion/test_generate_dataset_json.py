"""dataset.json for converted datasets."""

import json
from pathlib import Path

import pytest

from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json


def test_entries_and_their_order(tmp_path: Path) -> None:
    generate_dataset_json(
        str(tmp_path),
        {0: "CT", 1: "MR"},
        {"background": 0, "whole": ("1", 2), "core": "2"},
        7,
        ".nii.gz",
        citation=["paper"],
        regions_class_order=(1, 2),
        dataset_name="Name",
        reference="here",
        release="1.0",
        description="what",
        overwrite_image_reader_writer="SimpleITKIO",
        license="CC0",
        converted_by="me",
        extra={"a": 1},
    )

    content = json.loads((tmp_path / "dataset.json").read_text())
    assert list(content.items()) == [
        ("channel_names", {"0": "CT", "1": "MR"}),
        ("labels", {"background": 0, "whole": [1, 2], "core": 2}),
        ("numTraining", 7),
        ("file_ending", ".nii.gz"),
        ("licence", "CC0"),
        ("converted_by", "me"),
        ("name", "Name"),
        ("reference", "here"),
        ("release", "1.0"),
        ("citation", ["paper"]),
        ("description", "what"),
        ("overwrite_image_reader_writer", "SimpleITKIO"),
        ("regions_class_order", [1, 2]),
        ("extra", {"a": 1}),
    ]


def test_absent_arguments_are_not_written(tmp_path: Path) -> None:
    generate_dataset_json(str(tmp_path), {0: "CT"}, {"background": 0, "a": 1}, 1, ".png")

    assert list(json.loads((tmp_path / "dataset.json").read_text())) == [
        "channel_names",
        "labels",
        "numTraining",
        "file_ending",
        "licence",
        "converted_by",
    ]


def test_the_dicts_of_the_caller_are_normalised(tmp_path: Path) -> None:
    channels, labels = {0: "CT"}, {"background": 0, "a": "1"}
    generate_dataset_json(str(tmp_path), channels, labels, 1, ".png")

    assert channels == {"0": "CT"}
    assert labels == {"background": 0, "a": 1}


def test_regions_need_their_order(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="regions_class_order"):
        generate_dataset_json(str(tmp_path), {0: "CT"}, {"background": 0, "r": [1, 2]}, 1, ".png")
    assert not list(tmp_path.iterdir())
