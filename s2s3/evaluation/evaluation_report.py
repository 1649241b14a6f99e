"""The output of the evaluation commands: mean Dice and, if domains are known, a table by domain."""

import os
from pathlib import Path

from nnunetv2.domains.dataset_domains import DOMAINS, DatasetDomains, read_domains_file
from nnunetv2.errors import DomainMapError
from nnunetv2.evaluation.summary_file import load_summary_json
from s1.listed_files import list_files
from s1.readable_files import is_given

PathLike = str | os.PathLike[str]


def read_domains(domains_file: PathLike | None) -> DatasetDomains:
    """Return the domains of a file, none without a file. Raises DomainMapError if the file cannot be used."""
    return DatasetDomains() if domains_file is None else read_domains_file(domains_file)


def domains_of_folder(folder: PathLike) -> DatasetDomains:
    """Return the domains of a model or dataset folder, none if it has no domains.json or a single domain there.

    A training has none then either, so the scores of folds and of the cross-validation have the same tables.
    """
    file = Path(folder) / DOMAINS
    return read_domains(file if is_given(file, DomainMapError) else None).without_single_domain()


def check_domains(domains: DatasetDomains, folder: PathLike, file_ending: str) -> None:
    """Raise one DomainMapError that lists the predictions without a domain, before anything is scored."""
    names = list_files(folder, file_ending).names if domains.names and os.path.isdir(folder) else []
    domains.require([name.removesuffix(file_ending) for name in names])


def report_evaluation(summary_file: PathLike, domains: DatasetDomains) -> str:
    """Return the lines to print for a summary.json; with domains, also write domain_summary.json next to it."""
    results = load_summary_json(summary_file)
    cases, dice = len(results["metric_per_case"]), results["foreground_mean"]["Dice"]
    lines = [f"{cases} case(s), foreground Dice {dice:.4f}; all numbers: {summary_file}"]
    if domains.names:
        from nnunetv2.domains.domain_summary import FILE_NAME, format_domain_table, write_domain_summary

        content = write_domain_summary(summary_file, domains)
        lines += [format_domain_table(content), str(Path(summary_file).with_name(FILE_NAME))]
    return "\n".join(lines) + "\n"
