"""Read and write domains.json: which case belongs to which domain (method, section 0).

    {"domains": {"rumc": ["case_001", "case_002"], "tcga": ["case_101"]}}

Optionally, `"ratios": {"rumc": 0.6, "tcga": 0.4}` sets how often each domain is drawn in training. groups.json in the
same folder says which cases belong together: `{"groups": {"case_001": "patient_7", ...}}`.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from s1.case_names import ByName, same_names
from s1.domain_map import DomainMap
from s1.errors import DomainMapError
from s1.files import write_json
from s1.json_files import CASE_LIST_MIB, JsonFile, read_json
from s1.json_schema import NAME, ListOf, MapOf, Record, number, optional
from s1.problem_lists import closest_names, raise_together

PathLike = str | os.PathLike[str]
_LARGEST_RATIO = 10**6
DOMAINS = JsonFile(
    "domains.json",
    Record(
        {"domains": MapOf(ListOf(NAME, words="a list of case names"), words="an object {domain: [cases]}")},
        {"ratios": optional(MapOf(number(0, _LARGEST_RATIO)))},
        closed=True,
    ),
    largest_mib=CASE_LIST_MIB,
)
GROUPS = JsonFile("groups.json", Record({"groups": MapOf(NAME)}, closed=True), largest_mib=CASE_LIST_MIB)


def read_domain_map(path: PathLike) -> DomainMap:
    """Read domains.json. Raises DomainMapError naming the file and the problem."""
    content = read_json(path, DOMAINS)
    ratios = content.get("ratios")
    try:
        return DomainMap(
            {name: tuple(cases) for name, cases in content["domains"].items()},
            None if ratios is None else {name: float(ratio) for name, ratio in ratios.items()},
        )
    except DomainMapError as error:
        raise DomainMapError(f"{path}: {error}") from None


def write_domain_map(domain_map: DomainMap, path: PathLike) -> None:
    """Write domains.json atomically."""
    content: dict[str, Any] = {"domains": {name: list(cases) for name, cases in domain_map.domains.items()}}
    if domain_map.ratios is not None:
        content["ratios"] = dict(domain_map.ratios)
    write_json(content, path)


def read_groups(path: PathLike) -> ByName[str]:
    """Read groups.json: case -> group (a patient or a slide, never divided between training and validation)."""
    groups: dict[str, str] = read_json(path, GROUPS)["groups"]
    raise_together(DomainMapError, "names cases twice", same_names(groups), str(path))
    return ByName(groups)


def check_group_cases(groups: Mapping[str, str], cases: Iterable[str], source: PathLike) -> None:
    """Raise one DomainMapError that lists the cases of groups.json that do not exist; not every case needs a group."""
    existing = ByName(dict.fromkeys(cases))
    suggestions = closest_names([case for case in groups if case not in existing], existing)
    problems = [f"case {case!r} does not exist{suggestion}" for case, suggestion in suggestions.items()]
    raise_together(DomainMapError, "does not match the cases", problems, str(source))
