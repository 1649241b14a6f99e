"""The language of schemas: what fits, and how a problem reads."""

import math

import pytest

from s1.json_schema import (
    FILE_NAME,
    NAME,
    NUMBER,
    NUMBER_OR_NAN,
    TEXT,
    TRUE_OR_FALSE,
    Also,
    Either,
    ListOf,
    MapOf,
    Problem,
    Record,
    number,
    optional,
    whole_number,
)


def lines(schema, value):
    return [str(problem) for problem in schema.problems(value)]


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (TEXT, ["", "a"], [1, None, ["a"]]),
        (NAME, ["a"], ["", "  ", 1]),
        (TRUE_OR_FALSE, [True, False], [0, 1, "true", None]),
        (whole_number(1, 5), [1, 5], [0, 6, 1.0, True, "1", None, 10**30]),
        (number(above=0), [0.1, 3], [0, -1, math.nan, math.inf, True, "1"]),
        (NUMBER, [-1, 0.5], [math.nan, math.inf, False]),
        (NUMBER_OR_NAN, [1, math.nan], [None, "nan", True]),
        (FILE_NAME, ["a", "a.b", "..."], ["", ".", "..", "a/b", "a\\b", "x" * 256, 3]),
        (optional(NAME), ["a", None], ["", 1]),
        (ListOf(NAME, 1, 2), [["a"], ["a", "b"]], [[], ["a"] * 3, "ab", {"a": 1}]),
        (MapOf(NAME, 1), [{"a": "b"}], [{}, [], {"a": 1}]),
    ],
)
def test_values_fit_or_do_not(schema, good, bad):
    assert [value for value in good if lines(schema, value)] == []
    assert [value for value in bad if len(lines(schema, value)) != 1] == []


def test_a_problem_names_the_entry_what_was_found_and_what_was_expected():
    schema = Record({"configurations": MapOf(Record({}, {"patch_size": ListOf(whole_number(1))}))})
    content = {"configurations": {"2d": {"patch_size": [64, -1]}, "a b": {"patch_size": None}}}
    assert lines(schema, content) == [
        "configurations.2d.patch_size[1] is -1, expected a whole number, 1 or more",
        "configurations['a b'].patch_size is null, expected a list",
    ]


def test_missing_keys_are_one_line_and_unknown_ones_are_refused_only_if_asked():
    open_record, closed = (Record({"domains": TEXT, "more": TEXT}, closed=closed) for closed in (False, True))
    assert lines(open_record, {"domain": 1}) == ["lacks the keys 'domains', 'more'; it has the key 'domain'"]
    assert lines(closed, {"domain": "", "domains": "", "more": ""}) == [
        "has the unknown key 'domain', did you mean 'domains'?"
    ]


def test_of_several_kinds_the_one_of_this_shape_explains_itself():
    schema = Either((whole_number(0), ListOf(whole_number(0))))
    assert lines(schema, [1, -1]) == ["[1] is -1, expected a whole number, 0 or more"]
    assert lines(schema, "a") == ["is 'a', expected a whole number, 0 or more or a list"]


def test_rules_are_asked_only_of_entries_that_fit():
    schema = Also(ListOf(whole_number()), (lambda value: [Problem("is not sorted")] * (sorted(value) != value),))
    assert lines(schema, [2, 1]) == ["is not sorted"]
    assert lines(schema, [2, "1"]) == ["[1] is '1', expected a whole number"]


@pytest.mark.parametrize(
    "value", ["x" * 1000, "a\nb\u2028c", ["y" * 100] * 100, {"k\n" * 50: 1}, {str(n): n for n in range(100)}, [[[]]]]
)
def test_long_and_odd_values_are_shown_in_one_short_line(value):
    (line,) = lines(whole_number(), value)
    assert len(line.splitlines()) == 1
    assert len(line) < 600
