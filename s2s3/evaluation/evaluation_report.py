"""What the evaluation commands tell: mean Dice and, where domains are known, the table by domain."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2.evaluation.summary_file import load_summary_json

if TYPE_CHECKING:
    from s1.domain_map import DomainMap

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class KnownDomains:
    """Domains of the cases, and the weights of the balanced mean (None: all domains alike)."""

    domain_map: "DomainMap"
    ratios: Mapping[str, float] | None


def read_domains(domains_file: PathLike | None) -> KnownDomains | None:
    """Return the domains of a file, None without one. DomainMapError for a file that cannot be used.

    Without ratios of its own those of the prism_dd.json beside it count, if there is one.
    """
    if domains_file is None:
        return None
    from s1.domain_map import read_domain_map
    from s1.prism_result import read_prism_result

    domain_map = read_domain_map(domains_file)
    prism_file = Path(domains_file).parent / "prism_dd.json"
    if domain_map.ratios is None and prism_file.is_file():
        return KnownDomains(domain_map, read_prism_result(prism_file).ratios)
    return KnownDomains(domain_map, domain_map.ratios)


def domains_of_folder(folder: PathLike) -> KnownDomains | None:
    """Return the domains that a model or data set folder tells about, None if it does not."""
    file = Path(folder) / "domains.json"
    return read_domains(file) if file.is_file() else None


def check_domains(domains: KnownDomains | None, folder: PathLike, file_ending: str) -> None:
    """Refuse predictions whose domain is unknown, before anything is scored (DomainMapError naming the first)."""
    if domains is not None:
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(file_ending):
                domains.domain_map.domain_of(name.removesuffix(file_ending))


def report_evaluation(summary_file: PathLike, domains: KnownDomains | None) -> str:
    """Return the lines to show for a summary.json; with domains also write domain_summary.json beside it."""
    results = load_summary_json(summary_file)
    cases, dice = len(results["metric_per_case"]), results["foreground_mean"]["Dice"]
    lines = [f"{cases} case(s), foreground Dice {dice:.4f}; all numbers: {summary_file}"]
    if domains is not None:
        from nnunetv2.domains.domain_summary import format_domain_table, write_domain_summary

        output = Path(summary_file).parent / "domain_summary.json"
        content = write_domain_summary(summary_file, domains.domain_map, domains.ratios, output)
        lines += [format_domain_table(content), str(output)]
    return "\n".join(lines) + "\n"
