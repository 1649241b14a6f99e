"""Both halves together: which of them a training has, and that scores do not depend on what was drawn."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.domains.dataset_domains import DatasetDomains, read_dataset_domains
from nnunetv2.domains.mixing_ratios import RatioMode
from nnunetv2.evaluation.evaluation_report import domains_of_folder, report_evaluation
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.training.domain_balance.domain_balance import balance_domains
from nnunetv2.training.domain_balance.domain_sampling import DomainSampling, StockSampling
from nnunetv2.training.domain_balance.domain_scoring import DomainScoring, StockScoring
from nnunetv2.training.logging.local_logger import LocalLogger
from nnunetv2.training.steps.epoch_metrics import Counts
from nnunetv2.training.validation.final_validation import report_by_domain
from nnunetv2.utilities.crossval_split import generate_crossval_split
from s1.domain_files import write_domain_map
from s1.domain_map import DomainMap
from tests.stage_1_results import write_stage_1

CASES = [f"{domain}{number}" for domain in "ab" for number in range(10)]
MAP = DomainMap({"A": tuple(CASES[:10]), "B": tuple(CASES[10:])})
ALL_OFF = DomainBalanceSettings("uniform", False, False, False, False)


def counts(dice_percent: int) -> Counts:
    return Counts(np.array([dice_percent / 2]), np.array([100.0 - dice_percent]), np.array([0.0]))


def ignore(_: str) -> None:
    pass


@pytest.mark.parametrize(
    ("dataset", "settings"),
    [
        (DatasetDomains(), DomainBalanceSettings()),
        (DatasetDomains(DomainMap({"A": tuple(CASES)})).without_single_domain(), DomainBalanceSettings()),
        (DatasetDomains(MAP), ALL_OFF),
    ],
    ids=["no domains", "one domain", "every part off"],
)
def test_without_domains_or_with_every_part_off_both_halves_are_those_of_nnunet(dataset, settings) -> None:
    sampling, scoring = balance_domains(dataset, settings)

    assert (type(sampling), type(scoring)) == (StockSampling, StockScoring)
    assert sampling.make_splits(CASES) == generate_crossval_split(CASES, 12345, 5)


def test_several_domains_are_drawn_and_scored_by_domain() -> None:
    sampling, scoring = balance_domains(DatasetDomains(MAP), DomainBalanceSettings())

    assert (type(sampling), type(scoring)) == (DomainSampling, DomainScoring)


def write_summary(folder: Path, dice_by_case: Mapping[str, float]) -> Path:
    entries = [
        {
            "metrics": {"1": {"Dice": dice, "IoU": dice}},
            "prediction_file": f"p/{case}.png",
            "reference_file": f"{case}.png",
        }
        for case, dice in dice_by_case.items()
    ]
    mean = {"Dice": 0.5, "IoU": 0.5}
    content = {"mean": {"1": mean}, "foreground_mean": mean, "metric_per_case": entries}
    (folder / "summary.json").write_text(json.dumps(content))
    return folder / "summary.json"


@pytest.mark.parametrize("stage_1", [False, True])
def test_the_balanced_dice_of_the_same_predictions_does_not_depend_on_the_training(
    tmp_path: Path, stage_1: bool
) -> None:
    """A dataset of 10 and 2 cases; Dice .9 and .5."""
    write_domain_map(DomainMap({"A": tuple(CASES[:10]), "B": ("b0", "b1")}), tmp_path / "domains.json")
    if stage_1:
        write_stage_1(tmp_path, {"A": 0.4375, "B": 0.5625})
    summary = write_summary(tmp_path, {"a0": 0.9, "b0": 0.5})
    dataset = read_dataset_domains(tmp_path)
    found = []
    for settings in (*map(DomainBalanceSettings, (RatioMode.AUTO, RatioMode.UNIFORM, RatioMode.PROPORTIONAL)), ALL_OFF):
        report_by_domain(dataset, tmp_path, ignore)
        found.append(json.loads((tmp_path / "domain_summary.json").read_text()))
        _, scoring = balance_domains(dataset, settings)
        scoring.log_validation({"A": counts(90), "B": counts(50)}, 0, LocalLogger())
        a, b = counts(90).dice()[0], counts(50).dice()[0]
        expected = 0.4375 * a + 0.5625 * b if stage_1 else (a + b) / 2
        assert scoring.curves.balanced_dice == ([] if settings is ALL_OFF else [pytest.approx(expected)])
    report_evaluation(summary, domains_of_folder(tmp_path))
    found.append(json.loads((tmp_path / "domain_summary.json").read_text()))

    assert [content["balanced"]["Dice"] for content in found] == [pytest.approx(0.675 if stage_1 else 0.7)] * 5
    assert all(content == found[0] for content in found)
