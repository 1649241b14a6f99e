"""The domains of a dataset: read from files, checked, copied along, weighted for metrics (method, sections 0 and 3).

The files lie in the raw dataset; planning copies them to the preprocessed dataset, training to the model folder.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nnunetv2.domains.mixing_ratios import RatioMode, choose_ratios
from nnunetv2.errors import DomainMapError, MissingFileError
from nnunetv2.foundation.files import mirror_file
from s1.domain_files import check_group_cases, read_domain_map, read_groups
from s1.domain_map import DomainMap, check_domain_cases, require_domains
from s1.files import file_sha256
from s1.problem_lists import raise_together
from s1.readable_files import is_given

DOMAINS, GROUPS, STAGE_1 = DOMAIN_FILES = ("domains.json", "groups.json", "prism_dd.json")

PathLike = str | os.PathLike[str]
Read = TypeVar("Read")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetDomains:
    """What the files say; empty for files that do not exist."""

    domain_map: DomainMap | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    """Case -> patient or slide, never divided between training and validation."""
    prism_ratios: Mapping[str, float] | None = None
    """Mixing ratios that stage 1 derived."""
    prism_is_outdated: bool = False
    """Whether domains.json has changed since stage 1 read it."""
    domains_file: PathLike = DOMAINS
    """Path for messages, also of a file that does not exist."""
    groups_file: PathLike = GROUPS

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains, in order."""
        return () if self.domain_map is None else self.domain_map.names

    @property
    def required_map(self) -> DomainMap:
        """The domain map. Raises MissingFileError if there is none."""
        if self.domain_map is None:
            raise MissingFileError(f"{self.domains_file} not found; `drift domains` makes it")
        return self.domain_map

    @property
    def evaluation_weights(self) -> dict[str, float]:
        """Domain -> weight in every balanced metric, summing to 1, however a model was trained; empty without domains.

        The ratios of domains.json, else those of stage 1 if it knows all these domains, else equal weights.
        """
        if self.domain_map is None:
            return {}
        known = self.prism_ratios or {}
        complete = all(name in known for name in self.names)
        ratios = {name: known[name] for name in self.names} if complete else None
        return choose_ratios(RatioMode.AUTO, self.domain_map, list(self.domain_map.domain_by_case), ratios).ratios

    def without_single_domain(self) -> "DatasetDomains":
        """Return the same, but without domains if there are fewer than two: nothing is to be balanced then."""
        return self if len(self.names) > 1 else DatasetDomains(groups=self.groups, groups_file=self.groups_file)

    def check(self, cases: Iterable[str]) -> None:
        """Compare the files with all cases of the dataset.

        Raises one DomainMapError that lists cases without a domain and cases of the files that do not exist.
        """
        problems: list[str] = []
        existing = list(cases)
        if self.domain_map is not None:
            with _collecting(problems):
                check_domain_cases(self.domain_map, existing, self.domains_file)
        with _collecting(problems):
            check_group_cases(self.groups, existing, self.groups_file)
        _raise(problems)

    def require(self, cases: Iterable[str]) -> None:
        """Raise one DomainMapError that lists those of some cases that have no domain, if there are domains."""
        if self.domain_map is not None:
            require_domains(self.domain_map, cases, self.domains_file)


def read_dataset_domains(*folders: PathLike, cases: Iterable[str] | None = None) -> DatasetDomains:
    """Read each of the files from the first folder that has it.

    Parameters:
        cases: all cases of the dataset, to compare the files with; None to read only.

    Raises one DomainMapError that lists what is wrong with any of the files.
    """
    domains, groups, stage_1 = (_find(name, folders) for name in DOMAIN_FILES)
    problems: list[str] = []
    found = DatasetDomains(
        domain_map=_read(domains, read_domain_map, problems),
        groups=_read(groups, read_groups, problems) or {},
        domains_file=domains,
        groups_file=groups,
        **_read_stage_1(stage_1, domains, problems),
    )
    if cases is not None:
        with _collecting(problems):
            found.check(cases)
    _raise(problems)
    return found


def read_domains_file(file: PathLike) -> DatasetDomains:
    """Read a domains.json of any name, without groups, and the result of stage 1 beside it, if there is one.

    Raises DomainMapError, naming the file, if one cannot be used.
    """
    problems: list[str] = []
    measured = _read_stage_1(Path(file).parent / STAGE_1, Path(file), problems)
    _raise(problems)
    return DatasetDomains(read_domain_map(file), domains_file=file, **measured)


def copy_domain_files(source: PathLike, target: PathLike) -> None:
    """Update the copies of the files in another folder; remove those whose original is gone, as they would be used."""
    for name in DOMAIN_FILES:
        if mirror_file(Path(source) / name, Path(target) / name):
            _log.warning("removed %s: %s has no such file any more", Path(target) / name, source)


def _find(name: str, folders: Iterable[PathLike]) -> Path:
    """Return the path in the first folder that has the file, otherwise in the last."""
    candidates = [Path(folder) / name for folder in folders] or [Path(name)]
    return next((path for path in candidates if os.path.lexists(path)), candidates[-1])


def _read(path: Path, read: Callable[[Path], Read], problems: list[str]) -> Read | None:
    with _collecting(problems):
        return read(path) if is_given(path, DomainMapError) else None
    return None


def _read_stage_1(path: Path, domains_file: Path, problems: list[str]) -> dict[str, Any]:
    from s1.prism_result import read_prism_result

    measured = _read(path, read_prism_result, problems)
    if measured is None:
        return {}
    described = measured.domain_file_sha256
    outdated = described is not None and domains_file.is_file() and described != file_sha256(domains_file)
    return {"prism_ratios": dict(measured.ratios), "prism_is_outdated": outdated}


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except DomainMapError as error:
        problems += [line.strip() for line in str(error).splitlines()]


def _raise(problems: list[str]) -> None:
    raise_together(DomainMapError, "the files of the domains cannot be used", problems)
