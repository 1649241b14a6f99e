"""domain_summary.json: the scores of summary.json by domain (method, section 3)."""

import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.domains.domain_metrics import balanced_mean, bootstrap_interval, mean_without_nan
from nnunetv2.domains.domain_table import format_domain_table
from nnunetv2.errors import InvalidValueError
from nnunetv2.file_kinds.result_files import SCORED_SUMMARY
from nnunetv2.foundation.files import file_sha256, read_json, write_json
from nnunetv2.foundation.plain_values import nan_as_none
from s1.domain_map import DomainMap

__all__ = ["FILE_NAME", "format_domain_table", "summarize_domains", "write_domain_summary"]

FILE_NAME = "domain_summary.json"
_METRICS = ("Dice", "IoU")
_SAMPLES, _LEVEL, _SEED = 1000, 0.95, 12345
_WORST_CASES = 10

Record = dict[str, Any]


def summarize_domains(summary: Mapping[str, Any], dataset: DatasetDomains) -> dict[str, Any]:
    """Return Dice and IoU per domain and class with bootstrap intervals over cases, and a comparison of the domains.

    The value of a case is the mean over its classes that are in prediction or reference. Missing numbers are NaN.
    Domains without evaluated cases are omitted. The balanced mean has the evaluation weights of the dataset.

    Parameters:
        summary: content of summary.json; its class keys may be strings, labels or region tuples.

    Raises DomainMapError listing the evaluated cases without a domain, MissingFileError if the dataset has no domains.
    """
    domain_map, weights = dataset.required_map, dataset.evaluation_weights
    records = [_case_record(entry, domain_map) for entry in _entries(summary)]
    dataset.require([record["case"] for record in records])
    by_domain = _group(records, domain_map)
    classes = [str(key) for key in summary["mean"]]
    domains = {name: _describe_domain(members, classes) for name, members in by_domain.items()}
    return {
        "version": 1,
        "classes": classes,
        "ratios": weights,
        "domains": domains,
        **_compare(domains, weights),
        "bootstrap": {"samples": _SAMPLES, "level": _LEVEL, "seed": _SEED},
        "worst_cases": _worst_cases(records),
    }


def write_domain_summary(summary_file: str | os.PathLike[str], dataset: DatasetDomains) -> dict[str, Any]:
    """Read summary.json, write domain_summary.json beside it, and return its content.

    Missing numbers are null. The key `summary_sha256` tells whether it still belongs to the summary.json beside it.
    """
    content: dict[str, Any] = nan_as_none(summarize_domains(read_json(summary_file, SCORED_SUMMARY), dataset))
    content["summary_sha256"] = file_sha256(summary_file)
    write_json(content, Path(summary_file).with_name(FILE_NAME))
    return content


def _entries(summary: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    entries: Sequence[Mapping[str, Any]] = summary.get("metric_per_case") or ()
    if not entries or "mean" not in summary:
        raise InvalidValueError("summary.json: expected the keys 'mean' and 'metric_per_case' with one case or more")
    return entries


def _case_record(entry: Mapping[str, Any], domain_map: DomainMap) -> Record:
    case = _case_name(entry["prediction_file"], domain_map)
    metrics = {str(key): value for key, value in entry["metrics"].items()}
    return {
        "case": case,
        "domain": domain_map.domain_by_case.get(case),
        "metrics": metrics,
        "foreground": {name: mean_without_nan([value[name] for value in metrics.values()]) for name in _METRICS},
        "prediction_file": entry["prediction_file"],
        "reference_file": entry["reference_file"],
    }


def _case_name(prediction_file: str, domain_map: DomainMap) -> str:
    """Return the file name without its ending; both ending and case name may contain dots."""
    name = Path(prediction_file).name
    candidate = name
    while "." in candidate:
        candidate = candidate.rpartition(".")[0]
        if candidate in domain_map.domain_by_case:
            return candidate
    return name


def _group(records: Sequence[Record], domain_map: DomainMap) -> dict[str, list[Record]]:
    members = defaultdict(list)
    for record in records:
        members[record["domain"]].append(record)
    return {name: members[name] for name in domain_map.names if name in members}


def _describe_domain(records: Sequence[Record], classes: Sequence[str]) -> dict[str, Any]:
    return {
        "cases": len(records),
        "foreground": {name: _describe([record["foreground"][name] for record in records]) for name in _METRICS},
        "classes": {
            key: {name: _describe([record["metrics"][key][name] for record in records]) for name in _METRICS}
            for key in classes
        },
    }


def _describe(values: Sequence[float]) -> dict[str, Any]:
    return {
        "mean": mean_without_nan(values),
        "interval": list(bootstrap_interval(values, _SAMPLES, _LEVEL, _SEED)),
        "cases": sum(not math.isnan(value) for value in values),
    }


def _compare(domains: Mapping[str, Any], ratios: Mapping[str, float]) -> dict[str, Any]:
    means = {
        metric: {name: domain["foreground"][metric]["mean"] for name, domain in domains.items()} for metric in _METRICS
    }
    known = {name: value for name, value in means["Dice"].items() if not math.isnan(value)}
    ranked = sorted(known, key=lambda name: known[name])
    worst, best = (ranked[0], ranked[-1]) if ranked else (None, None)
    return {
        "mean_over_domains": {metric: mean_without_nan(list(values.values())) for metric, values in means.items()},
        "balanced": {metric: balanced_mean(values, ratios) for metric, values in means.items()},
        "worst_domain": {"domain": worst, "Dice": known.get(worst, math.nan) if worst else math.nan},
        "best_domain": {"domain": best, "Dice": known.get(best, math.nan) if best else math.nan},
        "gap": known[best] - known[worst] if best and worst else math.nan,
    }


def _worst_cases(records: Sequence[Record]) -> list[dict[str, Any]]:
    known = [record for record in records if not math.isnan(record["foreground"]["Dice"])]
    known.sort(key=lambda record: (record["foreground"]["Dice"], record["case"]))
    kept = ("case", "domain", "prediction_file", "reference_file")
    return [{**{key: r[key] for key in kept}, "Dice": r["foreground"]["Dice"]} for r in known[:_WORST_CASES]]
