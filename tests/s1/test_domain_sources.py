import hashlib
import json

import pytest

from s1.domain_sources import find_raw_dataset, open_folders, open_raw_dataset
from s1.errors import DomainMapError, ImageProblemError, SourceError

DESCRIPTION = {"labels": {"background": 0, "tumor": 1, "ignore": 2}, "file_ending": ".png"}


def make_dataset(folders, name="Dataset012_Tissue", cases=("a", "b"), description=DESCRIPTION, domains=None):
    folder = folders.raw / name
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for case in cases:
        (folder / "imagesTr" / f"{case}_0000.png").touch()
        (folder / "labelsTr" / f"{case}.png").touch()
    (folder / "dataset.json").write_text(json.dumps(description))
    (folder / "domains.json").write_text(json.dumps({"domains": domains or {"x": ["b"], "y": ["a"]}}))
    return folder


@pytest.mark.parametrize("identifier", ["12", "012", "Dataset012_Tissue"])
def test_a_dataset_is_found_by_id_and_by_name(nnunet_folders, identifier):
    folder = make_dataset(nnunet_folders)
    assert find_raw_dataset(identifier) == folder


def test_a_dataset_gives_pairs_labels_and_the_hash_of_its_domain_file(nnunet_folders):
    folder = make_dataset(nnunet_folders)
    source = open_raw_dataset("12")
    assert list(source.pairs) == ["x", "y"]
    assert source.pairs["x"][0].image == folder / "imagesTr" / "b_0000.png"
    assert source.pairs["x"][0].mask == folder / "labelsTr" / "b.png"
    assert source.label_names == {0: "background", 1: "tumor"}
    assert source.ignore_label == 2
    assert source.known_labels(2) == {0, 1, 2}
    assert source.class_weights() == {0: 0.1, 1: 0.9}
    assert source.domain_file_sha256 == hashlib.sha256((folder / "domains.json").read_bytes()).hexdigest()


def test_regions_and_a_list_of_files_are_understood(nnunet_folders):
    description = {
        "labels": {"background": 0, "whole": [1, 2], "core": [2]},
        "file_ending": ".png",
        "dataset": {
            "a": {"images": ["imagesTr/b_0000.png"], "label": "labelsTr/b.png"},
            "b": {"images": ["imagesTr/a_0000.png"], "label": "labelsTr/a.png"},
        },
    }
    folder = make_dataset(nnunet_folders, description=description)
    source = open_raw_dataset("12")
    assert source.pairs["y"][0].image == folder / "imagesTr" / "b_0000.png"
    assert source.label_names == {0: "background", 1: "whole", 2: "core"}


def test_a_dataset_without_labels_folder_has_no_masks(nnunet_folders):
    folder = make_dataset(nnunet_folders)
    for mask in (folder / "labelsTr").iterdir():
        mask.unlink()
    (folder / "labelsTr").rmdir()
    assert open_raw_dataset("12").pairs["x"][0].mask is None


def test_missing_masks_and_several_channel_files_are_listed_together(nnunet_folders):
    folder = make_dataset(nnunet_folders)
    (folder / "labelsTr" / "a.png").unlink()
    (folder / "imagesTr" / "b_0001.png").touch()
    with pytest.raises(ImageProblemError) as caught:
        open_raw_dataset("12")
    assert "a.png: no such file, the mask of case 'a' is missing" in str(caught.value)
    assert "case 'b' has 2 image files" in str(caught.value)


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ("13", "expected one dataset with id 13, found none"),
        ("Dataset012_Tisue", "did you mean 'Dataset012_Tissue'"),
        ("14", "found Dataset014_A and Dataset014_B"),
    ],
)
def test_missing_and_ambiguous_datasets_are_refused(nnunet_folders, identifier, reason):
    make_dataset(nnunet_folders)
    make_dataset(nnunet_folders, "Dataset014_A")
    make_dataset(nnunet_folders, "Dataset014_B")
    with pytest.raises(SourceError, match=reason):
        open_raw_dataset(identifier)


def test_an_unset_or_missing_raw_folder_is_reported(nnunet_folders, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", str(nnunet_folders.raw / "none"))
    with pytest.raises(SourceError, match="none: no such folder"):
        open_raw_dataset("12")
    monkeypatch.delenv("nnUNet_raw")
    with pytest.raises(SourceError, match="nnUNet_raw is not set"):
        open_raw_dataset("12")


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ({"labels": {"background": 0}}, "file_ending"),
        ({"file_ending": ".png"}, "lacks the key 'labels'"),
        (
            {"file_ending": ".png", "labels": {"background": "zero"}},
            "labels.background is 'zero', expected a whole number from 0 to 65535",
        ),
        ({"file_ending": ".tif", "labels": {"background": 0}}, "contains no image named CASE_0000.tif"),
        (
            {"file_ending": ".png", "labels": {"background": 0}, "dataset": {"a": {}}},
            "dataset.a lacks the keys 'images', 'label'",
        ),
    ],
)
def test_a_malformed_description_is_refused(nnunet_folders, description, reason):
    make_dataset(nnunet_folders, description=description)
    with pytest.raises(SourceError, match=reason):
        open_raw_dataset("12")


def test_the_error_for_a_missing_domain_file_says_how_to_make_one(nnunet_folders):
    folder = make_dataset(nnunet_folders)
    (folder / "domains.json").unlink()
    with pytest.raises(DomainMapError, match=r"domains\.json: no such file.*drift domains"):
        open_raw_dataset("12")


def test_folders_are_given_with_and_without_masks(tmp_path):
    for name in ("a", "b", "m", "with:colon"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").touch()
    source = open_folders([f"A={tmp_path}/a:{tmp_path}/m", f"B={tmp_path}/b", f"C={tmp_path}/with:colon"])
    assert source.pairs["A"][0].mask == tmp_path / "m" / "x.png"
    assert source.pairs["B"][0].mask is None
    assert source.pairs["C"][0].image == tmp_path / "with:colon" / "x.png"
    assert source.known_labels(None) is None


@pytest.mark.parametrize("text", ["folder", "=folder", "A="])
def test_a_domain_without_name_or_folder_is_refused(text):
    with pytest.raises(SourceError, match="expected NAME=IMAGES"):
        open_folders([text])


def test_a_domain_given_twice_is_refused(tmp_path):
    (tmp_path / "x.png").touch()
    with pytest.raises(SourceError, match="A is given twice"):
        open_folders([f"A={tmp_path}", f"A={tmp_path}"])


def test_problems_of_several_folders_are_listed_together(tmp_path):
    with pytest.raises(ImageProblemError) as caught:
        open_folders([f"A={tmp_path}/one", f"B={tmp_path}/two"])
    assert "one: no such folder" in str(caught.value)
    assert "two: no such folder" in str(caught.value)
