"""The output of the evaluation commands: mean Dice and, if domains are known, a table by domain."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2.errors import DomainMapError
from nnunetv2.evaluation.summary_file import load_summary_json
from s1.listed_files import list_files
from s1.readable_files import is_given

if TYPE_CHECKING:
    from s1.domain_map import DomainMap

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class KnownDomains:
    """Domains of the cases, and the weights of the balanced mean (None: all equal)."""

    source: Path
    domain_map: "DomainMap"
    ratios: Mapping[str, float] | None


def read_domains(domains_file: PathLike | None) -> KnownDomains | None:
    """Return the domains of a file, None without a file. Raises DomainMapError if the file cannot be used.

    If it has no ratios, they are taken from prism_dd.json in the same folder, if there is one.
    """
    if domains_file is None:
        return None
    from s1.domain_files import read_domain_map
    from s1.prism_result import read_prism_result

    source, domain_map = Path(domains_file), read_domain_map(domains_file)
    prism_file = source.parent / "prism_dd.json"
    if domain_map.ratios is None and is_given(prism_file, DomainMapError):
        return KnownDomains(source, domain_map, read_prism_result(prism_file).ratios)
    return KnownDomains(source, domain_map, domain_map.ratios)


def domains_of_folder(folder: PathLike) -> KnownDomains | None:
    """Return the domains of a model or dataset folder, None if it has no domains.json."""
    file = Path(folder) / "domains.json"
    return read_domains(file) if is_given(file, DomainMapError) else None


def check_domains(domains: KnownDomains | None, folder: PathLike, file_ending: str) -> None:
    """Raise one DomainMapError that lists the predictions without a domain, before anything is scored."""
    if domains is not None:
        from s1.domain_map import require_domains

        names = list_files(folder, file_ending).names if os.path.isdir(folder) else []
        cases = [name.removesuffix(file_ending) for name in names]
        require_domains(domains.domain_map, cases, domains.source)


def report_evaluation(summary_file: PathLike, domains: KnownDomains | None) -> str:
    """Return the lines to print for a summary.json; with domains, also write domain_summary.json next to it."""
    results = load_summary_json(summary_file)
    cases, dice = len(results["metric_per_case"]), results["foreground_mean"]["Dice"]
    lines = [f"{cases} case(s), foreground Dice {dice:.4f}; all numbers: {summary_file}"]
    if domains is not None:
        from nnunetv2.domains.domain_summary import format_domain_table, write_domain_summary

        output = Path(summary_file).parent / "domain_summary.json"
        content = write_domain_summary(summary_file, domains.domain_map, domains.ratios, output)
        lines += [format_domain_table(content), str(output)]
    return "\n".join(lines) + "\n"
