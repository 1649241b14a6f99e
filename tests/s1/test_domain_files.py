import json
from pathlib import Path

import pytest

from s1.domain_files import check_group_cases, read_domain_map, read_groups, write_domain_map
from s1.domain_map import DomainMap
from s1.errors import DomainMapError


def written(folder: Path, content: object, name: str = "domains.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_reading_keeps_the_order_of_the_file(tmp_path):
    domain_map = read_domain_map(written(tmp_path, {"domains": {"z": ["b", "a"], "a": ["c"]}}))
    assert domain_map.names == ("z", "a")
    assert domain_map.domains["z"] == ("b", "a")
    assert domain_map.ratios is None


def test_a_written_map_reads_back_equal_and_leaves_no_other_file(tmp_path):
    domain_map = DomainMap({"Zürich": ("a",), "b": ("c", "d")}, {"Zürich": 0.25, "b": 0.75})
    write_domain_map(domain_map, tmp_path / "domains.json")
    assert read_domain_map(tmp_path / "domains.json") == domain_map
    assert [path.name for path in tmp_path.iterdir()] == ["domains.json"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not valid JSON"),
        ("[]", "expected an object with the key 'domains'"),
        ({}, "lacks the key 'domains'"),
        ({"domains": {"a": ["1"]}, "ratio": {}}, r"unknown key 'ratio', did you mean 'ratios'\?"),
        ({"domains": ["a"]}, "expected an object"),
        ({"domains": {"a": "case"}}, "domains.a is 'case', expected a list of case names"),
        ({"domains": {"a": [1]}}, r"domains.a\[0\] is 1, expected a non-empty text in one line"),
        ({"domains": {}}, "no domain"),
        ({"domains": {"a": []}}, "domain 'a' has no case"),
        ({"domains": {"a": ["x"], "b": ["x"]}}, "case 'x' is in 'a' and 'b'"),
        ({"domains": {"a": ["x", "x"]}}, "case 'x' is twice in domain 'a'"),
        ('{"domains": {"a": ["x"], "a": ["y"]}}', "'a' occurs twice"),
        ({"domains": {"a": ["x"]}, "ratios": {"b": 1}}, "lacks domain 'a'.*unknown domain 'b'"),
        ({"domains": {"a": ["x"]}, "ratios": {"a": -1}}, "ratios.a is -1, expected a number from 0"),
        ({"domains": {"a": ["x"]}, "ratios": {"a": 0}}, "all 'ratios' are 0"),
        ({"domains": {"a": ["x"]}, "ratios": {"a": True}}, "ratios.a is true, expected a number"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_the_reason(tmp_path, content, reason):
    path = written(tmp_path, content)
    with pytest.raises(DomainMapError, match=reason) as caught:
        read_domain_map(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DomainMapError, match=r"domains\.json not found: "):
        read_domain_map(tmp_path / "domains.json")


def test_groups_are_read(tmp_path):
    assert read_groups(written(tmp_path, {"groups": {"a": "p1", "b": "p1"}})) == {"a": "p1", "b": "p1"}


def test_cases_with_a_group_have_to_exist_but_not_all_cases_need_one():
    check_group_cases({"case_1": "p"}, ["case_1", "case_2"], "groups.json")
    with pytest.raises(DomainMapError, match=r"^groups\.json: case 'case_3' does not exist, did you mean 'case_2'\?$"):
        check_group_cases({"case_1": "p", "case_3": "p"}, ["case_1", "case_2"], "groups.json")


@pytest.mark.parametrize("content", [{}, {"groups": []}, {"groups": {}, "more": 1}, {"groups": {"a": 7}}])
def test_malformed_groups_are_refused(tmp_path, content):
    path = written(tmp_path, content, "groups.json")
    with pytest.raises(DomainMapError, match=r"groups\.json"):
        read_groups(path)
