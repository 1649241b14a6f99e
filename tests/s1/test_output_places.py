import os
from pathlib import Path

import pytest

from s1.output_places import case_folder_at, input_at, same_place


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """The folder of masks of a dataset, with one file."""
    folder = tmp_path / "Dataset001_T/labelsTr"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"mask")
    return folder


def test_links_dots_and_relative_names_lead_to_one_place(masks: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "link").symlink_to(masks)
    monkeypatch.chdir(masks.parent)

    for other in (tmp_path / "link", masks / ".." / "labelsTr", "labelsTr", f"{masks}/"):
        assert same_place(masks, other)
    assert not same_place(masks, masks.parent)


def test_places_that_do_not_exist_yet_are_compared_too(masks: Path) -> None:
    assert same_place(masks / "new", masks.parent / "labelsTr/./new")
    assert not same_place(masks / "new", masks)


def test_two_names_of_one_file_are_the_same_place(masks: Path, tmp_path: Path) -> None:
    os.link(masks / "a.png", tmp_path / "b.png")

    assert input_at(tmp_path / "b.png", {"nothing": None, "the mask": masks / "a.png"}) == "the mask"
    assert input_at(tmp_path / "c.png", {"the mask": masks / "a.png"}) is None


def test_a_folder_with_masks_is_recognised_through_a_link(masks: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(masks)

    assert case_folder_at(tmp_path / "link") == "Dataset001_T/labelsTr"
    assert case_folder_at(masks.parent) is None


def test_a_folder_elsewhere_is_recognised_if_a_dataset_links_to_it(masks: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "Dataset002_U"
    elsewhere = masks.rename(tmp_path / "elsewhere")
    dataset.mkdir()
    (dataset / "labelsTr").symlink_to(elsewhere)

    assert case_folder_at(elsewhere) is None
    assert case_folder_at(elsewhere, [dataset]) == "Dataset002_U/labelsTr"


def test_an_empty_folder_holds_no_cases(masks: Path) -> None:
    (masks / "a.png").unlink()

    assert case_folder_at(masks) is None


def test_another_spelling_is_the_same_place_where_the_disk_says_so(masks: Path) -> None:
    other = masks.with_name("LABELSTR")
    if not other.exists():
        other.symlink_to(masks)  # as a disk that ignores case would show it

    assert case_folder_at(other) == "Dataset001_T/labelsTr"
