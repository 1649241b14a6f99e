import pytest

from s1.domain_map import DomainMap, check_domain_cases, require_domains
from s1.errors import DomainMapError


def test_the_domain_of_a_case_is_found_and_an_unknown_case_gets_the_closest_name():
    domain_map = DomainMap({"rumc": ("case_001", "case_002"), "tcga": ("case_101",)})
    assert domain_map.domain_of("case_101") == "tcga"
    with pytest.raises(DomainMapError, match=r"'cse_002'.*did you mean 'case_002'"):
        domain_map.domain_of("cse_002")


def test_matching_cases_pass_the_check():
    check_domain_cases(DomainMap({"a": ("x", "y")}), ["y", "x"], "domains.json")


def test_all_mismatches_are_listed_together():
    domain_map = DomainMap({"a": ("case_1", "case_22")})
    with pytest.raises(DomainMapError) as caught:
        check_domain_cases(domain_map, ["case_1", "case_2", "case_3"], "domains.json")
    lines = str(caught.value).splitlines()
    assert "domains.json" in lines[0]
    assert [line.strip() for line in lines[1:]] == [
        "case 'case_2' is in no domain",
        "case 'case_3' is in no domain",
        "case 'case_22' in domain 'a' does not exist, did you mean 'case_2'?",
    ]


def test_of_very_many_mismatches_the_first_are_listed_and_the_rest_counted():
    domain_map = DomainMap({"a": tuple(f"case_{number}" for number in range(3000))})
    with pytest.raises(DomainMapError) as caught:
        check_domain_cases(domain_map, [f"tile_{number}" for number in range(3000)], "domains.json")
    lines = str(caught.value).splitlines()
    assert lines[0] == "domains.json does not match the cases (6000 problems):"
    assert len(lines) == 22
    assert lines[-1].strip() == "and 5980 more"


def test_only_some_cases_of_the_map_may_be_required():
    domain_map = DomainMap({"a": ("x", "y")})
    require_domains(domain_map, ["x"], "domains.json")
    with pytest.raises(DomainMapError, match=r"^domains\.json: case 'z' is in no domain$"):
        require_domains(domain_map, ["x", "z"], "domains.json")
