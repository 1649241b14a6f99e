import pytest

from s1.listed_files import as_on_disk, is_hidden, list_files
from tests.odd_files import KINDS, decomposed, hide_beside, make_odd


def test_files_with_the_ending_are_listed_in_order_and_hidden_ones_are_not(tmp_path):
    for name in ("b.png", "a.png", "c.PNG", "note.txt", ".x.png"):
        (tmp_path / name).touch()
    hide_beside(tmp_path)
    assert list_files(tmp_path, ".png").names == ["a.png", "b.png"]
    assert list_files(tmp_path, (".png", ".txt"), ignore_case=True).names == ["a.png", "b.png", "c.PNG", "note.txt"]
    assert list_files(tmp_path, ".png").problems == []
    assert is_hidden("._a.png")


def test_everything_else_with_the_ending_is_a_problem(tmp_path):
    for kind in KINDS:
        make_odd(tmp_path / f"{kind}.png", kind)
    make_odd(tmp_path / "no matter", "folder")
    listed = list_files(tmp_path, ".png")
    assert listed.names == []
    assert [line.split("/")[-1].split(":")[0] for line in listed.problems] == sorted(f"{kind}.png" for kind in KINDS)


def test_two_names_that_look_the_same_are_a_problem(tmp_path):
    (tmp_path / "é.png").touch()
    (tmp_path / decomposed("é.png")).touch()
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system has one form of names only")
    (line,) = list_files(tmp_path, ".png").problems
    assert "differ in Unicode form only" in line


def test_a_file_is_found_in_its_other_form(tmp_path):
    (tmp_path / decomposed("é.png")).touch()
    assert as_on_disk(str(tmp_path / "é.png")) == str(tmp_path / decomposed("é.png"))
    assert as_on_disk(str(tmp_path / "ö.png")) == str(tmp_path / "ö.png")
    assert as_on_disk(str(tmp_path / "none" / "é.png")) == str(tmp_path / "none" / "é.png")
