"""What the evaluation commands tell: mean Dice and, where domains are known, the table by domain."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2.evaluation.summary_file import load_summary_json

if TYPE_CHECKING:
    from s1.domain_map import DomainMap

PathLike = str | os.PathLike[str]


def read_domains(domains_file: PathLike | None) -> "DomainMap | None":
    """Return the domains of a file, None without one. DomainMapError for a file that cannot be used."""
    if domains_file is None:
        return None
    from s1.domain_map import read_domain_map

    return read_domain_map(domains_file)


def report_evaluation(summary_file: PathLike, domain_map: "DomainMap | None") -> str:
    """Return the lines to show for a summary.json; with domains also write domain_summary.json beside it."""
    results = load_summary_json(summary_file)
    cases, dice = len(results["metric_per_case"]), results["foreground_mean"]["Dice"]
    lines = [f"{cases} case(s), foreground Dice {dice:.4f}; all numbers: {summary_file}"]
    if domain_map is not None:
        from nnunetv2.domains.domain_summary import format_domain_table, write_domain_summary

        output = Path(summary_file).parent / "domain_summary.json"
        lines += [format_domain_table(write_domain_summary(summary_file, domain_map, None, output)), str(output)]
    return "\n".join(lines) + "\n"
