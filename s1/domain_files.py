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
from s1.files import read_json_object, write_json
from s1.problem_lists import closest_name, closest_names, raise_together

PathLike = str | os.PathLike[str]
_KEYS = ("domains", "ratios")


def read_domain_map(path: PathLike) -> DomainMap:
    """Read domains.json. Raises DomainMapError naming the file and the problem."""
    content = read_json_object(path)
    unknown = [f"unknown key {key!r}{closest_name(key, _KEYS)}" for key in content if key not in _KEYS]
    if unknown or "domains" not in content:
        raise DomainMapError(f"{path}: " + "; ".join(unknown or ["the key 'domains' is missing"]))
    try:
        return DomainMap(_domains_of(content["domains"]), _ratios_of(content.get("ratios")))
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
    content = read_json_object(path)
    groups = content.get("groups")
    if list(content) != ["groups"] or not isinstance(groups, dict):
        raise DomainMapError(f"{path}: expected only {{'groups': {{case: group}}}}, got the keys {sorted(content)}")
    wrong = [case for case, group in groups.items() if not isinstance(group, str) or not group]
    if wrong:
        raise DomainMapError(f"{path}: expected a non-empty string as the group of {_listed(wrong)}")
    raise_together(DomainMapError, "names cases twice", same_names(groups), str(path))
    return ByName(groups)


def check_group_cases(groups: Mapping[str, str], cases: Iterable[str], source: PathLike) -> None:
    """Raise one DomainMapError that lists the cases of groups.json that do not exist; not every case needs a group."""
    existing = ByName(dict.fromkeys(cases))
    suggestions = closest_names([case for case in groups if case not in existing], existing)
    problems = [f"case {case!r} does not exist{suggestion}" for case, suggestion in suggestions.items()]
    raise_together(DomainMapError, "does not match the cases", problems, str(source))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _domains_of(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise DomainMapError(f"'domains' is a {type(value).__name__}, expected an object {{domain: [cases]}}")
    wrong = [name for name, cases in value.items() if not _is_list_of_names(cases)]
    if wrong:
        raise DomainMapError(f"domain {_listed(wrong)}: expected a list of case names")
    return {name: tuple(cases) for name, cases in value.items()}


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) and entry for entry in value)


def _ratios_of(value: Any) -> dict[str, float] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(_is_number(ratio) for ratio in value.values()):
        raise DomainMapError("'ratios' must be an object {domain: number}")
    return {name: float(ratio) for name, ratio in value.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
