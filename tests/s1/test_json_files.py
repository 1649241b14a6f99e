"""The reader of JSON files: what it refuses before any schema is asked."""

import json
import os

import pytest

from s1.errors import DomainMapError, SourceError
from s1.json_files import DEEPEST, MOST_DIGITS, JsonFile, NotJson, parse_json, read_json
from s1.json_schema import ListOf, Record, whole_number


def test_content_comes_back_with_or_without_a_byte_order_mark(tmp_path):
    for mark in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "x.json").write_bytes(mark + '{"Gewebe ä": [NaN, 1e400, "\\ud83d\\ude00"]}'.encode())
        nan, infinity, smile = read_json(tmp_path / "x.json")["Gewebe ä"]
        assert nan != nan
        assert infinity == float("inf")
        assert smile == "\U0001f600"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ('{"a": 1,}', "line 1 column 9"),
        (b"\xff\xfe{\x00", "UTF-16, save it as UTF-8"),
        (b'{"a": "\xff"}', "can't decode byte 0xff"),
        ("[" * 100_000, "nested more than 64 levels"),
        ("[" * 900 + "]" * 900, "nested more than 64 levels"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "nested more than 64 levels"),
        ("7" * 5000, "a number of 5000 digits"),
        ("[-" + "7" * 400 + "]", "a number of 401 digits"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' occurs twice in one object"),
        ('["\\u0000"]', "zero character"),
        ('{"\\ud800": 1}', "no valid Unicode"),
    ],
)
def test_what_is_not_usable_json_is_one_line_with_the_path(tmp_path, text, reason):
    path = tmp_path / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DomainMapError, match=reason) as caught:
        read_json(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_is_at_the_limits_is_read():
    assert parse_json("[" * DEEPEST + "]" * DEEPEST)
    assert parse_json("7" * MOST_DIGITS) > 0
    assert parse_json('{"a": 1, "a": 1}') == {"a": 1}


def test_a_file_above_the_limit_is_refused_unread(tmp_path):
    with open(tmp_path / "x.json", "wb") as stream:
        stream.truncate(10 * 2**40)  # a hole: nothing is on disk
    with pytest.raises(DomainMapError, match="10485760 MiB, expected at most 64"):
        read_json(tmp_path / "x.json")  # reading it would take all memory


def test_pipes_and_folders_are_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    for path, kind in ((tmp_path / "pipe.json", "named pipe"), (tmp_path, "folder")):
        with pytest.raises(DomainMapError, match=rf"{path.name}: is a {kind}, expected a file"):
            read_json(path)


def test_a_missing_file_has_its_own_error(tmp_path):
    for path in (tmp_path / "x.json", tmp_path / "x.json" / "y.json"):
        (tmp_path / "x.json").touch() if path.name == "y.json" else None
        with pytest.raises(SourceError, match=r"^plans not found: .*json$"):
            read_json(path, JsonFile("plans"), missing=SourceError)


def test_all_problems_of_a_file_are_listed_together(tmp_path):
    kind = JsonFile("counts", ListOf(Record({"count": whole_number(0)})), "count again")
    (tmp_path / "x.json").write_text(json.dumps([{"count": 1}, {"count": -1}]))
    with pytest.raises(DomainMapError) as caught:
        read_json(tmp_path / "x.json", kind)
    assert str(caught.value) == (
        f"{tmp_path / 'x.json'}: [1].count is -1, expected a whole number, 0 or more; count again"
    )
    (tmp_path / "x.json").write_text(json.dumps([{}, {"count": 1.5}]))
    with pytest.raises(DomainMapError) as caught:
        read_json(tmp_path / "x.json", kind)
    assert str(caught.value).splitlines() == [
        f"{tmp_path / 'x.json'} cannot be used as counts; count again (2 problems):",
        "  [0] lacks the key 'count'; it has no keys",
        "  [1].count is 1.5, expected a whole number, 0 or more",
    ]


def test_a_text_can_be_read_too():
    assert parse_json('{"a": [1]}') == {"a": [1]}
    with pytest.raises(NotJson, match="not valid JSON"):
        parse_json("{")
