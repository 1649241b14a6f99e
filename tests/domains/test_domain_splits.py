"""Folds are stratified by domain, respect groups, and are reproducible."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2.domains.domain_splits import check_groups, leave_one_domain_out_splits, stratified_splits
from nnunetv2.errors import DomainMapError
from s1.domain_map import DomainMap


def make_map(**sizes: int) -> DomainMap:
    return DomainMap({name: tuple(f"{name}_{index:03d}" for index in range(size)) for name, size in sizes.items()})


def all_cases(domain_map: DomainMap) -> list[str]:
    return list(domain_map.domain_by_case)


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 23), min_size=1, max_size=5), n_splits=st.integers(2, 6))
def test_folds_partition_the_cases_and_are_even_in_every_domain(sizes: list[int], n_splits: int) -> None:
    domain_map = make_map(**{f"d{index}": size for index, size in enumerate(sizes)})
    cases = all_cases(domain_map)
    if len(cases) < n_splits:
        return

    splits = stratified_splits(cases, domain_map, n_splits=n_splits)

    assert sorted(case for split in splits for case in split["val"]) == sorted(cases)
    assert all(sorted(split["train"] + split["val"]) == sorted(cases) for split in splits)
    for name in domain_map.names:
        counts = [sum(domain_map.domain_of(case) == name for case in split["val"]) for split in splits]
        assert max(counts) - min(counts) <= 1
    totals = [len(split["val"]) for split in splits]
    assert max(totals) - min(totals) <= 1


@settings(max_examples=40, deadline=None)
@given(memberships=st.lists(st.integers(0, 11), min_size=30, max_size=60), seed=st.integers(0, 2**31))
def test_no_group_is_on_both_sides(memberships: list[int], seed: int) -> None:
    domain_map = make_map(a=len(memberships) // 2, b=len(memberships) - len(memberships) // 2)
    cases = all_cases(domain_map)
    groups = {case: f"patient {group}" for case, group in zip(cases, memberships, strict=True)}
    if len(set(memberships)) < 5:
        return

    splits = stratified_splits(cases, domain_map, groups, seed=seed)

    check_groups(splits, groups, "splits")
    assert all(split["val"] for split in splits)


def test_groups_of_equal_size_are_spread_evenly_within_their_domain() -> None:
    domain_map = make_map(a=20, b=10)
    groups = {case: f"{case[0]}{int(case[-3:]) // 2}" for case in all_cases(domain_map)}

    splits = stratified_splits(all_cases(domain_map), domain_map, groups)

    for split in splits:
        assert Counter(domain_map.domain_of(case) for case in split["val"]) == {"a": 4, "b": 2}


def test_the_order_of_the_cases_does_not_matter_and_the_seed_does() -> None:
    domain_map = make_map(a=12, b=9)
    cases = all_cases(domain_map)

    assert stratified_splits(cases[::-1], domain_map) == stratified_splits(cases, domain_map)
    assert stratified_splits(cases, domain_map, seed=1) != stratified_splits(cases, domain_map, seed=2)


def test_another_domain_does_not_change_who_shares_a_fold() -> None:
    small, large = make_map(a=10), make_map(a=10, b=10)

    alone = [set(split["val"]) for split in stratified_splits(all_cases(small), small)]
    beside = [{case for case in split["val"] if case[0] == "a"} for split in stratified_splits(all_cases(large), large)]

    assert alone == beside


def test_the_folds_never_change() -> None:
    domain_map = make_map(a=6, b=4)

    splits = stratified_splits(all_cases(domain_map), domain_map)

    assert [split["val"] for split in splits] == [
        ["a_003", "a_005"],
        ["a_000", "b_002"],
        ["a_004", "b_003"],
        ["a_002", "b_001"],
        ["a_001", "b_000"],
    ]


def test_fewer_groups_than_folds_are_refused() -> None:
    domain_map = make_map(a=8)
    groups = {case: "early" if case < "a_004" else "late" for case in all_cases(domain_map)}

    with pytest.raises(DomainMapError, match="5 folds of 8 cases in 2 groups"):
        stratified_splits(all_cases(domain_map), domain_map, groups)


def test_leaving_one_domain_out_holds_out_all_of_each_domain() -> None:
    domain_map = make_map(b=2, a=3, c=1)

    splits = leave_one_domain_out_splits(all_cases(domain_map), domain_map)

    assert [split["val"] for split in splits] == [["b_000", "b_001"], ["a_000", "a_001", "a_002"], ["c_000"]]
    assert splits[2]["train"] == ["a_000", "a_001", "a_002", "b_000", "b_001"]


def test_leaving_out_the_only_domain_is_refused() -> None:
    domain_map = make_map(a=3)

    with pytest.raises(DomainMapError, match="at least two domains"):
        leave_one_domain_out_splits(all_cases(domain_map), domain_map)


def test_a_leaking_group_is_named_with_its_fold_and_cases() -> None:
    splits = [{"train": ["x1", "y1"], "val": ["z1"]}, {"train": ["x1", "z1"], "val": ["x2", "y1"]}]
    groups = {"x1": "patient 7", "x2": "patient 7", "y1": "patient 8"}

    with pytest.raises(DomainMapError, match=r"fold 1: group 'patient 7'.*'x1'.*'x2'") as caught:
        check_groups(splits, groups, "splits_final.json")

    assert "patient 8" not in str(caught.value)
