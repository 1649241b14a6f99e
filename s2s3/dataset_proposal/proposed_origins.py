"""Where cases come from: their domain (hospital, scanner) and their group (patient or slide), from tables and names."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2.dataset_proposal.paired_cases import FoundCase
from nnunetv2.dataset_proposal.problem import Problem, from_message
from nnunetv2.errors import DriftError
from s1.domain_map_makers import domain_map_from_csv, groups_from_csv

MOST_DOMAINS = 12
FEWEST_CASES = 2
"""Of a domain that names alone propose."""
_GROUPS = {
    "TCGA's patients": re.compile(r"(TCGA-[A-Z0-9]{2}-[A-Z0-9]{4})"),
    "the slide before the coordinates": re.compile(r"^(.+?)(?:[_-]d_[\d.]+)?[_-]x_?\d+[_-]y_?\d+"),
    "the name before the number of the tile": re.compile(r"^(.+?)[_-](?:tile|patch|roi|crop|region)[_-]?\d+$", re.I),
    "patients in the names": re.compile(r"((?:patient|pat|subject|slide)[_-]?\d+)(?=[_-])", re.I),
}
_PREFIX = re.compile(r"[A-Za-z]{2,}(?=[\d_-])")


@dataclass(frozen=True)
class Origins:
    """Domain and group of each case; empty if nothing says so."""

    domains: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    domain_source: str = ""
    """In words: from what."""
    group_source: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def has_several_domains(self) -> bool:
        """Whether the dataset gets a domains.json; of one domain alone there is nothing to learn."""
        return len(set(self.domains.values())) > 1


def origins_from_table(table: Path, cases: Sequence[FoundCase], left_out: Collection[str] = ()) -> Origins:
    """Return what a table with the columns case, domain and perhaps group says; its mistakes are problems.

    Parameters:
        left_out: names of cases with problems, whose rows are passed over.
    """
    names = [case.name for case in cases]
    try:
        by_case = domain_map_from_csv(table, names, left_out).domain_by_case
        groups = groups_from_csv(table, names, left_out)
    except DriftError as error:
        lines = str(error).splitlines()
        rows = [from_message(line.strip(), str(table)) for line in (lines[1:] or lines)]
        fix = "write one row for each case: case,domain or case,domain,group"
        return Origins(problems=tuple(Problem(str(table), row.what, fix) for row in rows))
    source = f"the table {table.name}"
    return Origins({name: by_case[name] for name in names}, groups, source, source if groups else "")


def origins_from_names(cases: Sequence[FoundCase]) -> Origins:
    """Return what names of folders and files say.

    The outermost folders that differ are domains if there are few, folders within them (or many) are groups. Without
    folders, domains are what the names of files begin with, if that gives few of them with several cases each.
    """
    levels = _differing_folders(cases)
    domains = levels[0] if levels and _are_domains(levels[0]) else {}
    inner = levels[1:] if domains else levels
    source = "the names of folders" if domains else ""
    if not levels:
        domains = _prefixes(cases)
        source = "what the names of files begin with" if domains else ""
    groups = inner[0] if inner else {}
    group_source = "the names of folders" if groups else ""
    if not groups:
        groups, group_source = _groups_from_names([case.name for case in cases])
    return Origins(domains, groups, source, group_source)


def looks_like_origins(table: Path) -> bool:
    """Tell whether the first line of a table names the columns case and domain."""
    try:
        with table.open(encoding="utf-8-sig") as stream:
            first = stream.readline(4096)
    except (OSError, UnicodeDecodeError):
        return False
    return {"case", "domain"} <= {cell.strip().strip('"').lower() for cell in re.split(r"[,;\t]", first)}


def _differing_folders(cases: Sequence[FoundCase]) -> list[dict[str, str]]:
    """Return case -> its folder, for each level of folders whose names differ, outermost first."""
    depth = min((len(case.place) for case in cases), default=0)
    levels = [level for level in range(depth) if len({case.place[level] for case in cases}) > 1]
    own = [{case.name: case.place[level] for case in cases} for level in levels]
    paths = [
        {case.name: "_".join(case.place[level] for level in levels[: number + 1]) for case in cases}
        for number in range(len(levels))
    ]
    return [_shortest(path, own) for path in paths]


def _shortest(level: dict[str, str], own: Sequence[dict[str, str]]) -> dict[str, str]:
    """Return the names of the last folders alone where they tell the same cases apart as the whole paths do."""
    for names in own:
        pairs = set(zip(level.values(), names.values(), strict=True))
        if len(pairs) == len(set(level.values())) == len(set(names.values())):
            return names
    return level


def _are_domains(level: Mapping[str, str]) -> bool:
    counts = Counter(level.values())
    return len(counts) <= MOST_DOMAINS and min(counts.values()) >= FEWEST_CASES


def _prefixes(cases: Sequence[FoundCase]) -> dict[str, str]:
    found = {case.name: match[0] for case in cases if (match := _PREFIX.match(case.name))}
    is_told = len(found) == len(cases) and len(set(found.values())) > 1
    return found if is_told and _are_domains(found) else {}


def _groups_from_names(names: Sequence[str]) -> tuple[dict[str, str], str]:
    for source, pattern in _GROUPS.items():
        found = {name: match[1] for name in names if (match := pattern.search(name))}
        if len(found) == len(names) and 1 < len(set(found.values())) < len(names):
            return found, source
    return {}, ""
