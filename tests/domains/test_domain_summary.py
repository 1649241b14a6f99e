"""domain_summary.json from a summary.json whose numbers are known."""

import hashlib
import json
import math
from pathlib import Path

import pytest

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.domains.domain_summary import format_domain_table, summarize_domains, write_domain_summary
from nnunetv2.errors import DomainMapError, InvalidValueError
from s1.domain_map import DomainMap

NAN = math.nan
MAP = DomainMap({"rumc": ("r1", "r2", "r3"), "tcga": ("t.1", "t.2"), "unused": ("u1",)})
DOMAINS = DatasetDomains(MAP)


def entry(file: str, first: float, second: float) -> dict:
    metrics = {key: {"Dice": dice, "IoU": dice / 2} for key, dice in (("1", first), ("(1, 2)", second))}
    return {"metrics": metrics, "prediction_file": f"pred/{file}", "reference_file": f"ref/{file}"}


@pytest.fixture
def summary() -> dict:
    cases = [
        entry("r1.png", 0.8, 0.6),
        entry("r2.png", 1.0, NAN),
        entry("r3.png", NAN, NAN),
        entry("t.1.nii.gz", 0.2, 0.4),
        entry("t.2.nii.gz", 0.6, 0.4),
    ]
    mean = {"Dice": 0.5, "IoU": NAN}
    return {"mean": {"(1, 2)": mean, "1": mean}, "foreground_mean": mean, "metric_per_case": cases}


def test_means_per_domain_are_over_cases_of_means_over_classes(summary: dict) -> None:
    result = summarize_domains(summary, DOMAINS)

    assert list(result["domains"]) == ["rumc", "tcga"]
    assert result["domains"]["rumc"]["cases"] == 3
    assert result["domains"]["rumc"]["foreground"]["Dice"]["mean"] == pytest.approx(0.85)
    assert result["domains"]["rumc"]["foreground"]["Dice"]["cases"] == 2
    assert result["domains"]["rumc"]["classes"]["(1, 2)"]["IoU"]["mean"] == pytest.approx(0.3)
    assert result["domains"]["tcga"]["foreground"]["Dice"]["mean"] == pytest.approx(0.4)


def test_domains_are_compared(summary: dict) -> None:
    result = summarize_domains(summary, DatasetDomains(MAP, prism_ratios={"rumc": 0.6, "tcga": 0.2, "unused": 0.2}))

    assert result["mean_over_domains"]["Dice"] == pytest.approx(0.625)
    assert result["balanced"]["Dice"] == pytest.approx((0.6 * 0.85 + 0.2 * 0.4) / 0.8)
    assert result["worst_domain"] == {"domain": "tcga", "Dice": pytest.approx(0.4)}
    assert result["best_domain"]["domain"] == "rumc"
    assert result["gap"] == pytest.approx(0.45)


def test_without_ratios_the_domains_have_equal_weights_unless_the_map_has_ratios(summary: dict) -> None:
    own = DomainMap(MAP.domains, {"rumc": 3.0, "tcga": 1.0, "unused": 1.0})

    assert summarize_domains(summary, DOMAINS)["balanced"]["Dice"] == pytest.approx(0.625)
    assert summarize_domains(summary, DatasetDomains(own))["balanced"]["Dice"] == pytest.approx(
        0.75 * 0.85 + 0.25 * 0.4
    )


def test_intervals_contain_the_mean(summary: dict) -> None:
    dice = summarize_domains(summary, DOMAINS)["domains"]["tcga"]["foreground"]["Dice"]

    low, high = dice["interval"]
    assert (low, high) == pytest.approx((0.3, 0.5))


def test_worst_cases_come_worst_first_and_only_with_a_value(summary: dict) -> None:
    worst = summarize_domains(summary, DOMAINS)["worst_cases"]

    assert [case["case"] for case in worst] == ["t.1", "t.2", "r1", "r2"]
    assert worst[0] == {
        "case": "t.1",
        "domain": "tcga",
        "Dice": pytest.approx(0.3),
        "prediction_file": "pred/t.1.nii.gz",
        "reference_file": "ref/t.1.nii.gz",
    }


def test_keys_may_be_labels_and_region_tuples(summary: dict) -> None:
    for case in summary["metric_per_case"]:
        case["metrics"] = {1: case["metrics"]["1"], (1, 2): case["metrics"]["(1, 2)"]}
    summary["mean"] = {1: {}, (1, 2): {}}

    assert summarize_domains(summary, DOMAINS)["classes"] == ["1", "(1, 2)"]


def test_cases_without_domain_are_all_named(summary: dict) -> None:
    summary["metric_per_case"] += [entry("x1.png", 1, 1), entry("x2.png", 1, 1)]

    with pytest.raises(DomainMapError, match=r"(?s)x1\.png.*x2\.png"):
        summarize_domains(summary, DOMAINS)


def test_a_file_that_is_not_a_summary_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="metric_per_case"):
        summarize_domains({"metric_per_case": []}, DOMAINS)


def test_the_file_is_strict_json_and_makes_the_same_table(summary: dict, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(summary))

    written = write_domain_summary(tmp_path / "summary.json", DOMAINS)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in the file")

    assert json.loads((tmp_path / "domain_summary.json").read_text(), parse_constant=refuse) == written
    assert format_domain_table(written) == format_domain_table(summarize_domains(summary, DOMAINS))


def test_the_file_names_the_summary_it_was_made_from_by_its_digest(summary: dict, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(summary))

    written = write_domain_summary(tmp_path / "summary.json", DOMAINS)

    assert written["summary_sha256"] == hashlib.sha256((tmp_path / "summary.json").read_bytes()).hexdigest()


def test_the_table_has_one_line_per_domain(summary: dict) -> None:
    lines = format_domain_table(summarize_domains(summary, DOMAINS)).splitlines()

    assert lines[1].split() == ["domain", "cases", "foreground", "class", "(1,", "2)", "class", "1"]
    assert lines[4].split()[:5] == ["tcga", "2", "0.400", "[0.300,", "0.500]"]
    assert lines[-1] == "worst domain tcga 0.400, best domain rumc 0.850, gap 0.450"


def test_a_summary_without_any_value_is_all_missing(summary: dict) -> None:
    for case in summary["metric_per_case"]:
        case["metrics"] = {key: {"Dice": NAN, "IoU": NAN} for key in case["metrics"]}

    result = summarize_domains(summary, DOMAINS)

    assert result["worst_domain"]["domain"] is None
    assert result["worst_cases"] == []
    assert "worst domain - -" in format_domain_table(result)
