"""Make a domain map from a table, a pattern over case names, or ranges of the number that ends them."""

import csv
import os
import re
from collections.abc import Iterable, Mapping

from s1.domain_cases import DomainMap, closest_names, raise_together
from s1.errors import DomainMapError


def domain_map_from_csv(path: str | os.PathLike[str], cases: Iterable[str]) -> DomainMap:
    """Read a table of cases and domains, separated by commas, semicolons or tabs.

    Uses the columns `case` and `domain` if a header names them, otherwise the first two. Domains are in the order of
    the table. Raises DomainMapError listing the cases that are missing, unknown or in two domains.
    """
    existing = dict.fromkeys(cases)
    domain_by_case: dict[str, str] = {}
    problems = []
    rows = list(_read_rows(path))
    suggestions = closest_names([case for _, case, _ in rows if case not in existing], existing)
    for line, case, domain in rows:
        if case not in existing:
            problems.append(f"line {line}: case {case!r} does not exist{suggestions[case]}")
        elif domain_by_case.setdefault(case, domain) != domain:
            problems.append(f"line {line}: case {case!r} is in {domain!r} here, in {domain_by_case[case]!r} above")
    problems += [f"case {case!r} is not in the table" for case in existing if case not in domain_by_case]
    raise_together(str(path), "does not match the cases", problems)
    return _collect(domain_by_case)


def domain_map_from_pattern(pattern: str, cases: Iterable[str]) -> DomainMap:
    """Take the domain of each case from the group `domain` of a regular expression, as in `(?P<domain>[a-z]+)_`.

    The expression may match anywhere in the case's name; anchor it with ^ or $ where that matters.
    """
    source = f"pattern {pattern!r}"
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise DomainMapError(f"{source}: not a regular expression ({error})") from None
    if "domain" not in expression.groupindex:
        raise DomainMapError(f"{source}: has no group named domain; write the domain's part as (?P<domain>...)")
    matches = {case: expression.search(case) for case in cases}
    found = {case: match["domain"] or "" if match else "" for case, match in matches.items()}
    raise_together(
        source, "does not match all cases", [f"gives no domain for case {c!r}" for c, d in found.items() if not d]
    )
    return _collect(found)


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
    raise_together("ranges", "do not match all cases", problems)
    return _collect(domain_by_case, order=ranges)


def _collect(domain_by_case: Mapping[str, str], order: Iterable[str] = ()) -> DomainMap:
    domains: dict[str, list[str]] = {domain: [] for domain in order}
    for case, domain in domain_by_case.items():
        domains.setdefault(domain, []).append(case)
    return DomainMap({domain: tuple(members) for domain, members in domains.items()})


def _read_rows(path: str | os.PathLike[str]) -> list[tuple[int, str, str]]:
    """Return (line number, case, domain) of every row with content."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            text = stream.read()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise DomainMapError(f"{path}: cannot be read as a table ({error})") from None
    reader = csv.reader(text.splitlines(), delimiter=max(",;\t", key=text.count))
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(cell.strip() for cell in row)]
    case_column, domain_column = 0, 1
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    if "case" in header and "domain" in header:
        case_column, domain_column = header.index("case"), header.index("domain")
        rows = rows[1:]
    needed = max(case_column, domain_column) + 1
    broken = [line for line, row in rows if len(row) < needed or not row[case_column] or not row[domain_column]]
    if broken or not rows:
        where = f"line {broken[0]}" if broken else "the table"
        raise DomainMapError(f"{path}: {where} has no case and domain; expected rows of `case,domain`")
    return [(line, row[case_column], row[domain_column]) for line, row in rows]


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
