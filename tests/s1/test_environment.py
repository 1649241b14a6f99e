"""Variables as files of variables bring them: quotes, spaces, carriage returns, `~`."""

import os

import pytest

from s1.environment import folder_list_variable, folder_variable, text_variable
from s1.errors import SourceError

NAME = "nnUNet_test_variable"


@pytest.mark.parametrize("value", ["5", " 5\r", "'5'", '"5"\r\n', "\u201c5\u201d"])
def test_quotes_and_white_space_are_no_part_of_a_value(monkeypatch, value):
    monkeypatch.setenv(NAME, value)
    assert text_variable(NAME) == "5"


def test_an_unset_variable_has_its_default():
    assert text_variable(NAME) is None
    assert text_variable(NAME, "7") == "7"
    assert folder_variable(NAME).path is None
    assert folder_list_variable(NAME) == []


@pytest.mark.parametrize("form", ["{}", " {} ", "{}\r", "'{}'", '"{}"', '"{}"\r\n'])
def test_a_folder_is_found_in_each_form(monkeypatch, tmp_path, form):
    monkeypatch.setenv(NAME, form.format(tmp_path))
    assert folder_variable(NAME).require(SourceError) == str(tmp_path)


@pytest.mark.parametrize("form", ["~/data", "'~/data'\r", "~"])
def test_the_home_folder_is_expanded(monkeypatch, tmp_path, form):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(NAME, form)
    assert folder_variable(NAME).path == str(tmp_path / "data" if "data" in form else tmp_path)


@pytest.mark.parametrize("name", ["'quoted'", "~", "ends with a space "])
def test_a_folder_that_really_has_this_name_wins(monkeypatch, tmp_path, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(NAME, name)
    assert folder_variable(NAME).path == name


@pytest.mark.parametrize(
    ("value", "reason"), [("~no-such-user/x", "no such home folder"), ('"/data', "one quote"), ("/data'", "one quote")]
)
def test_what_cannot_be_understood_is_refused_in_one_line(monkeypatch, value, reason):
    monkeypatch.setenv(NAME, value)
    assert folder_variable(NAME).path == value
    with pytest.raises(SourceError, match=rf"^{NAME} is .*{reason}.*$"):
        folder_variable(NAME).require(SourceError)


def test_an_apostrophe_inside_a_name_is_no_quote(monkeypatch):
    monkeypatch.setenv(NAME, "/data/Anna's")
    assert folder_variable(NAME).problem is None


@pytest.mark.parametrize("form", ["{0}:{1}", "'{0}:{1}'\r", '"{0}":"{1}"', "{0} : {1}", ":{0}:{1}:"])
def test_several_folders_are_read_one_by_one(monkeypatch, tmp_path, form):
    folders = [str(tmp_path / name) for name in ("a", "b")]
    for folder in folders:
        os.mkdir(folder)
    monkeypatch.setenv(NAME, form.format(*folders).replace(":", os.pathsep))
    assert folder_list_variable(NAME) == folders
