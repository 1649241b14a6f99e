"""Make a domain map from a table, a pattern over case names, or ranges of the number that ends them."""

import os
import re
from collections.abc import Iterable, Mapping

from s1.case_table import entries_by_case, read_case_table, without_cases
from s1.domain_map import DomainMap
from s1.errors import DomainMapError
from s1.name_patterns import texts_from_pattern
from s1.problem_lists import raise_together


def domain_map_from_csv(path: str | os.PathLike[str], cases: Iterable[str], left_out: Iterable[str] = ()) -> DomainMap:
    """Read a table of cases and domains, separated by commas, semicolons or tabs.

    Uses the columns `case` and `domain` if a header names them, otherwise the first two. Domains are in the order of
    the table; rows of cases that are left out are passed over. Raises DomainMapError listing the cases that are
    missing, unknown or in two domains.
    """
    return domain_map_of(entries_by_case(without_cases(read_case_table(path), left_out), "domain", cases, path))


def groups_from_csv(path: str | os.PathLike[str], cases: Iterable[str], left_out: Iterable[str] = ()) -> dict[str, str]:
    """Read case -> group from the column `group` of such a table; empty if it has no such column."""
    table = read_case_table(path)
    kept = without_cases(table, left_out)
    return entries_by_case(kept, "group", cases, path) if "group" in table[0].cells else {}


def domain_map_from_pattern(pattern: str, cases: Iterable[str]) -> DomainMap:
    """Take the domain of each case from the group `domain` of a regular expression, as in `(?P<domain>[a-z]+)_`.

    The expression may match anywhere in the case's name; anchor it with ^ or $ if that matters.
    """
    found = texts_from_pattern(pattern, "domain", list(cases))
    problems = [f"gives no domain for case {case!r}" for case, domain in found.items() if not domain]
    raise_together(DomainMapError, "does not match all cases", problems, f"pattern {pattern!r}")
    return domain_map_of(found)


def domain_map_from_ranges(ranges: Mapping[str, str], cases: Iterable[str]) -> DomainMap:
    """Take the domain of each case from the number its name ends with.

    Parameters:
        ranges: domain -> numbers, both ends included, for example "1-123" or "1-10,15,200-".
    """
    intervals = {domain: _parse_ranges(domain, text) for domain, text in ranges.items()}
    domain_by_case: dict[str, str] = {}
    problems = []
    for case in cases:
        number = re.search(r"\d+$", case)
        hits = [name for name, parts in intervals.items() if number and _in_any(int(number[0]), parts)]
        if len(hits) == 1:
            domain_by_case[case] = hits[0]
        else:
            problems.append(f"case {case!r} {_explain_misfit(number, hits)}")
    raise_together(DomainMapError, "do not match all cases", problems, "ranges")
    return domain_map_of(domain_by_case, order=ranges)


def domain_map_of(domain_by_case: Mapping[str, str], order: Iterable[str] = ()) -> DomainMap:
    """Return the domain map of case -> domain; domains as in `order`, further ones as they occur."""
    domains: dict[str, list[str]] = {domain: [] for domain in order}
    for case, domain in domain_by_case.items():
        domains.setdefault(domain, []).append(case)
    return DomainMap({domain: tuple(members) for domain, members in domains.items()})


def _parse_ranges(domain: str, text: str) -> list[tuple[int, float]]:
    parts = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:(-)\s*(\d*)\s*)?", part)
        if match is None or (match[3] and int(match[3]) < int(match[1])):
            raise DomainMapError(
                f"range {part.strip()!r} of domain {domain!r}: expected numbers, for example 1-123, 7 or 124-"
            )
        last = float("inf") if match[2] and not match[3] else float(match[3] or match[1])
        parts.append((int(match[1]), last))
    return parts


def _in_any(number: int, intervals: Iterable[tuple[int, float]]) -> bool:
    return any(first <= number <= last for first, last in intervals)


def _explain_misfit(number: re.Match[str] | None, hits: list[str]) -> str:
    if number is None:
        return "does not end with a number"
    if hits:
        return f"is in the ranges of {' and '.join(repr(name) for name in hits)}"
    return f"is in no range (its number is {number[0]})"
