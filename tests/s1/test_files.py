import pytest

from s1.errors import DomainMapError
from s1.files import read_json_object, replacing, write_json, write_together


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "x.json"
    target.write_text("old")
    with pytest.raises(TypeError), replacing(target) as temporary:
        temporary.write_bytes("text instead of bytes")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_files_are_written_together_or_not_at_all(tmp_path):
    write_together(tmp_path / "new", {"a": b"1", "b": b"2"})
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a", "b"]
    with pytest.raises(TypeError):
        write_together(tmp_path / "new", {"a": b"changed", "b": "text instead of bytes"})
    assert (tmp_path / "new" / "a").read_bytes() == b"1"
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_written_files_have_the_usual_permissions(tmp_path):
    write_json({}, tmp_path / "ours.json")
    (tmp_path / "plain.json").write_text("{}")
    assert (tmp_path / "ours.json").stat().st_mode == (tmp_path / "plain.json").stat().st_mode


def test_json_is_read_back_and_nan_is_refused(tmp_path):
    write_json({"ä": [1, 2]}, tmp_path / "x.json")
    assert read_json_object(tmp_path / "x.json") == {"ä": [1, 2]}
    with pytest.raises(ValueError, match="JSON"):
        write_json({"x": float("nan")}, tmp_path / "x.json")
    assert read_json_object(tmp_path / "x.json") == {"ä": [1, 2]}


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DomainMapError, match="not valid JSON"):
        read_json_object(tmp_path / "x.json")
