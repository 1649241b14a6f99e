from pathlib import Path

import pytest

from nnunetv2.errors import DatasetLayoutError, MissingFileError
from nnunetv2.inference.case_lists import (
    ListedFolder,
    case_name,
    check_part,
    list_inputs,
    list_outputs,
    list_previous_stages,
    make_output_folders,
    output_folder_of,
    part_of,
)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a/b/case_1_0000.nii.gz", "case_1"),
        ("patient7.nii.gz", "patient7"),
        (Path("x_12.nii.gz"), "x_12"),
        ("x_12_0001.nii.gz", "x_12"),
        ("other_0000.png", "other"),
    ],
)
def test_a_case_is_named_after_its_file_without_channel_and_ending(file: object, name: str) -> None:
    assert case_name(file, ".nii.gz") == name


def test_a_folder_is_listed_by_case_and_channel(tmp_path: Path) -> None:
    for name in ("b_0001.png", "b_0000.png", "a_0000.png", "a_0001.png", "note.txt"):
        (tmp_path / name).touch()
    expected = [[str(tmp_path / f"{case}_000{channel}.png") for channel in (0, 1)] for case in "ab"]
    assert list_inputs(tmp_path, ".png") == expected
    assert list_inputs(str(tmp_path), ".png") == expected


def test_a_list_of_cases_may_hold_paths_and_tuples() -> None:
    assert list_inputs(((Path("a_0000.png"), "a_0001.png"),), ".png") == [["a_0000.png", "a_0001.png"]]


def test_a_missing_folder_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="absent"):
        list_inputs(tmp_path / "absent", ".png")


def test_outputs_are_named_after_the_cases_or_as_listed() -> None:
    inputs = [["in/a_0000.png"], ["in/b_0000.png"]]
    assert list_outputs("out", inputs, ".png") == ["out/a", "out/b"]
    assert list_outputs(Path("out"), inputs, ".png") == ["out/a", "out/b"]
    assert list_outputs(["x/1.png", Path("y/2")], inputs, ".png") == ["x/1", "y/2"]
    assert list_outputs(None, inputs, ".png") is None


def test_previous_stages_lie_in_their_folder_under_the_name_of_the_case() -> None:
    assert list_previous_stages("stage1", [["a_0000.png"]], ".png") == ["stage1/a.png"]
    assert list_previous_stages(None, [["a_0000.png"]], ".png") == [None]


@pytest.mark.parametrize(("part", "parts"), [(3, 3), (-1, 3), (0, 0)])
def test_a_part_that_does_not_exist_is_refused(part: int, parts: int) -> None:
    with pytest.raises(AssertionError, match="part_id"):
        check_part(part, parts)


def test_all_folders_of_listed_outputs_are_created_and_the_first_holds_the_record(tmp_path: Path) -> None:
    target = [tmp_path / "a" / "b" / "1", str(tmp_path / "c" / "2")]
    make_output_folders(target)
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "c").is_dir()
    assert output_folder_of(target) == tmp_path / "a" / "b"


def test_a_bare_output_name_belongs_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_output_folders(["name"])
    assert output_folder_of(["name"]) == Path(".")


def test_a_channel_that_is_missing_from_a_folder_is_named(tmp_path: Path) -> None:
    for name in ("a_0000.png", "b_0001.png", "c_0000.png", "c_0002.png"):
        (tmp_path / name).touch()

    with pytest.raises(DatasetLayoutError) as caught:
        list_inputs(tmp_path, ".png")
    assert [problem[:6] for problem in caught.value.problems] == ["case b", "case c"]


def test_a_listed_folder_is_its_path_and_is_not_listed_again(tmp_path: Path) -> None:
    (tmp_path / "a_0000.png").touch()
    folder = ListedFolder.read(tmp_path, ".png")
    (tmp_path / "b_0000.png").touch()

    assert folder == str(tmp_path)
    assert list_inputs(folder, ".png") == [[str(tmp_path / "a_0000.png")]]
    assert len(list_inputs(str(folder + ""), ".png")) == 2


def test_parts_of_listed_names_are_every_so_many_th_and_a_folder_stays_whole() -> None:
    assert part_of(["a", "b", "c"], 0, 2) == ["a", "c"]
    assert part_of("folder", 1, 2) == "folder"
    assert part_of(None, 1, 2) is None
