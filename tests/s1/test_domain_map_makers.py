import pytest

from s1.domain_map_makers import domain_map_from_csv, domain_map_from_pattern, domain_map_from_ranges, groups_from_csv
from s1.errors import DomainMapError


def test_a_table_gives_domains_in_its_order_and_groups(tmp_path):
    path = tmp_path / "domains.csv"
    path.write_text("case,domain,group\nx1,B,p1\nx2,A,p2\nx3,B,p2\n")
    assert domain_map_from_csv(path, ["x1", "x2", "x3"]).domains == {"B": ("x1", "x3"), "A": ("x2",)}
    assert groups_from_csv(path, ["x1", "x2", "x3"]) == {"x1": "p1", "x2": "p2", "x3": "p2"}


def test_a_table_without_a_column_of_groups_has_none(tmp_path):
    path = tmp_path / "domains.csv"
    path.write_text("x1,A\n")
    assert groups_from_csv(path, ["x1"]) == {}


def test_a_pattern_takes_the_domain_from_its_named_group():
    cases = ["glas_1", "ebhi_7", "glas_2"]
    made = domain_map_from_pattern(r"^(?P<domain>[a-z]+)_", cases)
    assert made.domains == {"glas": ("glas_1", "glas_2"), "ebhi": ("ebhi_7",)}


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "not a regular expression"),
        ("[a-z]+", "no group named domain"),
        (r"^(?P<domain>g\w+)_", "no domain for case 'ebhi_7'"),
    ],
)
def test_a_pattern_that_does_not_match_is_refused(pattern, reason):
    with pytest.raises(DomainMapError, match=reason):
        domain_map_from_pattern(pattern, ["glas_1", "ebhi_7"])


def test_ranges_of_the_trailing_number_include_both_ends():
    made = domain_map_from_ranges({"A": "1-123", "B": "124-259, 300-"}, ["p_123", "p_0124", "p_1", "p_5000"])
    assert made.domains == {"A": ("p_123", "p_1"), "B": ("p_0124", "p_5000")}


def test_cases_outside_all_ranges_in_two_or_without_number_are_listed():
    with pytest.raises(DomainMapError) as caught:
        domain_map_from_ranges({"A": "1-5", "B": "5"}, ["p_5", "p_9", "q", "p_2"])
    message = str(caught.value)
    assert "'p_5' is in the ranges of 'A' and 'B'" in message
    assert "'p_9' is in no range" in message
    assert "'q' does not end with a number" in message
    assert "p_2" not in message


@pytest.mark.parametrize("text", ["", "a-b", "5-1", "-3"])
def test_a_malformed_range_is_refused(text):
    with pytest.raises(DomainMapError, match="domain 'A'"):
        domain_map_from_ranges({"A": text}, ["p_1"])


def test_a_range_without_any_case_is_refused():
    with pytest.raises(DomainMapError, match="domain 'B' has no case"):
        domain_map_from_ranges({"A": "1", "B": "2"}, ["p_1"])
