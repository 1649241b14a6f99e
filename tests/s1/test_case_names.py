from hypothesis import given
from hypothesis import strategies as st

from s1.case_names import ByName, composed, named_as_in, same_names
from tests.odd_files import decomposed


def test_a_name_is_found_in_either_form_and_keeps_its_own():
    ages = ByName({decomposed("Zoë"): 7, "Max": 9})
    assert ages["Zoë"] == ages[decomposed("Zoë")] == 7
    assert "Zoë" in ages
    assert "Zoe" not in ages
    assert list(ages) == [decomposed("Zoë"), "Max"]
    assert ages.given("Zoë") == decomposed("Zoë")
    assert ages.given("Nobody") == "Nobody"
    assert ages.get("Nobody") is None


def test_of_two_forms_the_exact_one_is_found():
    both = ByName({"Zoë": 1, decomposed("Zoë"): 2})
    assert (both["Zoë"], both[decomposed("Zoë")]) == (1, 2)


def test_names_take_the_form_in_which_they_exist():
    assert named_as_in([decomposed("é"), "b"], ["é", "b", "ö"]) == [decomposed("é"), "b", "ö"]


def test_names_that_look_the_same_are_told_apart():
    (line,) = same_names(["a", "é", decomposed("é")])
    assert r"'e\u0301', '\xe9'" in line
    assert same_names(["a", "b"]) == []


@given(st.text())
def test_both_forms_of_any_name_are_equal(name):
    assert composed(decomposed(name)) == composed(name)
