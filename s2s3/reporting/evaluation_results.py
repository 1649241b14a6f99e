"""Read the scores of predictions from domain_summary.json, or from summary.json if domains are not known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.errors import MissingFileError
from nnunetv2.file_kinds.result_files import DOMAIN_SUMMARY, SCORED_SUMMARY
from nnunetv2.foundation.files import file_sha256, read_json

ALL_CASES = "all cases"
_WORST_CASES = 10
_METRICS = ("Dice", "IoU")


@dataclass(frozen=True)
class Score:
    """A mean over cases with its interval; None for missing numbers."""

    mean: float | None
    low: float | None
    high: float | None
    cases: int


@dataclass(frozen=True)
class BadCase:
    """One of the cases with the lowest Dice."""

    case: str
    """Name without file ending."""
    domain: str
    dice: float
    prediction_file: str
    reference_file: str
    dice_by_class: Mapping[str, float | None]


@dataclass(frozen=True)
class Results:
    """The evaluation of a set of predictions."""

    folder: Path
    """Folder of the predictions and their summary."""
    classes: tuple[str, ...]
    """Class keys as in summary.json."""
    case_counts: Mapping[str, int]
    """Domain -> evaluated cases."""
    foreground: Mapping[str, Mapping[str, Score]]
    """Domain -> metric (Dice, IoU) -> score over all foreground classes."""
    by_class: Mapping[str, Mapping[str, Mapping[str, Score]]]
    """Domain -> class -> metric -> score."""
    comparison: Mapping[str, Any]
    """mean_over_domains, balanced, worst_domain, best_domain and gap of domain_summary.json; empty without domains."""
    worst_cases: tuple[BadCase, ...]

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains with evaluated cases."""
        return tuple(self.case_counts)

    @property
    def has_domains(self) -> bool:
        """Whether the scores are given by domain."""
        return bool(self.comparison)


def read_results(folder: Path) -> Results:
    """Read the results in a folder of evaluated predictions.

    Raises MissingFileError if it has no summary.json, InvalidValueError if the file is not one.
    """
    path = folder / "summary.json"
    if not path.is_file():
        raise MissingFileError(f"{path} not found: evaluate the predictions first (nnUNetv2_evaluate_folder)")
    summary = read_json(path, SCORED_SUMMARY)
    by_domain = _read_domain_summary(path)
    return _from_domain_summary(folder, by_domain, summary) if by_domain else _from_summary(folder, summary)


def _read_domain_summary(summary_file: Path) -> Mapping[str, Any] | None:
    """Return the domain_summary.json beside summary.json, None if it is absent or made from another summary.json."""
    path = summary_file.with_name("domain_summary.json")
    if not path.is_file():
        return None
    content: dict[str, Any] = read_json(path, DOMAIN_SUMMARY)
    sha256 = file_sha256(summary_file)
    return content if content.get("summary_sha256", sha256) == sha256 else None


def _from_domain_summary(folder: Path, content: Mapping[str, Any], summary: Mapping[str, Any]) -> Results:
    domains = content["domains"]
    names = ("mean_over_domains", "balanced", "worst_domain", "best_domain", "gap")
    metrics = {entry["prediction_file"]: entry["metrics"] for entry in summary["metric_per_case"]}
    return Results(
        folder=folder,
        classes=tuple(content["classes"]),
        case_counts={name: domain["cases"] for name, domain in domains.items()},
        foreground={name: _scores(domain["foreground"]) for name, domain in domains.items()},
        by_class={
            name: {key: _scores(scores) for key, scores in domain["classes"].items()}
            for name, domain in domains.items()
        },
        comparison={name: content[name] for name in names},
        worst_cases=tuple(
            _bad_case(case["case"], case["domain"], case["Dice"], case, metrics.get(case["prediction_file"], {}))
            for case in content["worst_cases"]
        ),
    )


def _from_summary(folder: Path, summary: Mapping[str, Any]) -> Results:
    entries = summary["metric_per_case"]
    overall = {name: Score(_known(summary["foreground_mean"][name]), None, None, len(entries)) for name in _METRICS}
    by_class = {
        str(key): {name: Score(_known(values[name]), None, None, len(entries)) for name in _METRICS}
        for key, values in summary["mean"].items()
    }
    return Results(
        folder=folder,
        classes=tuple(by_class),
        case_counts={ALL_CASES: len(entries)},
        foreground={ALL_CASES: overall},
        by_class={ALL_CASES: by_class},
        comparison={},
        worst_cases=tuple(_worst(entries)),
    )


def _worst(entries: list[Mapping[str, Any]]) -> list[BadCase]:
    found = []
    for entry in entries:
        known = [value for value in (_known(m["Dice"]) for m in entry["metrics"].values()) if value is not None]
        if known:
            name = Path(entry["prediction_file"].removesuffix(".gz")).stem
            found.append(_bad_case(name, "", sum(known) / len(known), entry, entry["metrics"]))
    return sorted(found, key=lambda case: (case.dice, case.case))[:_WORST_CASES]


def _bad_case(
    case: str, domain: str, dice: float, files: Mapping[str, Any], metrics: Mapping[str, Mapping[str, float]]
) -> BadCase:
    by_class = {str(key): _known(values["Dice"]) for key, values in metrics.items()}
    return BadCase(case, domain, dice, files["prediction_file"], files["reference_file"], by_class)


def _scores(metrics: Mapping[str, Any]) -> dict[str, Score]:
    return {
        name: Score(_known(entry["mean"]), _known(entry["interval"][0]), _known(entry["interval"][1]), entry["cases"])
        for name, entry in metrics.items()
    }


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
