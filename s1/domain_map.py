"""The domain map: every case in exactly one domain, with optional mixing ratios (method, section 0)."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from s1.case_names import ByName, composed
from s1.errors import DomainMapError
from s1.problem_lists import closest_name, closest_names, raise_together


@dataclass(frozen=True)
class DomainMap:
    """Assigns every case to exactly one domain.

    Raises DomainMapError for a case in two domains, an empty domain, or ratios that do not match the domains.
    """

    domains: dict[str, tuple[str, ...]]
    """Domain -> its cases, both in the order of the file."""
    ratios: dict[str, float] | None = None
    """Requested mixing ratios, one per domain: none negative, not all zero; they need not sum to 1."""

    def __post_init__(self) -> None:
        problems = [*_domain_problems(self.domains), *_ratio_problems(self.ratios, self.domains)]
        if problems:
            raise DomainMapError("; ".join(problems))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains, in order."""
        return tuple(self.domains)

    @cached_property
    def domain_by_case(self) -> ByName[str]:
        """Case -> its domain, for the name in any Unicode form."""
        return ByName({case: domain for domain, cases in self.domains.items() for case in cases})

    def domain_of(self, case: str) -> str:
        """Return the domain of a case. Raises DomainMapError, with the closest known name, for an unknown case."""
        if case not in self.domain_by_case:
            raise DomainMapError(f"case {case!r} is in no domain{closest_name(case, self.domain_by_case)}")
        return self.domain_by_case[case]


def check_domain_cases(domain_map: DomainMap, cases: Iterable[str], source: str | os.PathLike[str]) -> None:
    """Raise one DomainMapError that lists the cases without a domain and the mapped cases that do not exist.

    Parameters:
        cases: the existing cases, all of which need a domain.
        source: where the map comes from, for the message (the path of domains.json).
    """
    existing = ByName(dict.fromkeys(cases))
    problems = _without_domain(domain_map, existing)
    suggestions = closest_names([case for case in domain_map.domain_by_case if case not in existing], existing)
    problems += [
        f"case {case!r} in domain {domain_map.domain_of(case)!r} does not exist{suggestion}"
        for case, suggestion in suggestions.items()
    ]
    raise_together(DomainMapError, "does not match the cases", problems, str(source))


def require_domains(domain_map: DomainMap, cases: Iterable[str], source: str | os.PathLike[str]) -> None:
    """Raise one DomainMapError that lists the cases without a domain; `source` is that of `check_domain_cases`."""
    raise_together(DomainMapError, "lacks cases", _without_domain(domain_map, cases), str(source))


def _without_domain(domain_map: DomainMap, cases: Iterable[str]) -> list[str]:
    return [f"case {case!r} is in no domain" for case in cases if case not in domain_map.domain_by_case]


def _domain_problems(domains: Mapping[str, tuple[str, ...]]) -> list[str]:
    problems = [] if domains else ["no domains, expected one or more"]
    seen: dict[str, str] = {}
    for domain, cases in domains.items():
        if not domain.strip() or not cases:
            problems.append(f"domain {domain!r} has " + ("no case" if not cases else "an empty name"))
        for case in cases:
            before = seen.get(composed(case))
            if before is not None:
                where = f"twice in domain {domain!r}" if before == domain else f"in {before!r} and {domain!r}"
                problems.append(f"case {case!r} is {where}, expected in exactly one domain")
            seen.setdefault(composed(case), domain)
    return problems


def _ratio_problems(ratios: Mapping[str, float] | None, domains: Mapping[str, tuple[str, ...]]) -> list[str]:
    if ratios is None:
        return []
    problems = [f"'ratios' lacks domain {name!r}" for name in domains if name not in ratios]
    problems += [
        f"'ratios' names the unknown domain {name!r}{closest_name(name, domains)}"
        for name in ratios
        if name not in domains
    ]
    problems += [
        f"the ratio of {name!r} is {ratio}, expected a finite number, 0 or more"
        for name, ratio in ratios.items()
        if not math.isfinite(ratio) or ratio < 0
    ]
    return problems or ([] if sum(ratios.values()) > 0 else ["all 'ratios' are 0"])
