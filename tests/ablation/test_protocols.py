"""Which cases an ablation learns from and is judged on."""

import pytest

from nnunetv2.ablation.protocols import Part, Protocol, make_parts
from nnunetv2.errors import DomainMapError
from s1.domain_map import DomainMap

DOMAINS = {name: tuple(f"{name}{number:02d}" for number in range(15)) for name in "ABC"}
MAP = DomainMap(DOMAINS)
CASES = [case for cases in DOMAINS.values() for case in cases]


@pytest.fixture(params=list(Protocol))
def parts(request: pytest.FixtureRequest) -> list[Part]:
    return make_parts(request.param, CASES, MAP)


def test_there_is_one_part_per_domain_in_the_order_of_the_map(parts: list[Part]) -> None:
    assert [part.name for part in parts] == ["A", "B", "C"]


def test_the_four_sets_of_a_part_do_not_overlap_and_contain_every_case(parts: list[Part]) -> None:
    for part in parts:
        together = [*part.train, *part.validation, *part.seen, *part.unseen]
        assert sorted(together) == sorted(CASES)


def test_a_domain_left_out_is_unseen_and_a_fifth_of_every_other_one_is_tested() -> None:
    for part in make_parts(Protocol.UNSEEN_DOMAIN, CASES, MAP):
        assert part.unseen == DOMAINS[part.name]
        for name in set(DOMAINS) - {part.name}:
            assert sum(case in part.seen for case in DOMAINS[name]) == 3
            assert sum(case in part.validation for case in DOMAINS[name]) == 3


def test_pairs_of_domains_learn_from_one_and_are_judged_on_all_others() -> None:
    for part in make_parts(Protocol.DOMAIN_PAIRS, CASES, MAP):
        assert set(part.unseen) == set(CASES) - set(DOMAINS[part.name])


def test_the_order_of_the_cases_does_not_matter() -> None:
    assert make_parts(Protocol.UNSEEN_DOMAIN, CASES[::-1], MAP) == make_parts(Protocol.UNSEEN_DOMAIN, CASES, MAP)


def test_no_group_is_on_two_sides_even_if_it_has_cases_of_several_domains() -> None:
    groups = {case: f"{case[0]} slide {int(case[1:]) // 2}" for case in CASES}
    groups |= {f"{domain}{number}": f"patient {number}" for domain in "ABC" for number in (12, 13, 14)}
    for part in make_parts(Protocol.UNSEEN_DOMAIN, CASES, MAP, groups):
        sides = [{groups[case] for case in side} for side in (part.train, part.validation, part.seen, part.unseen)]
        for number, side in enumerate(sides):
            assert not side & set().union(*sides[number + 1 :])


def test_one_domain_is_refused() -> None:
    with pytest.raises(DomainMapError, match=r"at least two domains, got \['A'\]"):
        make_parts(Protocol.UNSEEN_DOMAIN, DOMAINS["A"], MAP)


def test_too_few_cases_are_refused_by_the_name_of_the_part() -> None:
    with pytest.raises(DomainMapError, match="part A: too few cases"):
        make_parts(Protocol.UNSEEN_DOMAIN, ["A00", "B00", "B01"], MAP)
