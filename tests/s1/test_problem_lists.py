import pytest

from s1.errors import DomainMapError, ImageProblemError
from s1.problem_lists import MOST_SHOWN, closest_names, raise_together

MANY = [f"problem {number}" for number in range(MOST_SHOWN + 5)]


def message_of(*arguments):
    with pytest.raises(ImageProblemError) as caught:
        raise_together(ImageProblemError, *arguments)
    return str(caught.value)


def test_without_a_problem_nothing_is_raised():
    raise_together(DomainMapError, "cannot be used", iter(()), "x.json")


def test_a_single_problem_stands_alone_after_its_source():
    assert message_of("cannot be used", iter(["a.png: no such file"])) == "a.png: no such file"
    assert message_of("cannot be used", ["no case"], "x.json") == "x.json: no case"


def test_several_problems_stand_on_lines_of_their_own():
    assert message_of("these cannot be used", ["a", "b"]) == "these cannot be used (2 problems):\n  a\n  b"
    assert message_of("cannot be used", ["a", "b"], "x.json") == "x.json cannot be used (2 problems):\n  a\n  b"


def test_of_one_source_the_first_problems_are_shown_and_the_rest_counted_but_all_files_are_named():
    lines = message_of("cannot be used", MANY, "x.json").splitlines()
    assert len(lines) == 1 + MOST_SHOWN + 1
    assert lines[-1] == "  and 5 more"
    assert len(message_of("cannot be used", MANY).splitlines()) == 1 + len(MANY)


def test_names_get_a_suggestion_unless_they_are_too_many_to_be_typing_errors():
    assert closest_names(["case_1", "other"], ["case_2"]) == {"case_1": ", did you mean 'case_2'?", "other": ""}
    assert set(closest_names(MANY, MANY).values()) == {""}
