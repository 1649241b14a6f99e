"""The domain files of a dataset, next to its plans: domains.json, groups.json and the result of stage 1."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nnunetv2.errors import DomainMapError
from nnunetv2.utilities.files import copy_file
from s1.domain_files import read_domain_map, read_groups
from s1.domain_map import DomainMap
from s1.readable_files import is_given

PROVENANCE_FILES = ("domains.json", "groups.json", "prism_dd.json")


@dataclass(frozen=True)
class DomainFiles:
    """The content of the files that exist, None for the others."""

    domain_map: DomainMap | None = None
    groups: Mapping[str, str] | None = None
    prism_ratios: dict[str, float] | None = None
    prism_is_outdated: bool = False
    """Whether domains.json has changed since stage 1 read it."""
    source: str = "domains.json"
    """Path of domains.json, for messages."""

    @property
    def has_domains(self) -> bool:
        """Tell whether there are two domains or more."""
        return self.domain_map is not None and len(self.domain_map.names) > 1


def read_domain_files(folder: str | None) -> DomainFiles:
    """Read the files that exist in the preprocessed dataset; DomainMapError names a malformed file."""
    if folder is None:
        return DomainFiles()
    from s1.prism_result import read_prism_result

    domains, groups, prism = (os.path.join(folder, name) for name in PROVENANCE_FILES)
    measured = read_prism_result(prism) if is_given(prism, DomainMapError) else None
    return DomainFiles(
        domain_map=read_domain_map(domains) if is_given(domains, DomainMapError) else None,
        groups=read_groups(groups) if is_given(groups, DomainMapError) else None,
        prism_ratios=None if measured is None else dict(measured.ratios),
        prism_is_outdated=measured is not None and measured.domain_file_sha256 not in (None, _sha256(domains)),
        source=domains,
    )


def _sha256(file: str) -> str | None:
    if not os.path.isfile(file):
        return None
    with open(file, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def copy_existing(names: Iterable[str], source: str, target: str) -> None:
    """Copy the files that exist from one folder to another; remove copies whose original is gone."""
    for name in names:
        if os.path.isfile(os.path.join(source, name)):
            copy_file(os.path.join(source, name), os.path.join(target, name))
        elif os.path.isfile(os.path.join(target, name)):
            os.remove(os.path.join(target, name))
